"""The EKS Pod Identity Agent in front of EKS Auth: its cache, its refusals, and where it runs."""

import json
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import botocore.session
import httpx2
import pytest

from irsa.identity.errors import AwsError
from irsa_sandbox.aws.role_sessions import SESSION_SECONDS, TARGET_SESSION_SECONDS
from irsa_sandbox.kubernetes import pod_identity_agent
from irsa_sandbox.kubernetes.pod_identity_agent import Agent, AgentServer, Node
from tests.sandbox.support.aws_harness import ISSUER, ROLE_ARN, STRANGER, Aws
from tests.sandbox.support.pod_identity import (
    ADDON,
    AUTO_MODE,
    CLUSTER,
    POD,
    READER,
    TARGET_ARN,
    Associated,
    node_role,
    nodes_with_agent,
    pod_token,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

DAY = int(time.time()) + 24 * 3600
RAW = pod_token(exp=DAY)
RENEWED = pod_token(exp=DAY + 1)
INVALID_ADDRESS = (
    "Access Denied. Called agent through invalid address, please use either [127.0.0.1] address "
    "not example.org\n"
)


class Clock:
    """The agent's clock, which a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(aws: Aws, restored: None) -> Associated:
    world = Associated(aws)
    world.associate()
    return world


@pytest.fixture
def node(world: Associated) -> Node:
    return Node(CLUSTER, world.node_role)


@pytest.fixture
def agent(aws: Aws, clock: Clock) -> Agent:
    emulator, url = aws.emulator, f"https://{ISSUER}"
    return Agent(instance=emulator.instance, jwks=aws.issuer.jwks, issuer_url=url, now=clock)


@pytest.mark.parametrize("raw", [RAW, RENEWED], ids=["token", "another-token"])
@pytest.mark.parametrize(
    ("more", "seconds"),
    [({}, SESSION_SECONDS), ({"targetRoleArn": TARGET_ARN}, TARGET_SESSION_SECONDS)],
    ids=["role", "target-role"],
)
def test_a_pods_credentials_stay_as_long_as_they_are_valid(
    world: Associated, node: Node, agent: Agent, clock: Clock, more, seconds, raw
):
    world.target()
    [association] = world.eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"]
    which = {name: association[name] for name in ("associationId", "clusterName")}
    if more:
        world.eks.update_pod_identity_association(**which, **more)
    first = agent.credentials(node, RAW)
    world.eks.delete_pod_identity_association(**which)

    clock.ahead = seconds - 30
    assert agent.credentials(node, raw) == first
    clock.ahead = seconds - 10
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        agent.credentials(node, raw)


def test_another_pod_has_credentials_of_its_own(node: Node, agent: Agent):
    kubernetes = {
        "namespace": READER.namespace,
        "serviceaccount": {"name": READER.name},
        "pod": {**POD, "uid": "another"},
    }
    first = agent.credentials(node, RAW)

    assert agent.credentials(node, pod_token(**{"kubernetes.io": kubernetes})) != first


@pytest.mark.parametrize("changed", [{"key": STRANGER}, {"aud": ["vault"]}])
def test_a_forged_token_is_not_served_from_the_cache(node: Node, agent: Agent, changed):
    agent.credentials(node, RAW)

    with pytest.raises(AwsError, match=r"^\[.*\]: \(InvalidTokenException\): .*, fault: client$"):
        agent.credentials(node, pod_token(**changed))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("", "Service account token cannot be empty"),
        ("Bearer x", "Service account token cannot be parsed: token is malformed: "),
        (
            pod_token(exp=int(time.time()) - 1),
            "Service account token failed basic claim validations: token is expired",
        ),
    ],
)
def test_the_agent_itself_refuses_what_can_be_no_token(node: Node, agent: Agent, raw, message):
    with pytest.raises(AwsError) as refused:
        agent.credentials(node, raw)

    assert (refused.value.http, str(refused.value)[: len(message)]) == (400, message)


def test_a_node_without_the_permission_has_none_to_give(world: Associated, agent: Agent):
    bare = Node(CLUSTER, node_role(world.iam, "bare", may_ask=False))

    with pytest.raises(AwsError, match=r"AccessDeniedException.*eks-auth:AssumeRoleForPodIdentity"):
        agent.credentials(bare, RAW)


def test_a_role_that_no_instance_may_have_gives_a_node_no_credentials(
    world: Associated, agent: Agent
):
    with pytest.raises(AwsError, match="no EC2 IMDS role found"):
        agent.credentials(Node(CLUSTER, world.role_arn), RAW)


def test_the_agent_runs_on_nodes_of_the_cluster_with_the_addon(aws: Aws, world: Associated):
    found = [aws.emulator.node_with_agent()]
    world.create_cluster("other")
    nodes_with_agent(world.eks, "other", world.node_role)
    found.append(aws.emulator.node_with_agent())
    world.eks.delete_addon(clusterName="other", addonName=ADDON)
    found.append(aws.emulator.node_with_agent())

    assert found == [None, Node("other", world.node_role, "nodes"), None]


def test_eks_auto_mode_has_the_agent_without_an_addon(aws: Aws, world: Associated):
    world.create_cluster("auto")
    world.eks.update_cluster_config(name="auto", **AUTO_MODE)

    assert aws.emulator.node_with_agent() == Node("auto", ROLE_ARN)


def test_no_request_reads_the_models_of_all_services(
    node: Node, agent: Agent, monkeypatch: pytest.MonkeyPatch
):
    """That takes many seconds, in which the emulator answers nothing: an SDK waits two."""
    listed = Mock(return_value=[])
    monkeypatch.setattr(botocore.session.Session, "get_available_services", listed)

    agent.credentials(node, RAW)

    listed.assert_not_called()


class Served:
    """The agent behind its port."""

    def __init__(self, agent: Agent) -> None:
        self.node: Node | None = None
        self.server = AgentServer(agent, lambda: self.node)

    def get(self, path: str = "/v1/credentials", **headers: str) -> httpx2.Response:
        return httpx2.get(f"{self.server.url}{path}", headers=headers, trust_env=False)


@pytest.fixture
def served(node: Node, agent: Agent) -> Iterator[Served]:
    served = Served(agent)
    served.node = node
    served.server.start()
    yield served
    served.server.stop()


def test_the_answer_is_what_an_sdk_reads(served: Served):
    answer = served.get(Authorization=RAW)

    assert answer.headers["Content-Type"] == "application/json"
    fields: dict[str, Any] = json.loads(answer.text)
    assert fields.keys() == {
        "AccessKeyId", "SecretAccessKey", "Token", "AccountId", "Expiration",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "headers", "status", "text"),
    [
        ("/v1/credentials", {}, 400, "Service account token cannot be empty\n"),
        ("/v2/credentials", {"Authorization": RAW}, 404, "404 page not found\n"),
        (
            "/v1/credentials",
            {"Authorization": RAW, "Host": "example.org"},
            403,
            INVALID_ADDRESS,
        ),
    ],
)
def test_a_refusal_is_plain_text(served: Served, path, headers, status, text):
    answer = served.get(path, **headers)

    assert (answer.status_code, answer.text) == (status, text)


def test_without_an_agent_on_a_node_no_connection_is_answered(served: Served):
    served.node = None

    with pytest.raises(httpx2.RemoteProtocolError):
        served.get(Authorization=RAW)


def test_no_other_user_is_answered(served: Served, monkeypatch):
    monkeypatch.setattr(pod_identity_agent, "uid_of_peer", lambda _: 1)

    with pytest.raises(httpx2.RemoteProtocolError):
        served.get(Authorization=RAW)
