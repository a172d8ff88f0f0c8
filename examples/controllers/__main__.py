"""Roles of two controllers that charts install, with permissions on the records of one zone."""

import pulumi

from irsa_components import ServiceAccountRole, ServiceAccountRoleArgs

config = pulumi.Config()
zone = f"arn:aws:route53:::hostedzone/{config.require('zoneId')}"
change_records = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"]
only_txt = {"route53:ChangeResourceRecordSetsRecordTypes": ["TXT"]}
# Service account of the chart: what its controller calls, on which resource, under which condition.
calls = {
    # https://kubernetes-sigs.github.io/external-dns/latest/docs/tutorials/aws/
    "kube-system/external-dns": [
        ([*change_records, "route53:ListTagsForResources"], zone, {}),
        (["route53:ListHostedZones"], "*", {}),
    ],
    # https://cert-manager.io/docs/configuration/acme/dns01/route53/
    "cert-manager/cert-manager": [
        (change_records, zone, {"ForAllValues:StringEquals": only_txt}),
        (["route53:GetChange"], "arn:aws:route53:::change/*", {}),
    ],
}
for account, allowed in calls.items():
    name = account.partition("/")[2]
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": resource, "Condition": condition}
        for actions, resource, condition in allowed
    ]
    args = ServiceAccountRoleArgs(
        provider_arns=[config.require("providerArn")],
        subjects=[account],
        policies={"records": {"Version": "2012-10-17", "Statement": statements}},
    )
    pulumi.export(name, ServiceAccountRole(name, args).role_arn)
