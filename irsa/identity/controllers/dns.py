"""Policies of controllers that write records of Route 53: external-dns and cert-manager. Pure."""

import re
from collections.abc import Sequence

from irsa.identity.arns import Arn
from irsa.identity.controllers.statements import allow, permissions_policy
from irsa.identity.policies import Document

# https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html
_ZONE_ID = re.compile(r"Z[A-Z0-9]{1,31}")


def external_dns_policy(zone_ids: Sequence[str], *, partition: str = "aws") -> Document:
    """Permissions of external-dns on the records of hosted zones.

    Start it with ``--zone-id-filter`` for each of them; without, it reads every hosted zone.
    https://kubernetes-sigs.github.io/external-dns/latest/docs/tutorials/aws/
    """
    return permissions_policy(
        # The page shows every zone, and names a list of zones as the improvement.
        allow(
            [
                "route53:ChangeResourceRecordSets",
                "route53:ListResourceRecordSets",
                "route53:ListTagsForResources",
            ],
            _zone_arns(zone_ids, partition),
        ),
        allow("route53:ListHostedZones", "*"),
    )


def cert_manager_policy(zone_ids: Sequence[str], *, partition: str = "aws") -> Document:
    """Permissions of cert-manager to solve DNS01 challenges in hosted zones.

    Each solver names its ``hostedZoneID``.
    https://cert-manager.io/docs/configuration/acme/dns01/route53/
    """
    return permissions_policy(
        allow("route53:GetChange", _route53_arn(partition, "change/*")),
        # The page shows every zone, and names one zone as the tighter policy; with hostedZoneID
        # the solver does not call ListHostedZonesByName.
        allow(
            ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
            _zone_arns(zone_ids, partition),
            ("ForAllValues:StringEquals", "route53:ChangeResourceRecordSetsRecordTypes", ["TXT"]),
        ),
    )


def _zone_arns(zone_ids: Sequence[str], partition: str) -> list[str]:
    if not zone_ids:
        raise ValueError("the policy names no hosted zone; give at least one id")
    for zone_id in zone_ids:
        if not _ZONE_ID.fullmatch(zone_id):
            raise ValueError(
                f"{zone_id!r} is not the id of a hosted zone; expected one such as "
                "'Z0123456789ABCDEFGHIJ', without '/hostedzone/'"
            )
    return [_route53_arn(partition, f"hostedzone/{zone_id}") for zone_id in zone_ids]


def _route53_arn(partition: str, resource: str) -> str:
    return str(Arn(partition, "route53", "", "", resource))
