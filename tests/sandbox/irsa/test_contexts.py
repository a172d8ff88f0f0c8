"""`list` and `audit` of two clusters, each a sandbox, and of the accounts that they are in."""

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from lightkube.resources.core_v1 import ServiceAccount

from irsa.identity.arns import provider_arn_for, role_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.clients import session_in
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.pods.exec import find_pod
from irsa_sandbox.pods.process import pod_process
from irsa_sandbox.session import Session
from tests.sandbox.support.cluster import apply
from tests.sandbox.support.helm import release
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

    def irsa(self, *arguments: str):
        return self.blue.irsa(*arguments, *CONTEXTS, KUBECONFIG=str(self.kubeconfig))


@pytest.fixture(scope="module")
def fleet(irsa_world, tmp_path_factory):
    state = lifecycle.up(tmp_path_factory.mktemp("green"), print)
    with closing(Session(state)) as green:
        blue = irsa_world.session
        register(blue, green)
        urls = (blue.state.issuer_url, green.state.issuer_url)
        trust = irsa_trust_policy([provider_arn_for(url, ACCOUNT_A) for url in urls], [APP])
        document = json.dumps(trust)
        blue.aws("iam").create_role(RoleName="both-clusters", AssumeRolePolicyDocument=document)
        for each in (blue, green):
            release(each, *APP, BOTH)
        file = tmp_path_factory.mktemp("fleet") / "kubeconfig"
        file.write_text(json.dumps(kubeconfig(blue, green)))
        yield Fleet(irsa_world, green, file)
    lifecycle.down(state.path)


def register(blue: Session, green: Session) -> None:
    """Register the second cluster's issuer in account A, and publish its key set."""
    url = green.state.issuer_url
    blue.aws("iam").create_open_id_connect_provider(Url=url, ClientIDList=[STS_AUDIENCE])
    keys = green.cluster._client._client.get("/openid/v1/jwks").raise_for_status().text
    issuers = blue.state.path / "aws" / "issuers"
    issuers.mkdir(exist_ok=True)
    (issuers / f"{quote(url, safe='')}.json").write_text(keys)


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
    state = fleet.blue.session.state
    for each in (fleet.blue.session, fleet.green):
        pod, folder = find_pod(each.cluster, *APP), each.state.path / "pods"
        options = {"extra_env": state.pod_environment(), "on_note": print}
        with pod_process(each.cluster, folder, pod, **options) as process:
            sdk = session_in(process.env, state.aws_proxy, Path(state.aws_ca_bundle))
            caller = sdk.client("sts").get_caller_identity()["Arn"]
        assert caller.startswith(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/both-clusters/"), caller


def rows(done):
    return [
        (each["cluster"], each["account"], each["identities"][0]["source"], each["findings"])
        for each in done.json["service_accounts"]
        if each["namespace"] == APP.namespace and each["identities"]
    ]


def test_both_clusters_are_one_list_with_cluster_and_account(fleet):
    done = fleet.irsa("list", *ROLE_OF_B, "--output", "json")
    text = fleet.irsa("list", *ROLE_OF_B).out

    assert (done.code, done.err) == (0, "")
    assert rows(done) == [(BLUE, ACCOUNT_A, BOTH, []), (GREEN, ACCOUNT_B, BOTH, [])]
    assert f"cluster green, account {ACCOUNT_B}, namespace fleet\n" in text


def test_a_role_meant_for_both_clusters_is_found_once_it_is_not(fleet):
    def found():
        done = fleet.irsa("audit", *ROLE_OF_B, "--output", "json")
        return [
            (each["rule"], each["cluster"], each["account"], each["found"])
            for each in done.json
            if BOTH in each["subject"] or APP.namespace in each["subject"]
        ]

    def annotate(**annotations):
        options = {"annotations": annotations, "manager": "helm"}
        apply(fleet.green.cluster, ServiceAccount, *APP, **options)

    assert found() == []
    annotate()
    url = fleet.green.state.issuer_url
    provider = provider_arn_for(url, ACCOUNT_A)
    try:
        assert found() == [
            ("other-cluster", None, ACCOUNT_A, f"{provider}: {APP.subject}"),
            ("unused-role", GREEN, ACCOUNT_A, url.removeprefix("https://")),
        ]
    finally:  # the second sandbox is not reset
        annotate(**{ROLE_ARN_ANNOTATION: BOTH})


def test_an_account_that_cannot_be_read_is_named_and_the_rest_is_read(fleet):
    done = fleet.irsa("list", "--output", "json")

    assert done.code == 3
    assert [each[0] for each in rows(done)] == [BLUE, GREEN]
    [line] = [each for each in done.json["unchecked"] if each.startswith("account ")]
    assert line == (
        f"account {ACCOUNT_B} of green: not read; give --assume-role a role of it that the "
        "credentials may assume"
    )
    stranger = role_arn(ACCOUNT_B, "none")
    done = fleet.irsa("audit", "--assume-role", stranger)
    [line] = [each for each in done.out.splitlines() if each.startswith("account ")]
    assert done.code in (1, 3)
    assert line.startswith(
        f"account {ACCOUNT_B}: could not read the account of role {stranger}: needs sts:"
    )
