import pulumi

from irsa_components import CrossAccountRole, CrossAccountRoleArgs, TrustedRoleArgs

role_a = TrustedRoleArgs(
    role_arn="arn:aws:iam::111122223333:role/s3-app-A",
    unique_id="AROAEXAMPLEID",  # so that a recreated role A is noticed
)
role_b = CrossAccountRole(
    "s3-app",
    CrossAccountRoleArgs(trusted_roles=[role_a], external_id="tenant-42"),
)
pulumi.export("role_b_arn", role_b.role_arn)
