"""Both stacks on two AWS accounts: the three systems, who each Pod is, and who is refused.

Run by `make test-aws`; docs/live.md says what it needs, makes and costs.
"""

import pytest

from tests.live.checks import CHECKS

pytestmark = pytest.mark.aws


def test_a_second_preview_of_both_stacks_finds_no_changes(live):
    assert [counts.keys() for counts in live.previews().values()] == [{"same"}, {"same"}]


@pytest.mark.parametrize("check", CHECKS, ids=[check.key for check in CHECKS])
def test_aws_answers_as_it_must(live, check):
    row = live.judge(check)

    assert row.passed, f"{check.title}: {row.answer}"


def test_destroying_both_stacks_leaves_nothing_in_either_account(live):
    assert live.remove()
    assert live.left_by_pulumi() == []
