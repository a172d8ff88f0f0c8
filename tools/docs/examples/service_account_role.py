import pulumi

from irsa_components import ServiceAccount, ServiceAccountRole, ServiceAccountRoleArgs, allow

role = ServiceAccountRole(
    "reports",
    ServiceAccountRoleArgs(
        provider_arns=[
            "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"
        ],
        service_accounts=[ServiceAccount(namespace="reporting", name="reports")],
        subjects=["reporting/job-*"],  # and all that match
        policies={"queue": allow("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:q")},
        policy_arns={"read": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
    ),
)
pulumi.export("role_arn", role.role_arn)
