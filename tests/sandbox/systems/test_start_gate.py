"""Pods start with the credentials of a new association, although EKS's webhook hears of it late."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from lightkube.models.core_v1 import Container, EnvVar, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace as K8sNamespace
from lightkube.resources.core_v1 import Pod, ResourceQuota, ServiceAccount

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe import trial_pods
from irsa.observe.errors import CollectError
from irsa_sandbox.engine.stack import ROOT
from irsa_sandbox.session import Session
from irsa_sandbox.testing.sandbox import Sandbox, held
from tests.sandbox.support.command import SANDBOX
from tests.sandbox.support.pod_identity import associate, pod_role
from tests.sandbox.support.programs import POD_SPEC

pytestmark = pytest.mark.sandbox

NAMESPACE = "start"
STARTS = 20


@pytest.fixture(scope="module")
def sandbox(session: Session) -> Iterator[Sandbox]:
    with held(session.state, ends=False) as running:
        running.take_snapshot()
        yield running
        running.restore()


def template(account: str) -> dict[str, Any]:
    return {
        "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]}
    }


def has_credentials(sandbox: Sandbox, account: str) -> bool:
    """Create a Pod of the service account; return whether the webhook gave it credentials."""
    spec = PodSpec(serviceAccountName=account, containers=[Container(name="app", image="app")])
    metadata = ObjectMeta(generateName=f"{account}-", namespace=NAMESPACE)
    created = sandbox.kubernetes.create(Pod(metadata=metadata, spec=spec)).to_dict()
    sandbox.kubernetes.delete(Pod, created["metadata"]["name"], namespace=NAMESPACE, grace_period=0)
    env = created["spec"]["containers"][0].get("env", ())
    return CREDENTIALS_URI_VARIABLE in {EnvVar.from_dict(each).name for each in env}


def test_each_start_has_credentials_and_without_the_gate_none(sandbox, monkeypatch):
    monkeypatch.setattr(trial_pods, "PAUSE", 0.05)
    iam, eks = (sandbox.accounts.a.client(each) for each in ("iam", "eks"))
    kubeconfig = sandbox.kubeconfig.read_text()
    sandbox.kubernetes.create(K8sNamespace(metadata=ObjectMeta(name=NAMESPACE)))
    without, with_gate = 0, 0
    for number in range(STARTS):
        account = f"app-{number}"
        metadata = ObjectMeta(name=account, namespace=NAMESPACE)
        sandbox.kubernetes.create(ServiceAccount(metadata=metadata))
        role = pod_role(iam, account, sandbox.cluster_name, ServiceAccountRef(NAMESPACE, account))
        held_back = ExitStack()
        held_back.enter_context(sandbox.hold_back_associations())
        associate(eks, sandbox.cluster_name, ServiceAccountRef(NAMESPACE, account), role)
        without += has_credentials(sandbox, account)  # the control
        timer = threading.Timer(0.1, held_back.close)
        timer.start()
        own = ServiceAccountRef(NAMESPACE, account)
        trial_pods.wait_for_credentials(kubeconfig, own, template(account))
        with_gate += has_credentials(sandbox, account)
        timer.join()

    assert (without, with_gate) == (0, STARTS)


def test_the_quota_that_refuses_a_trial_pod_is_named(sandbox):
    """A policy's webhook and a missing permission come in the same way: the API server's words."""
    name = "full"
    sandbox.kubernetes.create(K8sNamespace(metadata=ObjectMeta(name=name)))
    sandbox.kubernetes.create(ServiceAccount(metadata=ObjectMeta(name="app", namespace=name)))
    metadata = {"name": "none", "namespace": name}
    spec = {"hard": {"pods": "0"}}
    sandbox.kubernetes.create(ResourceQuota.from_dict({"metadata": metadata, "spec": spec}))
    # The sandbox runs no controller of quotas, which would write this.
    status = {"metadata": metadata, "status": {**spec, "used": {"pods": "0"}}}
    sandbox.kubernetes.replace(ResourceQuota.Status.from_dict(status))
    kubeconfig = sandbox.kubeconfig.read_text()

    own = ServiceAccountRef(name, "app")
    with pytest.raises(CollectError) as refused:
        trial_pods.wait_for_credentials(kubeconfig, own, template("app"))
    assert str(refused.value).startswith("cannot be tried: a dry run was refused: pods ")
    assert "exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0; " in str(
        refused.value
    )


MANY, DESCRIPTORS = 60, 128
"""The SDK's hooks have a server each, with sockets of its own."""
PROGRAM = f"""
from pathlib import Path

import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components import PodIdentityArgs, ServiceAccount, Workload, WorkloadArgs

kubeconfig = Path(__file__).with_name("kubeconfig").read_text()
provider = k8s.Provider("cluster", kubeconfig=kubeconfig)
for number in range({MANY}):
    Workload(
        f"app-{{number}}",
        WorkloadArgs(
            service_account=ServiceAccount(namespace="many", name=f"app-{{number}}"),
            # As in EKS, the API server has a name that must be looked up.
            pod_identity=PodIdentityArgs(
                association_id="a-1", kubeconfig=kubeconfig.replace("127.0.0.1", "localhost")
            ),
            pod_spec={POD_SPEC},
        ),
        ResourceOptions(providers=[provider]),
    )
"""


def test_many_deployments_start_with_few_descriptors(sandbox, tmp_path):
    accounts = [ServiceAccountRef("many", f"app-{number}") for number in range(MANY)]
    sandbox.kubernetes.create(K8sNamespace(metadata=ObjectMeta(name="many")))
    iam, eks = (sandbox.accounts.a.client(each) for each in ("iam", "eks"))
    role = pod_role(iam, "many", sandbox.cluster_name, accounts[0])
    for account in accounts:
        associate(eks, sandbox.cluster_name, account, role)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.yaml").write_text("name: many\nruntime: python\n")
    (tmp_path / "kubeconfig").write_text(sandbox.kubeconfig.read_text())
    command = [*SANDBOX, "stack", "up", "--folder", str(sandbox.folder), "--skip-preview"]

    command += ["--project", str(tmp_path)]
    limited = ["sh", "-c", f'ulimit -Sn {DESCRIPTORS}; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert f"{MANY * 3 + 2} created" in done.stdout
