"""Policies across accounts: the callers and their actions."""

import pytest

from irsa.identity.policies import (
    TrustedRole,
    assume_role_permissions_policy,
    principal_arn_trust_policy,
    role_trust_policy,
)
from tests.support.refusal import refusal

ROLE_A = "arn:aws:iam::111122223333:role/s3-app-A"
ROLE_B = "arn:aws:iam::444455556666:role/s3-app-B"
TRUSTED = TrustedRole(ROLE_A, "AROAEXAMPLE1")
OTHER = TrustedRole("arn:aws:iam::999988887777:role/team/other", "AROAEXAMPLE2")


def test_a_role_is_trusted_by_arn_and_its_unique_id_stands_in_the_sid():
    assert role_trust_policy([TRUSTED]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AssumeFromAROAEXAMPLE1",
                "Effect": "Allow",
                "Principal": {"AWS": ROLE_A},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def test_a_recreated_role_changes_the_document_in_its_sid_alone():
    """Without the Sid the two documents are equal, and the trust would not be written again."""
    before = role_trust_policy([TRUSTED])
    after = role_trust_policy([TrustedRole(ROLE_A, "AROARECREATED")])

    assert before != after
    for document in (before, after):
        del document["Statement"][0]["Sid"]
    assert before == after


def test_several_roles_have_a_statement_each_in_a_stable_order():
    policy = role_trust_policy([OTHER, TRUSTED, OTHER])

    assert policy == role_trust_policy([TRUSTED, OTHER])
    assert [s["Principal"]["AWS"] for s in policy["Statement"]] == [ROLE_A, OTHER.arn]


def test_an_external_id_is_asked_of_every_role():
    for statement in role_trust_policy([TRUSTED, OTHER], external_id="tenant-42")["Statement"]:
        assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "tenant-42"}}


def test_trust_by_condition_admits_one_role_of_the_account():
    assert principal_arn_trust_policy([ROLE_A], external_id="tenant-42") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "ArnEquals": {"aws:PrincipalArn": ROLE_A},
                    "StringEquals": {"sts:ExternalId": "tenant-42"},
                },
            }
        ],
    }


def test_trust_by_condition_groups_roles_by_account():
    second = "arn:aws:iam::111122223333:role/z"
    policy = principal_arn_trust_policy([second, OTHER.arn, ROLE_A])

    found = [(s["Principal"]["AWS"], s["Condition"]) for s in policy["Statement"]]
    assert found == [
        ("arn:aws:iam::111122223333:root", {"ArnEquals": {"aws:PrincipalArn": [ROLE_A, second]}}),
        ("arn:aws:iam::999988887777:root", {"ArnEquals": {"aws:PrincipalArn": OTHER.arn}}),
    ]


def test_an_account_keeps_its_partition():
    (statement,) = principal_arn_trust_policy(["arn:aws-cn:iam::111122223333:role/x"])["Statement"]

    assert statement["Principal"] == {"AWS": "arn:aws-cn:iam::111122223333:root"}


def test_permission_is_for_one_role_and_nothing_else():
    assert assume_role_permissions_policy(ROLE_B) == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE_B}],
    }


@pytest.mark.parametrize(
    "arn", ["AROAEXAMPLE1", "arn:aws:sts::111122223333:assumed-role/x/session"]
)
def test_what_is_no_role_is_neither_trusted_nor_assumed(arn):
    message = "is not the ARN of a role; expected arn:aws:iam::<account>:role/<name>"
    assert message in refusal(role_trust_policy, [TrustedRole(arn, "AROAEXAMPLE1")])
    assert message in refusal(principal_arn_trust_policy, [arn])
    assert message in refusal(assume_role_permissions_policy, arn)


@pytest.mark.parametrize("external_id", ["", "x", "a b", "x" * 1225, "täglich"])
def test_an_external_id_that_sts_refuses_is_refused_first(external_id):
    with pytest.raises(ValueError, match="must be 2 to 1224 letters, digits and any of"):
        role_trust_policy([TRUSTED], external_id=external_id)
