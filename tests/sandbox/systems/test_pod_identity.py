"""EKS Pod Identity in a whole sandbox: webhook, agent, EKS Auth, and real SDKs in Pods."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.testing.pods import Pod
from irsa_sandbox.testing.sandbox import CLUSTER, Sandbox
from tests.sandbox.support import sdk_programs
from tests.sandbox.support.pod_identity import (
    ADDON,
    arn_of_cluster,
    associate,
    node_role,
    nodes_with_agent,
    pod_role,
)

pytestmark = pytest.mark.sandbox

READER = ServiceAccountRef("pods", "reader")
LATE = ServiceAccountRef("pods", "late")
ROLE, IRSA_ROLE = "pod-reader", "irsa-reader"
IRSA_ARN = f"arn:aws:iam::{ACCOUNT_A}:role/{IRSA_ROLE}"
MakePod = Callable[[ServiceAccountRef], Pod]


@pytest.fixture(scope="module")
def associated(sandbox: Sandbox) -> Sandbox:
    iam, eks = (sandbox.accounts.a.client(each) for each in ("iam", "eks"))
    nodes_with_agent(eks, CLUSTER, node_role(iam))
    for account in (READER, LATE):
        role = pod_role(iam, f"pod-{account.name}", CLUSTER, account)
        if account != LATE:
            associate(eks, CLUSTER, account, role)
    trust = json.dumps(irsa_trust_policy([sandbox.provider_arn], [READER, LATE]))
    iam.create_role(RoleName=IRSA_ROLE, AssumeRolePolicyDocument=trust)
    return sandbox


@pytest.fixture(scope="module")
def pod(associated: Sandbox) -> Iterator[MakePod]:
    with ExitStack() as running:
        # The annotation names a role in any case, so that the association precedes it.
        yield lambda account: running.enter_context(associated.pod("/".join(account), IRSA_ARN))


def role_of(pod: Pod, *env: str) -> str:
    """The role that boto3 ends up with, or its error."""
    done = pod.run(["env", *env, *sdk_programs.boto3().command])
    return done.stdout.split("/")[1] if done.returncode == 0 else done.stderr


def test_a_proxy_for_http_is_not_in_the_way(pod: MakePod):
    proxies = [f"{name}=http://127.0.0.1:9" for name in ("HTTP_PROXY", "http_proxy")]

    assert role_of(pod(READER), *proxies) == ROLE


def test_a_pod_that_the_webhook_sees_too_early_has_no_credentials_of_it(
    sandbox: Sandbox, pod: MakePod
):
    """EKS hands the webhook its file some seconds after the association is made."""
    eks = sandbox.accounts.a.client("eks")
    with sandbox.hold_back_associations():
        associate(eks, CLUSTER, LATE, f"arn:aws:iam::{ACCOUNT_A}:role/pod-late")
        early = pod(LATE)
    late = pod(LATE)

    assert role_of(early) == IRSA_ROLE
    assert role_of(late) == "pod-late"


def test_a_restored_sandbox_knows_the_credentials_that_a_pod_gets(sandbox: Sandbox, pod: MakePod):
    restored = pod(READER)
    sandbox.take_snapshot()
    before = role_of(restored)
    sandbox.restore()

    assert before == role_of(restored) == ROLE


def test_a_refusal_of_eks_auth_and_a_missing_agent_reach_the_sdk(sandbox: Sandbox, pod: MakePod):
    trust = json.dumps(pod_identity_trust_policy([arn_of_cluster("other")], [READER]))
    iam, eks = (sandbox.accounts.a.client(each) for each in ("iam", "eks"))
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=trust)
    refused = role_of(pod(READER))
    eks.delete_addon(clusterName=CLUSTER, addonName=ADDON)
    unreached = role_of(pod(READER))

    assert "Received non 200 response 400 from container metadata: [" in refused
    assert "(AccessDeniedException): Unauthorized Exception! EKS does not have" in refused
    assert "associated role., fault: client" in refused
    assert "Error when retrieving credentials from container-role" in unreached
    assert "Received non 200" not in unreached
