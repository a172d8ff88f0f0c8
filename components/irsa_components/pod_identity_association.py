"""EKS Pod Identity: an association that gives a role to the pods of one service account."""

from typing import Annotated

import pulumi_aws as aws
from pulumi import Alias, Input, Output, ResourceOptions

from irsa_core.identity.arns import cluster_arn
from irsa_core.identity.pod_identity import check_role

from . import values
from ._component import Component, ComponentArgs, newer
from .cluster import Cluster
from .service_account_role import ServiceAccountRole
from .values import ServiceAccount


@values.arguments
class PodIdentityAssociationArgs(ComponentArgs):
    """Arguments of `PodIdentityAssociation`."""

    cluster: Annotated[Cluster | None, values.gives("cluster_arn")] = None
    """The cluster, which runs the EKS Pod Identity Agent."""

    cluster_arn: Input[values.PodIdentityClusterArn] = values.FROM_OBJECT
    """ARN of the cluster, which runs the EKS Pod Identity Agent."""

    service_account: ServiceAccount
    """The service account, which need not exist yet. EKS accepts one association for it."""

    role: Annotated[ServiceAccountRole | None, values.gives("role_arn")] = None
    """Role of this program that the pods get, which must admit the service account."""

    role_arn: Input[values.RoleArn] = values.FROM_OBJECT
    """Role of the cluster's account that the pods get."""

    target_role_arn: Input[values.RoleArn] | None = None
    """Role of any account that EKS assumes with the session of the association's role. The pods
    get the session of this target role."""

    session_policy: Input[values.SessionPolicy] | None = None
    """Policy (text of JSON, at most 2048 characters) that limits the pods' session. With a target
    role, that is the target role's session. Needs ``disable_session_tags``, and pulumi-aws
    7.40."""

    disable_session_tags: bool = False
    """Assume the role without tags that name cluster, namespace and service account."""

    imported_id: Annotated[str, values.matching(".+,a-[a-z0-9]+", "CLUSTER,a-…")] | None = None
    """Import the existing association of that id, ``CLUSTER,a-…``, instead of creating one."""

    def __post_init__(self) -> values.Problems:
        if isinstance(self.cluster_arn, str) and isinstance(self.role_arn, str):
            check_role(self.role_arn, self.cluster_arn)
        if self.role is not None:
            self.role.check_association(self.service_account, not self.disable_session_tags)
        of = self.imported_id and self.imported_id.partition(",")[0]
        name = cluster_arn(self.cluster_arn).name if isinstance(self.cluster_arn, str) else of
        return {
            f"imported_id {self.imported_id} is of cluster {of}, and the association is of {name}; "
            "give an id of that cluster": of and of != name,
            "EKS applies a session_policy only without session tags; set "
            "disable_session_tags=True, here and on the role": (
                self.session_policy is not None and not self.disable_session_tags
            ),
        }


class PodIdentityAssociation(Component):
    """An EKS Pod Identity association."""

    association_id: Output[str]
    """Id (``a-…``) of the association, for the workload that uses it."""

    external_id: Output[str | None]
    """``sts:ExternalId`` with which EKS assumes the target role."""

    def __init__(
        self, name: str, args: PodIdentityAssociationArgs, opts: ResourceOptions | None = None
    ) -> None:
        account = args.service_account
        super().__init__("PodIdentityAssociation", name, args, opts, f"association of {account}")
        cluster = Output.from_input(args.cluster_arn).apply(cluster_arn)
        optional = {"policy": args.session_policy, "targetRoleArn": args.target_role_arn}
        self._account = account
        association = self.association = aws.eks.PodIdentityAssociation(
            # With its account in the name, that of another account is another resource: it is
            # created, and its Pods are ready, before the old account's is deleted.
            f"{name}/{account}",
            cluster_name=cluster.apply(lambda arn: arn.name),
            region=cluster.apply(lambda arn: arn.region),
            namespace=account.namespace,
            service_account=account.name,
            # Checked before a replaced association is deleted.
            role_arn=Output.all(args.role_arn, args.cluster_arn).apply(
                values.in_apply(lambda arns: check_role(*arns), f"{self._owner}: ")
            ),
            target_role_arn=args.target_role_arn,
            **newer(
                aws.eks.PodIdentityAssociationArgs,
                "policy",
                args.session_policy,
                f"PodIdentityAssociation {name!r}: session_policy needs pulumi-aws 7.40",
            ),
            disable_session_tags=args.disable_session_tags,
            opts=self.child_options(
                "association",
                aws.eks.PodIdentityAssociation,
                aliases=[Alias(name=name)],
                import_=args.imported_id,
                delete_before_replace=True,  # EKS accepts one for a service account
                # EKS changes them in place, but keeps what the aws provider leaves out.
                replace_on_changes=[key for key, value in optional.items() if value is None],
            ),
        )
        self.association_id = association.association_id
        self.external_id = association.external_id
        self.register_outputs(
            {
                "cluster_arn": args.cluster_arn,
                "namespace": account.namespace,
                "service_account_name": account.name,
                "role_arn": association.role_arn,
                "target_role_arn": args.target_role_arn,
                "association_id": self.association_id,
                "external_id": self.external_id,
            }
        )

    def check_pods(self, account: ServiceAccount) -> None:
        """Raise ValueError for pods that run as another service account."""
        if account != self._account:
            raise ValueError(
                f"the association is that of service account {self._account}, and the pods run as "
                f"{account}; give both the same ServiceAccount"
            )
