"""EKS Pod Identity: an association that gives a role to the pods of one service account."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from irsa.identity.arns import check_role_arn, cluster_arn
from irsa.identity.pod_identity import SESSION_POLICY_MAX, check_cluster, check_role
from irsa.identity.policies import size_of_text
from irsa.identity.subjects import service_account_ref

T = TypeVar("T")


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
        service_account_ref(self.namespace, self.service_account_name)
        try:
            if isinstance(self.cluster_arn, str):
                check_cluster(self.cluster_arn)
                if isinstance(self.role_arn, str):
                    check_role(self.role_arn, self.cluster_arn)
            if isinstance(self.target_role_arn, str):
                check_role_arn(self.target_role_arn)
            if isinstance(self.session_policy, str):
                check_session_policy(self.session_policy)
            if self.session_policy is not None and not self.disable_session_tags:
                raise ValueError(
                    "EKS applies a session_policy only without session tags; set "
                    "disable_session_tags=True, here and on the role"
                )
        except ValueError as error:
            raise ValueError(f"{self.owner}: {error}") from None

    @property
    def owner(self) -> str:
        """The association, as errors name it."""
        return f"association of {self.namespace}/{self.service_account_name}"


def check_session_policy(text: str) -> str:
    """Return the session policy of an association, or raise ValueError."""
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f"session_policy is not JSON ({error}); give a policy document") from None
    if size_of_text(text) > SESSION_POLICY_MAX:
        raise ValueError(
            f"session_policy has {size_of_text(text)} characters; EKS accepts "
            f"{SESSION_POLICY_MAX}, name fewer resources"
        )
    return text


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

        def checked(value: Input[T], check: Callable[[T], str]) -> Output[str]:
            """Check what only the deployment knows, before a replaced association is deleted."""

            def known(value: T) -> str:
                try:
                    return check(value)
                except ValueError as error:  # in `apply` it ends in pages of Pulumi's own
                    raise pulumi.RunError(f"{args.owner}: {error}") from error

            return Output.from_input(value).apply(known)

        cluster = checked(args.cluster_arn, check_cluster).apply(cluster_arn)
        arns = Output.all(args.role_arn, args.cluster_arn)
        target, policy = args.target_role_arn, args.session_policy
        association = aws.eks.PodIdentityAssociation(
            name,
            cluster_name=cluster.apply(lambda found: found.name),
            region=cluster.apply(lambda found: found.region),
            namespace=args.namespace,
            service_account=args.service_account_name,
            role_arn=checked(arns, lambda both: check_role(*both)),
            target_role_arn=None if target is None else checked(target, check_role_arn),
            policy=None if policy is None else checked(policy, check_session_policy),
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
