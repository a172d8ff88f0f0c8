"""A remedy between role A and role B trusts no other caller, and lifts no condition."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings

from command.tests.verify.chains import DENIED, GOOD, ROLE, chained, role_b
from command.tests.verify.commands import written
from command.tests.verify.pods import A, B, config, pod, with_config
from command.tests.verify.remedies.strategies import documents
from irsa.decide.truth import Verdict
from irsa.identity.policies import TrustedRole, principal_arn_trust_policy, role_trust_policy
from irsa.observe.facts import Role
from irsa.verify.facts import RoleBTarget
from irsa.verify.link import Remedy, Status
from irsa.verify.remedies.role_b import RoleBFixer, another_call, judge_role_b
from tests.support.no_gain import no_gain
from tests.support.world import ACCOUNT_A, ROLE_ARN, ROLE_B_ARN

OTHER_ACCOUNT = "777788889999"
NEIGHBOUR = Role(f"arn:aws:iam::{ACCOUNT_A}:role/neighbour", "AROANEIGHBOUR", {})
STRANGER = Role(f"arn:aws:iam::{OTHER_ACCOUNT}:role/stranger", "AROASTRANGER", {})
GONE = f"arn:aws:iam::{ACCOUNT_A}:role/s3app"
TARGET = RoleBTarget(role_arn=ROLE_B_ARN)
CALLS = [
    replace(TARGET, external_id=external_id, session_name=name)
    for external_id, name in product(["", "tenant-42", "tenant-7"], ["irsa-verify", "ledger"])
]
ACCOUNT = f"arn:aws:iam::{ACCOUNT_A}:root"
PRINCIPALS = [
    *(ROLE_ARN, NEIGHBOUR.arn, STRANGER.arn, "AROAGONE", ACCOUNT, OTHER_ACCOUNT, "*"),
    *([ROLE_ARN, NEIGHBOUR.arn], [STRANGER.arn, "AROAGONE"], [GONE, ROLE_ARN]),
]
ARNS = [ROLE_ARN, NEIGHBOUR.arn, GONE, f"arn:aws:iam::{ACCOUNT_A}:role/s3-*"]
LINES = [
    (["ArnEquals", "ArnLike", "ArnNotEquals", "StringLike"], "aws:PrincipalArn", ARNS),
    (["StringEquals", "StringNotEquals"], "sts:ExternalId", ["tenant-42", "tenant-7"]),
    (["StringEquals", "StringLike"], "sts:RoleSessionName", ["ledger", "led*"]),
    (["StringEquals"], "aws:PrincipalTag/team", ["ledger"]),
]
ACTIONS = ["sts:AssumeRole", ["sts:AssumeRole", "sts:TagSession"]]
MOVED = ROLE_B_ARN.replace("role/", "role/team/")
BY_PROFILE = replace(TARGET, profile="B")


def verdicts(document):
    """Return the verdict for each role, external id and session name."""
    trusting = Role(ROLE_B_ARN, "AROAB", document)
    return {
        (caller.arn, call): judge_role_b(caller, trusting, call).verdict
        for caller in (ROLE, NEIGHBOUR, STRANGER)
        for call in CALLS
    }


@settings(deadline=None)
@given(documents([{"AWS": each} for each in PRINCIPALS], ACTIONS, LINES))
def test_after_the_remedy_role_b_trusts_no_other_caller(document):
    trusting = Role(ROLE_B_ARN, "AROAB", document)
    judged = judge_role_b(ROLE, trusting, TARGET)
    if judged.verdict is not Verdict.DENY or another_call(ROLE, trusting, TARGET):
        return  # nothing to do, or the caller's business
    fixer = RoleBFixer(role_a=ROLE, role=trusting, target=TARGET, gone=frozenset({GONE}))

    fixed = fixer.fix(judged)

    if fixed.document is None:
        assert fixed.text.startswith("meet the trust policy's conditions (")
        return
    no_gain(verdicts(document), verdicts(fixed.document), but=lambda call: call[0] == ROLE_ARN)
    again = replace(trusting, trust_policy=fixed.document)
    allowed = judge_role_b(ROLE, again, TARGET).verdict is Verdict.ALLOW
    assert allowed or another_call(ROLE, again, TARGET) is not None
    asked = [each for each in document["Statement"] if each["Effect"] == "Allow"]
    if asked and all("sts:ExternalId" in str(each["Condition"]) for each in asked):
        without = judge_role_b(ROLE, again, replace(TARGET, external_id=""))
        assert without.verdict is not Verdict.ALLOW or "StringNotEquals" in str(asked)


def with_profile(text=A + B, target=BY_PROFILE, **changes):
    """The links of a chain through profile B of a ConfigMap, which STS refuses."""
    facts = replace(GOOD, pods=(pod(with_config()),), profile="B", **config(text))
    return chained(facts, target=target, assumed=DENIED, **changes)


def asking(condition):
    document = role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)])
    document["Statement"][0]["Condition"] = condition
    return role_b(document)


@pytest.mark.parametrize(
    ("operator", "key", "value", "line"),
    [
        ("StringEquals", "sts:RoleSessionName", "ledger", "role_session_name = ledger"),
        ("StringLike", "sts:RoleSessionName", "ledger-*", "role_session_name = ledger-irsa"),
        ("StringEquals", "sts:ExternalId", "tenant-42", "external_id = tenant-42"),
    ],
)
def test_what_role_b_asks_for_the_profile_sends(operator, key, value, line):
    link = with_profile(role=asking({operator: {key: value}}))["chain-trust"]

    where = "in [profile B] in ConfigMap aws, and restart the Pods"
    assert link.remedy == Remedy(f"set {line} {where}")


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


@pytest.mark.parametrize(
    ("named", "gone", "kept"),
    [(GONE, {GONE}, []), (NEIGHBOUR.arn, set(), [NEIGHBOUR.arn])],
    ids=["gone", "exists"],
)
def test_a_role_that_is_gone_is_replaced_and_the_external_id_stays(named, gone, kept):
    document = principal_arn_trust_policy([named], external_id="tenant-42")
    target = replace(TARGET, external_id="tenant-42")

    known = {"role": role_b(document), "target": target, "gone": frozenset(gone)}
    commands = chained(assumed=DENIED, **known)["chain-trust"].remedy.shell

    wanted = principal_arn_trust_policy([*kept, ROLE_ARN], external_id="tenant-42")
    assert [written(each) for each in commands] == [wanted]


def test_role_a_gets_no_permission_for_a_role_b_that_is_missing():
    found = chained(role_a=replace(ROLE, policies=()), role=None, assumed=DENIED)

    keys = [key for key in found if key in ("chain-role", "chain-permission", "chain-trust")]
    assert keys == ["chain-role", "chain-permission", "chain-trust"]
    assert found["chain-permission"].status is Status.UNKNOWN
    assert found["chain-permission"].remedy.shell == found["chain-role"].remedy.shell == ()
    assert found["chain-role"].remedy.text.startswith("create it in account 444455556666")


@pytest.mark.parametrize(
    ("arn", "expected", "found"),
    [
        (MOVED, "", f"the role of that name is {MOVED}: the path is part of the ARN"),
        (ROLE_B_ARN, MOVED, f"profile B names {ROLE_B_ARN}"),
    ],
)
def test_another_role_b_is_named_in_the_profile(arn, expected, found):
    link = with_profile(target=replace(BY_PROFILE, expected_arn=expected), role=role_b(arn=arn))

    assert link["chain-role"].found == found
    where = "in [profile B] in ConfigMap aws, and restart the Pods"
    assert link["chain-role"].remedy == Remedy(f"set role_arn = {MOVED} {where}")


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)]), Status.PASSED),
        (principal_arn_trust_policy([ROLE_ARN]), Status.FAILED),
    ],
    ids=["role", "account"],
)
def test_a_role_b_that_trusts_its_account_needs_a_permission_there(document, status):
    arn = ROLE_B_ARN.replace("444455556666", ACCOUNT_A)
    known = {"target": replace(TARGET, role_arn=arn), "role": role_b(document, arn=arn)}

    link = chained(role_a=replace(ROLE, policies=()), **known)["chain-permission"]

    put = [f"aws iam put-role-policy --role-name {ROLE.name} "] * (status is Status.FAILED)
    named = [each.partition("--policy-name")[0] for each in link.remedy.shell]
    assert (link.status, named) == (status, put)
