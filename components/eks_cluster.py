"""An EKS cluster whose service accounts IAM knows: created, or adopted by name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa.identity.arns import aws_policy_arn, issuer_from_provider_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.kubeconfig import kubeconfig
from irsa.identity.policies import service_trust_policy

from .existing import refuse_existing_in_aws
from .kubernetes_provider import kubernetes_provider
from .specs import AccessEntrySpec, ControlPlaneSpec, NodeGroupSpec

# https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
)


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """Arguments of `EksCluster`."""

    cluster_name: str
    """Name of the cluster in EKS."""

    existing: bool = False
    """Adopt the cluster of that name instead of creating one; it is never changed or deleted."""

    provider_arn: Input[str] | None = None
    """ARN of an adopted cluster's IAM OIDC provider. Left out, the provider is created."""

    version: str | None = None
    """Kubernetes version of a created cluster, such as ``1.34``; EKS's default if left out."""

    subnet_ids: Sequence[Input[str]] | None = None
    """Subnets of a created cluster and its nodes, in two availability zones at least; those of the
    default VPC if left out."""

    vpc_id: Input[str] | None = None
    """VPC of the subnets; given with them, and only with them."""

    control_plane: ControlPlaneSpec = field(default_factory=ControlPlaneSpec)
    """How a created cluster is reached, logged, encrypted and kept."""

    access_entries: Sequence[AccessEntrySpec] = ()
    """Who may use a created cluster's API beside whoever created it."""

    nodes: NodeGroupSpec = field(default_factory=NodeGroupSpec)
    """Managed node group of a created cluster."""

    audiences: Sequence[str] = (STS_AUDIENCE,)
    """Client ids of a created OIDC provider: the ``aud`` values that STS accepts from it."""

    role_arn: str | None = None
    """Role that the AWS provider has assumed, which the Kubernetes provider must then assume too:
    EKS lets in whoever created the cluster."""

    partition: str = "aws"
    """Partition of the account, for the ARNs of AWS's own policies."""

    def __post_init__(self) -> None:
        ours = (
            ("version", self.version is not None),
            ("subnet_ids", self.subnet_ids is not None),
            ("vpc_id", self.vpc_id is not None),
            ("control_plane", self.control_plane != ControlPlaneSpec()),
            ("access_entries", bool(self.access_entries)),
        )
        given = [name for name, is_given in ours if is_given]
        if self.existing and given:
            raise ValueError(
                f"cluster {self.cluster_name!r} is adopted, so {given[0]} is not ours to set; "
                "remove it, or create the cluster"
            )
        if (self.subnet_ids is None) != (self.vpc_id is None):
            # pulumi-eks would look for the default VPC, which need not be theirs nor exist.
            raise ValueError(
                f"cluster {self.cluster_name!r} has one of subnet_ids and vpc_id; give both, "
                "or neither for the default VPC"
            )
        if not self.existing and self.provider_arn is not None:
            raise ValueError(
                f"cluster {self.cluster_name!r} is created, so its OIDC provider cannot exist yet; "
                "remove provider_arn, or adopt the cluster"
            )


