"""An EKS cluster and its IAM OIDC provider: created, or an existing cluster by name."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Final, NamedTuple

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa.identity.arns import (
    account_of,
    aws_policy_arn,
    check_key_arn,
    check_principal_arn,
    issuer_from_provider_arn,
    partition_of,
    provider_arn_for,
)
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.kubeconfig import kubeconfig
from irsa.identity.names import check_cluster_name, check_subnet_id, check_vpc_id
from irsa.identity.policies import service_trust_policy
from irsa.identity.subjects import check_namespace

# https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
)


ANYWHERE: Final = "0.0.0.0/0"
FEWEST_SUBNETS: Final = 2
# A group's quota is 450 and can be raised; no cluster of EKS has more nodes than this.
# https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html
MOST_NODES: Final = 100_000
_VERSION = re.compile(r"[0-9]+\.[0-9]+")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
# https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
# https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
ACCESS_POLICIES: Final = (
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSSecretReaderPolicy",
)
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


@dataclass(frozen=True, kw_only=True)
class ControlPlaneArgs:
    """Endpoints, logs, encryption and deletion protection of a created cluster."""

    endpoint_public_access: bool = True
    """Give the API server a public endpoint; IAM decides who may use it."""

    endpoint_private_access: bool = True
    """Give the API server an endpoint in the VPC, which nodes then use. The VPC needs DNS hostnames
    and DNS resolution."""

    public_access_cidrs: Sequence[str] = (ANYWHERE,)
    """IPv4 CIDR blocks that may reach the public endpoint."""

    log_types: Sequence[str] = ("audit", "authenticator")
    """Control plane logs for CloudWatch, which bills them: any of ``api``, ``audit``,
    ``authenticator``, ``controllerManager`` and ``scheduler``; an empty list for none."""

    encryption_key_arn: str | None = None
    """Your KMS key for encrypting what the API server stores; an AWS owned key by default. It can
    be added later, and be changed or removed only by replacing the cluster."""

    deletion_protection: bool = False
    """Refuse to delete or replace the cluster, in Pulumi and in EKS, and its OIDC provider, in
    Pulumi."""

    def __post_init__(self) -> None:
        if not self.endpoint_public_access and not self.endpoint_private_access:
            raise ValueError(
                "endpoint_public_access and endpoint_private_access are both False: no client "
                "could reach the API server; leave one True"
            )
        networks = [_network(cidr) for cidr in self.public_access_cidrs]
        if self.endpoint_public_access and not networks:
            raise ValueError(
                "public_access_cidrs is empty; list the CIDR blocks that may reach the public "
                "endpoint, or set endpoint_public_access=False"
            )
        if not self.endpoint_public_access and [*self.public_access_cidrs] not in ([], [ANYWHERE]):
            raise ValueError(
                "public_access_cidrs has no effect with endpoint_public_access=False; remove one"
            )
        for log_type in self.log_types:
            if log_type not in LOG_TYPES:
                raise ValueError(f"log_types: {log_type!r} is not one of {', '.join(LOG_TYPES)}")
        if self.encryption_key_arn is not None:
            check_key_arn(self.encryption_key_arn)


def _network(cidr: str) -> IPv4Network:
    try:
        network = IPv4Network(cidr, strict=False)
    except ValueError as error:
        raise ValueError(
            f"public_access_cidrs: {cidr!r} is not an IPv4 CIDR block, such as '203.0.113.0/24'"
        ) from error
    if cidr != str(network):
        raise ValueError(
            f"public_access_cidrs: {cidr!r} is not an IPv4 CIDR block; write '{network}'"
        )
    if any(network.subnet_of(private) for private in _PRIVATE):
        raise ValueError(
            f"public_access_cidrs: {cidr} is a private range; use a public CIDR block, or "
            "endpoint_private_access for clients in the VPC"
        )
    return network


@dataclass(frozen=True, kw_only=True)
class AccessEntryArgs:
    """An IAM principal that may use a created cluster's API.

    https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
    """

    principal_arn: str
    """ARN of the role or user."""

    policy: str
    """Name of EKS's access policy, such as ``AmazonEKSViewPolicy``."""

    namespaces: Sequence[str] = ()
    """Namespaces that the policy is limited to; the whole cluster by default."""

    def __post_init__(self) -> None:
        check_principal_arn(self.principal_arn)
        if self.policy not in ACCESS_POLICIES:
            raise ValueError(
                f"access policy {self.policy!r} is not one of {', '.join(ACCESS_POLICIES)}"
            )
        for namespace in self.namespaces:
            check_namespace(namespace)


