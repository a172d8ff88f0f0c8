"""An `up` whose engine is killed, with attached providers, and how docs/pulumi.md finishes it."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pulumi_aws as aws
import pytest
from pulumi import ResourceOptions

from irsa.identity.policies import service_trust_policy
from sandbox.demo import left_overs
from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from sandbox.state import SandboxError

pytestmark = pytest.mark.sandbox

NAME = "killed"
Resource = dict[str, Any]


def roles(imported: list[str]) -> None:
    account = aws.Provider("account-a", region="us-east-1")
    for name in [f"{NAME}-{number:02}" for number in range(20)]:
        aws.iam.Role(
            name,
            name=name,
            assume_role_policy=json.dumps(service_trust_policy("ec2.amazonaws.com")),
            opts=ResourceOptions(provider=account, import_=name if name in imported else None),
        )


def roles_in(session: Session) -> list[str]:
    names = [role["RoleName"] for role in session.aws("iam").list_roles()["Roles"]]
    return [name for name in names if name.startswith(NAME)]


def import_roles(session: Session, pending: list[Resource]) -> list[str]:
    made = roles_in(session)
    return [each["inputs"]["name"] for each in pending if each["inputs"]["name"] in made]


def test_a_killed_up_is_finished_as_pulumi_prescribes(session: Session):
    def opened(imported: list[str]) -> SandboxStack:
        program = partial(roles, imported)
        return SandboxStack(session.state, program=program, project_name=NAME)

    before = left_overs(session)
    stack = opened([])
    kill_during_up(stack, lambda: len(roles_in(session)) >= 5)
    with pytest.raises(
        SandboxError, match="if it was killed, remove the lock with `pulumi cancel`"
    ):
        stack.up()
    stack.cancel()
    under_way = stack.export().get("pending_operations", [])
    pending = [each["resource"] for each in under_way if each["type"] == "creating"]
    imported = import_roles(session, pending)
    stack.refresh(clear_pending_creates=True)

    assert opened(imported).up().keys() <= {"create", "import", "same", "update"}
    stack = opened([])
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    assert "pending_operations" not in stack.export()
    assert stack.destroy().keys() == {"delete"}
    assert left_overs(session) == before


def kill_during_up(stack: SandboxStack, is_time: Callable[[], bool]) -> None:
    done = threading.Event()

    def kill() -> None:
        while not done.is_set() and not is_time():
            time.sleep(0.02)
        children = ["pgrep", "-P", str(os.getpid()), "pulumi"]
        for engine in subprocess.check_output(children, text=True).split():
            os.kill(int(engine), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(SandboxError, match=r"the Pulumi engine was killed \(signal 9\)"):
            stack.up(parallel=2)
    finally:
        done.set()
        killer.join()
