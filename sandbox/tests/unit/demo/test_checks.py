"""The list of checks: one claim each, and an answer that can fail in every part."""

from types import SimpleNamespace

import pytest

from irsa_sandbox.demo.checks import Check, parts
from irsa_sandbox.session import Done

REFUSED = "An error occurred (AccessDenied) when calling the GetObject operation: not you"
SYSTEMS = SimpleNamespace(names={"prefix": "", "role": "r"})
ANSWER = {"contains": ["ROLE={role}"], "variables": ["ROLE"]}
REFUSAL = {"code": "AccessDenied", "contains": ["not you"]}


@pytest.mark.parametrize("asker", ["demo", "test-aws"])
def test_each_check_has_a_key_and_a_title_of_its_own(asker):
    checks = [check for *_, checks in parts(asker) for check in checks]
    keys, titles = {check.key for check in checks}, {check.title for check in checks}
    assert len(keys) == len(titles) == len(checks)


@pytest.mark.parametrize(
    ("expected", "code", "output", "holds"),
    [
        (ANSWER, 0, "ROLE=r", True),
        (ANSWER, 0, "ROLE=s", False),
        (ANSWER, 0, "ROLE=r\nKEY=x", False),
        (ANSWER, 1, "ROLE=r", False),
        (ANSWER, 0, f"ROLE=r\n{REFUSED}", False),
        (REFUSAL, 254, REFUSED, True),
        (REFUSAL, 254, REFUSED.replace("Denied", "Granted"), False),
        (REFUSAL, 254, REFUSED.replace("not", "as"), False),
        (REFUSAL, 0, REFUSED, False),
        (REFUSAL, 254, "AccessDenied, not you", False),  # no error of AWS
    ],
)
def test_code_text_and_variables_all_count_in_a_check(expected, code, output, holds):
    check = Check(key="k", title="t", question={}, **expected)
    assert check.holds(Done(code, output), SYSTEMS) is holds
