"""An `up` whose engine is killed, with attached providers, and how docs/existing.md finishes it."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
import pytest
from botocore.exceptions import ClientError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace
from pulumi import ResourceOptions

from irsa.identity.policies import service_trust_policy
from irsa_sandbox.demo import left_overs
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from irsa_sandbox.state import SandboxError
from tests.sandbox.support.cluster import eventually

pytestmark = pytest.mark.sandbox

NAME = "killed"
LABELS = {"app": NAME}


Program = Callable[[Session, list[str]], None]
Resource = dict[str, Any]


def roles(_session: Session, imported: list[str]) -> None:
    account = aws.Provider("account-a", region="us-east-1")
    for name in [f"{NAME}-{number:02}" for number in range(20)]:
        aws.iam.Role(
            name,
            name=name,
            assume_role_policy=json.dumps(service_trust_policy("ec2.amazonaws.com")),
            opts=ResourceOptions(provider=account, import_=name if name in imported else None),
        )


def deployment(session: Session, _imported: list[str]) -> None:
    kubeconfig = Path(session.state.kubeconfig).read_text()
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


def cluster(_session: Session, _imported: list[str]) -> None:
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


def deployment_in(session: Session) -> bool:
    return NAME in [each.metadata.name for each in session.cluster.list(Deployment, namespace="*")]


def import_roles(session: Session, pending: list[Resource]) -> list[str]:
    made = roles_in(session)
    names = [each.get("inputs", {}).get("name") for each in pending]
    return [name for name in names if name in made]


def delete_deployment(session: Session, _pending: list[Resource]) -> list[str]:
    session.cluster.delete(Deployment, NAME, namespace=NAME)
    assert eventually(lambda: not deployment_in(session))
    return []


def delete_from_account(session: Session, pending: list[Resource]) -> list[str]:
    for resource in pending:
        inputs = resource.get("inputs", {})  # a component may have none
        with suppress(ClientError):  # it does not exist
            match resource["type"]:
                case "aws:iam/role:Role":
                    session.aws("iam").delete_role(RoleName=inputs["name"])
                case "aws:eks/cluster:Cluster":
                    session.aws("eks").delete_cluster(name=NAME)
                case "aws:eks/addon:Addon":
                    addon = inputs["addonName"]
                    session.aws("eks").delete_addon(clusterName=NAME, addonName=addon)
                case _:
                    pass  # the next `up` sets it again
    return []


class Killed(NamedTuple):
    """A program, the moment to kill its `up`, and how its pending creations are handled."""

    program: Program
    is_time: Callable[[Session], bool]
    handle: Callable[[Session, list[Resource]], list[str]]
    """Delete what exists, or return the names of resources to import."""


CASES = {
    "aws": Killed(roles, lambda session: len(roles_in(session)) >= 5, import_roles),
    "kubernetes": Killed(deployment, deployment_in, delete_deployment),
    "eks": Killed(
        cluster,
        lambda session: NAME in session.aws("eks").list_clusters()["clusters"],
        delete_from_account,
    ),
}


@pytest.mark.parametrize("provider", CASES)
def test_a_killed_up_is_finished_as_pulumi_prescribes(session: Session, provider: str):
    case = CASES[provider]

    def opened(imported: list[str]) -> SandboxStack:
        program = partial(case.program, session, imported)
        return SandboxStack(session.state, program=program, project_name=f"{NAME}-{provider}")

    before = left_overs(session)
    stack = opened([])
    kill_during_up(stack, lambda: case.is_time(session))
    with pytest.raises(
        SandboxError, match="if it was killed, remove the lock with `pulumi cancel`"
    ):
        stack.up()
    stack.cancel()
    under_way = stack.export().get("pending_operations", [])
    pending = [each["resource"] for each in under_way if each["type"] == "creating"]
    imported = case.handle(session, pending)
    stack.refresh(clear_pending_creates=True)

    assert opened(imported).up().keys() <= {"create", "import", "same", "update"}
    stack = opened([])
    assert stack.up().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    assert "pending_operations" not in stack.export()
    assert stack.destroy().keys() == {"delete"}
    assert left_overs(session) == before
    assert NAME not in [each.metadata.name for each in session.cluster.list(Namespace)]


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
