"""EKS Pod Identity: an association that gives a role to the pods of one service account."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from irsa.identity.arns import check_role_arn, cluster_arn
from irsa.identity.pod_identity import SESSION_POLICY_MAX, check_cluster, check_role
from irsa.identity.policies import size_of_text
from irsa.identity.subjects import service_account_ref


@dataclass(frozen=True, kw_only=True)
class PodIdentityAssociationArgs:
    """Arguments of `PodIdentityAssociation`."""

    cluster_arn: Input[str]
    """ARN of the cluster, which runs the EKS Pod Identity Agent."""

    namespace: str
    """Namespace of the service account."""

    service_account_name: str
    """Exact name of the service account, which need not exist yet. EKS accepts one association for
    it."""

    role_arn: Input[str]
    """Role of the cluster's account that the pods get."""

    target_role_arn: Input[str] | None = None
    """Role of any account that EKS assumes with that role; the pods get this one's session."""

    session_policy: Input[str] | None = None
    """Policy (JSON, at most 2048 characters) that limits the pods' session; with a target role the
    session of that. Needs ``disable_session_tags``."""

    disable_session_tags: bool = False
    """Assume the role without tags that name cluster, namespace and service account."""

    imported_id: str | None = None
    """Import the existing association of that id, ``CLUSTER,a-…``, instead of creating one."""

    def __post_init__(self) -> None:
        account = "/".join(service_account_ref(self.namespace, self.service_account_name))
        owner = f"association of {account}"
        if isinstance(self.cluster_arn, str):
            check_cluster(self.cluster_arn)
            if isinstance(self.role_arn, str):
                check_role(self.role_arn, self.cluster_arn)
        if isinstance(self.target_role_arn, str):
            check_role_arn(self.target_role_arn)
        if self.session_policy is None:
            return
        if not self.disable_session_tags:
            raise ValueError(
                f"{owner}: EKS applies a session_policy only without session tags; set "
                "disable_session_tags=True, here and on the role"
            )
        if isinstance(self.session_policy, str):
            _check_policy(owner, self.session_policy)


def _check_policy(owner: str, text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{owner}: session_policy is not JSON ({error}); give a policy document"
        ) from None
    if size_of_text(text) > SESSION_POLICY_MAX:
        raise ValueError(
            f"{owner}: session_policy has {size_of_text(text)} characters; EKS accepts "
            f"{SESSION_POLICY_MAX}, name fewer resources"
        )


class PodIdentityAssociation(pulumi.ComponentResource):
    """An EKS Pod Identity association."""

    association_id: Output[str]
    """Id (``a-…``) of the association, for the workload that uses it."""

    external_id: Output[str | None]
    """``sts:ExternalId`` with which EKS assumes the target role."""

    def __init__(
        self, name: str, args: PodIdentityAssociationArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:PodIdentityAssociation", name, {}, opts)
        association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=Output.from_input(args.cluster_arn).apply(_cluster_name),
            namespace=args.namespace,
            service_account=args.service_account_name,
            role_arn=Output.all(args.role_arn, args.cluster_arn).apply(_role_of_the_account),
            target_role_arn=args.target_role_arn,
            policy=args.session_policy,
            disable_session_tags=args.disable_session_tags,
            opts=ResourceOptions(
                parent=self,
                import_=args.imported_id,
                delete_before_replace=True,  # EKS accepts one for a service account
                # The aws provider leaves out what is removed, and EKS then keeps it.
                replace_on_changes=["policy", "targetRoleArn"],
            ),
        )
        self.association_id = association.association_id
        self.external_id = association.external_id
        self.register_outputs(
            {
                "cluster_arn": args.cluster_arn,
                "namespace": args.namespace,
                "service_account_name": args.service_account_name,
                "role_arn": association.role_arn,
                "target_role_arn": args.target_role_arn,
                "association_id": self.association_id,
                "external_id": self.external_id,
            }
        )


def _cluster_name(arn: str) -> str:
    try:
        return cluster_arn(check_cluster(arn)).name
    except ValueError as error:  # in `apply` it ends in pages of Pulumi's own
        raise pulumi.RunError(str(error)) from error


def _role_of_the_account(arns: list[str]) -> str:
    try:
        return check_role(*arns)
    except ValueError as error:
        raise pulumi.RunError(str(error)) from error
