"""`list` and `audit` of two clusters, each a sandbox, and of the accounts that they are in."""

import json
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from irsa.identity.arns import provider_arn_for, role_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.session import Session
from irsa_sandbox.testing.pods import running_pod

pytestmark = pytest.mark.sandbox

APP = ServiceAccountRef("fleet", "app")
BOTH = role_arn(ACCOUNT_A, "both-clusters")
BLUE, GREEN = "blue", "green"


@pytest.fixture(scope="module")
def green(tmp_path_factory):
    """Another cluster, in account B."""
    state = lifecycle.up(tmp_path_factory.mktemp("green"), print)
    with closing(Session(state)) as green:
        yield green
    lifecycle.down(state.path)


def test_clusters_of_two_accounts_are_one_list_and_a_role_is_meant_for_both(
    irsa_world, green, tmp_path
):
    """A role of A trusts one service account of both."""
    blue, file = irsa_world.session, tmp_path / "kubeconfig"
    url = green.state.issuer_url
    blue.aws("iam").create_open_id_connect_provider(Url=url, ClientIDList=[STS_AUDIENCE])
    keys = green.cluster._client._client.get("/openid/v1/jwks").raise_for_status().text
    issuers = blue.state.path / "aws" / "issuers"  # where the sandbox reads published key sets
    issuers.mkdir(exist_ok=True)
    (issuers / f"{quote(url, safe='')}.json").write_text(keys)
    providers = [provider_arn_for(each, ACCOUNT_A) for each in (blue.state.issuer_url, url)]
    trust = json.dumps(irsa_trust_policy(providers, [APP]))
    blue.aws("iam").create_role(RoleName="both-clusters", AssumeRolePolicyDocument=trust)
    # One kubeconfig with both, as `aws eks update-kubeconfig` names clusters.
    merged = {"clusters": [], "users": [], "contexts": [], "current-context": BLUE}
    for name, account, session in ((BLUE, ACCOUNT_A, blue), (GREEN, ACCOUNT_B, green)):
        own = yaml.safe_load(Path(session.state.kubeconfig).read_text())
        arn = f"arn:aws:eks:{REGION}:{account}:cluster/{name}"
        merged["clusters"].append({**own["clusters"][0], "name": arn})
        merged["users"].append({**own["users"][0], "name": name})
        merged["contexts"].append({"name": name, "context": {"cluster": arn, "user": name}})
    file.write_text(json.dumps(merged))

    def asked(command, *arguments):
        given = ("--context", BLUE, "--context", GREEN, "--output", "json")
        done = irsa_world.irsa(command, *arguments, *given, KUBECONFIG=str(file))
        return done.code, done.json

    def rows(found):
        return [
            (each["cluster"], each["account"], each["identities"][0]["source"])
            for each in found["service_accounts"]
            if each["namespace"] == APP.namespace and each["identities"]
        ]

    for each in (blue, green):  # account A's AWS for both
        with running_pod(each.cluster, blue.state, "/".join(APP), BOTH) as pod:
            caller = pod.boto3().client("sts").get_caller_identity()["Arn"]
        assert caller.startswith(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/both-clusters/")
    role_of_b = ("--assume-role", role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE))
    code, found = asked("list", *role_of_b)
    assert (code, rows(found)) == (0, [(BLUE, ACCOUNT_A, BOTH), (GREEN, ACCOUNT_B, BOTH)])
    _, audit = asked("audit", *role_of_b)
    assert [each for each in audit if BOTH in each["subject"] or APP.name in each["subject"]] == []
    # Account B cannot be read, and the rest is.
    code, found = asked("list")
    assert (code, [each[0] for each in rows(found)]) == (3, [BLUE, GREEN])
    [line] = [each for each in found["unchecked"] if each.startswith("account ")]
    assert line == (
        f"account {ACCOUNT_B} of green: not read; give --assume-role a role of it that the "
        "credentials may assume"
    )
    _, found = asked("list", "--assume-role", stranger := role_arn(ACCOUNT_B, "none"))
    unread = f"account {ACCOUNT_B}: could not read the account of role {stranger}: needs sts:"
    assert any(each.startswith(unread) for each in found["unchecked"])
