import pulumi

from components.data_bucket import DataBucket, DataBucketArgs
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa.identity.subjects import service_account_ref

bucket = DataBucket("reports", DataBucketArgs(bucket_name="acme-reports"))
role_args = ServiceAccountRoleArgs(
    role_name="reports",
    provider_arns=["arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"],
    subjects=[service_account_ref("reporting", "reports")],
    policy_arns={"bucket": bucket.access_policy("reports", "read-write").arn},
)
pulumi.export("role_arn", ServiceAccountRole("reports", role_args).role_arn)
