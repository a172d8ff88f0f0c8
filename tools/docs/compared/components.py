import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import irsa_components as irsa

orders = irsa.ServiceAccount(namespace="shop", name="orders")
cluster = irsa.EksCluster("dev", irsa.EksClusterArgs(cluster_name="dev", existing=True))
deployer = aws.ProviderAssumeRoleArgs(role_arn=irsa.role_arn("444455556666", "deployer"))
account_b = aws.Provider("account-b", assume_roles=[deployer])
in_b = ResourceOptions(provider=account_b)
bucket_args = irsa.DataBucketArgs(bucket_name="acme-orders", read_write_policy_name="orders-write")
bucket = irsa.DataBucket("orders", bucket_args, in_b)
issuer = aws.iam.OpenIdConnectProvider(
    "dev", url=cluster.issuer_url, client_id_lists=["sts.amazonaws.com"], opts=in_b
)
role_args = irsa.ServiceAccountRoleArgs(
    role_name="orders",
    provider_arns=[issuer.arn],
    service_accounts=[orders],
    policy_arns={"bucket": bucket.read_write_policy_arn},
)
role = irsa.ServiceAccountRole("orders", role_args, in_b)
web = k8s.core.v1.ContainerArgs(name="web", image="registry.example/orders:1.4")
pod_spec = k8s.core.v1.PodSpecArgs(containers=[web])
pods = irsa.WorkloadArgs(service_account=orders, role_arn=role.role_arn, pod_spec=pod_spec)
irsa.Workload("orders", pods, ResourceOptions(providers=[cluster.kubernetes_provider]))
