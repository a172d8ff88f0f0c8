"""A remedy between role A and role B trusts no other caller, and lifts no condition."""

import json
import shlex
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.verify.links.pod_scenarios import config, pod, with_config
from command.tests.verify.test_chain import (
    DENIED,
    GOOD,
    GRANTED,
    ROLE,
    ROLE_ARN,
    ROLE_B_ARN,
    chained,
    role_b,
)
from command.tests.verify.test_remedy import document_in
from irsa.decide.verdict import Verdict
from irsa.identity.policies import TrustedRole, principal_arn_trust_policy, role_trust_policy
from irsa.observe.facts import Role
from irsa.verify.chain import Chain
from irsa.verify.facts import RoleBCalls, RoleBFacts, RoleBTarget
from irsa.verify.link import Status
from irsa.verify.remedies.role_b import RoleBFixer, another_call, judge_role_b
from tests.support.no_gain import no_gain

ACCOUNT_A, OTHER_ACCOUNT = "111122223333", "777788889999"
NEIGHBOUR = Role(f"arn:aws:iam::{ACCOUNT_A}:role/neighbour", "AROANEIGHBOUR", {})
STRANGER = Role(f"arn:aws:iam::{OTHER_ACCOUNT}:role/stranger", "AROASTRANGER", {})
GONE = f"arn:aws:iam::{ACCOUNT_A}:role/s3app"
EXTERNAL_IDS = ["", "tenant-42", "tenant-7"]
SESSIONS = ["irsa-verify", "ledger"]
TARGET = RoleBTarget(role_arn=ROLE_B_ARN)
CALLS = [
    replace(TARGET, external_id=external_id, session_name=name)
    for external_id, name in product(EXTERNAL_IDS, SESSIONS)
]


def verdicts(document):
    """Return the verdict for each role, external id and session name."""
    trusting = Role(ROLE_B_ARN, "AROAB", document)
    return {
        (caller.arn, call): judge_role_b(caller, trusting, call).verdict
        for caller in (ROLE, NEIGHBOUR, STRANGER)
        for call in CALLS
    }


principals = st.lists(
    st.sampled_from([
        ROLE_ARN, NEIGHBOUR.arn, STRANGER.arn, "AROAGONE", f"arn:aws:iam::{ACCOUNT_A}:root",
        OTHER_ACCOUNT, "*",
    ]),
    min_size=1,
    max_size=2,
    unique=True,
)  # fmt: skip
arns = st.lists(
    st.sampled_from([ROLE_ARN, NEIGHBOUR.arn, GONE, f"arn:aws:iam::{ACCOUNT_A}:role/s3-*"]),
    min_size=1,
    max_size=2,
    unique=True,
)
lines = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["ArnEquals", "ArnLike", "ArnNotEquals", "StringLike"]),
            st.just("aws:PrincipalArn"),
            arns,
        ),
        st.tuples(
            st.sampled_from(["StringEquals", "StringNotEquals"]),
            st.just("sts:ExternalId"),
            st.sampled_from(EXTERNAL_IDS[1:]),
        ),
        st.tuples(
            st.sampled_from(["StringEquals", "StringLike"]),
            st.just("sts:RoleSessionName"),
            st.sampled_from(["ledger", "led*"]),
        ),
        st.just(("StringEquals", "aws:PrincipalTag/team", "ledger")),
    ),
    max_size=2,
)


def statement(effect, principal, action, found):
    block = {}
    for operator, key, value in found:
        block.setdefault(operator, {})[key] = value
    return {
        "Effect": effect,
        "Principal": {"AWS": principal},
        "Action": action,
        "Condition": block,
    }


documents = st.builds(
    lambda listed: {"Version": "2012-10-17", "Statement": listed},
    st.lists(
        st.builds(
            statement,
            st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
            principals,
            st.sampled_from(["sts:AssumeRole", ["sts:AssumeRole", "sts:TagSession"]]),
            lines,
        ),
        max_size=3,
    ),
)


@settings(deadline=None)
@given(documents)
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


TEXT = f"""\
[profile A]
role_arn = {ROLE_ARN}
web_identity_token_file = /token
[profile B]
role_arn = {ROLE_B_ARN}
source_profile = A
"""


def with_profile(document, **changes):
    """The links of a chain through profile B of a ConfigMap."""
    target = RoleBTarget(role_arn=ROLE_B_ARN, profile="B", **changes)
    trusting = replace(role_b(), trust_policy=document)
    return target, trusting, mounted(TEXT)


def mounted(text):
    """The facts of a Pod that mounts an AWS config file from a ConfigMap."""
    return {"pods": (pod(with_config(), owner="s3-app"),), **config(text)}


def written(command):
    """The config file that a printed command puts into the ConfigMap."""
    words = shlex.split(command)
    return json.loads(words[words.index("--patch") + 1])["data"]["config"]


def asking(condition):
    document = role_trust_policy([TrustedRole(ROLE_ARN, "AROAS3APP")])
    document["Statement"][0]["Condition"] = condition
    return document


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        pytest.param(
            {"StringEquals": {"sts:RoleSessionName": "ledger"}},
            "role_session_name = ledger",
            id="session-name",
        ),
        pytest.param(
            {"StringLike": {"sts:RoleSessionName": "ledger-*"}},
            "role_session_name = ledger-irsa",
            id="session-pattern",
        ),
        pytest.param(
            {"StringEquals": {"sts:ExternalId": "tenant-42"}},
            "external_id = tenant-42",
            id="external-id",
        ),
    ],
)
def test_what_role_b_asks_for_the_profile_sends(condition, line):
    target, trusting, mount = with_profile(asking(condition))
    facts = replace(GOOD, profile="B", **mount)
    link = chained_with(facts, target, trusting)["chain-trust"]

    assert link.remedy.text.startswith("send it: ")
    assert written(link.remedy.shell[0]) == TEXT.replace("[profile B]\n", f"[profile B]\n{line}\n")
    assert link.remedy.shell[1] == "kubectl rollout restart deployment/s3-app --namespace dev"