@dataclass(frozen=True, kw_only=True)
class NodeGroupArgs:
    """The managed node group of a cluster."""

    instance_types: Sequence[str] = ("t3.medium",)
    """EC2 instance types."""

    desired_size: int = 2
    """Number of nodes when the group is created."""

    min_size: int = 1
    """Minimum number of nodes."""

    max_size: int = 3
    """Maximum number of nodes."""

    def __post_init__(self) -> None:
        if not self.instance_types:
            raise ValueError("instance_types is empty; give at least one, such as 't3.medium'")
        for each in self.instance_types:
            if not _INSTANCE_TYPE.fullmatch(each):
                raise ValueError(
                    f"instance_types: {each!r} is not an instance type, such as 't3.medium'"
                )
        if self.max_size > MOST_NODES:
            raise ValueError(f"node group: max_size {self.max_size} is above {MOST_NODES}")
        if not 0 <= self.min_size <= self.desired_size <= self.max_size or self.max_size < 1:
            raise ValueError(
                f"node group: min_size {self.min_size}, desired_size {self.desired_size} and "
                f"max_size {self.max_size} must ascend, and max_size must be at least 1"
            )


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """Arguments of `EksCluster`."""

    cluster_name: str
    """Name of the cluster in EKS."""

    existing: bool = False
    """Use the existing cluster of that name; it is never changed or deleted."""

    provider_arn: Input[str] | None = None
    """ARN of an existing cluster's IAM OIDC provider. By default it is the one of the cluster's
    issuer in the cluster's account, which must exist."""

    create_provider: bool = False
    """Create the IAM OIDC provider of an existing cluster. That of a created cluster always is."""

    version: str | None = None
    """Kubernetes version of a created cluster, such as ``1.34``; EKS's default version by
    default."""

    subnet_ids: Sequence[Input[str]] | None = None
    """Subnets of a created cluster and its nodes, in at least two availability zones; those of the
    default VPC by default."""

    vpc_id: Input[str] | None = None
    """VPC of the subnets; given with them, and only with them."""

    control_plane: ControlPlaneArgs = field(default_factory=ControlPlaneArgs)
    """Endpoints, logs, encryption and deletion protection of a created cluster."""

    access_entries: Sequence[AccessEntryArgs] = ()
    """Principals that may use a created cluster's API, in addition to the principal that creates
    it."""

    nodes: NodeGroupArgs = field(default_factory=NodeGroupArgs)
    """Managed node group of a created cluster."""

    audiences: Sequence[str] = (STS_AUDIENCE,)
    """Client ids of a created OIDC provider: the ``aud`` values that STS accepts from it."""

    role_arn: str | None = None
    """Role that the AWS provider assumes. The Kubernetes provider assumes it too, because EKS gives
    access to the principal that created the cluster."""

    partition: str = "aws"
    """Partition of the account, for the ARNs of AWS's own policies."""

    def __post_init__(self) -> None:
        check_cluster_name(self.cluster_name)
        cluster = f"cluster {self.cluster_name!r}"
        if self.version is not None and not _VERSION.fullmatch(self.version):
            raise ValueError(
                f"{cluster}: version {self.version!r} is not a Kubernetes version, such as '1.34'"
            )
        of_created = {
            "version": self.version is not None,
            "subnet_ids": self.subnet_ids is not None,
            "vpc_id": self.vpc_id is not None,
            "control_plane": self.control_plane != ControlPlaneArgs(),
            "access_entries": bool(self.access_entries),
            "nodes": self.nodes != NodeGroupArgs(),
        }
        for name in (name for name, is_given in of_created.items() if is_given and self.existing):
            raise ValueError(
                f"{cluster}: {name} cannot be set on an existing cluster; remove it, or remove "
                "existing=True to create the cluster"
            )
        if not self.existing and self.provider_arn is not None:
            raise ValueError(
                f"{cluster} is created, so its OIDC provider cannot exist yet; remove "
                "provider_arn, or set existing=True"
            )
        if self.create_provider and (self.provider_arn is not None or not self.existing):
            raise ValueError(
                f"{cluster}: create_provider is for an existing cluster without an OIDC provider; "
                "remove it, or remove provider_arn and set existing=True"
            )
        if self.existing and not self.create_provider and [*self.audiences] != [STS_AUDIENCE]:
            raise ValueError(
                f"{cluster}: audiences cannot be set on an existing OIDC provider; remove them"
            )
        if isinstance(self.provider_arn, str):
            _check(f"{cluster}: provider_arn", issuer_from_provider_arn, self.provider_arn)
        self._check_network(cluster)
        self._check_access(cluster)

    def _check_network(self, cluster: str) -> None:
        if (self.subnet_ids is None) != (self.vpc_id is None):
            # pulumi-eks would look for the default VPC, which need not be theirs nor exist.
            raise ValueError(
                f"{cluster} has one of subnet_ids and vpc_id; give both, or neither for the "
                "default VPC"
            )
        if isinstance(self.vpc_id, str):
            _check(f"{cluster}: vpc_id", check_vpc_id, self.vpc_id)
        if self.subnet_ids is None:
            return
        plain = [each for each in self.subnet_ids if isinstance(each, str)]
        for subnet_id in plain:
            _check(f"{cluster}: subnet_ids", check_subnet_id, subnet_id)
            if plain.count(subnet_id) > 1:
                raise ValueError(f"{cluster}: subnet_ids has {subnet_id} twice; remove one")
        if len(self.subnet_ids) < FEWEST_SUBNETS:
            raise ValueError(
                f"{cluster}: subnet_ids has {len(self.subnet_ids)} subnets; EKS needs "
                f"{FEWEST_SUBNETS} in different availability zones, add one"
            )

    def _check_access(self, cluster: str) -> None:
        given = [(entry.principal_arn, entry.policy) for entry in self.access_entries]
        for principal_arn, policy in given:
            if given.count((principal_arn, policy)) > 1:
                raise ValueError(
                    f"{cluster}: access_entries has {principal_arn} with {policy} twice; merge "
                    "their namespaces"
                )
            if principal_arn == self.role_arn:
                raise ValueError(
                    f"{cluster}: {principal_arn} creates the cluster, so EKS makes it an "
                    "administrator; remove it from access_entries"
                )


