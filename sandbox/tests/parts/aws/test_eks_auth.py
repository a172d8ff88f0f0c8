"""EKS Auth, and the agent in front of it: whose token gets a session, and what that may do.

Which trust policies let EKS in is tested in core/tests/decide/test_pod_identity.py.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import botocore.session
import httpx2
import pytest

from core.tests.decide import policies
from irsa_core.identity.arns import root_arn
from irsa_core.identity.errors import AwsError, transitive_tag_is_set
from irsa_core.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa_core.identity.policies import service_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.aws.clients import AccessKeys, AwsClients
from irsa_sandbox.aws.eks_auth import SESSION_SECONDS, TARGET_SESSION_SECONDS
from irsa_sandbox.kubernetes.pod_identity_agent import Agent, AgentServer, Node
from irsa_sandbox.serving import servers
from tests.sandbox.support import pod_identity as pods
from tests.sandbox.support.aws_harness import KEY, ROLE_ARN, STRANGER, VPC, Aws, refusal, token
from tests.sandbox.support.aws_harness import allow as document
from tests.support.world import BUCKET, BUCKET_ARN, ISSUER

pytestmark = pytest.mark.usefixtures("restored")

CLUSTER = "production-blue"
READER = ServiceAccountRef("dev", "reader")
POD = {"name": "reader-6d5f9c-x2x7k", "uid": "11111111-2222-3333-4444-555555555555"}
ROLE, TARGET = "pod-reader", "target-reader"
TARGET_ARN = f"arn:aws:iam::{ACCOUNT_B}:role/{TARGET}"
CLUSTER_ARN = pods.arn_of_cluster(CLUSTER)
OTHER = ServiceAccountRef("dev", "writer")
UNAUTHORIZED = (
    "Unauthorized Exception! EKS does not have permissions to assume the associated role."
)
DENIED = (400, "AccessDeniedException", UNAUTHORIZED)
NOT_ITS_ADDRESS = (
    "Access Denied. Called agent through invalid address, please use either [127.0.0.1] address "
    "not example.org\n"
)
EXPIRED = "Service account token failed basic claim validations: token is expired"


def pod_token(account: ServiceAccountRef = READER, key: Any = KEY, **changed: Any) -> str:
    bound = {"serviceaccount": {"name": account.name, "uid": "1"}, "pod": POD}
    claims: dict[str, Any] = {"aud": ["pods.eks.amazonaws.com"], "sub": account.subject}
    claims["kubernetes.io"] = {"namespace": account.namespace, **bound}
    return token(key, **claims | changed)


def allow(iam: Any, role: str, *actions: str) -> None:
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document(actions, "*"))


class Associated:
    """A cluster whose service account `dev/reader` has an association."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.iam = aws.emulator.client("iam", ACCOUNT_A)
        self.iam_b = aws.emulator.client("iam", ACCOUNT_B)
        self.eks = aws.emulator.client("eks", ACCOUNT_A)
        self.create_cluster(CLUSTER)
        self.node_role = pods.node_role(self.iam)
        self.role_arn = pods.pod_role(self.iam, ROLE, CLUSTER, READER)
        allow(self.iam, ROLE, "s3:*", "sts:*")
        pods.associate(self.eks, CLUSTER, READER, self.role_arn)

    def create_cluster(self, name: str) -> None:
        role = ROLE_ARN  # any that exists
        self.eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig=VPC)

    def target(self, trust: Any = None) -> None:
        by = TargetedBy(self.role_arn, CLUSTER_ARN, READER)
        text = json.dumps(trust or target_role_trust_policy([by]))
        self.iam_b.create_role(RoleName=TARGET, AssumeRolePolicyDocument=text)
        allow(self.iam_b, TARGET, "s3:*")

    @property
    def node(self) -> Any:
        return self.aws.emulator.instance(self.node_role)("eks-auth")

    def ask(self) -> dict[str, Any]:
        return self.node.assume_role_for_pod_identity(clusterName=CLUSTER, token=pod_token())

    def refused(self, raw: str | None = None, cluster: str = CLUSTER) -> tuple[int, str, str]:
        call = self.node.assume_role_for_pod_identity
        return refusal(call, clusterName=cluster, token=raw or pod_token())

    def session(self) -> AwsClients:
        keys = self.ask()["credentials"]
        given = AccessKeys(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"])
        return self.aws.administrator().with_credentials(given)


DAY = int(time.time()) + 24 * 3600
RAW, RENEWED, OLD = (pod_token(exp=seconds) for seconds in (DAY, DAY + 1, 1))


@pytest.fixture
def world(aws: Aws, restored: None) -> Associated:
    return Associated(aws)


def retarget(world: Associated, **more: object) -> None:
    """Change the association."""
    [made] = world.eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"]
    which = {name: made[name] for name in ("associationId", "clusterName")}
    world.eks.update_pod_identity_association(**which, **more)


def test_a_pod_gets_a_session_of_the_associations_role(world: Associated):
    answer = world.ask()
    assert answer["subject"] == {"namespace": "dev", "serviceAccount": "reader"}
    assert answer["audience"] == "pods.eks.amazonaws.com"
    assert re.fullmatch(
        rf"arn:aws:sts::{ACCOUNT_A}:assumed-role/{ROLE}/eks-production-reader-6d5-[0-9a-f-]{{36}}",
        answer["assumedRoleUser"]["arn"],
    )
    seconds = answer["credentials"]["expiration"].timestamp() - time.time()
    assert SESSION_SECONDS - 60 < seconds <= SESSION_SECONDS


def test_only_the_cluster_and_account_of_an_association_get_a_session(world: Associated):
    world.create_cluster("other")
    for raw, cluster in (
        (pod_token(), "other"),
        (pod_token(), "missing"),
        (pod_token(OTHER), CLUSTER),
        (pod_token(ServiceAccountRef("prod", "reader")), CLUSTER),
    ):
        assert world.refused(raw, cluster)[:2] == (404, "ResourceNotFoundException")
    pods.associate(world.eks, "other", READER, world.role_arn)  # which trusts the first
    assert world.refused(cluster="other") == DENIED


def trust(role: str, document: object) -> Callable[[Associated], object]:
    """Rewrite the trust policy of one of the two roles."""

    def rewrite(world: Associated) -> None:
        iam = world.iam if role == ROLE else world.iam_b
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))

    return rewrite


