"""Credentials that EKS's webhook gives to the containers of new Pods. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from irsa_core.identity import eks
from irsa_core.identity.policy_json import Json

HASH_ANNOTATION: Final = "irsa/identity-hash"
"""Annotation of pod templates that the irsa components complete: the list of skipped containers in
them is the program's."""

_CSV_FIELD = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",\n]*))(?P<end>,|\n|\Z)')


def missing(pod: Json, variable: str, value: str = "") -> str:
    """Return what a container has instead of the variable; empty if all have it, with that value.

    The containers that the Pod tells the webhook to skip are left out.
    """
    metadata: Json = pod.get("metadata") or {}
    skipped = skipped_containers(metadata.get("annotations") or {})
    for container in pod["spec"]["containers"]:
        values = {env["name"]: env.get("value", "") for env in container.get("env") or ()}
        has = variable in values and value in ("", values[variable])
        if has or container["name"] in skipped:
            continue
        variables = (eks.CREDENTIALS_URI_VARIABLE, eks.ROLE_ARN_VARIABLE)
        instead = next(filter(values.__contains__, variables), "no credentials")
        return f"the webhook gives container {container['name']} {instead}"
    return ""


def skipped_containers(annotations: Mapping[str, str]) -> list[str]:
    """Return the containers that a Pod tells the webhook to skip.

    The annotation's first record as Go's encoding/csv reads it, whose spaces belong to the names;
    bad quoting skips nothing. https://pkg.go.dev/encoding/csv
    """
    text = annotations.get(eks.SKIP_CONTAINERS_ANNOTATION, "")
    text = text.replace("\r\n", "\n").removesuffix("\r").lstrip("\n")
    names: list[str] = []
    position, end = 0, "," if text else ""
    while end == ",":
        field = _CSV_FIELD.match(text, position)
        if field is None:
            return []
        names.append(field["plain"] or (field["quoted"] or "").replace('""', '"'))
        position, end = field.end(), field["end"]
    return names


def without_agent(spec: Json, labels: Mapping[str, str]) -> str:
    """Return ``Fargate`` or ``Windows`` for a Pod there, where no EKS Pod Identity Agent runs.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html#pod-id-restrictions
    """
    selector: Json = spec.get("nodeSelector") or {}
    system: Json = spec.get("os") or {}
    if "windows" in (selector.get("kubernetes.io/os"), system.get("name")):
        return "Windows"
    return "Fargate" if eks.FARGATE_LABEL in labels else ""
