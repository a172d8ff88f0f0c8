import pulumi

from irsa_components import ServiceAccount, ServiceAccountRole, ServiceAccountRoleArgs

role = ServiceAccountRole(
    "reports",
    ServiceAccountRoleArgs(
        role_name="reports",
        provider_arns=[
            "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"
        ],
        service_accounts=[ServiceAccount(namespace="reporting", name="reports")],
        subjects=["reporting/job-*"],  # and all that match
        policy_arns={"read": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
    ),
)
pulumi.export("role_arn", role.role_arn)
