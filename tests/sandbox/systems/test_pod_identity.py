"""EKS Pod Identity in a whole sandbox: webhook, agent, EKS Auth, and real SDKs in Pods."""

import json
import threading
from contextlib import ExitStack

import pytest
from lightkube.resources import core_v1

from irsa_components import trial_pods
from irsa_core import polling
from irsa_core.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa_core.identity.injection import missing
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.session import create_pod, create_service_account
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support import pod_identity, sdk_programs
from tests.sandbox.support.programs import POD_SPEC

READER = ServiceAccountRef("pods", "reader")
ROLE = "pod-reader"
NAMESPACE, STARTS = "start", 4


@pytest.fixture(scope="module")
def pod(sandbox):
    iam, eks = (sandbox.accounts.a.client(each) for each in ("iam", "eks"))
    pod_identity.nodes_with_agent(eks, CLUSTER, pod_identity.node_role(iam))
    pod_identity.associate(eks, CLUSTER, READER, pod_identity.pod_role(iam, ROLE, CLUSTER, READER))
    trust = json.dumps(irsa_trust_policy([sandbox.provider_arn], [READER]))
    iam.create_role(RoleName="irsa-reader", AssumeRolePolicyDocument=trust)
    irsa_arn = f"arn:aws:iam::{ACCOUNT_A}:role/irsa-reader"
    with ExitStack() as running:
        # The annotation names a role in any case, so that the association precedes it.
        yield lambda: running.enter_context(sandbox.pod("/".join(READER), irsa_arn))


def role_of(pod):
    """The role that boto3 ends up with, or its error."""
    done = pod.run(sdk_programs.boto3().command)
    return done.stdout.split("/")[1] if done.returncode == 0 else done.stderr


def test_a_restored_sandbox_knows_the_credentials_that_a_pod_gets(sandbox, pod):
    restored = pod()
    sandbox.snapshots.take()
    before = role_of(restored)
    sandbox.snapshots.restore()

    assert before == role_of(restored) == ROLE


def test_a_refusal_of_eks_auth_and_a_missing_agent_reach_the_sdk(sandbox, pod):
    trust = json.dumps(pod_identity_trust_policy([pod_identity.arn_of_cluster("other")], [READER]))
    iam, eks = (sandbox.accounts.a.client(service) for service in ("iam", "eks"))
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=trust)
    refused = role_of(pod())
    eks.delete_addon(clusterName=CLUSTER, addonName=pod_identity.ADDON)
    unreached = role_of(pod())

    assert "Received non 200 response 400 from container metadata: [" in refused
    assert "(AccessDeniedException): Unauthorized Exception! EKS does not have" in refused
    assert "associated role., fault: client" in refused
    assert "Error when retrieving credentials from container-role" in unreached
    assert "Received non 200" not in unreached


def has_credentials(sandbox, account):
    """Create a Pod of the service account; return whether the webhook gave it credentials."""
    created = create_pod(sandbox.kubernetes, account, generateName=f"{account.name}-")
    name, own = created["metadata"]["name"], {"namespace": NAMESPACE, "grace_period": 0}
    sandbox.kubernetes.delete(core_v1.Pod, name, **own)
    return missing(created, CREDENTIALS_URI_VARIABLE) == ""


def test_each_start_has_credentials_and_without_the_gate_none(sandbox, monkeypatch):
    monkeypatch.setattr(polling, "PAUSE", 0.05)
    iam, eks = (sandbox.accounts.a.client(service) for service in ("iam", "eks"))
    kubeconfig = sandbox.kubeconfig.read_text()
    without, with_gate = 0, 0
    for number in range(STARTS):
        account = ServiceAccountRef(NAMESPACE, f"app-{number}")
        create_service_account(sandbox.kubernetes, *account)
        role = pod_identity.pod_role(iam, account.name, CLUSTER, account)
        held_back = ExitStack()
        held_back.enter_context(sandbox.hold_back_associations())
        pod_identity.associate(eks, CLUSTER, account, role)
        without += has_credentials(sandbox, account)  # the control
        timer = threading.Timer(0.1, held_back.close)
        timer.start()
        template = {"spec": {**POD_SPEC, "serviceAccountName": account.name}}
        trial_pods.wait_for_credentials(kubeconfig, account, template)
        with_gate += has_credentials(sandbox, account)
        timer.join()

    assert (without, with_gate) == (0, STARTS)