def _check(argument: str, check: Callable[[str], str], value: str) -> None:
    try:
        check(value)
    except ValueError as error:
        raise ValueError(f"{argument}: {error}") from None


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

    def __init__(
        self, name: str, args: EksClusterArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("irsa:index:EksCluster", name, {}, opts)

        reached = self._adopt(name, args) if args.existing else self._create(name, args)
        self.cluster_name = reached.name
        self.issuer_url = reached.issuer_url
        self.kubeconfig = Output.secret(reached.kubeconfig)

        if args.provider_arn is not None:
            self.provider_arn = Output.all(args.provider_arn, self.issuer_url).apply(
                lambda values: _same_issuer(args.cluster_name, *values)
            )
        elif reached.provider_arn is not None and not args.create_provider:
            # Under the created one's name: a stack that had created it lets go of it, unharmed.
            self.provider_arn = aws.iam.OpenIdConnectProvider.get(
                name, reached.provider_arn, opts=ResourceOptions(parent=self)
            ).arn
        else:
            # pulumi-eks could create it, but fetches a TLS thumbprint from the machine that
            # deploys, which fails behind proxies; IAM no longer needs one (decision 0013).
            self.provider_arn = aws.iam.OpenIdConnectProvider(
                name,
                url=self.issuer_url,
                client_id_lists=list(args.audiences),
                opts=ResourceOptions(
                    parent=self,
                    # `up --skip-preview` keeps the protected cluster and deletes what else it
                    # can, and roles of other stacks trust this provider.
                    protect=args.control_plane.deletion_protection,
                ),
            ).arn

        self._kubernetes_provider = k8s.Provider(
            name,
            kubeconfig=self.kubeconfig,
            # The issuer changes when the cluster is another one, and at no other time; without
            # it a new certificate would replace everything in the cluster.
            cluster_identifier=self.issuer_url,
            # Without these two every change replaces, and a moment without the Secret is downtime.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=ResourceOptions(parent=self, depends_on=reached.nodes),
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "issuer_url": self.issuer_url,
                "provider_arn": self.provider_arn,
                "kubeconfig": self.kubeconfig,
            }
        )

    @property
    def kubernetes_provider(self) -> k8s.Provider:
        """Provider for the cluster's objects, which are deleted before the nodes and the cluster.

        Not an output, so that the package for other languages does without it.
        """
        return self._kubernetes_provider

    def _create(self, name: str, args: EksClusterArgs) -> "_Cluster":
        child_opts = ResourceOptions(parent=self)
        cluster = self._control_plane(name, args)
        cluster_name = cluster.eks_cluster.apply(lambda created: created.name)
        self._grant_access(name, args, cluster_name)

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
        return _Cluster(
            nodes.cluster_name, cluster.oidc_provider_url, cluster.kubeconfig_json, [nodes]
        )

    def _control_plane(self, name: str, args: EksClusterArgs) -> eks.Cluster:
        spec = args.control_plane
        if not spec.endpoint_public_access:
            pulumi.log.warn(
                f"cluster {args.cluster_name!r} has no public endpoint: this deployment, and "
                "every client, must run in its VPC or in a network connected to it",
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

    def _grant_access(self, name: str, args: EksClusterArgs, cluster_name: Output[str]) -> None:
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

    def _adopt(self, name: str, args: EksClusterArgs) -> "_Cluster":
        cluster = aws.eks.Cluster.get(name, args.cluster_name, opts=ResourceOptions(parent=self))
        config = Output.all(
            arn=cluster.arn,
            name=cluster.name,
            server=cluster.endpoint,
            ca=cluster.certificate_authority.data,
        ).apply(lambda parts: json.dumps(kubeconfig(**parts, role_arn=args.role_arn)))
        issuer_url = cluster.identities[0].oidcs[0].issuer
        provider_arn = Output.all(issuer_url, cluster.arn).apply(
            lambda found: provider_arn_for(
                found[0], account_of(found[1]), partition=partition_of(found[1])
            )
        )
        return _Cluster(cluster.name, issuer_url, config, [], provider_arn)


class _Cluster(NamedTuple):
    """A cluster, created or existing."""

    name: Output[str]
    issuer_url: Output[str]
    kubeconfig: Output[str]
    nodes: list[pulumi.Resource]
    """Resources that must exist before pods can run."""
    provider_arn: Output[str] | None = None
    """ARN that an existing cluster's OIDC provider has in the cluster's account."""


def _same_issuer(cluster_name: str, provider_arn: str, issuer_url: str) -> str:
    if issuer_url != f"https://{issuer_from_provider_arn(provider_arn)}":
        raise pulumi.RunError(  # a ValueError in `apply` ends in pages of Pulumi's own
            f"OIDC provider {provider_arn} is not the one of cluster {cluster_name!r}, whose "
            f"issuer is {issuer_url}; correct provider_arn, or leave it out"
        )
    return provider_arn
