"""Pods start with the credentials of a new association, although EKS's webhook hears of it late."""

import subprocess
import threading
from contextlib import ExitStack

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace as K8sNamespace
from lightkube.resources.core_v1 import Pod, ServiceAccount

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa.identity.injection import missing
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe import trial_pods
from irsa_sandbox.engine.stack import ROOT
from irsa_sandbox.testing.sandbox import CLUSTER, Sandbox
from tests.sandbox.support.command import SANDBOX
from tests.sandbox.support.pod_identity import associate, pod_role
from tests.sandbox.support.programs import POD_SPEC

pytestmark = pytest.mark.sandbox

NAMESPACE = "start"
STARTS = 8


def has_credentials(sandbox: Sandbox, account: str) -> bool:
    """Create a Pod of the service account; return whether the webhook gave it credentials."""
    metadata = {"generateName": f"{account}-", "namespace": NAMESPACE}
    pod = Pod.from_dict({"metadata": metadata, "spec": {**POD_SPEC, "serviceAccountName": account}})
    created = sandbox.kubernetes.create(pod).to_dict()
    sandbox.kubernetes.delete(Pod, created["metadata"]["name"], namespace=NAMESPACE, grace_period=0)
    return missing(created, CREDENTIALS_URI_VARIABLE) == ""


def test_each_start_has_credentials_and_without_the_gate_none(sandbox, monkeypatch):
    monkeypatch.setattr(trial_pods, "PAUSE", 0.05)
    iam, eks = (sandbox.accounts.a.client(each) for each in ("iam", "eks"))
    kubeconfig = sandbox.kubeconfig.read_text()
    sandbox.kubernetes.create(K8sNamespace(metadata=ObjectMeta(name=NAMESPACE)))
    without, with_gate = 0, 0
    for number in range(STARTS):
        account = f"app-{number}"
        own = ServiceAccountRef(NAMESPACE, account)
        metadata = ObjectMeta(name=account, namespace=NAMESPACE)
        sandbox.kubernetes.create(ServiceAccount(metadata=metadata))
        role = pod_role(iam, account, CLUSTER, own)
        held_back = ExitStack()
        held_back.enter_context(sandbox.hold_back_associations())
        associate(eks, CLUSTER, own, role)
        without += has_credentials(sandbox, account)  # the control
        timer = threading.Timer(0.1, held_back.close)
        timer.start()
        template = {"spec": {**POD_SPEC, "serviceAccountName": account}}
        trial_pods.wait_for_credentials(kubeconfig, own, template)
        with_gate += has_credentials(sandbox, account)
        timer.join()

    assert (without, with_gate) == (0, STARTS)


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
    role = pod_role(iam, "many", CLUSTER, accounts[0])
    for account in accounts:
        associate(eks, CLUSTER, account, role)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.yaml").write_text("name: many\nruntime: python\n")
    (tmp_path / "kubeconfig").write_text(sandbox.kubeconfig.read_text())
    command = [*SANDBOX, "stack", "up", "--folder", str(sandbox.folder), "--skip-preview"]

    command += ["--project", str(tmp_path)]
    limited = ["sh", "-c", f'ulimit -Sn {DESCRIPTORS}; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert f"{MANY * 3 + 2} created" in done.stdout
