"""An EKS cluster whose service accounts IAM knows: created, or adopted by name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from components.existing import refuse_existing_in_aws
from components.kubeconfig import kubeconfig
from components.naming import issuer_from_provider_arn
from components.policies import STS_AUDIENCE, service_trust_policy
from components.specs import NodeGroupSpec

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
    """Subnets of a created cluster; those of the default VPC if left out."""

    nodes: NodeGroupSpec = field(default_factory=NodeGroupSpec)
    """Managed node group of a created cluster."""

    audiences: Sequence[str] = (STS_AUDIENCE,)
    """Client ids of a created OIDC provider: the ``aud`` values that STS accepts from it."""

    partition: str = "aws"
    """Partition of the account, for the ARNs of AWS's own policies."""

    def __post_init__(self) -> None:
        if self.existing and (self.version is not None or self.subnet_ids is not None):
            raise ValueError(
                f"cluster {self.cluster_name!r} is adopted, so its version and subnets are not "
                "ours to set; remove them, or create the cluster"
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

        if args.existing:
            depends_on: list[pulumi.Resource] = []
            self._adopt(name, args)
        else:
            depends_on = [self._create(name, args)]

        if args.provider_arn is None:
            # pulumi-eks could create it, but fetches a TLS thumbprint from the machine that
            # deploys, which fails behind proxies; IAM no longer needs one (decision D8).
            self.provider_arn = aws.iam.OpenIdConnectProvider(
                name,
                url=self.issuer_url,
                client_id_lists=list(args.audiences),
                opts=ResourceOptions(
                    parent=self,
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

        self.kubernetes_provider = k8s.Provider(
            name,
            kubeconfig=self.kubeconfig,
            # The issuer changes when the cluster is another one, and at no other time; without
            # it a new certificate would replace everything in the cluster.
            cluster_identifier=self.issuer_url,
            # Without these two every change replaces, and a moment without the Secret is downtime.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=ResourceOptions(parent=self, depends_on=depends_on),
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "issuer_url": self.issuer_url,
                "provider_arn": self.provider_arn,
                "kubeconfig": self.kubeconfig,
            }
        )

    def _create(self, name: str, args: EksClusterArgs) -> aws.eks.NodeGroup:
        child_opts = ResourceOptions(parent=self)
        cluster = eks.Cluster(
            name,
            name=args.cluster_name,
            version=args.version,
            subnet_ids=args.subnet_ids,
            authentication_mode=eks.AuthenticationMode.API,
            create_oidc_provider=False,
            skip_default_node_group=True,  # it is self-managed; ours is EKS's
            opts=child_opts,
        )
        self.issuer_url = cluster.oidc_provider_url
        self.kubeconfig = Output.secret(cluster.kubeconfig_json)

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
                policy_arn=f"arn:{args.partition}:iam::aws:policy/{policy}",
                opts=child_opts,
            )
            for policy in NODE_POLICIES
        ]
        nodes = aws.eks.NodeGroup(
            name,
            cluster_name=cluster.eks_cluster.apply(lambda created: created.name),
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
        self.cluster_name = nodes.cluster_name
        return nodes

    def _adopt(self, name: str, args: EksClusterArgs) -> None:
        cluster = aws.eks.Cluster.get(name, args.cluster_name, opts=ResourceOptions(parent=self))
        self.cluster_name = cluster.name
        self.issuer_url = cluster.identities[0].oidcs[0].issuer
        self.kubeconfig = Output.secret(
            Output.all(
                arn=cluster.arn,
                name=cluster.name,
                server=cluster.endpoint,
                ca=cluster.certificate_authority.data,
            ).apply(lambda found: json.dumps(kubeconfig(**found)))
        )


def _same_issuer(cluster_name: str, provider_arn: str, issuer_url: str) -> str:
    if issuer_url != f"https://{issuer_from_provider_arn(provider_arn)}":
        raise pulumi.RunError(  # a ValueError in `apply` ends in pages of Pulumi's own
            f"OIDC provider {provider_arn} is not the one of cluster {cluster_name!r}, whose "
            f"issuer is {issuer_url}; correct the ARN, or leave it out to create the provider"
        )
    return provider_arn
