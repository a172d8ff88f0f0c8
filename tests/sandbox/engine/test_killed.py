"""An `up` whose engine is killed, with attached providers, and how docs/pulumi.md finishes it."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace
from pulumi import ResourceOptions

from irsa.identity.policies import service_trust_policy
from sandbox.demo import left_overs
from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from sandbox.state import SandboxError
from tests.sandbox.support.neighbours import there

pytestmark = pytest.mark.sandbox

NAME = "killed"
LABELS = {"app": NAME}


def roles(_kubeconfig: str) -> None:
    account = aws.Provider("account-a", region="us-east-1")
    for number in range(20):
        aws.iam.Role(
            f"{NAME}-{number:02}",
            name=f"{NAME}-{number:02}",
            assume_role_policy=json.dumps(service_trust_policy("ec2.amazonaws.com")),
            opts=ResourceOptions(provider=account),
        )


def deployment(kubeconfig: str) -> None:
    cluster = ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=kubeconfig))
    namespace = k8s.core.v1.Namespace(NAME, metadata={"name": NAME}, opts=cluster)
    k8s.apps.v1.Deployment(
        NAME,
        metadata={"name": NAME, "namespace": namespace.metadata.name},
        spec={
            "replicas": 20,
            "selector": {"match_labels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [{"name": "app", "image": "app"}]},
            },
        },
        opts=cluster,
    )


def cluster(_kubeconfig: str) -> None:
    account = aws.Provider("account-a", region="us-east-1")
    eks.Cluster(
        NAME,
        name=NAME,
        authentication_mode="API",
        skip_default_node_group=True,
        skip_default_security_groups=True,
        opts=ResourceOptions(providers=[account]),
    )


def roles_in(session: Session) -> list[str]:
    names = [role["RoleName"] for role in session.aws("iam").list_roles()["Roles"]]
    return [name for name in names if name.startswith(NAME)]


class Killed(NamedTuple):
    """A program, and the moment to kill its `up`."""

    program: Callable[[str], None]
    is_time: Callable[[Session], bool]


CASES = {
    "aws": Killed(roles, lambda session: len(roles_in(session)) >= 5),
    "kubernetes": Killed(deployment, lambda session: there(session, Deployment, NAME, NAME)),
    "eks": Killed(cluster, lambda session: NAME in session.aws("eks").list_clusters()["clusters"]),
}

IDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "aws:eks/addon:Addon": lambda inputs: f"{inputs['clusterName']}:{inputs['addonName']}",
    "aws:eks/cluster:Cluster": lambda inputs: inputs["name"],
    "aws:iam/role:Role": lambda inputs: inputs["name"],
    "kubernetes:apps/v1:Deployment": lambda _: f"{NAME}/{NAME}",
    "kubernetes:core/v1:Namespace": lambda _: NAME,
}
"""The ID of each type by its inputs, as docs/pulumi.md has it. A pending creation of another type
is cleared: the next `up` makes it again."""


@pytest.mark.parametrize("provider", CASES)
def test_a_killed_up_is_finished_as_pulumi_prescribes(session: Session, provider: str):
    case = CASES[provider]
    kubeconfig = Path(session.state.kubeconfig).read_text()
    stack = SandboxStack(
        session.state, program=lambda: case.program(kubeconfig), project_name=f"{NAME}-{provider}"
    )
    before = left_overs(session)

    kill_during_up(stack, lambda: case.is_time(session))
    with pytest.raises(
        SandboxError, match="if it was killed, remove the lock with `pulumi cancel`"
    ):
        stack.up()
    stack.cancel()
    refresh_with_pending_creations(session, stack, f"{NAME}-{provider}")

    assert stack.up().keys() <= {"create", "same", "update"}
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    assert "pending_operations" not in stack.export()
    assert stack.destroy().keys() == {"delete"}
    assert left_overs(session) == before
    assert not there(session, Namespace, NAME)


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


def refresh_with_pending_creations(session: Session, stack: SandboxStack, project: str) -> None:
    """`pulumi refresh`, which imports what was being created; what is not there goes again."""
    arguments = []
    for pending in stack.export().get("pending_operations", []):
        resource = pending["resource"]
        if pending["type"] == "creating" and resource["type"] in IDS:
            resource_id = IDS[resource["type"]](resource["inputs"])
            for argument in (resource["urn"], resource_id):
                arguments += ["--import-pending-creates", argument]
    refresh = [session.state.pulumi, "refresh", "--yes", "--skip-preview", "--non-interactive"]
    done = subprocess.run(
        [*refresh, "--stack", "dev", "--clear-pending-creates", *arguments],
        cwd=session.state.path / "projects" / project,
        env={**session.state.environment(), "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
