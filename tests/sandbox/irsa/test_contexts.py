"""`list` and `audit` of two clusters, each a sandbox, and of the accounts that they are in."""

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, ServiceAccount

from irsa.identity.arns import provider_arn_for, role_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.pods.exec import find_pod
from irsa_sandbox.pods.process import pod_process
from irsa_sandbox.session import Session
from tests.sandbox.support.kubectl import wait_for_pods
from tests.sandbox.support.world import RegisteredCluster

pytestmark = pytest.mark.sandbox

APP = ServiceAccountRef("fleet", "app")
BOTH = role_arn(ACCOUNT_A, "both-clusters")
BLUE, GREEN = "blue", "green"
CONTEXTS = ("--context", BLUE, "--context", GREEN)
ROLE_OF_B = ("--assume-role", role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE))


@dataclass
class Fleet:
    """Blue in account A, and green in account B; a role of A trusts one service account of both."""

    blue: RegisteredCluster
    green: Session
    kubeconfig: Path

    @property
    def providers(self) -> list[str]:
        urls = (self.blue.session.state.issuer_url, self.green.state.issuer_url)
        return [provider_arn_for(url, ACCOUNT_A) for url in urls]

    def irsa(self, *arguments: str):
        return self.blue.irsa(*arguments, KUBECONFIG=str(self.kubeconfig))

    def caller_in_pod_of(self, cluster: Session) -> str:
        """The caller of the AWS CLI in the Pod of a cluster, with the AWS of the first sandbox."""
        pod = find_pod(cluster.cluster, APP.namespace, APP.name)
        folder, sandbox = cluster.state.path / "pods", self.blue.session
        environment = sandbox.state.pod_environment()
        with pod_process(
            cluster.cluster, folder, pod, extra_env=environment, on_note=print
        ) as process:
            command = ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
            return sandbox.run(command, process.env).output.strip()


@pytest.fixture(scope="module")
def fleet(irsa_world, tmp_path_factory):
    state = lifecycle.up(tmp_path_factory.mktemp("green"), print)
    with closing(Session(state)) as green:
        whole = Fleet(irsa_world, green, tmp_path_factory.mktemp("fleet") / "kubeconfig")
        register(irsa_world, green)
        iam = irsa_world.session.aws("iam")
        trust = irsa_trust_policy(whole.providers, [APP])
        iam.create_role(RoleName="both-clusters", AssumeRolePolicyDocument=json.dumps(trust))
        irsa_world.clean_up.callback(iam.delete_role, RoleName="both-clusters")
        for each in (irsa_world.session, green):
            deploy(each)
        delete = irsa_world.session.cluster.delete
        irsa_world.clean_up.callback(delete, Namespace, APP.namespace)
        # Not with its namespace, which goes later than the role.
        irsa_world.clean_up.callback(delete, ServiceAccount, APP.name, namespace=APP.namespace)
        whole.kubeconfig.write_text(json.dumps(kubeconfig(irsa_world.session, green)))
        yield whole
    lifecycle.down(state.path)


def register(world: RegisteredCluster, green: Session) -> None:
    """Register the second cluster's issuer in account A, and publish its key set."""
    iam, url = world.session.aws("iam"), green.state.issuer_url
    made = iam.create_open_id_connect_provider(Url=url, ClientIDList=[STS_AUDIENCE])
    world.clean_up.callback(
        iam.delete_open_id_connect_provider,
        OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"],
    )
    keys = green.cluster._client._client.get("/openid/v1/jwks").raise_for_status().text
    issuers = world.session.state.path / "aws" / "issuers"
    issuers.mkdir(exist_ok=True)
    (issuers / f"{quote(url, safe='')}.json").write_text(keys)


def annotate(session: Session, annotations: dict[str, str]) -> None:
    metadata = ObjectMeta(name=APP.name, namespace=APP.namespace, annotations=annotations)
    session.cluster.apply(ServiceAccount(metadata=metadata), field_manager="tests", force=True)


