"""The pack's configuration: what it changes, and how it is refused."""

import pytest

from irsa.audit.table import RULES
from policy_pack.config import problem_of
from policy_pack.pack import LEVELS, policies
from policy_pack.rules import NEED_MORE, OWN, PACK
from tests.support.policy_pack import reports, rules
from tests.unit.policy_pack.test_one_resource import GOOD, role, without
from tests.unit.policy_pack.test_one_stack import OTHER, account

REASON = {"reason": "TICKET-7"}
BOTH = {"role": "a", "urn": "b", **REASON}
EXAMPLE = '{"role": "legacy-*", "reason": "TICKET-7, until March"}'

WRONG = [
    ({"no-sbu": {}}, "'no-sbu' is no rule of this pack; write 'no-sub' or another of its rules"),
    ({"all": {"exceptions": []}}, "all: 'exceptions' cannot be set; write enforcementLevel"),
    (
        {"no-sub": {"exception": []}},
        "no-sub: 'exception' cannot be set; write enforcementLevel and exceptions",
    ),
    (
        {"no-sub": {"exceptions": [{"role": "a", **REASON}, {"role": "b"}]}},
        f"no-sub: exceptions[1]: role 'b' has no reason; write one: {EXAMPLE}",
    ),
    (
        {"no-sub": {"exceptions": [{"role": "b", "reason": " "}]}},
        f"no-sub: exceptions[0]: reason is ' '; write a text: {EXAMPLE}",
    ),
    (
        {"no-sub": {"exceptions": [REASON]}},
        f"no-sub: exceptions[0]: {REASON} has neither role nor urn; write one: {EXAMPLE}",
    ),
    (
        {"no-sub": {"exceptions": [BOTH]}},
        f"no-sub: exceptions[0]: {BOTH} has role and urn; write one: {EXAMPLE}",
    ),
    (
        {"no-sub": {"exceptions": [{"arn": "a", **REASON}]}},
        f"no-sub: exceptions[0]: 'arn' is not known; write role or urn, and reason: {EXAMPLE}",
    ),
    (
        {"no-sub": {"exceptions": [{"urn": "**", **REASON}]}},
        "no-sub: exceptions[0]: urn '**' is everything; set the rule's level to disabled instead",
    ),
    (
        {"trust-quota": {"quota": 9000.0}},
        "trust-quota: quota 9000 is none that AWS gives; write 2048 to 8192",
    ),
]


@pytest.mark.parametrize(("config", "problem"), WRONG)
def test_a_wrong_configuration_is_one_line(config, problem):
    assert problem_of(config) == problem


def test_a_right_one_is_none():
    right = {
        "all": {},
        "no-sub": {"exceptions": [{"role": "legacy-*", **REASON}, {"urn": "urn:*::x", **REASON}]},
        "trust-quota": {"quota": 4096.0, "exceptions": []},
    }
    assert problem_of(right) == ""


@pytest.mark.parametrize(
    ("by", "text", "excepted"),
    [
        ("role", "legacy-app", True),
        ("role", "legacy-*", True),
        ("role", "arn:aws:iam::111122223333:role/legacy-*", True),
        ("urn", "urn:pulumi:dev::*::legacy-app", True),
        ("role", "legacy", False),
        ("role", "Legacy-*", False),
        ("role", "arn:aws:iam::444455556666:role/legacy-*", False),
        ("urn", "legacy-app", False),
    ],
)
def test_an_exception_leaves_its_role_alone_for_its_rule(by, text, excepted):
    bad = role(without(without(GOOD, ":sub"), ":aud"), "legacy-app")
    config = {"no-sub": {"exceptions": [{by: text, **REASON}]}}

    said = [rule for rule, _ in rules(reports(bad, config=config))]

    assert said == (["no-aud"] if excepted else ["no-sub", "no-aud"])


def test_an_exception_names_the_role_of_an_annotation_as_well():
    config = {"not-in-stack": {"exceptions": [{"role": "other", **REASON}]}}

    assert reports(account(OTHER), config=config) == []


def test_levels_follow_from_severities():
    levels = {each.name: each.enforcement_level for each in policies()}

    assert levels == {name: LEVELS[rule.severity] for name, rule in PACK.items()}


def test_every_rule_of_the_audit_is_in_the_pack_or_left_out_for_a_reason():
    assert set(RULES) == set(PACK) - set(OWN) | set(NEED_MORE)
    assert not set(OWN) & set(RULES)
    assert all(NEED_MORE.values())
