"""Roles as IAM describes them."""

from datetime import datetime

import pytest

from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.facts import PermissionsPolicy, Unread
from irsa.observe.iam import IamReader, federated
from tests.support.fleet import ACCOUNT, Fleet
from tests.support.world import PROVIDER_ARN

[ROLE] = Fleet(1).roles
TRUST = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("logs", "loki")])


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


def read(*pages):
    reader = IamReader()
    for page in pages:
        reader.add(page)
    return reader.result()


def test_roles_have_their_policies_from_all_pages():
    managed = f"arn:aws:iam::{ACCOUNT}:policy/team/data"
    read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    attached = [
        {"PolicyName": "data", "PolicyArn": managed},
        {"PolicyName": "ReadOnlyAccess", "PolicyArn": read_only},
    ]
    versions = [
        {"VersionId": "v2", "IsDefaultVersion": True, "Document": {"Statement": ["new"]}},
        {"VersionId": "v1", "IsDefaultVersion": False, "Document": {"Statement": ["old"]}},
    ]
    policies = [{"Arn": managed, "PolicyVersionList": versions}]

    [role] = read(
        {"RoleDetailList": [{**ROLE, "AttachedManagedPolicies": attached}]}, {"Policies": policies}
    ).roles

    assert role.trust_policy == ROLE["AssumeRolePolicyDocument"]
    assert role.policies == (
        PermissionsPolicy("data", ROLE["RolePolicyList"][0]["PolicyDocument"]),
        PermissionsPolicy("data", {"Statement": ["new"]}, managed),
        PermissionsPolicy(
            "ReadOnlyAccess",
            Unread(f"policy {read_only}", "it was not listed", "iam:GetPolicyVersion"),
            read_only,
        ),
    )


def test_an_unused_role_differs_from_one_without_a_known_last_use():
    used = {"LastUsedDate": datetime.fromisoformat("2026-11-26T09:00:00+01:00")}
    roles = [
        {**ROLE, "RoleLastUsed": used},
        {**ROLE, "Arn": f"{ROLE['Arn']}-2", "RoleLastUsed": {}},
    ]
    silent = {key: each for key, each in ROLE.items() if key != "RoleLastUsed"}
    listed = read({"Roles": [silent]})

    last_used = read({"RoleDetailList": roles}).last_used
    assert last_used == {ROLE["Arn"]: "2026-11-26T08:00:00Z", f"{ROLE['Arn']}-2": ""}
    assert isinstance(listed.last_used, Unread)
    assert isinstance(listed.roles[0].policies, Unread)
