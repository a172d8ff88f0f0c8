"""The EKS Pod Identity Agent in front of EKS Auth: its cache, its refusals, and where it runs."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


@pytest.fixture
def world(aws: Aws, restored: None) -> Associated:
    world = Associated(aws)
    world.associate()
    return world


@pytest.fixture
def node(world: Associated) -> Node:
    return Node(CLUSTER, world.node_role)


@pytest.fixture
def ahead() -> list[float]:
    """Seconds by which the agent's clock is ahead; a test changes them."""
    return [0.0]


@pytest.fixture
def agent(aws: Aws, ahead: list[float]) -> Agent:
    return Agent(
        instance=aws.emulator.instance,
        jwks=aws.issuer.jwks,
        issuer_url=f"https://{ISSUER}",
        now=lambda: time.time() + ahead[0],
    )


@pytest.mark.parametrize("raw", [RAW, RENEWED], ids=["token", "another-token"])
@pytest.mark.parametrize(
    ("more", "seconds"),
    [({}, SESSION_SECONDS), ({"targetRoleArn": TARGET_ARN}, TARGET_SESSION_SECONDS)],
    ids=["role", "target-role"],
)
def test_a_pods_credentials_stay_as_long_as_they_are_valid(
    world: Associated, node: Node, agent: Agent, ahead, more, seconds, raw
):
    world.target()
    [association] = world.eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"]
    which = {name: association[name] for name in ("associationId", "clusterName")}
    if more:
        world.eks.update_pod_identity_association(**which, **more)
    first = agent.credentials(node, RAW)
    world.eks.delete_pod_identity_association(**which)

    ahead[0] = seconds - 30
    assert agent.credentials(node, raw) == first
    ahead[0] = seconds - 10
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        agent.credentials(node, raw)


@pytest.mark.parametrize("changed", [{"key": STRANGER}, {"aud": ["vault"]}])
def test_the_cache_serves_neither_another_pod_nor_a_forged_token(node: Node, agent: Agent, changed):
    first = agent.credentials(node, RAW)
    claims = {
        "namespace": READER.namespace,
        "serviceaccount": {"name": READER.name},
        "pod": {**POD, "uid": "another"},
    }
    assert agent.credentials(node, pod_token(**{"kubernetes.io": claims})) != first

    with pytest.raises(AwsError, match=r"^\[.*\]: \(InvalidTokenException\): .*, fault: client$"):
        agent.credentials(node, pod_token(**changed))


def test_a_role_that_no_instance_may_have_gives_a_node_no_credentials(
    world: Associated, agent: Agent
):
    with pytest.raises(AwsError, match="no EC2 IMDS role found"):
        agent.credentials(Node(CLUSTER, world.role_arn), RAW)


def test_the_agent_runs_on_nodes_with_the_addon_and_in_auto_mode(aws: Aws, world: Associated):
    found = [aws.emulator.node_with_agent()]
    world.create_cluster("other")
    nodes_with_agent(world.eks, "other", world.node_role)
    found.append(aws.emulator.node_with_agent())
    world.eks.delete_addon(clusterName="other", addonName=ADDON)
    found.append(aws.emulator.node_with_agent())
    world.create_cluster("auto")
    world.eks.update_cluster_config(name="auto", **AUTO_MODE)
    found.append(aws.emulator.node_with_agent())

    assert found == [None, Node("other", world.node_role, "nodes"), None, Node("auto", ROLE_ARN)]


def test_no_request_reads_the_models_of_all_services(
    node: Node, agent: Agent, monkeypatch: pytest.MonkeyPatch
):
    """That takes many seconds, in which the emulator answers nothing: an SDK waits two."""
    listed = Mock(return_value=[])
    monkeypatch.setattr(botocore.session.Session, "get_available_services", listed)

    agent.credentials(node, RAW)

    listed.assert_not_called()


def test_requests_at_once_are_answered_with_one_session(node: Node, agent: Agent):
    with ThreadPoolExecutor(4) as sdks:
        answers = list(sdks.map(lambda _: agent.credentials(node, RAW), range(4)))

    assert answers.count(answers[0]) == 4


class Served:
    """The agent behind its port."""

    def __init__(self, agent: Agent, node: Node | None) -> None:
        self.node = node
        self.server = AgentServer(agent, lambda: self.node)

    def get(self, path: str = "/v1/credentials", **headers: str) -> httpx2.Response:
        return httpx2.get(f"{self.server.url}{path}", headers=headers, trust_env=False)


@pytest.fixture
def served(node: Node, agent: Agent) -> Iterator[Served]:
    served = Served(agent, node)
    served.server.start()
    yield served
    served.server.stop()


@pytest.mark.parametrize(
    ("headers", "path", "status", "text"),
    [
        ({}, "/v1/credentials", 400, "Service account token cannot be empty\n"),
        (
            {"Authorization": "Bearer x"},
            "/v1/credentials",
            400,
            "Service account token cannot be parsed: token is malformed: ",
        ),
        (
            {"Authorization": pod_token(exp=int(time.time()) - 1)},
            "/v1/credentials",
            400,
            "Service account token failed basic claim validations: token is expired",
        ),
        ({"Authorization": RAW}, "/v2/credentials", 404, "404 page not found\n"),
        ({"Authorization": RAW, "Host": "example.org"}, "/v1/credentials", 403, INVALID_ADDRESS),
    ],
    ids=["no token", "malformed", "expired", "path", "host"],
)
def test_a_refusal_is_plain_text(served: Served, headers, path, status, text):
    answer = served.get(path, **headers)

    assert (answer.status_code, answer.text[: len(text)]) == (status, text)


@pytest.mark.parametrize("why", ["no agent on a node", "another user"])
def test_no_connection_is_answered_for(served: Served, monkeypatch, why):
    answer = served.get(Authorization=RAW)
    assert (answer.status_code, "SecretAccessKey" in answer.json()) == (200, True)
    if why == "another user":
        monkeypatch.setattr(pod_identity_agent, "uid_of_peer", lambda _: 1)
    else:
        served.node = None

    with pytest.raises(httpx2.RemoteProtocolError):
        served.get(Authorization=RAW)
