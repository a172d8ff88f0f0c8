"""EKS Pod Identity in a whole sandbox: webhook, agent, EKS Auth, and real SDKs in Pods."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_components import ServiceAccount
from irsa_components.pod_identity_association import (
    PodIdentityAssociation,
    PodIdentityAssociationArgs,
)
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Session
from irsa_sandbox.testing.pods import Pod
from irsa_sandbox.testing.sandbox import Sandbox, held
from tests.sandbox.support import sdk_programs
from tests.sandbox.support.pod_identity import (
    ADDON,
    arn_of_cluster,
    associate,
    node_role,
    nodes_with_agent,
    pod_role,
)
from tests.sandbox.support.programs import stack_of

pytestmark = pytest.mark.sandbox

READER = ServiceAccountRef("pods", "reader")
LATE = ServiceAccountRef("pods", "late")
ROLE, IRSA_ROLE = "pod-reader", "irsa-reader"
IRSA_ARN = f"arn:aws:iam::{ACCOUNT_A}:role/{IRSA_ROLE}"
MakePod = Callable[[ServiceAccountRef], Pod]


@pytest.fixture(scope="module")
def sandbox(session: Session) -> Iterator[Sandbox]:
    SandboxStack(session.state).destroy()  # an earlier test's: the agent would be of its cluster
    with held(session.state, ends=False) as running:
        a = running.accounts.a
        iam, eks = a.client("iam"), a.client("eks")
        nodes_with_agent(eks, running.cluster_name, node_role(iam, "pod-identity-nodes"))
        associated = [READER, LATE]
        for account in associated:
            role = pod_role(iam, f"pod-{account.name}", running.cluster_name, account)
            if account != LATE:
                associate(eks, running.cluster_name, account, role)
        trust = json.dumps(irsa_trust_policy([running.provider_arn], associated))
        iam.create_role(RoleName=IRSA_ROLE, AssumeRolePolicyDocument=trust)
        yield running


@pytest.fixture(scope="module")
def pod(sandbox: Sandbox) -> Iterator[Callable[[ServiceAccountRef], Pod]]:
    with ExitStack() as running:
        # The annotation names a role in any case, so that the association precedes it.
        yield lambda account: running.enter_context(sandbox.pod("/".join(account), IRSA_ARN))


@pytest.fixture(scope="module")
def reader(pod: MakePod) -> Pod:
    return pod(READER)


def role_of(pod: Pod, *env: str, program: sdk_programs.Program | None = None) -> str:
    """The role that the AWS CLI, or another program, ends up with, or its error."""
    command = (program or sdk_programs.cli()).command
    done = pod.run(["env", *env, *command])
    if done.returncode != 0:
        return done.stderr
    return done.stdout.strip().splitlines()[-1].split("/")[1]


def test_a_proxy_for_http_is_not_in_the_way(reader: Pod):
    proxies = [f"{name}=http://127.0.0.1:9" for name in ("HTTP_PROXY", "http_proxy")]

    for program in (sdk_programs.cli(), sdk_programs.boto3()):
        assert role_of(reader, *proxies, program=program) == ROLE


def test_a_pod_that_the_webhook_sees_too_early_has_no_credentials_of_it(
    sandbox: Sandbox, pod: MakePod
):
    """EKS hands the webhook its file some seconds after the association is made."""
    eks = sandbox.accounts.a.client("eks")
    with sandbox.hold_back_associations():
        associate(eks, sandbox.cluster_name, LATE, f"arn:aws:iam::{ACCOUNT_A}:role/pod-late")
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


def test_without_the_agent_the_connection_fails(sandbox: Sandbox, pod: MakePod):
    eks = sandbox.accounts.a.client("eks")
    addon = {"clusterName": sandbox.cluster_name, "addonName": ADDON}
    eks.delete_addon(**addon)
    try:
        error = role_of(pod(READER))
    finally:
        eks.create_addon(**addon)

    assert "Error when retrieving credentials from container-role" in error
    assert "Received non 200" not in error


def test_a_refusal_of_eks_auth_reaches_the_sdk(sandbox: Sandbox, pod: MakePod):
    trust = json.dumps(pod_identity_trust_policy([arn_of_cluster("other")], [READER]))
    iam = sandbox.accounts.a.client("iam")
    before = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=trust)
    try:
        error = role_of(pod(READER))
    finally:
        iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(before))

    assert "Received non 200 response 400 from container metadata: [" in error
    assert "(AccessDeniedException): Unauthorized Exception! EKS does not have" in error
    assert "associated role., fault: client" in error


def test_only_a_removed_session_policy_replaces_an_association(session: Session, sandbox: Sandbox):
    """A change deletes nothing: where EKS refuses it, the Pods keep what they have."""
    iam, eks = sandbox.accounts.a.client("iam"), sandbox.accounts.a.client("eks")
    kept = ServiceAccountRef("pods", "kept")
    role = pod_role(iam, "pod-kept", sandbox.cluster_name, kept)
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def association_of(policy: str | None) -> str:
        args = PodIdentityAssociationArgs(
            cluster_arn=arn_of_cluster(sandbox.cluster_name),
            service_account=ServiceAccount(namespace=kept.namespace, name=kept.name),
            role_arn=role,
            session_policy=policy,
            disable_session_tags=True,
        )
        stack_of(session, "kept", lambda: PodIdentityAssociation("kept", args)).up()
        [found] = eks.list_pod_identity_associations(
            clusterName=sandbox.cluster_name, namespace=kept.namespace, serviceAccount=kept.name
        )["associations"]
        return found["associationId"]

    created = association_of(None)
    assert association_of(text) == association_of(text.replace("Get", "Put")) == created
    assert association_of(None) != created
