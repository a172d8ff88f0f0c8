"""The links of a chain from facts alone: what the sandbox cannot show."""

from dataclasses import replace

import pytest

from irsa.chain import gather
from irsa.chain.all_links import chain
from irsa.chain.facts import ChainFacts, ChainTarget, Facts
from irsa.chain.link import LINKS, Status, failing_link, verdict
from irsa.identity.policies import TrustedRole, irsa_trust_policy, role_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.identity.token import Token
from irsa.observe.facts import (
    Answer,
    Owner,
    PermissionsPolicy,
    Pod,
    RegisteredProvider,
    Role,
    ServiceAccount,
    Unread,
    Webhook,
    Workloads,
)

NOW = 1_795_561_309
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
PROVIDER_ARN = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
ROLE_ARN = "arn:aws:iam::111122223333:role/s3-app"
ROLE_B_ARN = "arn:aws:iam::444455556666:role/s3-app-B"
SESSION_ARN = "arn:aws:sts::111122223333:assumed-role/s3-app/irsa-verify"
SESSION_B_ARN = "arn:aws:sts::444455556666:assumed-role/s3-app-B/irsa-verify"
CLAIMS = {
    "iss": f"https://{ISSUER}",
    "sub": "system:serviceaccount:dev:s3-app",
    "aud": ["sts.amazonaws.com"],
    "iat": NOW - 1,
    "exp": NOW + 600,
}
FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
SPEC = {
    "containers": [
        {
            "name": "app",
            "env": [
                {"name": "AWS_REGION", "value": "us-east-1"},
                {"name": "AWS_DEFAULT_REGION", "value": "us-east-1"},
                {"name": "AWS_ROLE_ARN", "value": ROLE_ARN},
                {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{FOLDER}/token"},
            ],
            "volumeMounts": [{"name": "aws-iam-token", "mountPath": FOLDER}],
        }
    ],
    "volumes": [
        {
            "name": "aws-iam-token",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
                ]
            },
        }
    ],
}
REGISTERED = {
    "name": "iam-for-pods.amazonaws.com",
    "failurePolicy": "Ignore",
    "clientConfig": {"url": "https://127.0.0.1:23443/mutate"},
    "objectSelector": {
        "matchExpressions": [
            {"key": "eks.amazonaws.com/skip-pod-identity-webhook", "operator": "DoesNotExist"}
        ]
    },
    "rules": [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    ],
}
ALLOW_ALL = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
ROLE = Role(
    ROLE_ARN,
    "AROAS3APP",
    irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "s3-app")]),
    policies=(PermissionsPolicy("all", ALLOW_ALL),),
)
DENIED = Answer(allowed=False, code="AccessDenied", message="Access Denied")
GOOD = Facts(
    namespace="dev",
    name="s3-app",
    now=NOW,
    service_account=ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN}),
    pods=(Pod("s3-app-1", "s3-app", {}, {}, SPEC, Owner("deployment", "s3-app", {"spec": SPEC})),),
    webhook=Webhook("pod-identity-webhook", REGISTERED),
    token=Token("", {}, CLAIMS),
    providers=(RegisteredProvider(PROVIDER_ARN, ("sts.amazonaws.com",)),),
    role=ROLE,
    bucket="bucket",
    assumed=Answer(allowed=True, arn=SESSION_ARN),
    caller=Answer(allowed=True, arn=SESSION_ARN),
    data=Answer(allowed=True),
    refused=DENIED,
)


def links(**changes):
    return {link.key: link for link in chain(replace(GOOD, **changes))}


def test_everything_as_it_should_be_passes_every_link():
    found = chain(GOOD)
    assert [link.key for link in found if link.status is not Status.PASSED] == []
    assert verdict(found) is Status.PASSED


def test_links_come_in_the_order_of_the_table():
    keys = [link.key for link in chain(GOOD)]
    assert keys == [key for key in LINKS if key in keys]


UNREAD = Unread("it", "403 Forbidden", "a permission")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"service_account": UNREAD}, "service-account"),
        ({"pods": UNREAD}, "pod"),
        ({"webhook": UNREAD}, "webhook"),
        ({"token": UNREAD}, "token"),
        ({"providers": UNREAD, "assumed": None}, "provider"),
        ({"providers": UNREAD, "assumed": DENIED}, "audience"),
        ({"role": UNREAD, "assumed": None}, "role"),
        ({"role": UNREAD, "assumed": None}, "trust"),
        ({"role": replace(ROLE, policies=UNREAD), "data": None}, "permissions"),
    ],
)
def test_what_could_not_be_read_names_the_permission(changes, key):
    link = links(**changes)[key]
    assert (link.status, link.found, link.remedy) == (
        Status.UNKNOWN,
        "could not read it: needs a permission (403 Forbidden)",
        "grant a permission",
    )


@pytest.mark.parametrize("key", ["provider", "audience", "role", "trust"])
def test_what_could_not_be_read_holds_when_sts_granted_the_session(key):
    link = links(providers=UNREAD, role=UNREAD)[key]
    assert link.status is Status.PASSED
    assert link.found.endswith("but STS accepted the token")


def test_a_refusal_that_no_policy_explains_is_put_down_to_the_organization():
    found = links(assumed=replace(DENIED, seconds=90), caller=None, data=None, refused=None)
    assert found["assume"].status is Status.FAILED
    assert found["assume"].found == "AccessDenied: Access Denied (tried for 90 s)"
    assert "service or resource control policy" in found["assume"].remedy


def test_a_session_that_took_a_while_is_called_propagation():
    found = links(assumed=Answer(allowed=True, arn=SESSION_ARN, seconds=12))
    assert found["assume"].found == "granted after 12 s: the change had to propagate"


