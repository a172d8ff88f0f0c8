"""AWS identity of every Pod of a cluster, from its spec. Pure.

Values of Secrets are not read: the variables that take them tell the kind of credentials.
"""

import re
from dataclasses import dataclass

from irsa.identity.eks import (
    CREDENTIALS_URI_VARIABLE,
    ROLE_ARN_VARIABLE,
    STS_AUDIENCE,
)
from irsa.identity.injection import without_agent
from irsa.identity.policy_json import Json
from irsa.observe.facts import ENDED
from irsa.observe.pod_spec import (
    CREDENTIALS,
    aws_file,
    containers,
    environment,
    token_mounts,
)
from irsa.observe.shapes import mapping, mappings

ACCESS_KEY_VARIABLE = "AWS_ACCESS_KEY_ID"
_POD_IDENTITY_ADDRESS = re.compile(r"http://(?:169\.254\.170\.23|\[fd00:ec2::23\])/")


@dataclass(frozen=True, slots=True)
class FleetPod:
    """A Pod that runs or is to run."""

    namespace: str
    name: str
    service_account: str
    owner: str = ""
    """Its owner, such as ``Deployment s3-app``; empty for a Pod without one."""
    keys: tuple[str, ...] = ()
    """Sources of static credentials: ``Secret s3-app-key``, or ``its spec``."""
    unread: tuple[str, ...] = ()
    """Secrets that become variables as a whole: one of them may be an access key."""
    role_arn: str = ""
    """The role that the webhook injected, or that the Pod sets itself."""
    own_token: bool = False
    """True if it mounts a token for STS of its own, for a profile."""
    pod_identity: bool = False
    """True if it gets its credentials from the EKS Pod Identity agent."""
    without_agent: str = ""
    """``Fargate`` or ``Windows``, where no such agent runs; empty elsewhere."""


def fleet_pod(document: Json) -> FleetPod | None:
    """A Pod, from the API server's JSON; None for one that has ended or is about to go."""
    metadata, status = mapping(document.get("metadata")), mapping(document.get("status"))
    if "deletionTimestamp" in metadata or status.get("phase") in ENDED:
        return None
    return _pod(document, metadata)


def _pod(document: Json, metadata: Json) -> FleetPod:
    spec = mapping(document.get("spec"))
    keys: list[str] = []
    unread: list[str] = []
    roles: list[str] = []
    own_token = pod_identity = False
    for container in containers(spec):
        given = environment(container.spec, {})
        if ACCESS_KEY_VARIABLE in given and given[ACCESS_KEY_VARIABLE].value != "":
            variable = given[ACCESS_KEY_VARIABLE]
            keys.append(f"{variable.kind} {variable.object}" if variable.object else "its spec")
        file = aws_file(spec, container.spec, CREDENTIALS, given)
        if file and file.reference:
            keys.append(f"{file.reference.kind} {file.reference.name}")
        unread += _secrets_in_whole(container.spec)
        if ROLE_ARN_VARIABLE in given:
            roles.append(given[ROLE_ARN_VARIABLE].value or "")
        address = given[CREDENTIALS_URI_VARIABLE].value if CREDENTIALS_URI_VARIABLE in given else ""
        pod_identity |= bool(_POD_IDENTITY_ADDRESS.match(address or ""))
        mounted = token_mounts(spec, container.spec)
        own_token |= any(each.audience == STS_AUDIENCE for each in mounted)
    return FleetPod(
        metadata["namespace"],
        metadata["name"],
        str(spec.get("serviceAccountName") or "default"),
        _owner(metadata),
        tuple(dict.fromkeys(keys)),
        tuple(dict.fromkeys(unread)),
        next(iter(roles), ""),
        own_token and not roles,
        pod_identity,
        without_agent(spec, mapping(metadata.get("labels"))),
    )


def _secrets_in_whole(container: Json) -> list[str]:
    entries = mappings(container.get("envFrom") or [])
    secrets = (mapping(each.get("secretRef")).get("name") for each in entries)
    return [f"Secret {name}" for name in secrets if name]


def _owner(metadata: Json) -> str:
    owners = mappings(metadata.get("ownerReferences") or [])
    owner = next((each for each in owners if each.get("controller")), mapping(None))
    kind, name = owner.get("kind", ""), owner.get("name", "")
    suffix = f"-{mapping(metadata.get('labels')).get('pod-template-hash')}"
    if kind == "ReplicaSet" and name.endswith(suffix):
        return f"Deployment {name.removesuffix(suffix)}"  # which names its ReplicaSets so
    return f"{kind} {name}".strip()
