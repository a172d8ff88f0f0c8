"""The system of the examples, from the components themselves."""

import pulumi
from components.specs import ContainerSpec

from components.data_bucket import DataBucket, DataBucketArgs
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from components.workload import Workload, WorkloadArgs
from irsa.identity.subjects import service_account_ref

bucket = DataBucket(
    "reports", DataBucketArgs(bucket_name="acme-reports", policies={"reports": "read"})
)
role = ServiceAccountRole(
    "reports",
    ServiceAccountRoleArgs(
        role_name="reports",
        provider_arns=[pulumi.Config().require("providerArn")],
        subjects=[service_account_ref("reporting", "reports")],
        policy_arns={"bucket": bucket.policy_arns["reports"]},
    ),
)
Workload(
    "reports",
    WorkloadArgs(
        namespace="reporting",
        service_account_name="reports",
        role_arn=role.role_arn,
        container=ContainerSpec(
            image="public.ecr.aws/aws-cli/aws-cli:2.31.0", command=("sleep", "infinity")
        ),
    ),
)
