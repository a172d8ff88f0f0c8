"""Roles and users as IAM describes them."""

from datetime import datetime

import pytest

from irsa.observe.facts import PermissionsPolicy, Unread
from irsa.observe.iam import IamReader, federated
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.fleet import Fleet
from tests.support.world import ACCOUNT_A, PROVIDER_ARN

[ROLE] = Fleet(1).roles
TRUST = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("logs", "loki")])


@pytest.mark.cases(("document", "expected"), {
    "list of statements": (TRUST, [PROVIDER_ARN]),
    "one statement": ({"Statement": TRUST["Statement"][0]}, [PROVIDER_ARN]),
    "list of providers":
        ({"Statement": [{"Principal": {"Federated": ["a", "b"]}}, *TRUST["Statement"]]},
            ["a", "b", PROVIDER_ARN]),
    "no provider": ({"Statement": [{"Principal": "*"}, {"Principal": {"AWS": "x"}}, "odd"]}, []),
    "NotPrincipal": ({"Statement": [{"NotPrincipal": {"Federated": "a"}}]}, []),
    "empty": ({}, []),
})  # fmt: skip
def test_federated_principals_are_found_in_every_spelling(document, expected):
    assert federated(document) == expected


def read(*pages):
    return IamReader(pages).result()


def test_an_account_is_read_whole_and_what_no_page_holds_is_not_guessed():
    managed, boundary = (
        f"arn:aws:iam::{ACCOUNT_A}:policy/team/data",
        "arn:aws:iam::aws:policy/Power",
    )
    of_role = {**ROLE, "AttachedManagedPolicies": [{"PolicyArn": managed}]}
    of_role["PermissionsBoundary"] = {"PermissionsBoundaryArn": boundary}
    inline = ROLE["RolePolicyList"][0]["PolicyDocument"]
    old, new = {"Statement": ["old"]}, {"Id": "x"}

    def policy(arn, *documents):
        """A managed policy, whose last version is the default."""
        versions = [{"Document": e, "IsDefaultVersion": e is documents[-1]} for e in documents]
        return {"Arn": arn, "PolicyVersionList": versions}

    alice = {"Arn": f"arn:aws:iam::{ACCOUNT_A}:user/alice", "UserId": "AIDA", "GroupList": ["team"]}
    team = {"GroupName": "team", "GroupPolicyList": [{"PolicyName": "t", "PolicyDocument": new}]}
    principals = {"UserDetailList": [alice], "RoleDetailList": [of_role]}
    policies = {"Policies": [policy(managed, old, new), policy(boundary, old)]}
    groups = {"GroupDetailList": [team]}

    def contents(*pages):
        listed = read(*pages)
        return [
            [document.content for document in (*caller.policies, caller.boundary) if document]
            for caller in (*listed.roles, *listed.users)
        ]

    assert contents(principals, groups | policies) == [[inline, new, old], [new]]
    assert contents(principals, policies) == [[inline, new, old], [{}]]
    assert contents(principals, groups) == [[inline, {}, {}], [new]]
    [role] = read(principals).roles
    assert role.trust_policy == ROLE["AssumeRolePolicyDocument"]
    unlisted = Unread(f"policy {managed}", "it was not listed", "iam:GetPolicyVersion")
    assert role.policies[1] == PermissionsPolicy("data", unlisted, managed)


def test_an_unused_role_differs_from_one_without_a_known_last_use():
    used = {"LastUsedDate": datetime.fromisoformat("2026-11-26T09:00:00+01:00")}
    unused = {**ROLE, "Arn": f"{ROLE['Arn']}-2", "RoleLastUsed": {}}
    silent = {key: each for key, each in ROLE.items() if key != "RoleLastUsed"}
    listed = read({"Roles": [silent]})

    last_used = read({"RoleDetailList": [{**ROLE, "RoleLastUsed": used}, unused]}).last_used
    assert last_used == {ROLE["Arn"]: "2026-11-26T08:00:00Z", f"{ROLE['Arn']}-2": ""}
    assert isinstance(listed.last_used, Unread)
    assert isinstance(listed.roles[0].policies, Unread)
