"""Roles with a path, which the ARN of a session does not show."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irsa.decide.conditions import compile_test
from irsa.decide.document import Condition
from irsa.decide.principals import PrincipalElement, caller_from_arn
from irsa.decide.role_paths import AnyPath
from tests.unit.irsa.decide.scenarios import (
    ACCOUNT_A,
    ROLE_A,
    SESSION_A,
    answer,
    assume_step,
    document,
    trust,
)

ROLES = f"arn:aws:iam::{ACCOUNT_A}:role/"
PATHED = f"{ROLES}team/s3-app-A"
ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"


def by_condition(operator, value):
    condition = {operator: {"aws:PrincipalArn": value}}
    return document(trust({"AWS": ROOT}, Condition=condition))


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (by_condition("ArnEquals", ROLE_A), "unknown"),
        (by_condition("ArnEquals", PATHED), "unknown"),
        (by_condition("ArnLike", f"{ROLES}*"), "allow"),
        (by_condition("ArnLike", f"{ROLES}*/s3-app-A"), "unknown"),
        (by_condition("StringLike", "*s3-app-A"), "allow"),
        (by_condition("StringLike", f"{ROLES}?*"), "unknown"),
        (by_condition("ArnEquals", f"{ROLES}other"), "deny"),
        (by_condition("ArnLike", "arn:aws:iam::444455556666:role/*"), "deny"),
        (by_condition("ArnNotLike", "arn:aws:iam::444455556666:role/*"), "allow"),
        (by_condition("ArnNotEquals", ROLE_A), "unknown"),
        (document(trust({"AWS": ROLE_A})), "allow"),
        (document(trust({"AWS": PATHED})), "unknown"),
        (document(trust({"AWS": f"{ROLES}team/other"})), "deny"),
        (document(trust({"AWS": ROLE_A}), trust({"AWS": PATHED}) | {"Effect": "Deny"}), "unknown"),
    ],
)
def test_an_answer_is_not_certain_where_a_path_that_is_not_known_matters(policy, verdict):
    found = answer(assume_step(trust_policy=policy))

    assert found["decision"] == verdict
    if verdict == "unknown":
        assert found["steps"][0]["missing"] == [f"principal_role_arn: the path of role {ROLE_A}"]


@pytest.mark.parametrize(("role_arn", "verdict"), [(ROLE_A, "deny"), (PATHED, "allow")])
def test_with_the_path_the_answer_is_certain(role_arn, verdict):
    for policy in (document(trust({"AWS": PATHED})), by_condition("ArnEquals", PATHED)):
        step = assume_step(trust_policy=policy, principal_role_arn=role_arn)

        assert answer(step)["decision"] == verdict


PATHS = st.sampled_from(["", "team/", "a/b/", "s3-app-A/", "team/app/"])
PARTS = st.sampled_from(["*", "?", "/", "a", "team", "app", "s3-app-A", "role"])
TEXTS = st.lists(PARTS, max_size=5).map("".join)


@settings(deadline=None)
@given(
    st.sampled_from(["ArnLike", "ArnNotLike", "StringLike", "StringNotLike", "StringEquals"]),
    st.lists(st.builds(lambda text: f"{ROLES}{text}", TEXTS) | TEXTS, min_size=1, max_size=2),
    PATHS,
)
def test_a_certain_answer_holds_for_every_path(operator, texts, path):
    test = compile_test(Condition(operator, "aws:PrincipalArn", tuple(texts)))
    answer = test.holds(lambda _: AnyPath.of(ROLE_A))
    with_path = test.holds(lambda _: f"{ROLES}{path}s3-app-A")

    assert answer is None or answer is with_path


@settings(deadline=None)
@given(st.lists(st.builds(lambda path: f"{ROLES}{path}s3-app-A", PATHS), max_size=2), PATHS)
def test_a_principal_that_is_named_for_certain_is_named_with_every_path(entries, path):
    element = PrincipalElement({"AWS": [*entries, ROLES + "x"]}, negated=False)
    sure, most = element.grant(caller_from_arn(SESSION_A))
    with_path, _ = element.grant(caller_from_arn(SESSION_A, role_arn=f"{ROLES}{path}s3-app-A"))

    # AWS stores the ARN of a role that exists: one without path names the only role of that name.
    assert with_path <= most
    assert sure <= with_path or (ROLE_A in entries and path)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (ROLE_A, True),
        (PATHED, True),
        (f"{ROLES}a/b/s3-app-A", True),
        (f"{ROLES}s3-app-A/", False),
        (f"{ROLES}xs3-app-A", False),
        (ROLES.rstrip("/"), False),
        ("arn:aws:iam", False),
        (f"{ROLES}*", True),
        ("arn:aws:iam::*:role/team/s3-app-A", True),
        ("arn:aws:iam::4*", False),
        ("*/s3-app-B", False),
        ("*app-A", True),
        (f"{ROLES}${{aws:PrincipalTag/team}}/s3-app-A", True),
        (f"{ROLES}team/${{aws:PrincipalTag/team}}", True),
        (ROLE_A.upper(), True),
    ],
)
def test_a_text_may_fit_a_role_whose_path_is_not_known(text, fits):
    assert AnyPath.of(ROLE_A).may_fit([text]) is fits
    assert AnyPath.of(ROLE_A).may_fit(["arn:x", text]) is fits
