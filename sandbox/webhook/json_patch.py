"""The patch of the EKS pod identity webhook. Pure: plain values in, a plain JSON patch out.

What https://github.com/aws/amazon-eks-pod-identity-webhook does at v0.6.17, quirks included:
whoever debugs a Pod here must see what EKS would have done. `sandbox.webhook.server` serves it.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

ANNOTATION_PREFIX = "eks.amazonaws.com/"
DEFAULT_AUDIENCE = "sts.amazonaws.com"
DEFAULT_TOKEN_EXPIRATION = 86400
MIN_TOKEN_EXPIRATION = 600  # the API server's own minimum
VOLUME_NAME = "aws-iam-token"
MOUNT_PATH = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
TOKEN_FILE = "token"  # noqa: S105 - a file's name

REGIONAL_STS_VARIABLES = frozenset({"AWS_STS_REGIONAL_ENDPOINTS"})
REGION_VARIABLES = frozenset({"AWS_DEFAULT_REGION", "AWS_REGION"})
WEB_IDENTITY_VARIABLES = frozenset({"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"})

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,19}")
_INT64 = range(-(2**63), 2**63)
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_CSV_FIELD = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",\n]*))(?P<end>,|\n|\Z)')

Json = dict[str, Any]


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
    role_arn = service_account_annotations.get(ANNOTATION_PREFIX + "role-arn")
    if not role_arn:
        return []
    pod_annotations = (pod.get("metadata") or {}).get("annotations") or {}
    spec = pod.get("spec") or {}

    regional_value = service_account_annotations.get(ANNOTATION_PREFIX + "sts-regional-endpoints")
    regional_sts = _BOOLEANS.get(regional_value or "", regional_sts)
    expiration = max(token_expiration, MIN_TOKEN_EXPIRATION)
    for annotations in (service_account_annotations, pod_annotations):
        expiration = _expiration(annotations, default=expiration)

    regional = {"AWS_STS_REGIONAL_ENDPOINTS": "regional"} if regional_sts else {}
    regions = {"AWS_DEFAULT_REGION": region, "AWS_REGION": region} if region else {}
    identity = {"AWS_ROLE_ARN": role_arn, "AWS_WEB_IDENTITY_TOKEN_FILE": _token_path(spec)}
    environment = [
        (REGIONAL_STS_VARIABLES, regional),
        (REGION_VARIABLES, regions),
        (WEB_IDENTITY_VARIABLES, identity),
    ]
    skipped = _csv_record(pod_annotations.get(ANNOTATION_PREFIX + "skip-containers", ""))

    def patched(containers: Sequence[Json] | None) -> list[Json]:
        return [_container(c, environment, skip=c.get("name") in skipped) for c in containers or ()]

    operations: list[Json] = []
    if not any(volume.get("name") == VOLUME_NAME for volume in spec.get("volumes") or ()):
        audience = service_account_annotations.get(ANNOTATION_PREFIX + "audience", DEFAULT_AUDIENCE)
        operations.append(_add_volume(spec, audience, expiration))
    operations.append(_add("/spec/containers", patched(spec.get("containers"))))
    if spec.get("initContainers"):
        operations.append(_add("/spec/initContainers", patched(spec["initContainers"])))
    return operations


def _add(path: str, value: object) -> Json:
    return {"op": "add", "path": path, "value": value}


def _add_volume(spec: Json, audience: str, expiration: int) -> Json:
    token = {"audience": audience, "expirationSeconds": expiration, "path": TOKEN_FILE}
    volume = {"name": VOLUME_NAME, "projected": {"sources": [{"serviceAccountToken": token}]}}
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
    if not any(mount.get("name") == VOLUME_NAME for mount in mounts):
        mount = {"name": VOLUME_NAME, "readOnly": True, "mountPath": MOUNT_PATH}
        result["volumeMounts"] = [*mounts, mount]
    return result


def _token_path(spec: Json) -> str:
    """Where the container finds the token; the mount path itself is the same on Windows."""
    path = f"{MOUNT_PATH}/{TOKEN_FILE}"
    selector = spec.get("nodeSelector") or {}
    if "windows" in (selector.get("kubernetes.io/os"), selector.get("beta.kubernetes.io/os")):
        return "C:" + path.replace("/", "\\")
    return path


def _expiration(annotations: Mapping[str, str], *, default: int) -> int:
    """Go's ParseInt, so neither spaces nor underscores; what does not parse is ignored."""
    text = annotations.get(ANNOTATION_PREFIX + "token-expiration", "")
    if not _INTEGER.fullmatch(text) or int(text) not in _INT64:
        return default
    return max(int(text), MIN_TOKEN_EXPIRATION)


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
