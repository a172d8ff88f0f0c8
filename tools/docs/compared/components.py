import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import irsa_components as irsa

name = f"{pulumi.get_organization()}/platform/dev"
platform = irsa.StackCluster("platform", pulumi.StackReference(name))
orders = irsa.ServiceAccount(namespace="default", name="orders")
in_account_b = irsa.role_arn("444455556666", "OrganizationAccountAccessRole")
deployer = aws.ProviderAssumeRoleArgs(role_arn=in_account_b)
in_b = ResourceOptions(provider=aws.Provider("account-b", assume_roles=[deployer]))
bucket = irsa.DataBucket("orders", irsa.DataBucketArgs(), in_b)
issuer = aws.iam.OpenIdConnectProvider(
    "dev", url=platform.issuer_url, client_id_lists=["sts.amazonaws.com"], opts=in_b
)
role_args = irsa.ServiceAccountRoleArgs(
    provider_arns=[issuer.arn], service_accounts=[orders], policies={"data": bucket.read_write()}
)
role = irsa.ServiceAccountRole("orders", role_args, in_b)
env = [k8s.core.v1.EnvVarArgs(name="BUCKET", value=bucket.bucket_name)]
web = k8s.core.v1.ContainerArgs(name="web", image="registry.example/orders:1.4", env=env)
pod_spec = k8s.core.v1.PodSpecArgs(containers=[web])
pods = irsa.WorkloadArgs(service_account=orders, role=role, pod_spec=pod_spec)
irsa.Workload("orders", pods, ResourceOptions(providers=[platform.kubernetes_provider]))