def chained_with(facts, target, trusting):
    role_b_facts = RoleBFacts(target=target, role=trusting)
    calls = replace(GRANTED, of_role_b=RoleBCalls(assumed=DENIED, direct=DENIED))
    return {link.key: link for link in Chain(replace(facts, role_b=role_b_facts)).links(calls)}


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"StringEquals": {"sts:SourceIdentity": "alice"}}, Status.FAILED),
        # The role may have tags, which are not read.
        ({"StringEquals": {"aws:PrincipalTag/team": "ledger"}}, Status.UNKNOWN),
    ],
)
def test_a_condition_that_the_caller_cannot_send_is_not_lifted(condition, status):
    link = chained(role=replace(role_b(), trust_policy=asking(condition)), assumed=DENIED)[
        "chain-trust"
    ]

    assert (link.status, link.remedy.shell) == (status, ())
    assert (status is Status.UNKNOWN) or link.remedy.text.startswith(
        "meet the trust policy's conditions (sts:SourceIdentity"
    )


def test_a_role_that_is_gone_is_replaced_and_the_external_id_stays():
    document = principal_arn_trust_policy([GONE], external_id="tenant-42")
    target = RoleBTarget(role_arn=ROLE_B_ARN, external_id="tenant-42")
    trusting = replace(role_b(), trust_policy=document)

    link = chained(role=trusting, assumed=DENIED, target=target, gone=frozenset({GONE}))[
        "chain-trust"
    ]

    [found] = [document_in(each, "--policy-document") for each in link.remedy.shell]
    assert found == principal_arn_trust_policy([ROLE_ARN], external_id="tenant-42")


def test_another_role_that_exists_stays_trusted():
    document = principal_arn_trust_policy([NEIGHBOUR.arn], external_id="tenant-42")
    target = RoleBTarget(role_arn=ROLE_B_ARN, external_id="tenant-42")
    trusting = replace(role_b(), trust_policy=document)

    link = chained(role=trusting, assumed=DENIED, target=target)["chain-trust"]

    [found] = [document_in(each, "--policy-document") for each in link.remedy.shell]
    assert found == principal_arn_trust_policy([NEIGHBOUR.arn, ROLE_ARN], external_id="tenant-42")


def test_the_missing_role_b_is_the_cause_and_comes_first():
    # the permission's remedy let role A assume a role that does not exist.
    wrong = ROLE_B_ARN.replace("s3-app-B", "s3-appB")
    mount = mounted(TEXT.replace(ROLE_B_ARN, wrong))
    target = RoleBTarget(role_arn=wrong, expected_arn=ROLE_B_ARN, profile="B")
    facts = replace(GOOD, profile="B", role=replace(ROLE, policies=()), **mount)
    found = chained_with(facts, target, None)

    keys = list(found)
    assert keys.index("chain-role") < keys.index("chain-permission") < keys.index("chain-trust")
    assert found["chain-role"].found == f"profile B names {wrong}"
    assert written(found["chain-role"].remedy.shell[0]) == TEXT
    assert found["chain-permission"].status is Status.UNKNOWN
    assert found["chain-permission"].remedy.shell == ()


def test_a_missing_role_b_that_nothing_else_names_has_no_command():
    link = chained(role=None, assumed=DENIED)["chain-role"]
    assert (link.status, link.remedy.shell) == (Status.FAILED, ())
    assert link.remedy.text.startswith("create it in account 444455556666")


def test_role_b_of_another_path_is_named_in_the_profile():
    moved = ROLE_B_ARN.replace("role/", "role/team/")
    target = RoleBTarget(role_arn=ROLE_B_ARN, profile="B")
    facts = replace(GOOD, profile="B", **mounted(TEXT))

    link = chained_with(facts, target, replace(role_b(), arn=moved))["chain-role"]

    assert link.found == f"the role of that name is {moved}: the path is part of the ARN"
    assert written(link.remedy.shell[0]) == TEXT.replace(ROLE_B_ARN, moved)


def test_role_b_without_a_policy_is_named():
    # no link looked at role B's policies.
    link = chained(role=replace(role_b(), policies=()), data=DENIED)["chain-permissions"]

    assert link.status is Status.FAILED
    assert link.remedy.shell[0].startswith("aws iam put-role-policy --role-name s3-app-B ")


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (role_trust_policy([TrustedRole(ROLE_ARN, "AROAS3APP")]), Status.PASSED),
        (principal_arn_trust_policy([ROLE_ARN]), Status.FAILED),
    ],
    ids=["role", "account"],
)
def test_a_role_b_that_trusts_its_account_needs_a_permission_there(document, status):
    arn = ROLE_B_ARN.replace("444455556666", ACCOUNT_A)
    facts = replace(GOOD, role=replace(ROLE, policies=()))

    link = chained_with(facts, RoleBTarget(role_arn=arn), Role(arn, "AROAB", document))[
        "chain-permission"
    ]

    assert link.status is status
    named = [f"aws iam put-role-policy --role-name {ROLE.name} "]
    assert [each.partition("--policy-name")[0] for each in link.remedy.shell] == (
        named if status is Status.FAILED else []
    )
