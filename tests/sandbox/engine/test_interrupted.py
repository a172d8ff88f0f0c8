"""Operations of a stack that Ctrl-C or `kill` ends at each of their steps."""

import json
import os
import subprocess
from itertools import count
from pathlib import Path

import pulumi_aws as aws
import pytest

from irsa.commands.terminal import SIGNALS, quietly
from irsa.identity.policies import service_trust_policy
from irsa_sandbox.state import PULUMI_BACKEND
from tests.sandbox.support.programs import stack_of

pytestmark = pytest.mark.sandbox

NAME = "interrupted"
TRUST = json.dumps(service_trust_policy("ec2.amazonaws.com"))


def role() -> None:
    """Create a role whose name a second one cannot have."""
    aws.iam.Role(NAME, name=NAME, assume_role_policy=TRUST)


def left(folder: Path) -> list[object]:
    """Return the locks of stacks, and this process's engines."""
    engines = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "pulumi"], capture_output=True, text=True, check=False
    )
    locks = folder / PULUMI_BACKEND / ".pulumi" / "locks"
    return [*locks.rglob("*.json"), *engines.stdout.split()]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pulumi's
def test_what_is_interrupted_at_any_step_is_finished_by_the_next(session):
    """The signals take turns; a closed terminal is a `kill` but for its output."""
    stack = stack_of(session, NAME, role)
    for step in count():
        for operation in (stack.up, stack.destroy):
            steps, sign = count(), SIGNALS[step % 2]

            def interrupt(event, steps=steps, sign=sign):
                is_step = event.resource_pre_event or event.res_outputs_event
                if is_step and next(steps) == step:  # noqa: B023 - of this round
                    os.kill(os.getpid(), sign)

            code = quietly(lambda run=operation: run(on_event=interrupt) and 0)
            was_interrupted = next(steps) > step
            assert code == (128 + sign if was_interrupted else 0)
            assert left(session.state.path) == []
            operation()
        if not was_interrupted:
            break
    assert step > 2
