"""The changes that a move makes in AWS and in the cluster: the only ones of all commands."""
# pyright: reportMissingTypeStubs=false

import json
import os
import re
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from irsa.move.plan import Move
from irsa.observe.aws import Aws
from irsa.observe.errors import one_line
from irsa.observe.facts import KINDS, Owner, Role, ServiceAccountObject, Unread
from irsa.observe.kubernetes import KubernetesCluster
from irsa.observe.pods import kind_of
from irsa_core.identity.arns import cluster_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.policy_json import Json

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""Annotation by which `kubectl rollout restart` changes a template."""
PROPAGATES = 60.0
RETRY = 3.0
"""Seconds that a role's new trust policy may take to reach EKS, and between two tries."""
FIXES = {
    r"\(AccessDenied|forbidden": "grant {}",
    r"\(LimitExceeded": "remove a statement, or have AWS raise the quota",
    "": "run it again",
}
"""Fixes by the error's code, as botocore and Kubernetes write it."""
T = TypeVar("T")


class Stopped(Exception):
    """A step of a move failed; the text has the fix."""


class Unknown(Stopped):
    """A fact could not be read; the text has the missing permission."""


def known(fact: T | Unread | None, missing: str = "") -> T:
    """Return a fact; raises `Unknown` if it could not be read, `Stopped` if it is missing."""
    if isinstance(fact, Unread):
        raise Unknown(f"{fact.text}; {fact.remedy}")
    if fact is None:
        raise Stopped(missing)
    return fact


def set_trust(aws: Aws, role: Role, edit: Callable[[Role], Json | None]) -> None:
    """Edit a role's trust policy as it is now: IAM lets the last writer win."""
    iam = aws.client("iam")
    with permitted(f"trust policy of role {role.arn}", "iam:UpdateAssumeRolePolicy"):
        found = iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
        document = edit(replace(role, trust_policy=found))
        if document not in (None, found):
            iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=json.dumps(document))


def associate(aws: Aws, move: Move) -> None:
    """Create the association, which EKS refuses until it knows that the role trusts it."""
    eks, deadline = aws.client("eks"), time.monotonic() + PROPAGATES
    request = {
        "clusterName": cluster_arn(move.facts.cluster_arn).name,
        "namespace": move.facts.namespace,
        "serviceAccount": move.facts.name,
        "roleArn": move.role.arn,
    }
    needed = "eks:CreatePodIdentityAssociation and iam:PassRole"
    with permitted(f"association of {move.title}", needed):
        while True:
            try:
                eks.create_pod_identity_association(**request)
                return
            except eks.exceptions.InvalidParameterException:
                if time.monotonic() > deadline:
                    raise
            time.sleep(RETRY)


def dissociate(cluster: KubernetesCluster, aws: Aws, move: Move) -> None:
    """Delete the association, if the annotation is still there."""
    account = known(cluster.service_account(*move.facts.account), f"{move.title}: deleted")
    if account.role_arn != move.role.arn:
        fix = f"stop that in its source; {', '.join(account.managers)} have written there"
        raise Stopped(f"annotation of {move.title}: taken back; {fix}")
    id_ = move.association.id if move.association else ""
    with permitted(f"association {id_}", "eks:DeletePodIdentityAssociation"):
        aws.client("eks").delete_pod_identity_association(
            clusterName=cluster_arn(move.facts.cluster_arn).name, associationId=id_
        )


def annotate(cluster: KubernetesCluster, move: Move, role_arn: str | None) -> None:
    """Name the role in the service account's annotation; None removes it."""
    body = {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: role_arn}}}
    _patch(cluster, "ServiceAccount", move.facts.namespace, move.facts.name, body)


def restart(cluster: KubernetesCluster, namespace: str, owner: Owner) -> None:
    """Replace the Pods of a controller as `kubectl rollout restart` does."""
    annotations = {RESTARTED_AT: datetime.now(UTC).isoformat(timespec="seconds")}
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    _patch(cluster, KINDS[owner.kind], namespace, owner.name, body)


def _patch(
    cluster: KubernetesCluster, kind: str, namespace: str, name: str, body: Json, **options: Any
) -> None:
    from lightkube.types import PatchType

    options |= {"namespace": namespace, "patch_type": PatchType.MERGE}
    with permitted(f"{kind} {namespace}/{name}", f"patch on {kind.lower()}s"):
        cluster.client.patch(kind_of(kind), name, body, **options)


@contextmanager
def permitted(what: str, permission: str) -> Generator[None]:
    """Raise `Stopped` if AWS or the API server refuses a change, or does not answer."""
    import httpx2
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, httpx2.HTTPError) as error:  # lightkube's is an HTTPError
        fix = next(fix for pattern, fix in FIXES.items() if re.search(pattern, str(error)))
        raise Stopped(f"{what}: {one_line(error)}; {fix.format(permission)}") from error


LOCK = "irsa/move"
"""Key of the annotation, and the field manager that writes it: its time is not the role's."""
LEASE = 900.0
"""Seconds after which a lock ends that is not renewed: longer than a rollout without progress."""
_HELD = re.compile(r"(?P<role>\S+) (?P<host>\S+) (?P<process>\d{1,9}) (?P<until>\d+)")


def begun(account: ServiceAccountObject) -> str:
    """Return the role of a move that has not ended; empty for none."""
    held = _HELD.fullmatch(account.annotations.get(LOCK, ""))
    return held["role"] if held else ""


def hold(cluster: KubernetesCluster, move: Move, seconds: float | None = LEASE) -> None:
    """Lock the service account for so long, or unlock it with 0; None ends the move.

    Of two writes by what was read at one time the API server refuses the second.
    """
    kind, (namespace, name) = "ServiceAccount", move.facts.account
    host, process = socket.gethostname(), os.getpid()
    with permitted(f"service account {move.title}", "get on serviceaccounts"):
        metadata: Any = cluster.client.get(kind_of(kind), name, namespace=namespace).metadata
    annotations: dict[str, str] = metadata.annotations or {}
    held = _HELD.fullmatch(annotations.get(LOCK, ""))
    if held and int(held["until"]) > time.time() and _is_another(held["host"], held["process"]):
        by = f"process {held['process']} of {held['host']} moves it"
        raise Stopped(f"service account {move.title}: {by}; run it again when that has ended")
    until = time.time() + seconds if seconds else 0
    lock = None if seconds is None else f"{move.role.arn} {host} {process} {until:.0f}"
    body = {"resourceVersion": metadata.resourceVersion, "annotations": {LOCK: lock}}
    _patch(cluster, kind, namespace, name, {"metadata": body}, field_manager=LOCK)


def _is_another(host: str, process: str) -> bool:
    """Return False for this process, and for one of this host that has ended."""
    if host != socket.gethostname() or process == str(os.getpid()):
        return host != socket.gethostname()
    try:
        os.kill(int(process), 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True
