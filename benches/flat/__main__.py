"""The resources of benches/components, by hand: no components, no checks."""

import asyncio
import hashlib
import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

config = pulumi.Config()
account_id = config.require("accountId")
names = config.require_object("workloads")

account = aws.Provider(
    "account-a",
    region="us-east-1",
    allowed_account_ids=[account_id],
    default_tags=aws.ProviderDefaultTagsArgs(tags={"project": "irsa", "stack": "dev"}),
)
in_account = ResourceOptions(provider=account)

cluster = eks.Cluster(
    "dev",
    name="dev",
    authentication_mode=eks.AuthenticationMode.API,
    skip_default_security_groups=True,
    endpoint_private_access=True,
    public_access_cidrs=["0.0.0.0/0"],
    enabled_cluster_log_types=["audit", "authenticator"],
    deletion_protection=False,
    create_oidc_provider=False,
    skip_default_node_group=True,
    use_default_vpc_cni=True,
    opts=ResourceOptions(providers=[account]),
)
oidc_provider = aws.iam.OpenIdConnectProvider(
    "dev",
    url=cluster.oidc_provider_url,
    client_id_lists=["sts.amazonaws.com"],
    opts=in_account,
)
in_eks = cluster.eks_cluster


def addon(name: str, opts: ResourceOptions, **args: Any) -> aws.eks.Addon:
    """An add-on of the cluster in its newest version."""
    return aws.eks.Addon(
        f"dev-{name}",
        cluster_name=in_eks.apply(lambda created: created.name),
        addon_name=name,
        addon_version=aws.eks.get_addon_version_output(
            addon_name=name,
            kubernetes_version=in_eks.apply(lambda created: created.version),
            most_recent=True,
            opts=pulumi.InvokeOptions(provider=account),
        ).version,
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=opts,
        **args,
    )


def cni_trust_policy(cluster_arn: str) -> str:
    """Trust policy of the role of VPC CNI."""
    tags = {
        "eks-cluster-arn": cluster_arn,
        "kubernetes-namespace": "kube-system",
        "kubernetes-service-account": "aws-node",
    }
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "pods.eks.amazonaws.com"},
                    "Action": ["sts:AssumeRole", "sts:TagSession"],
                    "Condition": {
                        "StringEquals": {
                            "aws:SourceAccount": cluster_arn.split(":")[4],
                            **{f"aws:RequestTag/{tag}": value for tag, value in tags.items()},
                        },
                        "ArnEquals": {"aws:SourceArn": cluster_arn},
                    },
                }
            ],
        }
    )


cni_role = aws.iam.Role(
    "dev-vpc-cni",
    description="VPC CNI of an EKS cluster",
    assume_role_policy=in_eks.apply(lambda created: created.arn).apply(cni_trust_policy),
    opts=in_account,
)
cni_policy = aws.iam.RolePolicyAttachment(
    "dev-vpc-cni-AmazonEKS_CNI_Policy",
    role=cni_role.name,
    policy_arn="arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    opts=in_account,
)
agent = addon("eks-pod-identity-agent", in_account)
cni = addon(
    "vpc-cni",
    ResourceOptions(provider=account, depends_on=[cni_policy, agent]),
    pod_identity_associations=[
        aws.eks.AddonPodIdentityAssociationArgs(role_arn=cni_role.arn, service_account="aws-node")
    ],
)
node_role = aws.iam.Role(
    "dev-node",
    description="Nodes of EKS cluster dev",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ec2.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    ),
    opts=in_account,
)
node_policies = [
    aws.iam.RolePolicyAttachment(
        f"dev-node-{policy}",
        role=node_role.name,
        policy_arn=f"arn:aws:iam::aws:policy/{policy}",
        opts=in_account,
    )
    for policy in ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
]
template = aws.ec2.LaunchTemplate(
    "dev-node",
    metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
        http_tokens="required", http_put_response_hop_limit=1
    ),
    opts=in_account,
)
nodes = aws.eks.NodeGroup(
    "dev",
    cluster_name=in_eks.apply(lambda created: created.name),
    node_role_arn=node_role.arn,
    subnet_ids=in_eks.apply(lambda created: created.vpc_config.subnet_ids),
    instance_types=["t3.medium"],
    launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
        id=template.id, version=template.latest_version.apply(str)
    ),
    scaling_config=aws.eks.NodeGroupScalingConfigArgs(desired_size=2, min_size=1, max_size=3),
    opts=ResourceOptions(provider=account, depends_on=[cluster, *node_policies, cni]),
)
kubernetes = k8s.Provider(
    "dev",
    kubeconfig=pulumi.Output.secret(cluster.kubeconfig_json),
    cluster_identifier=cluster.oidc_provider_url,
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
    opts=ResourceOptions(depends_on=[nodes]),
)
in_cluster = ResourceOptions(provider=kubernetes)
NAMESPACE = "bench"
namespace = k8s.core.v1.Namespace(
    NAMESPACE, metadata=k8s.meta.v1.ObjectMetaArgs(name=NAMESPACE), opts=in_cluster
)
in_namespace = ResourceOptions(provider=kubernetes, depends_on=[namespace])


