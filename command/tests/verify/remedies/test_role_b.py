"""A remedy between role A and role B trusts no other caller, and lifts no condition."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.verify.scenarios import (
    DENIED,
    GOOD,
    ROLE,
    A,
    B,
    chained,
    config,
    pod,
    role_b,
    with_config,
    written,
    written_config,
)
from irsa.decide.verdict import Verdict
from irsa.identity.policies import TrustedRole, principal_arn_trust_policy, role_trust_policy
from irsa.observe.facts import PermissionsPolicy, Role
from irsa.verify.facts import RoleBTarget
from irsa.verify.link import Status
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


def verdicts(document):
    """Return the verdict for each role, external id and session name."""
    trusting = Role(ROLE_B_ARN, "AROAB", document)
    return {
        (caller.arn, call): judge_role_b(caller, trusting, call).verdict
        for caller in (ROLE, NEIGHBOUR, STRANGER)
        for call in CALLS
    }


def one_or_two(*values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


def condition(operators, key, values):
    return st.tuples(st.sampled_from(operators), st.just(key), values)


ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"
principals = one_or_two(ROLE_ARN, NEIGHBOUR.arn, STRANGER.arn, "AROAGONE", ROOT, OTHER_ACCOUNT, "*")
arns = one_or_two(ROLE_ARN, NEIGHBOUR.arn, GONE, f"arn:aws:iam::{ACCOUNT_A}:role/s3-*")
ids, names = st.sampled_from(["tenant-42", "tenant-7"]), st.sampled_from(["ledger", "led*"])
ARN_OPERATORS = ["ArnEquals", "ArnLike", "ArnNotEquals", "StringLike"]
lines = st.lists(
    condition(ARN_OPERATORS, "aws:PrincipalArn", arns)
    | condition(["StringEquals", "StringNotEquals"], "sts:ExternalId", ids)
    | condition(["StringEquals", "StringLike"], "sts:RoleSessionName", names)
    | st.just(("StringEquals", "aws:PrincipalTag/team", "ledger")),
    max_size=2,
)


def statement(effect, principal, action, found):
    block = {}
    for operator, key, value in found:
        block.setdefault(operator, {})[key] = value
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": action, "Condition": block}


effects = st.sampled_from(["Allow", "Allow", "Allow", "Deny"])
actions = st.sampled_from(["sts:AssumeRole", ["sts:AssumeRole", "sts:TagSession"]])
statements = st.lists(st.builds(statement, effects, principals, actions, lines), max_size=3)


@settings(deadline=None)
@given(statements)
def test_after_the_remedy_role_b_trusts_no_other_caller(listed):
    document = {"Version": "2012-10-17", "Statement": listed}
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
    asked = [each for each in listed if each["Effect"] == "Allow"]
    if asked and all("sts:ExternalId" in str(each["Condition"]) for each in asked):
        without = judge_role_b(ROLE, again, replace(TARGET, external_id=""))
        assert without.verdict is not Verdict.ALLOW or "StringNotEquals" in str(asked)


BY_PROFILE = replace(TARGET, profile="B")


def with_profile(text=A + B, target=BY_PROFILE, **changes):
    """The links of a chain through profile B of a ConfigMap, which STS refuses."""
    facts = replace(GOOD, pods=(pod(with_config()),), profile="B", **config(text))
    return chained(facts, target=target, assumed=DENIED, **changes)


def asking(condition):
    document = role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)])
    document["Statement"][0]["Condition"] = condition
    return role_b(document)


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        ({"StringEquals": {"sts:RoleSessionName": "ledger"}}, "role_session_name = ledger"),
        ({"StringLike": {"sts:RoleSessionName": "ledger-*"}}, "role_session_name = ledger-irsa"),
        ({"StringEquals": {"sts:ExternalId": "tenant-42"}}, "external_id = tenant-42"),
    ],
    ids=["session-name", "session-pattern", "external-id"],
)
def test_what_role_b_asks_for_the_profile_sends(condition, line):
    link = with_profile(role=asking(condition))["chain-trust"]

    assert link.remedy.text.startswith("send it: ")
    assert written_config(link) == (A + B).replace("[profile B]\n", f"[profile B]\n{line}\n")
    assert link.remedy.shell[1] == "kubectl rollout restart deployment/app --namespace dev"


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


def test_the_missing_role_b_is_the_cause_and_comes_first():
    # The permission's remedy would let role A assume a role that does not exist.
    wrong = ROLE_B_ARN.replace("s3-app-B", "s3-appB")
    target = replace(BY_PROFILE, role_arn=wrong, expected_arn=ROLE_B_ARN)
    text = (A + B).replace(ROLE_B_ARN, wrong)
    found = with_profile(text, target, role_a=replace(ROLE, policies=()), role=None)

    keys = list(found)
    assert keys.index("chain-role") < keys.index("chain-permission") < keys.index("chain-trust")
    assert found["chain-role"].found == f"profile B names {wrong}"
    assert written_config(found["chain-role"]) == A + B
    assert found["chain-permission"].status is Status.UNKNOWN
    assert found["chain-permission"].remedy.shell == ()


def test_a_missing_role_b_that_nothing_else_names_has_no_command():
    link = chained(role=None, assumed=DENIED)["chain-role"]
    assert (link.status, link.remedy.shell) == (Status.FAILED, ())
    assert link.remedy.text.startswith("create it in account 444455556666")


def test_role_b_of_another_path_is_named_in_the_profile():
    moved = ROLE_B_ARN.replace("role/", "role/team/")

    link = with_profile(role=role_b(arn=moved))["chain-role"]

    assert link.found == f"the role of that name is {moved}: the path is part of the ARN"
    assert written_config(link) == (A + B).replace(ROLE_B_ARN, moved)


def test_role_b_without_a_policy_is_named():
    link = chained(role=role_b(policies=()), data=DENIED)["chain-permissions"]

    assert link.status is Status.FAILED
    assert link.remedy.shell[0].startswith("aws iam put-role-policy --role-name s3-app-B ")


def test_a_permission_with_a_condition_that_is_not_met_is_granted():
    condition = {"StringEquals": {"sts:ExternalId": "x"}}
    own = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Condition": condition}
    role_a = replace(ROLE, policies=(PermissionsPolicy("own", {"Statement": own}),))

    link = chained(role_a=role_a)["chain-permission"]

    assert (link.status, "sts:ExternalId" in link.found) == (Status.FAILED, True)
    assert link.remedy.shell[0].startswith("aws iam put-role-policy --role-name s3-app ")


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

    put = f"aws iam put-role-policy --role-name {ROLE.name} "
    named = [each.partition("--policy-name")[0] for each in link.remedy.shell]
    assert (link.status, named) == (status, [put] if status is Status.FAILED else [])
