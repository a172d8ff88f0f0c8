"""An EKS cluster and its IAM OIDC provider: created, or an existing cluster by name."""

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
from pulumi import Alias, Input, InvokeOptions, Output, Resource, ResourceOptions

from irsa_core.identity.arns import aws_policy_arn, issuer_from_provider_arn, provider_arn_beside
from irsa_core.identity.kubeconfig import kubeconfig
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import irsa_trust_policy, service_trust_policy
from irsa_core.identity.subjects import service_account_ref

from ._component import newer
from .cluster import Cluster
from .eks_cluster_args import EksClusterArgs
from .values import in_apply

if TYPE_CHECKING:
    import pulumi_eks as eks

# https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
CNI_ACCOUNT = service_account_ref("kube-system", "aws-node")
CNI_POLICY = "AmazonEKS_CNI_Policy"
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")


class EksCluster(Cluster):
    """A cluster, its IAM OIDC provider, and a Kubernetes provider that reaches it."""

    def __init__(
        self, name: str, args: EksClusterArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("EksCluster", name, args, opts)
        created = None if args.existing else self._control_plane(name, args)
        if created is None:
            cluster = aws.eks.Cluster.get(name, str(args.cluster_name), opts=self.child_options())
            identities = _present(name, "identities", cluster.identities)
            authority = _present(name, "certificateAuthority", cluster.certificate_authority)
            self.issuer_url = identities[0].oidcs[0].issuer
            config = Output.all(
                arn=cluster.arn,
                name=cluster.name,
                server=cluster.endpoint,
                ca=authority.data,
            ).apply(lambda parts: json.dumps(kubeconfig(**parts, role_arn=args.role_arn)))
        else:
            cluster = created.eks_cluster
            self.issuer_url, config = created.oidc_provider_url, created.kubeconfig_json
        # A name of Pulumi's has a random part, which a preview does not know.
        self.cluster_name = cluster.name if args.cluster_name else cluster.id
        self.cluster_arn = cluster.arn
        self.kubeconfig = Output.secret(config)
        self._grant_access(name, args)
        self.provider_arn = self._oidc_provider_arn(name, args)
        self._finish(name, self._nodes(name, args, created) if created else [])

    def _oidc_provider_arn(self, name: str, args: EksClusterArgs) -> Output[str]:
        if args.provider_arn is not None:
            return Output.all(args.provider_arn, self.issuer_url).apply(
                in_apply(lambda issuers: _same_issuer(str(args.cluster_name), *issuers))
            )
        if args.existing and not args.create_provider:
            # Under the created one's name: a stack that had created it lets go of it, unharmed.
            arn = Output.all(self.issuer_url, self.cluster_arn).apply(
                lambda cluster: provider_arn_beside(*cluster)
            )
            return aws.iam.OpenIdConnectProvider.get(name, arn, opts=self.child_options()).arn
        # pulumi-eks could create it, but fetches a TLS thumbprint from the machine that
        # deploys, which fails behind proxies; IAM no longer needs one (decision 0013).
        return aws.iam.OpenIdConnectProvider(
            name,
            url=self.issuer_url,
            client_id_lists=list(args.audiences),
            # `up --skip-preview` keeps the protected cluster and deletes what else it can, and
            # roles of other stacks trust this provider.
            opts=self.child_options(
                "provider",
                aws.iam.OpenIdConnectProvider,
                protect=args.control_plane.deletion_protection,
            ),
        ).arn

    def _nodes(self, name: str, args: EksClusterArgs, cluster: "eks.Cluster") -> list[Resource]:
        """Create the nodes of a created cluster; returns what must exist before pods can run."""
        if args.auto_mode:
            return [cluster]
        addons = self._addons(name, args.partition, cluster)
        trust = json.dumps(service_trust_policy("ec2.amazonaws.com"))
        description = f"Nodes of EKS cluster {args.cluster_name or name}"
        role, attachments = self._role(
            f"{name}-node", description, trust, args.partition, *NODE_POLICIES
        )
        template = aws.ec2.LaunchTemplate(
            f"{name}-node",
            # One hop ends at the node itself: pods get no credentials of its role.
            metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
            opts=self.child_options(),
        )
        nodes = aws.eks.NodeGroup(
            name,
            cluster_name=self.cluster_name,
            node_role_arn=role.arn,
            subnet_ids=cluster.eks_cluster.vpc_config.subnet_ids,
            instance_types=list(args.nodes.instance_types),
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            scaling_config={
                "desired_size": args.nodes.desired_size,
                "min_size": args.nodes.min_size,
                "max_size": args.nodes.max_size,
            },
            opts=self.child_options(depends_on=[cluster, *attachments, *addons]),
        )
        return [nodes]

    def _role(
        self, name: str, description: str, trust: Input[str], partition: str, *policies: str
    ) -> tuple[aws.iam.Role, list[aws.iam.RolePolicyAttachment]]:
        role = aws.iam.Role(
            name, description=description, assume_role_policy=trust, opts=self.child_options()
        )
        arns = {policy: aws_policy_arn(policy, partition=partition) for policy in policies}
        return role, [
            aws.iam.RolePolicyAttachment(
                f"{name}-{key}", role=role.name, policy_arn=arn, opts=self.child_options()
            )
            for key, arn in arns.items()
        ]

    def _addons(self, name: str, partition: str, cluster: "eks.Cluster") -> list[Resource]:
        """Create the EKS Pod Identity Agent, and then VPC CNI with a role of its own, instead of
        the node's.

        Without the agent VPC CNI fails and logs nothing, and without VPC CNI nodes do not get
        ready. In the China regions, where EKS Pod Identity is not proven, the role is by IRSA,
        without agent.
        https://docs.aws.amazon.com/eks/latest/userguide/cni-iam-role.html
        """
        by_irsa = partition == "aws-cn"
        trusting = irsa_trust_policy if by_irsa else pod_identity_trust_policy
        trusted = self.provider_arn if by_irsa else self.cluster_arn
        trust = trusted.apply(lambda arn: json.dumps(trusting([arn], [CNI_ACCOUNT])))
        role, attached = self._role(
            f"{name}-vpc-cni", "VPC CNI of an EKS cluster", trust, partition, CNI_POLICY
        )
        ready: list[Resource] = [*attached]
        if by_irsa:
            of_cni: dict[str, Any] = {"service_account_role_arn": role.arn}
        else:
            agent = self._addon(name, "eks-pod-identity-agent", cluster, self.child_options())
            ready.append(agent)
            association = {"role_arn": role.arn, "service_account": CNI_ACCOUNT.name}
            of_cni = {"pod_identity_associations": [association]}
        # Before version 0.2 it was pulumi-eks' add-on, which becomes ours in place.
        old = pulumi.create_urn(f"{name}-vpc-cni", "eks:index:VpcCniAddon", parent=cluster.urn)
        opts = self.child_options(aliases=[Alias(parent=old)], depends_on=ready)
        return [*ready, self._addon(name, "vpc-cni", cluster, opts, **of_cni)]

    def _addon(
        self, name: str, addon: str, cluster: "eks.Cluster", opts: ResourceOptions, **args: Any
    ) -> aws.eks.Addon:
        newest = aws.eks.get_addon_version_output(
            addon_name=addon,
            kubernetes_version=cluster.eks_cluster.version,
            most_recent=True,
            opts=InvokeOptions(parent=self),
        )
        return aws.eks.Addon(
            f"{name}-{addon}",
            cluster_name=cluster.eks_cluster.name,
            addon_name=addon,
            # The newest, as pulumi-eks does: it follows the cluster's version.
            addon_version=newest.version,
            # EKS puts a VPC CNI of its own on a new cluster.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=opts,
            **args,
        )

    def _control_plane(self, name: str, args: EksClusterArgs) -> "eks.Cluster":
        try:
            import pulumi_eks as eks  # an extra: an existing cluster does not need it
        except ImportError:
            raise pulumi.RunError(
                f"EksCluster {name!r}: a cluster is created by pulumi-eks, which is not installed; "
                "install irsa-components[eks], or give existing=True"
            ) from None
        spec, role = args.control_plane, args.role_arn
        public, auto = spec.endpoint_public_access, args.auto_mode
        if not public:
            pulumi.log.warn(
                f"cluster {args.cluster_name or name!r} has no public endpoint: this deployment, "
                "and every client, must run in its VPC or in a network connected to it",
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
            endpoint_public_access=None if public else False,
            endpoint_private_access=spec.endpoint_private_access,
            # Always said: the aws provider keeps the old blocks when they are left out.
            public_access_cidrs=[*spec.public_access_cidrs] if public else None,
            enabled_cluster_log_types=list(spec.log_types),
            encryption_config_key_arn=spec.encryption_key_arn,
            **newer(
                eks.ClusterArgs,
                "deletion_protection",
                spec.deletion_protection,
                f"EksCluster {name!r}: deletion_protection needs pulumi-eks 4.1 (pulumi-aws 7.10)",
            ),
            authentication_mode=eks.AuthenticationMode.API,
            provider_credential_opts=eks.KubeconfigOptionsArgs(role_arn=role) if role else None,
            create_oidc_provider=False,
            skip_default_node_group=True,  # it is self-managed; ours is EKS's
            use_default_vpc_cni=True,  # the add-on is ours, since pulumi-eks' has the node's role
            auto_mode=eks.AutoModeOptionsArgs(enabled=True) if auto else None,
            # The nodes of Auto Mode have their own.
            coredns_addon_options=eks.CoreDnsAddonOptionsArgs(enabled=False) if auto else None,
            # A preview then refuses; EKS would, once everything around the cluster is gone.
            opts=self.child_options(protect=spec.deletion_protection),
        )

    def _grant_access(self, name: str, args: EksClusterArgs) -> None:
        entries: dict[str, aws.eks.AccessEntry] = {}
        for spec in args.access_entries:
            # 111122223333-role/admin: one name for each principal, of whatever account.
            principal = spec.principal_arn.partition("::")[2].replace(":", "-")
            if principal not in entries:
                entries[principal] = aws.eks.AccessEntry(
                    f"{name}-{principal}",
                    cluster_name=self.cluster_name,
                    principal_arn=spec.principal_arn,
                    opts=self.child_options(),
                )
            aws.eks.AccessPolicyAssociation(
                f"{name}-{principal}-{spec.policy}",
                cluster_name=self.cluster_name,
                principal_arn=entries[principal].principal_arn,
                policy_arn=f"arn:{args.partition}:eks::aws:cluster-access-policy/{spec.policy}",
                access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(
                    type="namespace" if spec.namespaces else "cluster",
                    namespaces=list(spec.namespaces) or None,
                ),
                # Any change replaces it, and to EKS the new one is the old one: deleted last, it
                # would take the access away.
                opts=self.child_options(delete_before_replace=True),
            )


def _present(name: str, key: str, output: Output[Any]) -> Output[Any]:
    """Return an output of the cluster that was read; mocks may lack it."""

    def check(value: Any) -> Any:
        if not value:
            raise ValueError(f"the cluster that was read has no {key}; mocks have to return it")
        return value

    return output.apply(in_apply(check, f"EksCluster {name!r}: "))


def _same_issuer(cluster_name: str, provider_arn: str, issuer_url: str) -> str:
    if issuer_url != f"https://{issuer_from_provider_arn(provider_arn)}":
        raise ValueError(
            f"provider_arn ends in {provider_arn.rpartition('/')[2]}, and the issuer of cluster "
            f"{cluster_name!r} is {issuer_url}; correct it, or leave it out"
        )
    return provider_arn