def trust_policy(provider_arn: str, name: str) -> str:
    """Trust policy of a workload's role."""
    issuer = provider_arn.partition("/")[2]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": provider_arn},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {
                        "StringEquals": {
                            f"{issuer}:aud": "sts.amazonaws.com",
                            f"{issuer}:sub": f"system:serviceaccount:bench:{name}",
                        }
                    },
                }
            ],
        }
    )


def tls_only(bucket_arn: str) -> str:
    """The policy of a bucket."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket_arn, f"{bucket_arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
    )


def may_read(bucket_arn: str) -> str:
    """The policy of a role."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Bucket",
                    "Effect": "Allow",
                    "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
                    "Resource": bucket_arn,
                },
                {
                    "Sid": "Objects",
                    "Effect": "Allow",
                    "Action": ["s3:GetObject"],
                    "Resource": f"{bucket_arn}/*",
                },
            ],
        }
    )


def identity_hash(role_arn: str) -> str:
    """Hash that changes with the pods' role."""
    annotations = json.dumps({"eks.amazonaws.com/role-arn": role_arn})
    return hashlib.sha256(annotations.encode()).hexdigest()[:16]


async def main() -> None:
    """Register every workload before the SDK waits for outputs.

    Otherwise it waits for all of them anew after each one, and the time grows with the square of
    their number.
    """
    for name in names:
        bucket = aws.s3.Bucket(
            f"bucket-{name}", bucket=f"bucket-{name}", force_destroy=True, opts=in_account
        )
        public_access = aws.s3.BucketPublicAccessBlock(
            f"bucket-{name}",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=in_account,
        )
        aws.s3.BucketOwnershipControls(
            f"bucket-{name}",
            bucket=bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=in_account,
        )
        by_default = (
            aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"bucket-{name}",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by_default(sse_algorithm="AES256")
                )
            ],
            opts=in_account,
        )
        aws.s3.BucketVersioning(
            f"bucket-{name}",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
                status="Enabled"
            ),
            opts=in_account,
        )
        aws.s3.BucketPolicy(
            f"bucket-{name}",
            bucket=bucket.bucket,
            policy=bucket.arn.apply(tls_only),
            opts=ResourceOptions(provider=account, depends_on=[public_access]),
        )
        policy = aws.iam.Policy(
            name,
            name=name,
            description="Access to one bucket",
            policy=bucket.arn.apply(may_read),
            opts=in_account,
        )
        role = aws.iam.Role(
            name,
            name=name,
            path="/",
            description="IRSA for bench",
            assume_role_policy=oidc_provider.arn.apply(
                lambda arn, name=name: trust_policy(arn, name)
            ),
            max_session_duration=3600,
            opts=in_account,
        )
        aws.iam.RolePolicyAttachment(
            f"{name}-bucket", role=role.name, policy_arn=policy.arn, opts=in_account
        )
        service_account = k8s.core.v1.ServiceAccount(
            f"bench/{name}",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=name,
                namespace=NAMESPACE,
                annotations={"eks.amazonaws.com/role-arn": role.arn},
            ),
            opts=in_namespace,
        )
        labels = {"app.kubernetes.io/name": name}
        k8s.apps.v1.Deployment(
            name,
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=labels),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(
                        labels=labels,
                        annotations={"irsa/identity-hash": role.arn.apply(identity_hash)},
                    ),
                    spec=k8s.core.v1.PodSpecArgs(
                        service_account_name=service_account.metadata.name,
                        automount_service_account_token=False,
                        security_context=k8s.core.v1.PodSecurityContextArgs(
                            run_as_non_root=True,
                            seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
                        ),
                        containers=[
                            k8s.core.v1.ContainerArgs(
                                name="app",
                                image="app",
                                env=[k8s.core.v1.EnvVarArgs(name="HOME", value="/tmp")],  # noqa: S108
                                security_context=k8s.core.v1.SecurityContextArgs(
                                    allow_privilege_escalation=False,
                                    read_only_root_filesystem=True,
                                    capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
                                ),
                                volume_mounts=[
                                    k8s.core.v1.VolumeMountArgs(name="irsa-home", mount_path="/tmp")  # noqa: S108
                                ],
                            )
                        ],
                        volumes=[
                            k8s.core.v1.VolumeArgs(
                                name="irsa-home", empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs()
                            )
                        ],
                    ),
                ),
            ),
            opts=in_namespace,
        )
    await asyncio.sleep(0)


pulumi.run(main)
