"""The links of a chain from facts alone: what the sandbox cannot show."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from irsa.identity.arns import ClusterArn, provider_arn_for
from irsa.identity.policies import TrustedRole, irsa_trust_policy, role_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.identity.token import Token
from irsa.observe.errors import CollectError
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
from irsa.verify import walk
from irsa.verify.chain import Chain
from irsa.verify.facts import Calls, Facts, NotMade, RoleBCalls, RoleBFacts, RoleBTarget
from irsa.verify.gather import NAMED_MAX, Question, Sources, gather, gather_each
from irsa.verify.link import LINKS, Status, failing_link, status_of

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
    keys=Unread("the key set", "403 Forbidden", "get /openid/v1/jwks"),
)
GRANTED = Calls(
    assumed=Answer(allowed=True, arn=SESSION_ARN),
    caller=Answer(allowed=True, arn=SESSION_ARN),
    data=Answer(allowed=True),
    refused=DENIED,
)


NOT_MADE = NotMade("it was not made")


def links(**changes):
    """The links of the good chain with other facts and other answers, by key."""
    answers = {key: changes.pop(key) for key in list(changes) if hasattr(GRANTED, key)}
    calls = replace(GRANTED, **answers)
    return {link.key: link for link in Chain(replace(GOOD, **changes)).links(calls)}


def test_everything_as_it_should_be_passes_every_link():
    found = Chain(GOOD).links(GRANTED)
    assert [link.key for link in found if link.status is not Status.PASSED] == []
    assert status_of(found) is Status.PASSED


def test_a_provider_at_the_dual_stack_address_is_no_providers_of_the_token():
    issuer = f"oidc-eks.us-east-1.api.aws/id/{'0' * 32}"
    dual_stack = provider_arn_for(issuer, "111122223333")
    link = links(providers=(RegisteredProvider(dual_stack, ("sts.amazonaws.com",)),))["provider"]

    assert link.status is Status.FAILED
    assert "api.aws/id/" in link.found
    assert "(the dual-stack address, which no token names)" in link.found


def test_links_come_in_the_order_of_the_table():
    keys = [link.key for link in Chain(GOOD).links(GRANTED)]
    assert keys == [key for key in LINKS if key in keys]


UNREAD = Unread("it", "403 Forbidden", "a permission")


def refused_by_sts(answer):
    """The answers when STS grants no session."""
    return {"assumed": answer, "caller": NOT_MADE, "data": NOT_MADE, "refused": NOT_MADE}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"service_account": UNREAD}, "service-account"),
        ({"pods": UNREAD}, "pod"),
        ({"webhook": UNREAD}, "webhook"),
        ({"token": UNREAD, "assumed": NOT_MADE}, "token"),
        ({"providers": UNREAD, "assumed": NOT_MADE}, "provider"),
        ({"providers": UNREAD, "assumed": DENIED}, "audience"),
        ({"role": UNREAD, "assumed": NOT_MADE}, "role"),
        ({"role": UNREAD, "assumed": NOT_MADE}, "trust"),
        ({"role": replace(ROLE, policies=UNREAD), "data": NOT_MADE}, "permissions"),
    ],
)
def test_what_could_not_be_read_names_the_permission(changes, key):
    link = links(**changes)[key]
    assert (link.status, link.found, link.remedy.text) == (
        Status.UNKNOWN,
        "could not read it: needs a permission (403 Forbidden)",
        "grant a permission",
    )


@pytest.mark.parametrize("key", ["provider", "audience", "role", "trust"])
def test_what_could_not_be_read_holds_when_sts_granted_the_session(key):
    link = links(providers=UNREAD, role=UNREAD)[key]
    assert link.status is Status.PASSED
    assert link.found.endswith("but STS accepted the token")


def test_an_undecided_trust_policy_holds_when_sts_grants_the_session():
    [own] = ROLE.trust_policy["Statement"]
    block = {**own["Condition"], "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    trusting = replace(ROLE, trust_policy={"Statement": [{**own, "Condition": block}]})

    granted = links(role=trusting)["trust"]

    assert granted.status is Status.PASSED
    assert granted.found.endswith("; but STS accepted the token")
    assert links(role=trusting, **refused_by_sts(DENIED))["trust"].status is Status.UNKNOWN


@pytest.mark.parametrize("name", ["a!", "team//", "", "a" * 65])
def test_an_annotation_that_iam_has_no_role_for_is_not_the_arn_of_a_role(name):
    value = f"arn:aws:iam::111122223333:role/{name}"
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": value})

    link = links(service_account=account)["annotation"]

    assert link.status is Status.FAILED
    assert link.found.startswith(f"{value!r} is not the ARN of a role")


def test_an_unexplained_refusal_is_put_down_to_the_organization():
    found = links(**refused_by_sts(replace(DENIED, seconds=90)))
    assert found["assume"].status is Status.FAILED
    assert found["assume"].found == "AccessDenied: Access Denied (tried for 90 s)"
    assert "service or resource control policy" in found["assume"].remedy.text


def test_a_session_that_took_a_while_is_called_propagation():
    found = links(assumed=Answer(allowed=True, arn=SESSION_ARN, seconds=12))
    assert found["assume"].found == "granted after 12 s: the change had to propagate"


NODE = Answer(True, "arn:aws:sts::111122223333:assumed-role/dev-node/i-0123456789abcdef0")
LONGER = Answer(allowed=True, arn=SESSION_ARN.replace("/s3-app/", "/s3-app-2/"))
NO_CREDENTIALS = Answer(allowed=False, code="aws", message="Unable to locate credentials")
SLOW = Answer(allowed=False, code="ReadTimeoutError", message="timed out")


def test_the_nodes_identity_is_the_cause():
    failing = failing_link(Chain(GOOD).links(replace(GRANTED, caller=NODE)))
    assert failing is not None
    assert (failing.key, failing.found) == ("caller", NODE.arn)


@pytest.mark.parametrize(
    ("key", "answer", "status"),
    [
        ("caller", LONGER, Status.FAILED),
        ("inside", Answer(allowed=True, arn=SESSION_ARN), Status.PASSED),
        ("inside", NODE, Status.FAILED),
        ("inside", NO_CREDENTIALS, Status.FAILED),
        ("inside", UNREAD, Status.UNKNOWN),
        ("refused", SLOW, Status.UNKNOWN),
    ],
)
def test_a_call_proves_what_its_answer_says(key, answer, status):
    assert links(**{key: answer})[key].status is status


def test_without_a_role_nothing_is_asked_of_aws():
    account = ServiceAccount("dev", "s3-app", {})
    found = links(service_account=account, role=None, assumed=NOT_MADE, caller=NOT_MADE)
    assert found["annotation"].status is Status.FAILED
    assert {found[k].status for k in ("provider", "role", "trust", "assume")} == {Status.UNKNOWN}


GRANTED_B = RoleBCalls(
    assumed=Answer(allowed=True, arn=SESSION_B_ARN),
    caller=Answer(allowed=True, arn=SESSION_B_ARN),
    data=Answer(allowed=True),
    direct=DENIED,
)


def role_b(unique_id="AROAS3APP"):
    trust = role_trust_policy([TrustedRole(ROLE_ARN, unique_id)])
    return Role(ROLE_B_ARN, "AROAB", trust, policies=(PermissionsPolicy("all", ALLOW_ALL),))


def chained(**changes):
    """The links of a good chain to role B with other facts of it and other answers, by key."""
    facts = RoleBFacts(target=RoleBTarget(role_arn=ROLE_B_ARN), role=role_b())
    answers = {key: changes.pop(key) for key in list(changes) if hasattr(GRANTED_B, key)}
    calls = replace(GRANTED_B, **answers)
    return links(role_b=replace(facts, **changes), of_role_b=calls)


def test_a_whole_chain_passes():
    assert {link.status for link in chained().values()} == {Status.PASSED}


@pytest.mark.parametrize(
    ("changes", "key", "status"),
    [
        ({"direct": Answer(allowed=True)}, "chain-refused", Status.FAILED),
        ({"caller": Answer(allowed=True, arn=SESSION_ARN)}, "chain-caller", Status.FAILED),
        ({"role": None, "assumed": DENIED}, "chain-trust", Status.UNKNOWN),
    ],
)
def test_one_link_on_the_way_to_role_b(changes, key, status):
    assert chained(**changes)[key].status is status


def test_role_b_that_names_a_deleted_principal_is_a_finding():
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "AROAGONE"},
                           "Action": "sts:AssumeRole"}}  # fmt: skip
    link = chained(role=Role(ROLE_B_ARN, "AROAB", trust), assumed=DENIED)["chain-trust"]
    assert link.status is Status.FAILED
    assert link.found.startswith("it names AROAGONE, a principal that was deleted")
    assert "AROAGONE" not in link.remedy.shell[0]


def test_role_b_that_the_profile_misspells_is_a_finding():
    target = RoleBTarget(role_arn="s3-app-B", profile="B")
    link = chained(target=target, role=None, assumed=DENIED)["chain-role"]
    assert (link.status, link.found, link.remedy.text) == (
        Status.FAILED,
        "'s3-app-B' is not the ARN of a role",
        "correct role_arn in the profile",
    )


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch):
        self.moment = 0.0
        # Not of `time` itself, which the threads of a running sandbox use.
        own = SimpleNamespace(monotonic=lambda: self.moment, sleep=self.sleep)
        monkeypatch.setattr(walk, "time", own)

    def sleep(self, seconds):
        self.moment += seconds


def answers(*listed):
    left = list(listed)
    return lambda: (left.pop(0) if len(left) > 1 else left[0], None)


def test_a_refusal_is_tried_again_until_iam_has_heard_of_the_change(monkeypatch):
    Clock(monkeypatch)
    granted = Answer(allowed=True, arn=SESSION_ARN)

    found, _ = walk.retried(answers(DENIED, DENIED, DENIED, granted), wait=90)

    assert found == replace(granted, seconds=9)


def test_it_gives_up_after_the_wait(monkeypatch):
    clock = Clock(monkeypatch)

    found, _ = walk.retried(answers(DENIED), wait=90)

    assert found == replace(DENIED, seconds=90)
    assert clock.moment == 90


@pytest.mark.parametrize(
    ("answer", "wait"),
    [(DENIED, 0), (Answer(allowed=False, code="ValidationError", message="x"), 90)],
)
def test_what_no_waiting_helps_is_asked_once(monkeypatch, answer, wait):
    clock = Clock(monkeypatch)

    found, _ = walk.retried(answers(answer), wait=wait)

    assert (found, clock.moment) == (answer, 0)


def test_a_cluster_whose_clock_is_ahead_makes_valid_tokens():
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN})
    places = Sources(FakeCluster(account), FakeAws(), now=lambda: NOW - 60)

    facts = gather(Question(namespace="dev", name="s3-app"), places)

    assert facts.now == CLAIMS["iat"]


@pytest.mark.parametrize("named", ["role_arn", "role_b_arn"])
def test_a_wrong_role_arn_is_refused_before_anything_is_read(named):
    question = Question(namespace="dev", name="s3-app", **{named: "s3-app"})
    with pytest.raises(CollectError, match="'s3-app' is not the ARN of a role; expected"):
        gather(question, Sources(None, None))


class FakeCluster:
    eks = ClusterArn("", "", "", "")

    def __init__(self, account, spec=SPEC, objects=None):
        self.account, self.spec, self.listed = account, spec, objects or {}

    def service_account(self, namespace, name):
        return self.account

    def workloads(self, namespace):
        return Workloads((Pod("s3-app-1", "s3-app", {}, {}, self.spec),))

    def objects(self, namespace, references):
        return self.listed

    def webhook(self, namespace):
        return UNREAD

    def network_policies(self, namespace):
        return ()

    def issuer_url(self):
        return UNREAD

    def keys(self):
        return UNREAD

    def token(self, namespace, name, audience):
        return Token("", {}, CLAIMS)


def test_a_service_account_that_was_not_read_keeps_what_it_has():
    named = [ServiceAccountRef("dev", str(number)) for number in range(NAMED_MAX)]
    trust = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("a", "hidden"), *named])
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN})
    cluster, aws = FakeCluster(account), FakeAws()
    cluster.service_account = lambda _, name: {"s3-app": account, "hidden": UNREAD}.get(name)
    aws.role = lambda _: replace(ROLE, trust_policy=trust)

    found = gather(Question(namespace="dev", name="s3-app"), Sources(cluster, aws))

    kept = {"a:hidden", f"dev:{NAMED_MAX - 1}"}  # of as many only the first are looked up
    assert found.neighbours == {f"system:serviceaccount:{each}" for each in kept}


class FakeAws:
    region = "us-east-1"
    account = "111122223333"

    def providers(self, account):
        return list(GOOD.providers)

    def role(self, arn):
        return ROLE


def with_config(text):
    """The cluster and the account of a service account whose Pod has an AWS config file."""
    mounted = {
        "containers": [
            {
                "name": "app",
                "env": [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}],
                "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}],
            }
        ],
        "volumes": [{"name": "aws", "configMap": {"name": "aws"}}],
    }
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN})
    cluster = FakeCluster(account, mounted, {("ConfigMap", "aws"): {"config": text}})
    return Sources(cluster, FakeAws())


A = f"[profile A]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {FOLDER}/token\n"


def to_role_b(name, source="A"):
    return f"[profile {name}]\nrole_arn = {ROLE_B_ARN}-{name}\nsource_profile = {source}\n"


FURTHER = "[profile key]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"


@pytest.mark.parametrize(
    ("more", "titles"),
    [
        ("", ["dev/s3-app"]),
        (to_role_b("B"), ["dev/s3-app (profile B)"]),
        (to_role_b("B") + to_role_b("C"), ["dev/s3-app (profile B)", "dev/s3-app (profile C)"]),
        (to_role_b("B") + to_role_b("C", "B"), ["dev/s3-app (profile B)"]),
        (to_role_b("B", "none"), ["dev/s3-app (profile B)"]),
        (to_role_b("B", "key") + FURTHER, ["dev/s3-app"]),
        (to_role_b("B").replace("profile ", ""), ["dev/s3-app"]),
        (to_role_b("default").replace("profile ", ""), ["dev/s3-app"]),
    ],
    ids=["none", "one", "two", "further", "refused", "key", "unseen", "default"],
)
def test_each_profile_that_leads_from_the_role_to_one_more_is_a_chain(more, titles):
    asked = gather_each(Question(namespace="dev", name="s3-app"), with_config(A + more))

    assert [facts.title for _, facts in asked] == titles
    assert [question.profile for question, _ in asked] == [facts.profile for _, facts in asked]


@pytest.mark.parametrize("named", [{"profile": "C"}, {"role_b_arn": ROLE_B_ARN}])
def test_a_question_that_names_a_profile_or_role_b_is_one_chain(named):
    question = Question(namespace="dev", name="s3-app", **named)
    text = A + to_role_b("B") + to_role_b("C")

    [(asked, facts)] = gather_each(question, with_config(text))

    end = f"profile {named['profile']}" if "profile" in named else ROLE_B_ARN
    assert (asked, facts.title) == (question, f"dev/s3-app ({end})")


BY_NAME = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": ROLE_ARN},
        "Action": "sts:AssumeRole",
        "Condition": {"StringLike": {"sts:RoleSessionName": "irsa-*"}},
    }
}


@pytest.mark.parametrize(
    ("setting", "name"), [("", ""), ("role_session_name = irsa-b\n", "irsa-b")]
)
def test_role_b_s_session_name_is_the_profile_s_where_a_policy_goes_by_it(setting, name):
    sources = with_config(A + to_role_b("B") + setting)
    sources.aws.role = lambda _: replace(ROLE, arn=ROLE_B_ARN, trust_policy=BY_NAME)

    facts = gather(Question(namespace="dev", name="s3-app", profile="B", wait=0), sources)

    assert facts.role_b.target.session_name == name


def test_sts_is_not_asked_with_a_name_that_is_not_the_pod_s():
    [own] = ROLE.trust_policy["Statement"]
    named = {"StringLike": {"sts:RoleSessionName": "reports-*"}}
    trusting = {"Statement": [{**own, "Condition": {**own["Condition"], **named}}]}
    facts = replace(GOOD, role=replace(ROLE, trust_policy=trusting))

    found = walk.walk(Question(namespace="dev", name="s3-app"), facts, Sources(None, FakeAws()))

    links_of = {link.key: link for link in found}
    assert {links_of[key].status for key in ("trust", "assume", "data")} == {Status.UNKNOWN}
    assert "set AWS_ROLE_SESSION_NAME" in links_of["assume"].found


def test_an_invalid_arn_of_role_b_is_not_looked_up():
    question = Question(namespace="dev", name="s3-app", profile="B", wait=0)

    found = gather(question, with_config("[profile B]\nrole_arn = s3-app-B\n"))

    assert (found.role_b.target.role_arn, found.role_b.role) == ("s3-app-B", None)
