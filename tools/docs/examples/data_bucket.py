import pulumi

from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs

bucket_args = DataBucketArgs(bucket_name="acme-reports", policies={"reports-write": "read-write"})
bucket = DataBucket("reports", bucket_args)
role_args = ServiceAccountRoleArgs(
    role_name="reports",
    provider_arns=["arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"],
    subjects=["reporting/reports"],
    policy_arns={"bucket": bucket.policy_arns["reports-write"]},
)
pulumi.export("role_arn", ServiceAccountRole("reports", role_args).role_arn)
