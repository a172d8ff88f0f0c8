"""The list of checks: one claim each, and an answer that can fail in every part."""

from types import SimpleNamespace

import pytest

from irsa_sandbox.demo.checks import Check, parts
from irsa_sandbox.session import Done

REFUSED = "An error occurred (AccessDenied) when calling the GetObject operation: not you"
SYSTEMS = SimpleNamespace(names={"prefix": "", "role": "r"})


@pytest.mark.parametrize("asker", ["demo", "test-aws"])
def test_each_check_has_a_key_and_a_title_of_its_own(asker):
    checks = [check for *_, checks in parts(asker) for check in checks]

    assert len({check.key for check in checks}) == len({check.title for check in checks})
    assert len({check.key for check in checks}) == len(checks)


@pytest.mark.parametrize(
    ("code", "output", "holds"),
    [
        (0, "ROLE=r", True),
        (0, "ROLE=s", False),
        (0, "ROLE=r\nKEY=x", False),
        (1, "ROLE=r", False),
        (0, f"ROLE=r\n{REFUSED}", False),
    ],
    ids=["as it must be", "another text", "one variable more", "a failure", "an error"],
)
def test_code_text_and_variables_all_count_in_a_check(code, output, holds):
    check = Check(key="k", title="t", question={}, contains=["ROLE={role}"], variables=["ROLE"])

    assert check.holds(Done(code, output), SYSTEMS) is holds


@pytest.mark.parametrize(
    ("code", "output", "holds"),
    [
        (254, REFUSED, True),
        (254, REFUSED.replace("Denied", "Granted"), False),
        (254, REFUSED.replace("not", "as"), False),
        (0, REFUSED, False),
        (254, "AccessDenied, not you", False),
    ],
    ids=["as it must be", "another code", "another text", "a success", "no error of AWS"],
)
def test_a_refusal_is_an_error_of_aws_with_its_code(code, output, holds):
    check = Check(key="k", title="t", question={}, code="AccessDenied", contains=["not you"])

    assert check.holds(Done(code, output), SYSTEMS) is holds
