"""What is missing or of a wrong kind, through the real engine: our line, not the engine's three."""

import pytest

from sandbox import lifecycle
from sandbox.state import SandboxError

pytestmark = pytest.mark.sandbox

MISTAKES_A = [
    ({"irsa:accountId": None}, "irsa: 'accountId' is missing; add it ("),
    ({"irsa:cluster": ["dev"]}, "irsa:cluster: ['dev'] is not a mapping"),
    ({"irsa:workloads": None}, "irsa: 'workloads' is missing; add it ("),
    ({"irsa:workloads": {"name": "a"}}, "irsa:workloads: {'name': 'a'} is not a list"),
    ({"irsa:tags": "x"}, "irsa:tags: 'x' is not a mapping"),
    ({"irsa:trustPolicyQuota": "x"}, "irsa:trustPolicyQuota: 'x' is not a whole number"),
]
MISTAKES_B = [
    ({"irsa-account-b:accountId": None}, "irsa-account-b: 'accountId' is missing; add it ("),
    ({"irsa-account-b:workloads": "x"}, "irsa-account-b:workloads: 'x' is not a list"),
]


def begins(changes):
    """The name of a test case."""
    return next(iter(changes)) if isinstance(changes, dict) else ""


def preview_of(open_stack, folder, changes):
    with pytest.raises(SandboxError) as raised:
        open_stack(changes, project=lifecycle.ROOT / folder).preview()
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(("changes", "line"), MISTAKES_A, ids=begins)
def test_a_mistake_in_account_a_is_our_line(open_stack, changes, line):
    """F i."""
    assert preview_of(open_stack, ".", changes).startswith(line)


@pytest.mark.parametrize(("changes", "line"), MISTAKES_B, ids=begins)
def test_a_mistake_in_account_b_is_our_line(open_stack, changes, line):
    """F i."""
    assert preview_of(open_stack, "account_b", changes).startswith(line)


def test_no_workloads_at_all_must_be_said(open_stack):
    """F i: a stack with a cluster alone."""
    stack = open_stack({"irsa:workloads": "none"})
    stack.destroy()
    lines: list[str] = []

    assert stack.preview(on_output=lines.append).keys() == {"create"}
    types = {line.split()[1] for line in lines if line.startswith(" +")}
    assert "eks:index:Cluster" in types
    assert "aws:s3:Bucket" not in types
