"""Account A: three ways for pods to reach S3, side by side in one EKS cluster."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import irsa_components as irsa
from stack_config import AccountAConfig, load_config

config = load_config(AccountAConfig)
assumed = aws.ProviderAssumeRoleArgs(role_arn=config.assume_role_arn, session_name="irsa")
account_a = aws.Provider(
    "account-a",
    region=config.region,
    allowed_account_ids=[config.account_id],
    assume_roles=[assumed] if config.assume_role_arn else None,
    default_tags=aws.ProviderDefaultTagsArgs(tags=config.all_tags),
)
in_account = ResourceOptions(providers=[account_a])
cluster = irsa.EksCluster("dev", config.cluster_args, in_account)
in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])

# A stack for trials: force_destroy deletes the namespace and the bucket with everything in them.
namespace_args = irsa.NamespaceArgs(namespace=config.namespace, force_destroy=True)
namespace = irsa.Namespace("dev", namespace_args, in_cluster)
in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))
bucket_args = irsa.DataBucketArgs(force_destroy=True, managed_policies=["read"])
bucket = irsa.DataBucket("s3-app", bucket_args, in_account)


def aws_cli(bucket_name: pulumi.Input[str]) -> k8s.core.v1.PodSpecArgsDict:
    """Return pods with the AWS CLI, which find their bucket in their environment."""
    container: k8s.core.v1.ContainerArgsDict = {
        "name": "app",
        # By tag, to be readable; a digest is safer.
        "image": "public.ecr.aws/aws-cli/aws-cli:2.31.0",
        "command": ["sleep", "infinity"],
        "env": [{"name": "BUCKET", "value": bucket_name}],
    }
    return {"security_context": {"run_as_user": 65532}, "containers": [container]}


# System 1: the access key of an IAM user, in a Secret. For comparison, and to debug.
user_args = irsa.AccessKeyUserArgs(policy_arns={"bucket": bucket.read_policy_arn})
user = irsa.AccessKeyUser("s3-manager", user_args, in_account)
with_key = irsa.ServiceAccount(namespace=config.namespace, name="s3-app-key")
key = irsa.AccessKeyArgs(user=user, region=config.region)
pod_spec = aws_cli(bucket.bucket_name)
key_args = irsa.WorkloadArgs(service_account=with_key, access_key=key, pod_spec=pod_spec)
irsa.Workload("s3-app-key", key_args, in_namespace)

# System 2: IRSA. A role that one service account may assume, and its pods.
s3_app = irsa.ServiceAccount(namespace=config.namespace, name="s3-app")
role_args = irsa.ServiceAccountRoleArgs(
    irsa_clusters=[cluster], service_accounts=[s3_app], policies={"read": bucket.read()}
)
role = irsa.ServiceAccountRole("s3-app", role_args, in_account)
irsa_args = irsa.WorkloadArgs(service_account=s3_app, role=role, pod_spec=pod_spec)
irsa.Workload("s3-app", irsa_args, in_namespace)

# A role alone, for service accounts that an operator creates.
pattern_args = irsa.ServiceAccountRoleArgs(
    irsa_clusters=[cluster], subjects=["crossplane-system/aws-provider-*"]
)
pattern_role = irsa.ServiceAccountRole("crossplane-aws-provider", pattern_args, in_account)

# System 3: role chaining. Role A may assume role B of account B, and nothing else.
s3_app_chain = irsa.ServiceAccount(namespace=config.namespace, name="s3-app-chain")
# Account B's stack derives these names from this stack's full name in the same way.
stack_a = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
role_b_name = irsa.shared_name("s3-app-B", stack_a)
role_b_arn = irsa.role_arn(config.account_b_id, role_b_name, partition=config.partition)
bucket_b_name = irsa.shared_name("s3-app-b", stack_a, config.account_b_id)
role_a_args = irsa.ServiceAccountRoleArgs(
    irsa_clusters=[cluster], service_accounts=[s3_app_chain], role_b_arns=[role_b_arn]
)
role_a = irsa.ServiceAccountRole("s3-app-A", role_a_args, in_account)
target = irsa.TargetRoleArgs(role_arn=role_b_arn, external_id=config.external_id)
chain = irsa.RoleChainArgs(targets=[target], region=config.region)
chain_args = irsa.WorkloadArgs(
    service_account=s3_app_chain, role=role_a, chain=chain, pod_spec=aws_cli(bucket_b_name)
)
irsa.Workload("s3-app-chain", chain_args, in_namespace)

pulumi.export("bucket", bucket.bucket_name)
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
