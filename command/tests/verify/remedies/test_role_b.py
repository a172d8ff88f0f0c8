"""A remedy between role A and role B trusts no other caller, and lifts no condition."""

from dataclasses import replace

import pytest

from command.tests.verify.chains import DENIED, GOOD, ROLE, chained, role_b
from command.tests.verify.commands import written
from command.tests.verify.pods import A, B, config, pod, with_config
from irsa.identity.policies import TrustedRole, principal_arn_trust_policy, role_trust_policy
from irsa.verify.facts import RoleB
from irsa.verify.link import Remedy, Status
from tests.support.world import ACCOUNT_A, ROLE_ARN, ROLE_B_ARN

NEIGHBOUR = f"arn:aws:iam::{ACCOUNT_A}:role/neighbour"
GONE = f"arn:aws:iam::{ACCOUNT_A}:role/s3app"
TARGET = RoleB(role_arn=ROLE_B_ARN)
MOVED = ROLE_B_ARN.replace("role/", "role/team/")
WHERE = "in [profile B] in ConfigMap aws, and restart the Pods"
BY_PROFILE = replace(TARGET, profile="B")


def with_profile(text=A + B, target=BY_PROFILE, **changes):
    """The links of a chain through profile B of a ConfigMap, which STS refuses."""
    facts = replace(GOOD, pods=(pod(with_config()),), profile="B", **config(text))
    return chained(facts, target=target, assumed=DENIED, **changes)


def asking(condition):
    document = role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)])
    document["Statement"][0]["Condition"] = condition
    return role_b(document)


def test_what_role_b_asks_for_the_profile_sends():
    by_name, by_id = {"sts:RoleSessionName": "ledger"}, {"sts:ExternalId": "tenant-42"}
    by_pattern = {"StringLike": {"sts:RoleSessionName": "ledger-*"}}
    asked = [{"StringEquals": by_name}, by_pattern, {"StringEquals": by_id}]
    found = [with_profile(role=asking(each))["chain-trust"].remedy for each in asked]
    lines = ["role_session_name = ledger", "role_session_name = ledger-irsa"]
    assert found == [Remedy(f"set {each} {WHERE}") for each in (*lines, "external_id = tenant-42")]


@pytest.mark.parametrize(
    ("operator", "key", "value", "status"),
    [
        ("StringEquals", "sts:SourceIdentity", "alice", Status.FAILED),
        ("Bool", "aws:MultiFactorAuthPresent", "true", Status.FAILED),
        # The role may have tags, which are not read.
        ("StringEquals", "aws:PrincipalTag/team", "ledger", Status.UNKNOWN),
    ],
)
def test_a_condition_that_the_caller_cannot_send_is_not_lifted(operator, key, value, status):
    link = chained(role=asking({operator: {key: value}}), assumed=DENIED)["chain-trust"]
    assert (link.status, link.remedy.shell) == (status, ())
    meet = f"meet the trust policy's conditions ({key}"
    assert status is Status.UNKNOWN or link.remedy.text.startswith(meet)


@pytest.mark.parametrize("named", [GONE, NEIGHBOUR])
def test_role_a_is_added_and_the_others_and_the_external_id_stay(named):
    document = principal_arn_trust_policy([named], external_id="tenant-42")
    target = replace(TARGET, external_id="tenant-42")

    known = {"role": role_b(document), "target": target}
    commands = chained(assumed=DENIED, **known)["chain-trust"].remedy.shell

    wanted = principal_arn_trust_policy([named, ROLE_ARN], external_id="tenant-42")
    wanted["Statement"][0]["Condition"]["ArnEquals"]["aws:PrincipalArn"] = [named, ROLE_ARN]
    assert [written(each) for each in commands] == [wanted]


def test_role_a_gets_no_permission_for_a_role_b_that_is_missing():
    found = chained(role_a=replace(ROLE, policies=()), role=None, assumed=DENIED)
    keys = [key for key in found if key in ("chain-role", "chain-permission", "chain-trust")]
    assert keys == ["chain-role", "chain-permission", "chain-trust"]
    assert found["chain-permission"].status is Status.UNKNOWN
    assert found["chain-permission"].remedy.shell == found["chain-role"].remedy.shell == ()
    assert found["chain-role"].remedy.text.startswith("create it in account 444455556666")


@pytest.mark.parametrize(("arn", "expected"), [(MOVED, ""), (ROLE_B_ARN, MOVED)])
def test_another_role_b_is_named_in_the_profile(arn, expected):
    by_path = f"the role of that name is {MOVED}: the path is part of the ARN"
    found = by_path if arn == MOVED else f"profile B names {ROLE_B_ARN}"
    stranger = role_b(principal_arn_trust_policy([NEIGHBOUR]), arn=arn, policies=())
    link = with_profile(target=replace(BY_PROFILE, expected_arn=expected), role=stranger)

    assert not any(e.remedy.shell for e in link.values() if e.key.startswith("chain-"))
    assert link["chain-role"].found == found
    assert link["chain-role"].remedy == Remedy(f"set role_arn = {MOVED} {WHERE}")


BY_ROLE = role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)])
BY_ACCOUNT = principal_arn_trust_policy([ROLE_ARN])


@pytest.mark.parametrize(
    ("document", "status"), [(BY_ROLE, Status.PASSED), (BY_ACCOUNT, Status.FAILED)]
)
def test_a_role_b_that_trusts_its_account_needs_a_permission_there(document, status):
    arn = ROLE_B_ARN.replace("444455556666", ACCOUNT_A)
    known = {"target": replace(TARGET, role_arn=arn), "role": role_b(document, arn=arn)}
    link = chained(role_a=replace(ROLE, policies=()), **known)["chain-permission"]
    put = [f"aws iam put-role-policy --role-name {ROLE.name} "] * (status is Status.FAILED)
    named = [each.partition("--policy-name")[0] for each in link.remedy.shell]
    assert (link.status, named) == (status, put)