def test_the_nodes_identity_is_not_taken_for_the_roles():
    node = "arn:aws:sts::111122223333:assumed-role/dev-node/i-0123456789abcdef0"
    found = chain(replace(GOOD, caller=Answer(allowed=True, arn=node)))
    failing = failing_link(found)
    assert failing is not None
    assert (failing.key, failing.found) == ("caller", node)


def test_a_session_of_a_role_with_a_longer_name_is_not_the_roles():
    other = SESSION_ARN.replace("/s3-app/", "/s3-app-2/")
    assert links(caller=Answer(allowed=True, arn=other))["caller"].status is Status.FAILED


NODE_ARN = "arn:aws:sts::111122223333:assumed-role/dev-node/i-0123456789abcdef0"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(allowed=True, arn=SESSION_ARN), Status.PASSED),
        (Answer(allowed=True, arn=NODE_ARN), Status.FAILED),
        (Answer(allowed=False, code="aws", message="Unable to locate credentials"), Status.FAILED),
        (UNREAD, Status.UNKNOWN),
    ],
)
def test_who_the_aws_cli_is_inside_the_pod(answer, status):
    assert links(inside=answer)["inside"].status is status


def test_an_error_that_is_no_refusal_does_not_prove_a_refusal():
    slow = Answer(allowed=False, code="ReadTimeoutError", message="timed out")
    assert links(refused=slow)["refused"].status is Status.UNKNOWN


def test_without_a_role_nothing_is_asked_of_aws():
    account = ServiceAccount("dev", "s3-app", {})
    found = links(service_account=account, role=None, assumed=None, caller=None)
    assert found["annotation"].status is Status.FAILED
    assert {found[k].status for k in ("provider", "role", "trust", "assume")} == {Status.UNKNOWN}


def role_b(unique_id="AROAS3APP"):
    trust = role_trust_policy([TrustedRole(ROLE_ARN, unique_id)])
    return Role(ROLE_B_ARN, "AROAB", trust, policies=(PermissionsPolicy("all", ALLOW_ALL),))


def chained(**changes):
    target = ChainTarget(role_arn=ROLE_B_ARN)
    facts = ChainFacts(
        target=target,
        role=role_b(),
        assumed=Answer(allowed=True, arn=SESSION_B_ARN),
        caller=Answer(allowed=True, arn=SESSION_B_ARN),
        data=Answer(allowed=True),
        direct=DENIED,
    )
    return links(chain=replace(facts, **changes))


def test_a_whole_chain_passes():
    assert {link.status for link in chained().values()} == {Status.PASSED}


def test_role_a_on_the_bucket_itself_is_a_finding():
    assert chained(direct=Answer(allowed=True))["chain-refused"].status is Status.FAILED


def test_role_b_that_names_a_deleted_principal_is_a_finding():
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "AROAGONE"},
                           "Action": "sts:AssumeRole"}}  # fmt: skip
    link = chained(role=Role(ROLE_B_ARN, "AROAB", trust), assumed=DENIED)["chain-trust"]
    assert link.status is Status.FAILED
    assert link.found.startswith("it names AROAGONE, a principal that was deleted")
    assert "AROAGONE" not in link.commands[0]


def test_role_b_that_does_not_exist_is_a_finding():
    found = chained(role=None, assumed=DENIED)
    assert found["chain-role"].status is Status.FAILED
    assert found["chain-trust"].status is Status.UNKNOWN


def test_a_session_of_role_a_is_not_role_bs():
    session = Answer(allowed=True, arn=SESSION_ARN)
    assert chained(caller=session)["chain-caller"].status is Status.FAILED


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch):
        self.moment = 0.0
        monkeypatch.setattr(gather.time, "monotonic", lambda: self.moment)
        monkeypatch.setattr(gather.time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.moment += seconds


def answers(*listed):
    left = list(listed)
    return lambda: (left.pop(0) if len(left) > 1 else left[0], None)


def test_a_refusal_is_tried_again_until_iam_has_heard_of_the_change(monkeypatch):
    Clock(monkeypatch)
    granted = Answer(allowed=True, arn=SESSION_ARN)

    found, _ = gather.retried(answers(DENIED, DENIED, DENIED, granted), wait=90)

    assert found == replace(granted, seconds=9)


def test_it_gives_up_after_the_wait(monkeypatch):
    clock = Clock(monkeypatch)

    found, _ = gather.retried(answers(DENIED), wait=90)

    assert found == replace(DENIED, seconds=90)
    assert clock.moment == 90


@pytest.mark.parametrize(
    ("answer", "wait"),
    [(DENIED, 0), (Answer(allowed=False, code="ValidationError", message="x"), 90)],
)
def test_what_no_waiting_helps_is_asked_once(monkeypatch, answer, wait):
    clock = Clock(monkeypatch)

    found, _ = gather.retried(answers(answer), wait=wait)

    assert (found, clock.moment) == (answer, 0)


def test_a_cluster_whose_clock_is_ahead_makes_valid_tokens():
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN})
    places = gather.Places(FakeCluster(account), FakeAws(), now=lambda: NOW - 60)

    facts = gather.gather(gather.Question(namespace="dev", name="s3-app"), places, calls=False)

    assert facts.now == CLAIMS["iat"]


class FakeCluster:
    def __init__(self, account):
        self.account = account

    def service_account(self, namespace, name):
        return self.account

    def workloads(self, namespace):
        return Workloads(())

    def objects(self, namespace, references):
        return {}

    def webhook(self, namespace):
        return UNREAD

    def keys(self):
        return UNREAD

    def token(self, namespace, name, audience):
        return Token("", {}, CLAIMS)


class FakeAws:
    region = "us-east-1"
    account = "111122223333"

    def providers(self, account):
        return list(GOOD.providers)

    def role(self, arn):
        return ROLE
