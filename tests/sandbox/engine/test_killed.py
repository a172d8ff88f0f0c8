"""An `up` whose engine is killed, with attached providers, and how docs/existing.md finishes it."""

import json
import os
import re
import signal
import threading
import time
from contextlib import suppress
from functools import partial

import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as k8s
import pytest
from botocore.exceptions import ClientError
from lightkube.core.exceptions import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace
from pulumi import ResourceOptions

from irsa_sandbox.demo import left_overs
from irsa_sandbox.state import PULUMI_BACKEND, SandboxError
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.programs import POD_SPEC, TRUST, in_cluster, stack_of, unchanged
from tests.support.processes import ran

NAME = "killed"


def kill_during_up(stack, is_time):
    """Bring the stack up, and kill the engine when it is time: it stands still while that is asked,
    so that the answer is true of the moment at which it dies."""
    done = threading.Event()

    def engine() -> int:
        while not done.is_set():
            if children := ran("pgrep", "-P", os.getpid(), "pulumi").stdout.split():
                return int(children[0])
        raise ProcessLookupError

    def kill() -> None:
        with suppress(ProcessLookupError):  # it has ended
            process = engine()
            while not done.is_set():
                os.kill(process, signal.SIGSTOP)
                if hasattr(os, "waitid"):  # a thread may still be in a call that writes the state
                    os.waitid(os.P_PID, process, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
                if is_time():
                    os.kill(process, signal.SIGKILL)
                    return
                os.kill(process, signal.SIGCONT)
                time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(SandboxError, match=r"the Pulumi engine was killed \(signal 9\)"):
            stack.up(parallel=2)
    finally:
        done.set()
        killer.join()


def under_creation(operations):
    return [each["resource"] for each in operations or () if each["type"] == "creating"]


@pytest.mark.parametrize("provider", ["aws and kubernetes", "eks"])
def test_a_killed_up_is_finished_as_pulumi_prescribes(session, provider):
    """Import what was being made, if it is a role, and delete it otherwise."""

    def roles():
        names = [role["RoleName"] for role in session.aws("iam").list_roles()["Roles"]]
        return [name for name in names if name.startswith(NAME)]

    def is_deployed():
        listed = session.cluster.list(Deployment, namespace="*")
        return NAME in [deployment.metadata.name for deployment in listed]

    def workloads(imported):
        for name in [f"{NAME}-{number:02}" for number in range(20)]:
            opts = ResourceOptions(import_=name if name in imported else None)
            aws.iam.Role(name, name=name, assume_role_policy=TRUST, opts=opts)
        opts, labels = in_cluster(session), {"app": NAME}
        namespace = k8s.core.v1.Namespace(NAME, metadata={"name": NAME}, opts=opts)
        template = {"metadata": {"labels": labels}, "spec": POD_SPEC}
        spec = {"replicas": 20, "selector": {"match_labels": labels}, "template": template}
        metadata = {"name": NAME, "namespace": namespace.metadata.name}
        k8s.apps.v1.Deployment(NAME, metadata=metadata, spec=spec, opts=opts)

    def cluster(_imported):
        skipped = {"skip_default_node_group": True, "skip_default_security_groups": True}
        eks.Cluster(NAME, name=NAME, authentication_mode="API", **skipped)

    def is_time():
        file = session.state.path / PULUMI_BACKEND / ".pulumi" / "stacks" / NAME / "dev.json"
        kinds = []
        with suppress(FileNotFoundError, ValueError):  # it is being written
            latest = json.loads(file.read_text())["checkpoint"]["latest"]
            resources = under_creation(latest.get("pending_operations"))
            kinds = [resource["type"] for resource in resources]
        if provider == "eks":
            # The provider has its request, or is about to get it.
            tries = range(20 if any(kind.startswith("aws:eks/") for kind in kinds) else 0)
            clusters = session.aws("eks").list_clusters
            return any(NAME in clusters()["clusters"] or time.sleep(0.05) for _ in tries)
        return bool(kinds) and len(roles()) >= 5 and is_deployed()

    def opened(imported):
        program = cluster if provider == "eks" else workloads
        return stack_of(session, NAME, partial(program, imported))

    before = left_overs(session)
    stack = opened([])
    kill_during_up(stack, is_time)
    under_way = stack.export().get("pending_operations", [])
    resources = under_creation(under_way)
    pending = {(made["type"], made.get("inputs", {}).get("name")) for made in resources}
    kinds = {kind for kind, _ in pending}
    assert pending
    made = [name for kind, name in pending if kind == "aws:iam/role:Role" and name in roles()]
    imported = [name for name in made if re.fullmatch(rf"{NAME}-\d\d", name)]
    for name in set(made) - set(imported):  # of the component, under a generated name
        session.aws("iam").delete_role(RoleName=name)
    if "kubernetes:apps/v1:Deployment" in kinds:
        with suppress(ApiError):  # it does not exist
            session.cluster.delete(Deployment, NAME, namespace=NAME)
        assert eventually(lambda: not is_deployed())
    with suppress(ClientError):  # a policy attachment is set by the next `up`
        if "aws:eks/cluster:Cluster" in kinds:
            session.aws("eks").delete_cluster(name=NAME)
        for operation in under_way:
            if operation["resource"]["type"] == "aws:eks/addon:Addon":
                name = operation["resource"]["inputs"]["addonName"]
                session.aws("eks").delete_addon(clusterName=NAME, addonName=name)
    stack.refresh(clear_pending_creates=True)

    assert opened(imported).up().keys() <= {"create", "import", "same", "update"}
    stack = opened([])
    unchanged(stack)
    assert "pending_operations" not in stack.export()
    assert stack.destroy().keys() == {"delete"}
    assert left_overs(session) == before
    assert NAME not in [namespace.metadata.name for namespace in session.cluster.list(Namespace)]
