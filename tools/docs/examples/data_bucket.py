import pulumi

from irsa_components import (
    DataBucket,
    DataBucketArgs,
    ServiceAccount,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
)

bucket = DataBucket("reports", DataBucketArgs())
role_args = ServiceAccountRoleArgs(
    provider_arns=["arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"],
    service_accounts=[ServiceAccount(namespace="reporting", name="reports")],
    policies={"drafts": bucket.read_write(prefix="drafts/"), "all": bucket.read()},
)
pulumi.export("role_arn", ServiceAccountRole("reports", role_args).role_arn)
