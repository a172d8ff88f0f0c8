"""Existing roles as IAM describes them."""

from typing import Any

import pytest

from irsa.observe.existing_roles import ExistingRole, federated, from_iam
from tests.support.engine import ACCOUNT_A, PROVIDER_ARN
from tests.support.roles_of_others import READ_ONLY, eksctl_tags, eksctl_trust

ARN = f"arn:aws:iam::{ACCOUNT_A}:role/team/x/loki"
TRUST = eksctl_trust(PROVIDER_ARN, "logs/loki")


def iam_role(**more: Any) -> dict[str, Any]:
    return {"Arn": ARN, "RoleName": "loki", "AssumeRolePolicyDocument": TRUST, **more}


def test_all_settings_of_a_role_in_iam_are_kept():
    boundary = f"arn:aws:iam::{ACCOUNT_A}:policy/limits"
    role = iam_role(
        Description="Logs",
        MaxSessionDuration=7200,
        PermissionsBoundary={"PermissionsBoundaryArn": boundary},
        Tags=[{"Key": k, "Value": v} for k, v in eksctl_tags("prod", "logs/loki").items()],
    )

    found = from_iam(role, [READ_ONLY], ["s3"])

    assert found == ExistingRole(
        arn=ARN,
        trust_policy=TRUST,
        description="Logs",
        max_session_duration=7200,
        permissions_boundary=boundary,
        tags=eksctl_tags("prod", "logs/loki"),
        attached={READ_ONLY: ""},
        inline=("s3",),
        origin="eksctl, for service account logs/loki",
    )
    assert (found.name, found.path) == ("loki", "/team/x/")


def test_a_plain_role_has_no_origin():
    found = from_iam(iam_role(), [], [])

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
        ({}, []),
    ],
)  # fmt: skip
def test_federated_principals_are_found_in_every_spelling(document, expected):
    assert federated(document) == expected
