"""The patch of the EKS pod identity webhook. Pure: plain values in, a plain JSON patch out.

What https://github.com/aws/amazon-eks-pod-identity-webhook does at v0.6.17, quirks included:
a user who debugs a Pod here must see what EKS would have done. `sandbox.webhook.server` serves it.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy

from irsa.identity.eks import (
    AUDIENCE_ANNOTATION,
    REGIONAL_STS_ANNOTATION,
    ROLE_ARN_ANNOTATION,
    ROLE_ARN_VARIABLE,
    SKIP_CONTAINERS_ANNOTATION,
    STS_AUDIENCE,
    TOKEN_EXPIRATION_ANNOTATION,
    TOKEN_FILE,
    TOKEN_FILE_VARIABLE,
    TOKEN_FOLDER,
    TOKEN_VOLUME,
    WEB_IDENTITY_VARIABLES,
)
from irsa.identity.quotas import TOKEN_EXPIRATION

from ..json_types import Json

REGIONAL_STS_VARIABLES = frozenset({"AWS_STS_REGIONAL_ENDPOINTS"})
REGION_VARIABLES = frozenset({"AWS_DEFAULT_REGION", "AWS_REGION"})

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,19}")
_INT64 = range(-(2**63), 2**63)
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_CSV_FIELD = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",\n]*))(?P<end>,|\n|\Z)')


def patch(
    pod: Json,
    service_account_annotations: Mapping[str, str],
    *,
    region: str | None,
    regional_sts: bool,
    token_expiration: int,
) -> list[Json]:
    """The JSON patch for a Pod that is being created; empty where the webhook leaves it alone.

    `region`, `regional_sts` and `token_expiration` (seconds) are the webhook's own settings, which
    annotations override. `pod` is not changed. A role ARN is not checked: neither does EKS.
    """
    role_arn = service_account_annotations.get(ROLE_ARN_ANNOTATION)
    if not role_arn:
        return []
    pod_annotations = (pod.get("metadata") or {}).get("annotations") or {}
    spec = pod.get("spec") or {}

    regional_value = service_account_annotations.get(REGIONAL_STS_ANNOTATION)
    regional_sts = _BOOLEANS.get(regional_value or "", regional_sts)
    expiration = max(token_expiration, TOKEN_EXPIRATION.start)
    for annotations in (service_account_annotations, pod_annotations):
        expiration = _expiration(annotations, default=expiration)

    regional = {"AWS_STS_REGIONAL_ENDPOINTS": "regional"} if regional_sts else {}
    regions = {"AWS_DEFAULT_REGION": region, "AWS_REGION": region} if region else {}
    identity = {ROLE_ARN_VARIABLE: role_arn, TOKEN_FILE_VARIABLE: _token_path(spec)}
    environment = [
        (REGIONAL_STS_VARIABLES, regional),
        (REGION_VARIABLES, regions),
        (frozenset(WEB_IDENTITY_VARIABLES), identity),
    ]
    skipped = _csv_record(pod_annotations.get(SKIP_CONTAINERS_ANNOTATION, ""))

    def patched(containers: Sequence[Json] | None) -> list[Json]:
        return [_container(c, environment, skip=c.get("name") in skipped) for c in containers or ()]

    operations: list[Json] = []
    if not any(volume.get("name") == TOKEN_VOLUME for volume in spec.get("volumes") or ()):
        audience = service_account_annotations.get(AUDIENCE_ANNOTATION, STS_AUDIENCE)
        operations.append(_add_volume(spec, audience, expiration))
    operations.append(_add("/spec/containers", patched(spec.get("containers"))))
    if spec.get("initContainers"):
        operations.append(_add("/spec/initContainers", patched(spec["initContainers"])))
    return operations


def _add(path: str, value: object) -> Json:
    return {"op": "add", "path": path, "value": value}


def _add_volume(spec: Json, audience: str, expiration: int) -> Json:
    token: Json = {"expirationSeconds": expiration, "path": "token"}
    if audience:  # Go leaves an empty one out, which means the API server's own
        token["audience"] = audience
    volume = {"name": TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
    if spec.get("volumes") is None:
        return _add("/spec/volumes", [volume])
    return _add("/spec/volumes/0", volume)


def _container(
    container: Json, environment: Sequence[tuple[frozenset[str], Json]], *, skip: bool
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
    if not any(mount.get("name") == TOKEN_VOLUME for mount in mounts):
        mount = {"name": TOKEN_VOLUME, "readOnly": True, "mountPath": TOKEN_FOLDER}
        result["volumeMounts"] = [*mounts, mount]
    return result


def _token_path(spec: Json) -> str:
    """Token file in the container; the mount path itself is the same on Windows."""
    path = TOKEN_FILE
    selector = spec.get("nodeSelector") or {}
    if "windows" in (selector.get("kubernetes.io/os"), selector.get("beta.kubernetes.io/os")):
        return "C:" + path.replace("/", "\\")
    return path


def _expiration(annotations: Mapping[str, str], *, default: int) -> int:
    """Go's ParseInt, so neither spaces nor underscores; what does not parse is ignored."""
    text = annotations.get(TOKEN_EXPIRATION_ANNOTATION, "")
    if not _INTEGER.fullmatch(text) or int(text) not in _INT64:
        return default
    return max(int(text), TOKEN_EXPIRATION.start)


def _csv_record(text: str) -> frozenset[str]:
    """The fields of the first record as Go's encoding/csv reads it; none if the quoting is bad.

    Spaces belong to the field; blank lines before the record are skipped.
    https://pkg.go.dev/encoding/csv
    """
    text = text.replace("\r\n", "\n").removesuffix("\r").lstrip("\n")
    fields: set[str] = set()
    position, end = 0, "," if text else ""
    while end == ",":
        field = _CSV_FIELD.match(text, position)
        if field is None:
            return frozenset()
        fields.add(field["plain"] or (field["quoted"] or "").replace('""', '"'))
        position, end = field.end(), field["end"]
    return frozenset(fields)
