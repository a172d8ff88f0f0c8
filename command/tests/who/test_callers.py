"""The callers of a whole account that may assume a role that trusts the account."""

import pytest

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ROLE_A,
    ROLE_B,
    ROOT,
    allow,
    deny,
    document,
    trust,
)
from irsa.observe.facts import Role, Unread
from irsa.who.callers import UNLISTED, AccountPrincipal, Callers, callers_of, who_may

ALICE = f"arn:aws:iam::{ACCOUNT_A}:user/alice"
MAY = document(allow("sts:AssumeRole", ROLE_B))
MAY_NOT = document(allow("s3:*", "*"))
NO_POLICY = ["no caller: no policy of account 111122223333 allows it"]


def role_b(**condition):
    found = trust({"AWS": ROOT}, **({"Condition": condition} if condition else {}))
    return Role(ROLE_B, "AROAROLEB", document(found))


def role(*policies, **more):
    return AccountPrincipal(ROLE_A, "AROAROLEA", policies, **more)


def user(*policies, **more):
    return AccountPrincipal(ALICE, "AIDAALICE", policies, **more)


def texts(role, *callers):
    return who_may(role, ACCOUNT_A, callers).texts


def test_callers_that_a_policy_of_the_account_allows():
    assert texts(role_b(), role(MAY), user(MAY)) == [ROLE_A, ALICE]


@pytest.mark.parametrize(
    "caller",
    [
        role(),
        role(MAY_NOT),
        role(MAY, document(deny("sts:*", "*"))),
        role(MAY, boundary=MAY_NOT),
        user(document(allow("sts:AssumeRole", ROLE_A))),
    ],
    ids=["no-policy", "another-action", "denied", "boundary", "another-role"],
)
def test_callers_that_no_policy_allows_are_not_named(caller):
    assert texts(role_b(), caller) == NO_POLICY


def test_the_trust_policys_conditions_count_as_well():
    trusting = role_b(ArnEquals={"aws:PrincipalArn": ROLE_A})

    assert texts(trusting, role(MAY), user(MAY)) == [ROLE_A]


def test_who_may_is_asked_of_those_who_send_the_external_id():
    trusting = role_b(StringEquals={"sts:ExternalId": ["t-42", "t-43"]})

    assert texts(trusting, role(MAY)) == [ROLE_A]


def test_who_may_is_asked_of_those_who_send_the_session_tags():
    trusting = role_b(StringEquals={"aws:RequestTag/kubernetes-namespace": "dev"})
    trusting.trust_policy["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]

    assert texts(trusting, role(MAY)) == NO_POLICY
    assert texts(trusting, role(document(allow("sts:*", ROLE_B)))) == [ROLE_A]


def test_what_depends_on_a_fact_that_is_not_known_is_perhaps():
    trusting = role_b(IpAddress={"aws:SourceIp": "10.0.0.0/8"})

    [found] = texts(trusting, role(MAY))

    assert found.startswith(f"perhaps {ROLE_A}: ")
    assert "aws:SourceIp" in found


def test_policies_that_were_not_listed_are_perhaps():
    [found] = texts(role_b(), AccountPrincipal(ALICE, "AIDAALICE", None))

    assert found == f"perhaps {ALICE}: {UNLISTED}"


def test_a_policy_that_the_evaluator_cannot_read_is_perhaps():
    [found] = texts(role_b(), user({"Statement": [{"Effect": "Perhaps"}]}))

    assert found.startswith(f"perhaps {ALICE}: ")


def test_the_role_itself_is_not_among_them():
    trusting = Role(ROLE_A, "AROAROLEA", document(trust({"AWS": ROOT})))

    assert texts(trusting, role(document(allow("sts:AssumeRole", "*")))) == NO_POLICY


def test_an_account_that_cannot_be_read_says_what_it_takes():
    unread = Unread("users and roles of account 1", "denied", "iam:Get", "ask the owner")

    assert Callers("1", unread=unread).texts == [
        "could not read users and roles of account 1: needs iam:Get (denied); ask the owner"
    ]


BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"
MANAGED = f"arn:aws:iam::{ACCOUNT_A}:policy/b"
PAGES = [
    {
        "UserDetailList": [
            {
                "Arn": ALICE,
                "UserId": "AIDAALICE",
                "GroupList": ["team"],
                "AttachedManagedPolicies": [],
            }
        ],
        "RoleDetailList": [
            {
                "Arn": ROLE_A,
                "RoleId": "AROAROLEA",
                "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": MAY_NOT}],
                "AttachedManagedPolicies": [{"PolicyArn": MANAGED}],
                "PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY},
            }
        ],
    },
    {
        "GroupDetailList": [
            {
                "GroupName": "team",
                "GroupPolicyList": [{"PolicyName": "team", "PolicyDocument": MAY}],
                "AttachedManagedPolicies": [],
            }
        ],
        "Policies": [
            {
                "Arn": MANAGED,
                "PolicyVersionList": [
                    {"Document": MAY_NOT, "IsDefaultVersion": False},
                    {"Document": MAY, "IsDefaultVersion": True},
                ],
            },
            {
                "Arn": BOUNDARY,
                "PolicyVersionList": [{"Document": MAY_NOT, "IsDefaultVersion": True}],
            },
        ],
    },
]


def test_an_account_is_read_whole_with_groups_and_boundaries():
    assert callers_of(PAGES) == [role(MAY_NOT, MAY, boundary=MAY_NOT), user(MAY)]


@pytest.mark.parametrize("gone", ["Policies", "GroupDetailList"])
def test_what_a_page_does_not_hold_is_not_guessed(gone):
    pages = [{kind: found for kind, found in page.items() if kind != gone} for page in PAGES]

    known = {caller.arn: caller.policies for caller in callers_of(pages)}

    assert known[ROLE_A if gone == "Policies" else ALICE] is None
