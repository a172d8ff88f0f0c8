"""EKS Pod Identity in a whole sandbox: webhook, agent, EKS Auth, and real SDKs in Pods."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lightkube.resources.core_v1 import Pod as PodResource

from irsa.identity.eks import (
    CREDENTIALS_URI,
    CREDENTIALS_URI_VARIABLE,
    POD_IDENTITY_LABEL,
    WEB_IDENTITY_VARIABLES,
)
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
from irsa_sandbox.testing.running import held
from irsa_sandbox.testing.sandbox import Sandbox
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
from tests.sandbox.support.sdk_programs import PROGRAMS

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


@pytest.fixture(scope="module")
def by_hand(session: Session, reader: Pod) -> dict[str, str]:
    """The variables of a Pod that names the annotated role and mounts a token for STS itself."""
    file = Path(reader.environment["HOME"]) / "token"
    file.write_text(session.token(*READER))
    values = (IRSA_ARN, str(file))
    return dict(zip(WEB_IDENTITY_VARIABLES, values, strict=True))


def role_of(pod: Pod, command: list[str], **env: str) -> str:
    """The role that a program ends up with, or its error."""
    done = pod.run(["env", *(f"{name}={value}" for name, value in env.items()), *command])
    if done.returncode != 0:
        return done.stderr
    return done.stdout.strip().splitlines()[-1].split("/")[1]


def test_the_association_precedes_the_annotation(sandbox: Sandbox, reader: Pod):
    namespace, name = reader.name.split("/")
    found = sandbox.kubernetes.get(PodResource, name, namespace=namespace).to_dict()
    variables = {each["name"]: each["value"] for each in found["spec"]["containers"][0]["env"]}

    assert found["metadata"]["labels"][POD_IDENTITY_LABEL] == "enabled"
    assert variables[CREDENTIALS_URI_VARIABLE] == CREDENTIALS_URI
    assert not set(WEB_IDENTITY_VARIABLES) & variables.keys()


@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_gets_the_associations_role(reader: Pod, sdk: str):
    assert role_of(reader, PROGRAMS[sdk]().command) == "pod-reader"


@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_prefers_a_web_identity_that_is_set_by_hand(
    reader: Pod, by_hand: dict[str, str], sdk: str
):
    assert role_of(reader, PROGRAMS[sdk]().command, **by_hand) == IRSA_ROLE


def test_a_proxy_for_http_is_not_in_the_way(reader: Pod):
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")

    for program in (sdk_programs.cli(), sdk_programs.boto3()):
        assert role_of(reader, program.command, **proxies) == "pod-reader"


def test_a_pod_that_the_webhook_sees_too_early_has_no_credentials_of_it(
    sandbox: Sandbox, pod: MakePod
):
    """EKS hands the webhook its file some seconds after the association is made."""
    eks = sandbox.accounts.a.client("eks")
    with sandbox.hold_back_associations():
        associate(eks, sandbox.cluster_name, LATE, f"arn:aws:iam::{ACCOUNT_A}:role/pod-late")
        early = pod(LATE)
    late = pod(LATE)

    assert role_of(early, sdk_programs.cli().command) == IRSA_ROLE
    assert role_of(late, sdk_programs.cli().command) == "pod-late"


def test_a_restored_sandbox_knows_the_credentials_that_a_pod_gets(sandbox: Sandbox, pod: MakePod):
    restored = pod(READER)
    sandbox.take_snapshot()
    before = role_of(restored, sdk_programs.cli().command)
    sandbox.restore()

    assert before == role_of(restored, sdk_programs.cli().command) == ROLE


def test_without_the_agent_the_connection_fails(sandbox: Sandbox, pod: MakePod):
    eks = sandbox.accounts.a.client("eks")
    addon = {"clusterName": sandbox.cluster_name, "addonName": ADDON}
    eks.delete_addon(**addon)
    try:
        error = role_of(pod(READER), sdk_programs.cli().command)
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
        error = role_of(pod(READER), sdk_programs.cli().command)
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


def test_a_command_of_sandbox_exec_has_the_role_as_well(session: Session, reader: Pod):
    command = [sys.executable, "-m", "irsa_sandbox", "exec", "--folder", session.state.folder]
    done = subprocess.run(
        [*command, reader.name, "--", *sdk_programs.cli().command],
        capture_output=True,
        text=True,
        check=True,
    )

    assert f":assumed-role/{ROLE}/" in done.stdout