def bound(world: Associated) -> None:
    narrow = document("s3:ListBucket", "*")
    made = world.iam.create_policy(PolicyName="narrow", PolicyDocument=narrow)["Policy"]["Arn"]
    world.iam.put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary=made)


@pytest.mark.cases("change", {
    "trust of the role": trust(ROLE, pod_identity_trust_policy([CLUSTER_ARN], [OTHER])),
    "trust of the target role": trust(TARGET, service_trust_policy("pods.eks.amazonaws.com")),
    "permission for sts:TagSession":
        lambda world: allow(world.iam, ROLE, "sts:AssumeRole"),
    "boundary": bound,
})  # fmt: skip
def test_a_session_needs_every_policy_on_its_way(world: Associated, change):
    """EKS looks at both roles with an association, and STS at each call."""
    world.target()
    retarget(world, targetRoleArn=TARGET_ARN)
    answer = world.ask()
    target = f"::{ACCOUNT_B}:assumed-role/{TARGET}/eks-production-"
    assert target in answer["assumedRoleUser"]["arn"]
    seconds = answer["credentials"]["expiration"].timestamp() - time.time()
    assert TARGET_SESSION_SECONDS - 60 < seconds <= TARGET_SESSION_SECONDS
    change(world)
    assert world.refused() == DENIED


@pytest.mark.cases(("raw", "code", "words"), {
    "another audience": (pod_token(aud=["sts.amazonaws.com"]), "InvalidToken",
        "Incorrect token audience"),
    "expired": (pod_token(exp=int(time.time()) - 3600), "ExpiredToken", "is expired: current"),
    "another key": (pod_token(key=STRANGER), "InvalidToken", "verification key"),
    "another issuer": (pod_token(iss="https://example.org"), "InvalidToken",
        "https://example.org"),
    "no Pod": (token(aud="pods.eks.amazonaws.com"), "InvalidToken", "bound to a Pod"),
    "no JWT": ("x.y.z", "InvalidToken", "not a valid JWT"),
    "one letter": ("x", "InvalidParameter", "regular expression pattern"),
})  # fmt: skip
def test_a_token_that_is_not_the_clusters_for_a_pod_is_refused(world, raw, code, words):
    status, found, message = world.refused(raw)
    assert (status, found, words in message) == (400, f"{code}Exception", True), message


