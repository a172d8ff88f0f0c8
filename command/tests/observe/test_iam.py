"""Existing roles as IAM describes them."""

from typing import Any
from unittest.mock import Mock

import pytest

from irsa.observe.iam import ExistingRole, federated, read_existing
from tests.support.roles_of_others import READ_ONLY, eksctl_tags, eksctl_trust
from tests.support.world import ACCOUNT_A, PROVIDER_ARN

ARN = f"arn:aws:iam::{ACCOUNT_A}:role/team/x/loki"
LIMITS = f"arn:aws:iam::{ACCOUNT_A}:policy/limits"
TRUST = eksctl_trust(PROVIDER_ARN, "logs/loki")
TAGS = eksctl_tags("prod", "logs/loki")


def iam(attached: list[str], inline: list[str], **more: Any) -> Mock:
    """A client of IAM with one role."""
    pages = {
        "list_attached_role_policies": {"AttachedPolicies": [{"PolicyArn": e} for e in attached]},
        "list_role_policies": {"PolicyNames": inline},
    }
    role = {"Arn": ARN, "RoleName": "loki", "AssumeRolePolicyDocument": TRUST, **more}
    client = Mock()
    client.get_role.return_value = {"Role": role}
    client.get_paginator.side_effect = lambda operation: Mock(
        paginate=lambda **_: [pages[operation]]
    )
    return client


def test_all_settings_of_a_role_in_iam_are_kept():
    client = iam(
        [READ_ONLY], ["s3"], Description="Logs", MaxSessionDuration=7200,
        PermissionsBoundary={"PermissionsBoundaryArn": LIMITS},
        Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
    )  # fmt: skip

    found = read_existing(client, "loki")

    assert found == ExistingRole(
        arn=ARN, trust_policy=TRUST, description="Logs", max_session_duration=7200,
        permissions_boundary=LIMITS, tags=TAGS, attached={READ_ONLY: ""}, inline=("s3",),
        origin="eksctl, for service account logs/loki",
    )  # fmt: skip
    assert (found.name, found.path) == ("loki", "/team/x/")


def test_a_plain_role_has_no_origin():
    found = read_existing(iam([], []), "loki")

    assert (found.description, found.tags, found.origin) == ("", {}, "")
    assert found.max_session_duration == 3600


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (TRUST, [PROVIDER_ARN]),
        ({"Statement": TRUST["Statement"][0]}, [PROVIDER_ARN]),
        ({"Statement": [{"Principal": {"Federated": ["a", "b"]}}, *TRUST["Statement"]]},
         ["a", "b", PROVIDER_ARN]),
        ({"Statement": [{"Principal": "*"}, {"Principal": {"AWS": "x"}}, "odd"]}, []),
        ({"Statement": [{"NotPrincipal": {"Federated": "a"}}]}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_federated_principals_are_found_in_every_spelling(document, expected):
    assert federated(document) == expected
