"""A role alone, for a service account that Helm, Argo CD or Flux creates."""

import pulumi

from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs

role = ServiceAccountRole(
    "exporter",
    ServiceAccountRoleArgs(
        role_name="exporter",
        provider_arns=[pulumi.Config().require("providerArn")],
        subjects=["monitoring/exporter"],  # namespace and service account of the chart
        policy_arns={"read": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
    ),
)
pulumi.export("role_arn", role.role_arn)