def test_a_node_needs_the_permission(world: Associated):
    arn = pods.node_role(world.iam, "bare")
    world.iam.detach_role_policy(RoleName="bare", PolicyArn=pods.NODE_POLICY)
    ask = world.aws.emulator.instance(arn)("eks-auth").assume_role_for_pod_identity
    status, code, message = refusal(ask, clusterName=CLUSTER, token=pod_token())
    assert (status, code) == (400, "AccessDeniedException")
    assert message.endswith(f"eks-auth:AssumeRoleForPodIdentity on resource: {CLUSTER_ARN}")


def test_without_session_tags_a_target_role_is_given_the_external_id(world: Associated):
    def policy(account: ServiceAccountRef) -> object:
        by = TargetedBy(world.role_arn, CLUSTER_ARN, account, disable_session_tags=True)
        return target_role_trust_policy([by])

    world.target(policy(READER))
    without_tags = {"disable_session_tags": True}
    trust(ROLE, pod_identity_trust_policy([CLUSTER_ARN], [READER], **without_tags))(world)
    retarget(world, targetRoleArn=TARGET_ARN, disableSessionTags=True)
    trust(ROLE, service_trust_policy("pods.eks.amazonaws.com"))(world)  # EKS looks only once
    assert world.ask()["credentials"]
    trust(TARGET, policy(OTHER))(world)
    assert world.refused() == DENIED


def test_a_bucket_policy_sees_the_tags_of_the_pod(world: Associated):
    s3, bucket = world.aws.emulator.client("s3", ACCOUNT_A), {"Bucket": BUCKET}
    for namespace in ("dev", "prod"):
        condition = {
            "StringNotEquals": {"aws:PrincipalTag/kubernetes-namespace": namespace},
            "StringLike": {"aws:PrincipalArn": world.role_arn},
        }
        of_all = {"Principal": "*", "Condition": condition}
        policy = policies.document(policies.deny("s3:ListBucket", BUCKET_ARN, **of_all))
        s3.put_bucket_policy(**bucket, Policy=json.dumps(policy))
        if namespace == "dev":
            assert world.session()("s3").list_objects_v2(**bucket)["KeyCount"] == 0
    assert refusal(world.session()("s3").list_objects_v2, **bucket)[1] == "AccessDenied"


def test_a_session_passes_its_tags_on_to_the_next_role(world: Associated):
    asked = {"Action": ["sts:AssumeRole", "sts:TagSession"]}
    asked["Condition"] = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "dev"}}
    world.target(policies.document(policies.trust({"AWS": root_arn(ACCOUNT_A)}, **asked)))
    sts = world.session()("sts")
    keys = sts.assume_role(RoleArn=TARGET_ARN, RoleSessionName="next")["Credentials"]
    access_keys = AccessKeys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    again = world.aws.administrator().with_credentials(access_keys)("sts")
    allow(world.iam_b, TARGET, "sts:*")
    refused = (400, "InvalidParameterValue", transitive_tag_is_set().message)
    for next_sts in (sts, again):
        for key in ("kubernetes-namespace", "Kubernetes-Namespace"):
            forged = {"Tags": [{"Key": key, "Value": "prod"}], "RoleSessionName": "next"}
            assert refusal(next_sts.assume_role, RoleArn=TARGET_ARN, **forged) == refused
    allow(world.iam, ROLE, "sts:AssumeRole")
    message = refusal(sts.assume_role, RoleArn=TARGET_ARN, RoleSessionName="next")[2]
    assert message.endswith(f"perform: sts:TagSession on resource: {TARGET_ARN}")


def test_eks_auth_needs_a_signature(world: Associated):
    path = f"/clusters/{CLUSTER}/assume-role-for-pod-identity"
    token = {"token": pod_token()}
    answer = world.aws.http("POST", path, host="eks-auth.us-east-1.api.aws", json=token)
    assert (answer.status_code, ISSUER in answer.text) == (403, False), answer.text


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