def deploy(session: Session) -> None:
    session.cluster.create(Namespace(metadata=ObjectMeta(name=APP.namespace)))
    annotate(session, {ROLE_ARN_ANNOTATION: BOTH})
    labels = {"app": APP.name}
    spec = {"serviceAccountName": APP.name, "containers": [{"name": "app", "image": "app"}]}
    body = {
        "metadata": {"name": APP.name, "namespace": APP.namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    session.cluster.create(Deployment.from_dict(body))
    wait_for_pods(session, APP.namespace, APP.name)


def kubeconfig(blue: Session, green: Session):
    """One kubeconfig with both, as `aws eks update-kubeconfig` names clusters."""
    merged = {"clusters": [], "users": [], "contexts": []}
    for name, account, session in ((BLUE, ACCOUNT_A, blue), (GREEN, ACCOUNT_B, green)):
        own = yaml.safe_load(Path(session.state.kubeconfig).read_text())
        arn = f"arn:aws:eks:{REGION}:{account}:cluster/{name}"
        merged["clusters"].append({**own["clusters"][0], "name": arn})
        merged["users"].append({**own["users"][0], "name": name})
        merged["contexts"].append({"name": name, "context": {"cluster": arn, "user": name}})
    return {**merged, "current-context": BLUE}


def test_a_pod_of_each_cluster_assumes_the_role_that_trusts_both(fleet):
    for session in (fleet.blue.session, fleet.green):
        caller = fleet.caller_in_pod_of(session)
        assert caller.startswith(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/both-clusters/"), caller


def rows(done):
    return [
        (each["cluster"], each["account"], each["identities"][0]["source"], each["findings"])
        for each in done.json["service_accounts"]
        if each["namespace"] == APP.namespace and each["identities"]
    ]


def test_both_clusters_are_one_list_with_cluster_and_account(fleet):
    done = fleet.irsa("list", *CONTEXTS, *ROLE_OF_B, "--output", "json")
    text = fleet.irsa("list", *CONTEXTS, *ROLE_OF_B).out
    page = fleet.irsa("list", *CONTEXTS, *ROLE_OF_B, "--output", "html").out

    assert (done.code, done.err) == (0, "")
    assert rows(done) == [(BLUE, ACCOUNT_A, BOTH, []), (GREEN, ACCOUNT_B, BOTH, [])]
    assert f"cluster green, account {ACCOUNT_B}, namespace fleet\n" in text
    assert "<th scope=col>cluster</th><th scope=col>account</th>" in page
    assert f'>green</td><td data-label="account">{ACCOUNT_B}</td>' in page


def test_a_role_meant_for_both_clusters_is_found_once_it_is_not(fleet):
    def found():
        done = fleet.irsa("audit", *CONTEXTS, *ROLE_OF_B, "--output", "json")
        return [
            (each["rule"], each["cluster"], each["account"], each["found"])
            for each in done.json
            if BOTH in each["subject"] or APP.namespace in each["subject"]
        ]

    assert found() == []
    annotate(fleet.green, {})
    try:
        green = fleet.providers[1]
        assert found() == [
            ("other-cluster", None, ACCOUNT_A, f"{green}: {APP.subject}"),
            ("unused-role", GREEN, ACCOUNT_A, fleet.green.state.issuer_url[len("https://") :]),
        ]
    finally:
        annotate(fleet.green, {ROLE_ARN_ANNOTATION: BOTH})


def test_an_account_without_credentials_is_named_and_the_rest_is_read(fleet):
    done = fleet.irsa("list", *CONTEXTS, "--output", "json")

    assert done.code == 3
    assert [each[0] for each in rows(done)] == [BLUE, GREEN]
    [line] = [each for each in done.json["unchecked"] if each.startswith("account ")]
    assert line == (
        f"account {ACCOUNT_B} of green: not read; give --assume-role a role of it that the "
        "credentials may assume"
    )


def test_a_role_that_cannot_be_assumed_is_named(fleet):
    stranger = role_arn(ACCOUNT_B, "none")

    done = fleet.irsa("audit", *CONTEXTS, "--assume-role", stranger)

    assert done.code in (1, 3)
    [line] = [each for each in done.out.splitlines() if each.startswith("account ")]
    assert line.startswith(
        f"account {ACCOUNT_B}: could not read the account of role {stranger}: needs sts:"
    )
