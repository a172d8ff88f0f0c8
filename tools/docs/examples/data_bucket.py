import pulumi

from irsa_components import (
    DataBucket,
    DataBucketArgs,
    ServiceAccount,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
)

bucket_args = DataBucketArgs(bucket_name="acme-reports", read_write_policy_name="reports-write")
bucket = DataBucket("reports", bucket_args)
role_args = ServiceAccountRoleArgs(
    role_name="reports",
    provider_arns=["arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"],
    service_accounts=[ServiceAccount(namespace="reporting", name="reports")],
    policy_arns={"bucket": bucket.read_write_policy_arn},
)
pulumi.export("role_arn", ServiceAccountRole("reports", role_args).role_arn)
