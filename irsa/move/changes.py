"""The changes that a move makes in AWS and in the cluster: the only ones of all commands."""
# pyright: reportMissingTypeStubs=false

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from irsa.identity.arns import cluster_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policy_json import Json
from irsa.move.facts import Move
from irsa.observe.aws import Aws
from irsa.observe.errors import one_line
from irsa.observe.facts import Owner, Role
from irsa.observe.iam_calls import Association
from irsa.observe.kubernetes import Cluster

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""Annotation by which `kubectl rollout restart` changes a template."""
PROPAGATES = 60.0
RETRY = 3.0
"""Seconds that a role's new trust policy may take to reach EKS, and between two tries."""


class Stopped(Exception):
    """A step of a move failed; the text has the fix."""


def set_trust(aws: Aws, role: Role, document: Json) -> None:
    """Write a role's trust policy."""
    iam, text = aws.client("iam"), json.dumps(document)
    _in_aws(
        f"trust policy of role {role.arn}",
        "iam:UpdateAssumeRolePolicy",
        lambda: iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=text),
    )


def associate(aws: Aws, move: Move) -> None:
    """Create the association, which EKS refuses until it knows that the role trusts it."""
    eks, account, deadline = aws.client("eks"), move.facts.account, time.monotonic() + PROPAGATES

    def create() -> None:
        while True:
            try:
                eks.create_pod_identity_association(
                    clusterName=cluster_arn(move.facts.cluster_arn).name,
                    namespace=account.namespace,
                    serviceAccount=account.name,
                    roleArn=move.role.arn,
                )
            except eks.exceptions.InvalidParameterException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY)
            else:
                return

    what = f"association of {move.title}"
    _in_aws(what, "eks:CreatePodIdentityAssociation and iam:PassRole", create)


def dissociate(aws: Aws, association: Association) -> None:
    """Delete the association."""
    eks, cluster = aws.client("eks"), cluster_arn(association.cluster_arn).name
    _in_aws(
        f"association {association.id}",
        "eks:DeletePodIdentityAssociation",
        lambda: eks.delete_pod_identity_association(
            clusterName=cluster, associationId=association.id
        ),
    )


def annotate(cluster: Cluster, move: Move, role_arn: str | None) -> None:
    """Name the role in the service account's annotation; None removes it."""
    from lightkube.resources.core_v1 import ServiceAccount

    body = {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: role_arn}}}
    _patch(cluster, ServiceAccount, move.facts.namespace, move.account.name, body)


def restart(cluster: Cluster, namespace: str, owner: Owner) -> None:
    """Replace the Pods of a controller as `kubectl rollout restart` does."""
    from lightkube.resources.apps_v1 import DaemonSet, Deployment, StatefulSet

    kinds = {"deployment": Deployment, "statefulset": StatefulSet, "daemonset": DaemonSet}
    annotations = {RESTARTED_AT: datetime.now(UTC).isoformat(timespec="seconds")}
    body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    _patch(cluster, kinds[owner.kind], namespace, owner.name, body)


def _patch(cluster: Cluster, kind: Any, namespace: str, name: str, body: Json) -> None:
    import httpx2
    from lightkube.types import PatchType

    try:
        cluster.client.patch(kind, name, body, namespace=namespace, patch_type=PatchType.MERGE)
    except httpx2.HTTPError as error:  # lightkube's ApiError is one
        plural = f"{kind.__name__.lower()}s"
        raise Stopped(
            f"{kind.__name__} {namespace}/{name}: {one_line(error)}; grant patch on {plural}"
        ) from error


def _in_aws(what: str, permission: str, change: Callable[[], object]) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        change()
    except (BotoCoreError, ClientError) as error:
        raise Stopped(f"{what}: {one_line(error)}; grant {permission}") from error
