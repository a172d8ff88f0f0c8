"""Ids of security group rules, and what an import's id spells out."""

from typing import Any

import pytest

from sandbox.providers.aws import security_groups
from sandbox.providers.resource import Refused

SOURCES = {"UserIdGroupPairs": [{"GroupId": f"sg-{n}"} for n in (12345678, 987654321, 12345678)]}
TCP = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 8000}
CIDR = {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}


@pytest.mark.parametrize(
    ("permission", "side", "resource_id"),
    [
        ({**TCP, **CIDR}, "ingress", "sgrule-3403497314"),
        ({**TCP, **CIDR}, "egress", "sgrule-1173186295"),
        ({"IpProtocol": "-1", **CIDR}, "egress", "sgrule-766323498"),
        ({**TCP, **SOURCES}, "egress", "sgrule-351225364"),
    ],
)
def test_a_rule_has_the_id_that_the_published_provider_gives_it(
    permission: dict[str, Any], side: str, resource_id: str
):
    """The same cases as in terraform-provider-aws' own test of it."""
    assert security_groups._rule_id("sg-12345", side, permission) == resource_id


@pytest.mark.parametrize(
    ("resource_id", "rule"),
    [
        (
            "sg-1_ingress_tcp_443_443_10.0.3.0/24_10.0.4.0/24",
            {
                "type": "ingress",
                "protocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "cidrBlocks": ["10.0.3.0/24", "10.0.4.0/24"],
                "self": False,
            },
        ),
        (
            "sg-1_egress_all_0_0_2001:db8::/48_pl-1",
            {
                "type": "egress",
                "protocol": "-1",
                "fromPort": 0,
                "toPort": 0,
                "ipv6CidrBlocks": ["2001:db8::/48"],
                "prefixListIds": ["pl-1"],
                "self": False,
            },
        ),
        (
            "sg-1_ingress_17_53_53_sg-2",
            {
                "type": "ingress",
                "protocol": "udp",
                "fromPort": 53,
                "toPort": 53,
                "sourceSecurityGroupId": "sg-2",
                "self": False,
            },
        ),
        (
            "sg-1_ingress_-1_0_0_self",
            {"type": "ingress", "protocol": "-1", "fromPort": 0, "toPort": 0, "self": True},
        ),
    ],
)
def test_an_import_s_id_spells_the_rule_out(resource_id: str, rule: dict[str, Any]):
    assert security_groups._imported(resource_id) == {"securityGroupId": "sg-1", **rule}


@pytest.mark.parametrize(
    "resource_id",
    ["sgrule-1", "sg-1_in_tcp_1_2_self", "sg-1_egress_tcp_1_2", "sg-1_egress_tcp_a_2_self"],
)
def test_another_id_is_refused_with_the_form_of_one(resource_id: str):
    with pytest.raises(Refused, match="expected GROUP-ID_TYPE_PROTOCOL_FROM-PORT_TO-PORT_SOURCE"):
        security_groups._imported(resource_id)
