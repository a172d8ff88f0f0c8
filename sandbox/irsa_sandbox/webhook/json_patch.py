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


class _Method(NamedTuple):
    """A way to credentials: a token in a volume, and the variables that name it."""

    volume: str
    token_file: str
    audience: str
    variables: tuple[str, str]
    """The second one is the token's file."""

    value: str
    """Of the first variable."""


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
    role_arn = annotations.get(eks.ROLE_ARN_ANNOTATION)
    if associated:
        method = _CONTAINER_CREDENTIALS
    elif role_arn:
        audience = annotations.get(eks.AUDIENCE_ANNOTATION, eks.STS_AUDIENCE)
        method = _WEB_IDENTITY._replace(audience=audience, value=role_arn)
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
    values = (method.value, _local(method.token_file, spec))
    environment = [
        (REGIONAL_STS_VARIABLES, regional),
        (REGION_VARIABLES, regions),
        (frozenset(method.variables), dict(zip(method.variables, values, strict=True))),
    ]
    skipped = skipped_containers(pod_annotations)

    def patched(containers: Sequence[Json] | None) -> list[Json]:
        return [
            _container(c, method, environment, skip=c.get("name") in skipped)
            for c in containers or ()
        ]

    operations = [_add_label(metadata)] if associated else []
    if not any(volume.get("name") == method.volume for volume in spec.get("volumes") or ()):
        operations.append(_add_volume(spec, method, expiration))
    operations.append(_add("/spec/containers", patched(spec.get("containers"))))
    if spec.get("initContainers"):
        operations.append(_add("/spec/initContainers", patched(spec["initContainers"])))
    return operations


_WEB_IDENTITY = _Method(
    eks.TOKEN_VOLUME, eks.TOKEN_FILE, eks.STS_AUDIENCE, eks.WEB_IDENTITY_VARIABLES, ""
)
_CONTAINER_CREDENTIALS = _Method(
    eks.POD_IDENTITY_VOLUME,
    eks.POD_IDENTITY_TOKEN_FILE,
    eks.POD_IDENTITY_SERVICE,
    eks.CONTAINER_CREDENTIALS_VARIABLES,
    eks.CREDENTIALS_URI,
)


def _add(path: str, value: object) -> Json:
    return {"op": "add", "path": path, "value": value}


def _add_label(metadata: Json) -> Json:
    if metadata.get("labels") is None:
        return _add("/metadata/labels", {eks.POD_IDENTITY_LABEL: "enabled"})
    return _add(f"/metadata/labels/{eks.POD_IDENTITY_LABEL.replace('/', '~1')}", "enabled")


def _add_volume(spec: Json, method: _Method, expiration: int) -> Json:
    token: Json = {"expirationSeconds": expiration, "path": basename(method.token_file)}
    if method.audience:  # Go leaves an empty one out, which means the API server's own
        token["audience"] = method.audience
    volume = {"name": method.volume, "projected": {"sources": [{"serviceAccountToken": token}]}}
    if spec.get("volumes") is None:
        return _add("/spec/volumes", [volume])
    return _add("/spec/volumes/0", volume)


def _container(
    container: Json,
    method: _Method,
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
    if not any(mount.get("name") == method.volume for mount in mounts):
        folder = dirname(method.token_file)
        mount = {"name": method.volume, "readOnly": True, "mountPath": folder}
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
