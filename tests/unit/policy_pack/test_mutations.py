"""Every trust policy that a broken line of ours writes is reported, or is none for a reason."""

import json

import pytest

from tests.support.mutated_trust import EFFECTS, mutated
from tests.support.policy_pack import reports
from tests.unit.policy_pack.test_one_resource import role

MUTATED = mutated()


def test_each_mutation_of_a_trust_policy_is_in_the_table():
    assert set(MUTATED) == set(EFFECTS)
    assert all(bool(effect.rules) != bool(effect.why_none) for effect in EFFECTS.values())


@pytest.mark.parametrize("name", EFFECTS)
def test_what_a_broken_line_writes_is_reported(name):
    said = [reports(role(json.dumps(each))) for each in MUTATED[name]]

    assert {each.rule for report in said for each in report} == EFFECTS[name].rules
