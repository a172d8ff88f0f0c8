"""The patch of the EKS pod identity webhook. Pure: plain values in, a plain JSON patch out.

What https://github.com/aws/amazon-eks-pod-identity-webhook does at v0.6.17, quirks included:
a user who debugs a Pod here must see what EKS would have done. `irsa_sandbox.webhook.server` serves
it.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from posixpath import basename, dirname
from typing import NamedTuple

from irsa_core.identity import eks
from irsa_core.identity.injection import skipped_containers
from irsa_core.identity.policy_json import Json
from irsa_core.identity.quotas import TOKEN_EXPIRATION

REGIONAL_STS_VARIABLES = frozenset({"AWS_STS_REGIONAL_ENDPOINTS"})
REGION_VARIABLES = frozenset({"AWS_DEFAULT_REGION", "AWS_REGION"})
JITTERED_EXPIRATION = range(79_200, eks.DEFAULT_TOKEN_EXPIRATION + 1)
"""Seconds, one of which replaces the default lifetime of a token for EKS Pod Identity."""

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,19}")
_INT64 = range(-(2**63), 2**63)
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class _Token(NamedTuple):
    """A token in a volume."""

    volume: str
    file: str
    audience: str


def patch(
    pod: Json,
    service_account_annotations: Mapping[str, str] | None,
    region: str,
    jittered_expiration: int | None = None,
) -> list[Json]:
    """The JSON patch for a Pod that is being created; empty where the webhook leaves it alone.

    `service_account_annotations` is None for an account that does not exist. `region` is the
    cluster's. `jittered_expiration` is one of `JITTERED_EXPIRATION` for a service account with an
    EKS Pod Identity association, which precedes a role's annotation. `pod` is not changed. A role
    ARN is not checked: neither does EKS.
    """
    annotations = service_account_annotations or {}
    associated = jittered_expiration is not None
    if associated:
        audience = eks.POD_IDENTITY_SERVICE
        token = _Token(eks.POD_IDENTITY_VOLUME, eks.POD_IDENTITY_TOKEN_FILE, audience)
        variables, value = eks.CONTAINER_CREDENTIALS_VARIABLES, eks.CREDENTIALS_URI
    elif value := annotations.get(eks.ROLE_ARN_ANNOTATION):
        audience = annotations.get(eks.AUDIENCE_ANNOTATION, eks.STS_AUDIENCE)
        token = _Token(eks.TOKEN_VOLUME, eks.TOKEN_FILE, audience)
        variables = eks.WEB_IDENTITY_VARIABLES
    else:
        return []
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    pod_annotations = metadata.get("annotations") or {}

    # EKS's webhook is set to regional endpoints, which a missing account has not.
    by_default = service_account_annotations is not None
    regional_sts = _BOOLEANS.get(annotations.get(eks.REGIONAL_STS_ANNOTATION, ""), by_default)
    expiration = eks.DEFAULT_TOKEN_EXPIRATION
    for source in (annotations, pod_annotations):
        expiration = _expiration(source, default=expiration)
    if jittered_expiration is not None and expiration == eks.DEFAULT_TOKEN_EXPIRATION:
        expiration = jittered_expiration

    regional = {"AWS_STS_REGIONAL_ENDPOINTS": "regional"} if regional_sts else {}
    regions = {"AWS_DEFAULT_REGION": region, "AWS_REGION": region}
    values = (value, _local(token.file, spec))
    environment = [
        (REGIONAL_STS_VARIABLES, regional),
        (REGION_VARIABLES, regions),
        (frozenset(variables), dict(zip(variables, values, strict=True))),
    ]
    skipped = skipped_containers(pod_annotations)

    def patched(containers: Sequence[Json] | None) -> list[Json]:
        return [
            _container(c, token, environment, skip=c.get("name") in skipped)
            for c in containers or ()
        ]

    operations = [_add_label(metadata)] if associated else []
    if not any(volume.get("name") == token.volume for volume in spec.get("volumes") or ()):
        operations.append(_add_volume(spec, token, expiration))
    operations.append(_add("/spec/containers", patched(spec.get("containers"))))
    if spec.get("initContainers"):
        operations.append(_add("/spec/initContainers", patched(spec["initContainers"])))
    return operations


def _add(path: str, value: object) -> Json:
    return {"op": "add", "path": path, "value": value}


def _add_label(metadata: Json) -> Json:
    if metadata.get("labels") is None:
        return _add("/metadata/labels", {eks.POD_IDENTITY_LABEL: "enabled"})
    return _add(f"/metadata/labels/{eks.POD_IDENTITY_LABEL.replace('/', '~1')}", "enabled")


def _add_volume(spec: Json, token: _Token, expiration: int) -> Json:
    source: Json = {"expirationSeconds": expiration, "path": basename(token.file)}
    if token.audience:  # Go leaves an empty one out, which means the API server's own
        source["audience"] = token.audience
    volume = {"name": token.volume, "projected": {"sources": [{"serviceAccountToken": source}]}}
    if spec.get("volumes") is None:
        return _add("/spec/volumes", [volume])
    return _add("/spec/volumes/0", volume)


def _container(
    container: Json,
    token: _Token,
    environment: Sequence[tuple[frozenset[str], Json]],
    *,
    skip: bool,
) -> Json:
    # Go leaves null out when it marshals, and puts the struct `resources` in even when it is empty.
    result = {field: value for field, value in deepcopy(container).items() if value is not None}
    result.setdefault("resources", {})
    # Only `env` presets a variable (also by `valueFrom`); `envFrom` is not looked at.
    present = {variable.get("name") for variable in result.get("env", ())}
    # One variable of a pair presets the pair.
    if skip or all(present & names for names, _ in environment):
        return result
    added = [
        {"name": name, "value": value}
        for names, values in environment
        if not present & names
        for name, value in values.items()
    ]
    if added:
        result["env"] = [*result.get("env", ()), *added]
    mounts = result.get("volumeMounts", [])
    if not any(mount.get("name") == token.volume for mount in mounts):
        folder = dirname(token.file)
        mount = {"name": token.volume, "readOnly": True, "mountPath": folder}
        result["volumeMounts"] = [*mounts, mount]
    return result


def _local(path: str, spec: Json) -> str:
    """The token's file in the container; the mount path itself is the same on Windows."""
    selector = spec.get("nodeSelector") or {}
    if "windows" in (selector.get("kubernetes.io/os"), selector.get("beta.kubernetes.io/os")):
        return "C:" + path.replace("/", "\\")
    return path


def _expiration(annotations: Mapping[str, str], *, default: int) -> int:
    """Go's ParseInt, so neither spaces nor underscores; what does not parse is ignored."""
    text = annotations.get(eks.TOKEN_EXPIRATION_ANNOTATION, "")
    if not _INTEGER.fullmatch(text) or int(text) not in _INT64:
        return default
    return max(int(text), TOKEN_EXPIRATION.start)
