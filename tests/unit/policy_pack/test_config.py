"""The pack's configuration; tests/sandbox/policy_pack/test_dangers.py has the engine refuse one."""

import pytest

from irsa.rules.table import RULES
from irsa_policies.__main__ import console
from irsa_policies.pack import LEVELS, policies
from irsa_policies.rules import NEED_MORE, OWN, PACK
from tests.support.policy_pack import reports, rules
from tests.unit.policy_pack.test_one_resource import GOOD, role, without
from tests.unit.policy_pack.test_one_stack import OTHER, account

REASON = {"reason": "TICKET-7"}


@pytest.mark.parametrize(
    ("by", "text", "excepted"),
    [
        ("role", "legacy-app", True),
        ("role", "arn:aws:iam::111122223333:role/legacy-*", True),
        ("urn", "urn:pulumi:dev::*::legacy-app", True),
        ("role", "Legacy-*", False),
        ("role", "arn:aws:iam::444455556666:role/legacy-*", False),
        ("urn", "legacy-app", False),
        ("rolle", "legacy-app", False),
    ],
)
def test_an_exception_leaves_its_role_out_of_its_rule(by, text, excepted):
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


def test_the_command_without_the_extra_is_one_line(monkeypatch):
    monkeypatch.setattr("irsa_policies.__main__.find_spec", lambda _: None)
    with pytest.raises(SystemExit, match=r"irsa-policies: .*; pip install 'irsa\[policies\]"):
        console()
