"""The two programs as they were when they gave every physical name."""

import pulumi_aws as aws
from pulumi import ResourceOptions

import irsa_components as irsa
from tests.support.world import ACCOUNT_B, REGION, ROLE_A_ARN

POD = {"containers": [{"name": "app", "image": "app"}]}


def bucket(name, opts):
    args = irsa.DataBucketArgs(
        bucket_name=name, force_destroy=True, read_policy_name=f"{name}-read"
    )
    return irsa.DataBucket(name, args, opts)


def role(name, opts, cluster, *subjects, **more):
    args = irsa.ServiceAccountRoleArgs(
        role_name=name, provider_arns=[cluster.provider_arn], subjects=subjects, **more
    )
    return irsa.ServiceAccountRole(name, args, opts)


def pods(name, opts, **identity):
    account = irsa.ServiceAccount(namespace="dev", name=name)
    args = irsa.WorkloadArgs(service_account=account, pod_spec=POD, **identity)
    irsa.Workload(name, args, opts)


def account_a():
    opts = ResourceOptions(providers=[aws.Provider("account-a", region=REGION)])
    cluster = irsa.EksCluster("dev", irsa.EksClusterArgs(cluster_name="dev"), opts)
    in_cluster = ResourceOptions(providers=[cluster.kubernetes_provider])
    irsa.Namespace("dev", irsa.NamespaceArgs(namespace="dev"), in_cluster)
    read = {"bucket": bucket("bucket-s3-app", opts).read_policy_arn}
    user_args = irsa.AccessKeyUserArgs(user_name="s3-manager", policy_arns=read)
    user = irsa.AccessKeyUser("s3-manager", user_args, opts)
    pods("s3-app-key", in_cluster, access_key=irsa.AccessKeyArgs(user=user, region=REGION))
    s3_app = role("s3-app", opts, cluster, "dev/s3-app", policy_arns=read)
    pods("s3-app", in_cluster, role_arn=s3_app.role_arn)
    role("crossplane-aws-provider", opts, cluster, "crossplane-system/aws-provider-*")
    role_b_arn = irsa.role_arn(ACCOUNT_B, "s3-app-B")
    role_a = role("s3-app-A", opts, cluster, "dev/s3-app-chain", role_b_arns=[role_b_arn])
    chain = irsa.RoleChainArgs(targets=[irsa.TargetRoleArgs(role_arn=role_b_arn)], region=REGION)
    pods("s3-app-chain", in_cluster, role_arn=role_a.role_arn, chain=chain)


def account_b():
    opts = ResourceOptions(providers=[aws.Provider("account-b", region=REGION)])
    read = {"bucket": bucket("bucket-s3-app-b", opts).read_policy_arn}
    trusted = irsa.TrustedRoleArgs(role_arn=ROLE_A_ARN, unique_id="AROAEXAMPLE")
    args = irsa.CrossAccountRoleArgs(
        role_name="s3-app-B", trusted_roles=[trusted], policy_arns=read
    )
    irsa.CrossAccountRole("s3-app-B", args, opts)
