"""Account B of the forms: the target role of an association, and a role for federation.

Neither the association nor its role exists yet: the external id is computed.
"""

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from irsa_components import (
    CrossAccountRole,
    CrossAccountRoleArgs,
    DataBucket,
    DataBucketArgs,
    ServiceAccount,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
    TargetingAssociationArgs,
    cluster_arn,
    role_arn,
)

config = pulumi.Config()
cluster = cluster_arn(config.require("clusterArn"))
deployer = aws.ProviderAssumeRoleArgs(role_arn=config.require("assumeRoleArn"))
provider = aws.Provider("account-b", region="us-east-1", assume_roles=[deployer])
in_account = ResourceOptions(providers=[provider])

bucket_args = DataBucketArgs(
    bucket_name="acme-forms-b", force_destroy=True, read_policy_name="acme-forms-b-read"
)
bucket = DataBucket("acme-forms-b", bucket_args, in_account)
read = {"bucket": bucket.read_policy_arn}

ledger = TargetingAssociationArgs(
    cluster_arn=config.require("clusterArn"),
    service_account=ServiceAccount(namespace="forms", name="ledger"),
    role_arn=role_arn(cluster.account, "forms-ledger-A", partition=cluster.partition),
)
role_b = CrossAccountRole(
    "ledger",
    CrossAccountRoleArgs(role_name="forms-ledger-B", associations=[ledger], policy_arns=read),
    in_account,
)

if issuer_url := config.get("issuerUrl"):
    issuer = aws.iam.OpenIdConnectProvider(
        "account-a",
        url=issuer_url,
        client_id_lists=["sts.amazonaws.com"],
        opts=ResourceOptions(provider=provider),
    )
    ServiceAccountRole(
        "direct",
        ServiceAccountRoleArgs(
            role_name="forms-direct",
            provider_arns=[issuer.arn],
            service_accounts=[ServiceAccount(namespace="forms", name="direct")],
            policy_arns=read,
        ),
        in_account,
    )
pulumi.export("role_b_arn", role_b.role_arn)