@pytest.mark.cases(("more", "seconds"), {
    "role": ({}, SESSION_SECONDS),
    "target role": ({"targetRoleArn": TARGET_ARN}, TARGET_SESSION_SECONDS),
})  # fmt: skip
def test_a_pods_credentials_stay_while_they_are_valid(world, node, agent, ahead, more, seconds):
    world.target()
    retarget(world, **more)
    first = agent.credentials(node, RAW)
    world.eks.delete_cluster(name=CLUSTER)
    ahead[0] = seconds - 30
    for raw in (RAW, RENEWED, RAW):
        assert agent.credentials(node, raw) == first
    ahead[0] = seconds - 10
    for raw in (RAW, RENEWED):
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            agent.credentials(node, raw)


def test_the_cache_serves_neither_another_pod_nor_a_forged_token(world, node: Node, agent: Agent):
    first = agent.credentials(node, RAW)
    account = {"namespace": "dev", "serviceaccount": {"name": READER.name}}
    other = pod_token(**{"kubernetes.io": {**account, "pod": {**POD, "uid": "another"}}})
    assert agent.credentials(node, other) != first
    for forged in (pod_token(key=STRANGER), pod_token(aud=["vault"])):
        with pytest.raises(
            AwsError, match=r"^\[.*\]: \(InvalidTokenException\): .*, fault: client$"
        ):
            agent.credentials(node, forged)
    with pytest.raises(AwsError, match="no EC2 IMDS role found"):  # no instance may have it
        agent.credentials(Node(CLUSTER, world.role_arn), pod_token(key=STRANGER))


def test_the_agent_runs_on_nodes_with_the_addon_and_in_auto_mode(aws: Aws, world: Associated):
    nodes = [aws.emulator.node_with_agent()]
    world.create_cluster("other")
    pods.nodes_with_agent(world.eks, "other", world.node_role)
    nodes.append(aws.emulator.node_with_agent())
    world.eks.delete_addon(clusterName="other", addonName=pods.ADDON)
    nodes.append(aws.emulator.node_with_agent())
    world.create_cluster("auto")
    world.eks.update_cluster_config(name="auto", **pods.AUTO_MODE)
    nodes.append(aws.emulator.node_with_agent())
    assert nodes == [None, Node("other", world.node_role, "nodes"), None, Node("auto", ROLE_ARN)]


def test_requests_at_once_have_one_session_and_read_not_all_models(node, agent, monkeypatch):
    """That takes many seconds, in which the emulator answers nothing: an SDK waits two."""
    listed = Mock(return_value=[])
    monkeypatch.setattr(botocore.session.Session, "get_available_services", listed)
    with ThreadPoolExecutor(4) as sdks:
        answers = list(sdks.map(lambda _: agent.credentials(node, RAW), range(4)))
    assert answers.count(answers[0]) == 4
    listed.assert_not_called()


@pytest.fixture
def nodes(node: Node) -> list[Node | None]:
    """The node with an agent, which a test may take away."""
    return [node]


@pytest.fixture
def get(agent: Agent, nodes: list[Node | None]) -> Iterator[Callable[..., httpx2.Response]]:
    """Asks the agent behind its port."""
    server = AgentServer(agent, lambda: nodes[0])
    server.start()
    yield lambda path="/v1/credentials", **headers: httpx2.get(
        f"{server.url}{path}", headers=headers, trust_env=False
    )
    server.stop()


@pytest.mark.cases(("request_", "status", "text"), {
    "no token": ({}, 400, "Service account token cannot be empty\n"),
    "no JWT": ({"Authorization": "Bearer x"}, 400,
        "Service account token cannot be parsed: token is m"),
    "expired": ({"Authorization": OLD}, 400, EXPIRED),
    "another path": ({"Authorization": RAW, "path": "/v2/credentials"}, 404,
        "404 page not found\n"),
    "another host": ({"Authorization": RAW, "Host": "example.org"}, 403, NOT_ITS_ADDRESS),
})  # fmt: skip
def test_a_refusal_is_plain_text(get, request_, status, text):
    answer = get(**request_)
    assert (answer.status_code, answer.text[: len(text)]) == (status, text)


@pytest.mark.parametrize("why", ["no agent on a node", "another user"])
def test_no_connection_is_answered_for(get, nodes, monkeypatch, why):
    answer = get(Authorization=RAW)
    assert (answer.status_code, "SecretAccessKey" in answer.json()) == (200, True), answer.json()
    if why == "another user":
        monkeypatch.setattr(servers, "uid_of_peer", lambda _: 1)
    else:
        nodes[0] = None
    with pytest.raises(httpx2.RemoteProtocolError):
        get(Authorization=RAW)