class EksCluster(pulumi.ComponentResource):
    """A cluster, its IAM OIDC provider, and a Kubernetes provider that reaches it."""

    cluster_name: Output[str]
    """Name in EKS."""

    issuer_url: Output[str]
    """The ``iss`` claim of the cluster's tokens, with ``https://``."""

    provider_arn: Output[str]
    """ARN of the IAM OIDC provider, for trust policies."""

    kubeconfig: Output[str]
    """A kubeconfig as JSON; secret."""

    kubernetes_provider: k8s.Provider
    """Reaches the cluster. What uses it is deleted before the nodes and the cluster are."""

    def __init__(
        self, name: str, args: EksClusterArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:EksCluster", name, {}, opts)

        reached = self._adopt(name, args) if args.existing else self._create(name, args)
        self.cluster_name = reached.name
        self.issuer_url = reached.issuer_url
        self.kubeconfig = Output.secret(reached.kubeconfig)

        if args.provider_arn is None:
            # pulumi-eks could create it, but fetches a TLS thumbprint from the machine that
            # deploys, which fails behind proxies; IAM no longer needs one (decision 0013).
            self.provider_arn = aws.iam.OpenIdConnectProvider(
                name,
                url=self.issuer_url,
                client_id_lists=list(args.audiences),
                opts=ResourceOptions(
                    parent=self,
                    # Without a preview the engine keeps the cluster and deletes what else it can,
                    # and roles of other stacks trust this.
                    protect=args.control_plane.deletion_protection,
                    hooks=refuse_existing_in_aws(
                        f"OIDC provider {name}",
                        self.get_provider("aws:iam/openIdConnectProvider:OpenIdConnectProvider"),
                    ),
                ),
            ).arn
        else:
            self.provider_arn = Output.all(args.provider_arn, self.issuer_url).apply(
                lambda values: _same_issuer(args.cluster_name, *values)
            )

        self.kubernetes_provider = kubernetes_provider(
            name,
            self.kubeconfig,
            self.issuer_url,
            ResourceOptions(parent=self, depends_on=reached.nodes),
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "issuer_url": self.issuer_url,
                "provider_arn": self.provider_arn,
                "kubeconfig": self.kubeconfig,
            }
        )

    def _create(self, name: str, args: EksClusterArgs) -> "_Reached":
        child_opts = ResourceOptions(parent=self)
        cluster = self._control_plane(name, args)
        cluster_name = cluster.eks_cluster.apply(lambda created: created.name)
        self._let_in(name, args, cluster_name)

        role = aws.iam.Role(
            f"{name}-node",
            description=f"Nodes of EKS cluster {args.cluster_name}",
            assume_role_policy=json.dumps(service_trust_policy("ec2.amazonaws.com")),
            opts=child_opts,
        )
        attachments = [
            aws.iam.RolePolicyAttachment(
                f"{name}-node-{policy}",
                role=role.name,
                policy_arn=aws_policy_arn(policy, partition=args.partition),
                opts=child_opts,
            )
            for policy in NODE_POLICIES
        ]
        nodes = aws.eks.NodeGroup(
            name,
            cluster_name=cluster_name,
            node_role_arn=role.arn,
            subnet_ids=cluster.eks_cluster.apply(lambda created: created.vpc_config.subnet_ids),
            instance_types=list(args.nodes.instance_types),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                desired_size=args.nodes.desired_size,
                min_size=args.nodes.min_size,
                max_size=args.nodes.max_size,
            ),
            opts=ResourceOptions(parent=self, depends_on=[cluster, *attachments]),
        )
        return _Reached(
            nodes.cluster_name, cluster.oidc_provider_url, cluster.kubeconfig_json, [nodes]
        )

    def _control_plane(self, name: str, args: EksClusterArgs) -> eks.Cluster:
        spec = args.control_plane
        if not spec.endpoint_public_access:
            pulumi.log.warn(
                f"cluster {args.cluster_name!r} has no public endpoint: this deployment, and "
                "whoever uses the cluster, must come from its VPC or a network connected to it",
                self,
            )
        return eks.Cluster(
            name,
            name=args.cluster_name,
            version=args.version,
            vpc_id=args.vpc_id,
            subnet_ids=args.subnet_ids,
            # EKS makes the group that the control plane and managed nodes share. Those of
            # pulumi-eks are for its own nodes, and in the default VPC unless told otherwise.
            skip_default_security_groups=True,
            # EKS's default is true; said to pulumi-eks, it would ask for the API server's health
            # from here for up to five minutes, in vain from outside of the CIDR blocks.
            endpoint_public_access=None if spec.endpoint_public_access else False,
            endpoint_private_access=spec.endpoint_private_access,
            # Always said: the aws provider keeps the old blocks when they are left out.
            public_access_cidrs=(
                list(spec.public_access_cidrs) if spec.endpoint_public_access else None
            ),
            enabled_cluster_log_types=list(spec.log_types),
            encryption_config_key_arn=spec.encryption_key_arn,
            deletion_protection=spec.deletion_protection,
            authentication_mode=eks.AuthenticationMode.API,
            provider_credential_opts=(
                eks.KubeconfigOptionsArgs(role_arn=args.role_arn) if args.role_arn else None
            ),
            create_oidc_provider=False,
            skip_default_node_group=True,  # it is self-managed; ours is EKS's
            # A preview then refuses; EKS would, once everything around the cluster is gone.
            opts=ResourceOptions(parent=self, protect=spec.deletion_protection),
        )

    def _let_in(self, name: str, args: EksClusterArgs, cluster_name: Output[str]) -> None:
        child_opts = ResourceOptions(parent=self)
        entries: dict[str, aws.eks.AccessEntry] = {}
        for spec in args.access_entries:
            # 111122223333-role/admin: one name for each principal, of whatever account.
            principal = spec.principal_arn.partition("::")[2].replace(":", "-")
            if principal not in entries:
                entries[principal] = aws.eks.AccessEntry(
                    f"{name}-{principal}",
                    cluster_name=cluster_name,
                    principal_arn=spec.principal_arn,
                    opts=child_opts,
                )
            aws.eks.AccessPolicyAssociation(
                f"{name}-{principal}-{spec.policy}",
                cluster_name=cluster_name,
                principal_arn=entries[principal].principal_arn,
                policy_arn=f"arn:{args.partition}:eks::aws:cluster-access-policy/{spec.policy}",
                access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(
                    type="namespace" if spec.namespaces else "cluster",
                    namespaces=list(spec.namespaces) or None,
                ),
                # Any change replaces it, and to EKS the new one is the old one: deleted last, it
                # would take the access away.
                opts=ResourceOptions(parent=self, delete_before_replace=True),
            )

    def _adopt(self, name: str, args: EksClusterArgs) -> "_Reached":
        cluster = aws.eks.Cluster.get(name, args.cluster_name, opts=ResourceOptions(parent=self))
        config = Output.all(
            arn=cluster.arn,
            name=cluster.name,
            server=cluster.endpoint,
            ca=cluster.certificate_authority.data,
        ).apply(lambda parts: json.dumps(kubeconfig(**parts, role_arn=args.role_arn)))
        return _Reached(cluster.name, cluster.identities[0].oidcs[0].issuer, config, [])


class _Reached(NamedTuple):
    """A cluster, created or adopted."""

    name: Output[str]
    issuer_url: Output[str]
    kubeconfig: Output[str]
    nodes: list[pulumi.Resource]
    """What must be there before anything can run in it."""


def _same_issuer(cluster_name: str, provider_arn: str, issuer_url: str) -> str:
    if issuer_url != f"https://{issuer_from_provider_arn(provider_arn)}":
        raise pulumi.RunError(  # a ValueError in `apply` ends in pages of Pulumi's own
            f"OIDC provider {provider_arn} is not the one of cluster {cluster_name!r}, whose "
            f"issuer is {issuer_url}; correct the ARN, or leave it out to create the provider"
        )
    return provider_arn
