"""The changes that a move makes in AWS and in the cluster: the only ones of all commands."""
# pyright: reportMissingTypeStubs=false

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from irsa.identity.arns import cluster_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policy_json import Json
from irsa.move.facts import Move
from irsa.observe.aws import Aws
from irsa.observe.errors import one_line
from irsa.observe.facts import Owner, Role
from irsa.observe.kubernetes import Cluster

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""Annotation by which `kubectl rollout restart` changes a template."""
PROPAGATES = 60.0
RETRY = 3.0
"""Seconds that a role's new trust policy may take to reach EKS, and between two tries."""


class Stopped(Exception):
    """A step of a move failed; the text has the fix."""


def set_trust(aws: Aws, role: Role, document: Json | None) -> None:
    """Write a role's trust policy, if there is an edited one."""
    if document is None:
        return
    with _permitted(f"trust policy of role {role.arn}", "iam:UpdateAssumeRolePolicy"):
        aws.client("iam").update_assume_role_policy(
            RoleName=role.name, PolicyDocument=json.dumps(document)
        )


def associate(aws: Aws, move: Move) -> None:
    """Create the association, which EKS refuses until it knows that the role trusts it."""
    eks, deadline = aws.client("eks"), time.monotonic() + PROPAGATES
    wanted = {
        "clusterName": cluster_arn(move.facts.cluster_arn).name,
        "namespace": move.facts.namespace,
        "serviceAccount": move.facts.name,
        "roleArn": move.role.arn,
    }
    needed = "eks:CreatePodIdentityAssociation and iam:PassRole"
    with _permitted(f"association of {move.title}", needed):
        while True:
            try:
                eks.create_pod_identity_association(**wanted)
                return
            except eks.exceptions.InvalidParameterException:
                if time.monotonic() > deadline:
                    raise
            time.sleep(RETRY)


def dissociate(aws: Aws, move: Move) -> None:
    """Delete the association."""
    id_ = move.association.id if move.association else ""
    with _permitted(f"association {id_}", "eks:DeletePodIdentityAssociation"):
        aws.client("eks").delete_pod_identity_association(
            clusterName=cluster_arn(move.facts.cluster_arn).name, associationId=id_
        )


def annotate(cluster: Cluster, move: Move, role_arn: str | None) -> None:
    """Name the role in the service account's annotation; None removes it."""
    from lightkube.resources.core_v1 import ServiceAccount

    annotations = {ROLE_ARN_ANNOTATION: role_arn}
    body = {"metadata": {"annotations": annotations}}
    _patch(cluster, ServiceAccount, move.facts.namespace, move.facts.name, body)


def restart(cluster: Cluster, namespace: str, owner: Owner) -> None:
    """Replace the Pods of a controller as `kubectl rollout restart` does."""
    from lightkube.resources.apps_v1 import DaemonSet, Deployment, StatefulSet

    kinds = {"deployment": Deployment, "statefulset": StatefulSet, "daemonset": DaemonSet}
    annotations = {RESTARTED_AT: datetime.now(UTC).isoformat(timespec="seconds")}
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    _patch(cluster, kinds[owner.kind], namespace, owner.name, body)


def _patch(cluster: Cluster, kind: Any, namespace: str, name: str, body: Json) -> None:
    from lightkube.types import PatchType

    title = kind.__name__
    with _permitted(f"{title} {namespace}/{name}", f"patch on {title.lower()}s"):
        cluster.client.patch(kind, name, body, namespace=namespace, patch_type=PatchType.MERGE)


@contextmanager
def _permitted(what: str, permission: str) -> Generator[None]:
    """Raise `Stopped` if AWS or the API server refuses a change, or does not answer."""
    import httpx2
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, httpx2.HTTPError) as error:  # lightkube's is an HTTPError
        raise Stopped(f"{what}: {one_line(error)}; if it is refused, grant {permission}") from error
