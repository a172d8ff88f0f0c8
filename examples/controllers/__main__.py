"""Roles of two controllers that charts install, with permissions on one zone and one cluster."""

import json

import pulumi
import pulumi_aws as aws

from irsa.identity.controllers.dns import external_dns_policy
from irsa.identity.controllers.load_balancer import load_balancer_controller_policy
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs

config = pulumi.Config()
documents = {
    "external-dns": external_dns_policy([config.require("zoneId")]),
    "aws-load-balancer-controller": load_balancer_controller_policy(config.require("clusterArn")),
}
for name, document in documents.items():
    policy = aws.iam.Policy(name, name=name, policy=json.dumps(document))
    args = ServiceAccountRoleArgs(
        role_name=name,
        provider_arns=[config.require("providerArn")],
        subjects=[f"kube-system/{name}"],  # namespace and service account of the chart
        policy_arns={"permissions": policy.arn},
    )
    pulumi.export(name, ServiceAccountRole(name, args).role_arn)
