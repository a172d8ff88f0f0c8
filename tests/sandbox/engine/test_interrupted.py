"""Operations of a stack that Ctrl-C or `kill` ends at each of their steps."""

import os
import signal
import threading
from functools import partial
from itertools import count

import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from lightkube.resources.apps_v1 import Deployment

from irsa.commands.terminal import SIGNALS, quietly
from irsa_sandbox.pods.process import find_object
from irsa_sandbox.session import Session
from irsa_sandbox.state import PULUMI_BACKEND
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.programs import TRUST, in_cluster, stack_of
from tests.support.processes import ran

NAME = "interrupted"


def role() -> None:
    """Create a role whose name a second one cannot have."""
    aws.iam.Role(NAME, name=NAME, assume_role_policy=TRUST)


def waiting(session: Session) -> None:
    """Create a Deployment that is never ready."""
    metadata, labels = {"name": NAME, "namespace": "default"}, {"app": NAME}
    source = {"config_map_ref": {"name": "missing"}}
    spec = {"containers": [{"name": "app", "image": "app", "env_from": [source]}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    spec = {"selector": {"match_labels": labels}, "template": template}
    k8s.apps.v1.Deployment(NAME, metadata=metadata, spec=spec, opts=in_cluster(session))


def left(session: Session) -> list[object]:
    """Return the locks of stacks, and this process's engines."""
    locks = (session.state.path / PULUMI_BACKEND / ".pulumi" / "locks").rglob("*.json")
    return [*locks, *ran("pgrep", "-P", os.getpid(), "pulumi").stdout.split()]


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
            assert left(session) == []
            operation()
        if not was_interrupted:
            break
    assert step > 2


def test_a_wait_ends_with_the_run_and_its_object_is_in_the_state(session):
    def interrupt():
        eventually(lambda: find_object(session.cluster, Deployment, NAME, namespace="default"))
        os.kill(os.getpid(), signal.SIGINT)

    stack = stack_of(session, "waiting", partial(waiting, session))
    threading.Thread(target=interrupt).start()
    assert quietly(lambda: len(stack.up())) == 128 + signal.SIGINT
    assert left(session) == []
    assert "pending_operations" not in stack.export()
    assert stack.destroy() == {"delete": 3}
