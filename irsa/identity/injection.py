"""Credentials that EKS's webhook gives to the containers of new Pods. Pure."""

from typing import Final

from irsa.identity.eks import (
    CREDENTIALS_URI_VARIABLE,
    ROLE_ARN_VARIABLE,
    SKIP_CONTAINERS_ANNOTATION,
)
from irsa.identity.policy_json import Json

IN_A_ROW: Final = 5
"""Trial Pods with credentials before Pods are created. Each is a new connection: EKS has two API
servers or more, and each asks a webhook of its own."""
PAUSE: Final = 0.5
TIMEOUT: Final = 60.0
"""Seconds between two trial Pods, and until a wait for their credentials fails."""


def missing(pod: Json, variable: str, value: str = "") -> str:
    """Return what a container has instead of the variable; empty if all have it, with that value.

    The containers that the Pod tells the webhook to skip are left out.
    """
    metadata: Json = pod.get("metadata") or {}
    annotations: Json = metadata.get("annotations") or {}
    listed: str = annotations.get(SKIP_CONTAINERS_ANNOTATION, "")
    skipped = [each.strip() for each in listed.split(",")]
    for container in pod["spec"]["containers"]:
        given = {each["name"]: each.get("value", "") for each in container.get("env") or ()}
        has = variable in given and value in ("", given[variable])
        if has or container["name"] in skipped:
            continue
        known = (e for e in (CREDENTIALS_URI_VARIABLE, ROLE_ARN_VARIABLE) if e in given)
        instead = next(known, "no credentials")
        return f"the webhook gives container {container['name']} {instead}"
    return ""
