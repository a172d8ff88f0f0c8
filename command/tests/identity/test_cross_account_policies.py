"""Policies across accounts: the callers and their actions."""

import pytest

from irsa.identity.policies import (
    TrustedRole,
    assume_role_permissions_policy,
    principal_arn_trust_policy,
    role_trust_policy,
)
from tests.support.refusal import refusal
from tests.support.world import ACCOUNT_A, ROLE_A_ARN, ROLE_B_ARN

TRUSTED = TrustedRole(ROLE_A_ARN, "AROAEXAMPLE1")
OTHER = TrustedRole("arn:aws:iam::999988887777:role/team/other", "AROAEXAMPLE2")
ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"
ALLOW = {"Effect": "Allow", "Action": "sts:AssumeRole"}


def test_a_role_is_trusted_by_arn_and_its_unique_id_stands_in_the_sid():
    """Without the Sid a recreated role would leave the document equal, and the trust unwritten."""
    statement = {**ALLOW, "Sid": "AssumeFromAROAEXAMPLE1", "Principal": {"AWS": ROLE_A_ARN}}
    assert role_trust_policy([TRUSTED]) == {"Version": "2012-10-17", "Statement": [statement]}


def test_several_roles_have_a_statement_each_in_a_stable_order():
    policy = role_trust_policy([OTHER, TRUSTED, OTHER])

    assert policy == role_trust_policy([TRUSTED, OTHER])
    assert [s["Principal"]["AWS"] for s in policy["Statement"]] == [ROLE_A_ARN, OTHER.arn]


def test_an_external_id_is_asked_of_every_role():
    for statement in role_trust_policy([TRUSTED, OTHER], external_id="tenant-42")["Statement"]:
        assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "tenant-42"}}


def test_trust_by_condition_admits_one_role_of_the_account():
    condition = {
        "ArnEquals": {"aws:PrincipalArn": ROLE_A_ARN},
        "StringEquals": {"sts:ExternalId": "tenant-42"},
    }
    statement = {**ALLOW, "Principal": {"AWS": ROOT}, "Condition": condition}
    assert principal_arn_trust_policy([ROLE_A_ARN], external_id="tenant-42") == {
        "Version": "2012-10-17",
        "Statement": [statement],
    }


def test_trust_by_condition_groups_roles_by_account_and_keeps_its_partition():
    second, china = f"arn:aws:iam::{ACCOUNT_A}:role/z", "arn:aws-cn:iam::999999999999:role/x"
    policy = principal_arn_trust_policy([second, OTHER.arn, china, ROLE_A_ARN])

    found = {s["Principal"]["AWS"]: s["Condition"]["ArnEquals"] for s in policy["Statement"]}
    assert found == {
        ROOT: {"aws:PrincipalArn": [ROLE_A_ARN, second]},
        "arn:aws:iam::999988887777:root": {"aws:PrincipalArn": OTHER.arn},
        "arn:aws-cn:iam::999999999999:root": {"aws:PrincipalArn": china},
    }


def test_permission_is_for_one_role_and_nothing_else():
    assert assume_role_permissions_policy(ROLE_B_ARN) == {
        "Version": "2012-10-17",
        "Statement": [{**ALLOW, "Resource": ROLE_B_ARN}],
    }


@pytest.mark.parametrize("arn", ["AROAEXAMPLE1", f"arn:aws:sts::{ACCOUNT_A}:assumed-role/x/y"])
def test_what_is_no_role_is_neither_trusted_nor_assumed(arn):
    message = "is not the ARN of a role; expected arn:aws:iam::<account>:role/<name>"
    assert message in refusal(role_trust_policy, [TrustedRole(arn, "AROAEXAMPLE1")])
    assert message in refusal(principal_arn_trust_policy, [arn])
    assert message in refusal(assume_role_permissions_policy, arn)


@pytest.mark.parametrize("external_id", ["", "x", "a b", "x" * 1225, "täglich"])
def test_an_external_id_that_sts_refuses_is_refused_first(external_id):
    with pytest.raises(ValueError, match="must be 2 to 1224 letters, digits and any of"):
        role_trust_policy([TRUSTED], external_id=external_id)
