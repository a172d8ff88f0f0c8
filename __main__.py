"""Account A: three ways for pods to reach S3, side by side in one EKS cluster."""

import pulumi
from pulumi import ResourceOptions

from components.access_key_user import AccessKeyUser, AccessKeyUserArgs
from components.container import ContainerArgs
from components.credentials import AccessKeyArgs, RoleChainArgs, TargetRoleArgs
from components.data_bucket import DataBucket, DataBucketArgs
from components.eks_cluster import EksCluster
from components.namespace import Namespace, NamespaceArgs
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from components.workload import Workload, WorkloadArgs
from irsa.identity.arns import role_arn
from stack_config import AccountAConfig, load_config

config = load_config(AccountAConfig)
in_account = ResourceOptions(providers=[config.provider("account-a")])
cluster = EksCluster("dev", config.cluster_args, in_account)
in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])

# A stack for trials: force_destroy deletes the namespace and the bucket with everything in them.
namespace = Namespace("dev", NamespaceArgs(namespace="dev", force_destroy=True), in_cluster)
in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))
bucket_args = DataBucketArgs(
    bucket_name="bucket-s3-app", force_destroy=True, policies={"bucket-s3-app-read": "read"}
)
bucket = DataBucket("bucket-s3-app", bucket_args, in_account)
read_bucket = {"bucket": bucket.policy_arns["bucket-s3-app-read"]}
aws_cli = ContainerArgs(
    image="public.ecr.aws/aws-cli/aws-cli:2.31.0",  # by tag, to be readable; a digest is safer
    command=["sleep", "infinity"],
)

# System 1: the access key of an IAM user, in a Secret. For comparison, and to debug.
user_args = AccessKeyUserArgs(user_name="s3-manager", policy_arns=read_bucket)
user = AccessKeyUser("s3-manager", user_args, in_account)
key = AccessKeyArgs(
    access_key_id=user.access_key_id,
    secret_access_key=user.secret_access_key,
    region=config.region,
)
key_args = WorkloadArgs(namespace="dev", access_key=key, container=aws_cli)
Workload("s3-app-key", key_args, in_namespace)

# System 2: IRSA. A role that one service account may assume, and its pods.
role = ServiceAccountRole(
    "s3-app",
    ServiceAccountRoleArgs(
        role_name="s3-app",
        provider_arns=[cluster.provider_arn],
        subjects=["dev/s3-app"],
        policy_arns=read_bucket,
    ),
    in_account,
)
irsa_args = WorkloadArgs(namespace="dev", role_arn=role.role_arn, container=aws_cli)
Workload("s3-app", irsa_args, in_namespace)

# A role alone, for service accounts that an operator creates.
pattern_role = ServiceAccountRole(
    "crossplane-aws-provider",
    ServiceAccountRoleArgs(
        role_name="crossplane-aws-provider",
        provider_arns=[cluster.provider_arn],
        subjects=["crossplane-system/aws-provider-*"],
    ),
    in_account,
)

# System 3: role chaining. Role A may assume role B of account B, and nothing else.
role_b_arn = role_arn(config.account_b_id, "s3-app-B", partition=config.partition)
role_a = ServiceAccountRole(
    "s3-app-A",
    ServiceAccountRoleArgs(
        role_name="s3-app-A",
        provider_arns=[cluster.provider_arn],
        subjects=["dev/s3-app-chain"],
        role_b_arns=[role_b_arn],
    ),
    in_account,
)
target = TargetRoleArgs(role_arn=role_b_arn, external_id=config.external_id)
chain = RoleChainArgs(targets=[target], region=config.region)
chain_args = WorkloadArgs(namespace="dev", role_arn=role_a.role_arn, chain=chain, container=aws_cli)
Workload("s3-app-chain", chain_args, in_namespace)

pulumi.export("cluster_name", cluster.cluster_name)
pulumi.export("cluster_arn", cluster.cluster_arn)
pulumi.export("issuer_url", cluster.issuer_url)
pulumi.export("provider_arn", cluster.provider_arn)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("role_arn", role.role_arn)
pulumi.export("pattern_role_arn", pattern_role.role_arn)
pulumi.export("role_a_arn", role_a.role_arn)  # account B's stack trusts it
pulumi.export("role_a_unique_id", role_a.role_unique_id)
pulumi.export("external_id", config.external_id)
