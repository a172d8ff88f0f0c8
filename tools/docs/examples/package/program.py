import pulumi
import pulumi_irsa as irsa

provider_arn = pulumi.Config().require("providerArn")  # of the cluster
bucket = irsa.DataBucket("reports", bucket_name="acme-reports", policies={"reports": "read"})
role = irsa.ServiceAccountRole(
    "reports",
    role_name="reports",
    provider_arns=[provider_arn],
    subjects=[{"namespace": "reporting", "name": "reports"}],
    policy_arns={"bucket": bucket.policy_arns["reports"]},
)
container = {"image": "public.ecr.aws/aws-cli/aws-cli:2.31.0", "command": ["sleep", "infinity"]}
reports = {"namespace": "reporting", "service_account_name": "reports"}
irsa.Workload("reports", **reports, role_arn=role.role_arn, container=container)
