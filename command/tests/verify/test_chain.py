"""The links of a chain from facts and answers alone: what the sandbox cannot show."""

from dataclasses import replace
from itertools import combinations, product

import pytest

from command.tests.test_signatures import JWKS, NO_KEY, OTHER_RSA, signed
from command.tests.verify import chains
from command.tests.verify.chains import DENIED, EKS, GOOD_EKS, UNREAD, identity, links, statuses
from irsa.observe.facts import Answer, PermissionsPolicy, RegisteredProvider
from irsa.verify.facts import RoleB
from irsa.verify.gather import named_role_b
from irsa.verify.link import LINKS, Calls, Status, failing_link, status_of
from irsa.verify.walk import Chain
from irsa_core.identity.arns import provider_arn_for
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import TrustedRole, role_trust_policy
from irsa_core.identity.token import decode_unverified
from tests.support.world import ACCOUNT_A, NOW, ROLE_ARN, SUBJECT

REFUSED = {"assumed": DENIED, **chains.NO_SESSION}
NODE = Answer(True, "arn:aws:sts::111122223333:assumed-role/dev-node/i-0123456789abcdef0")
LONGER = Answer(allowed=True, arn=chains.SESSION_ARN.replace("/s3-app/", "/s3-app-2/"))
NO_CREDENTIALS = Answer(allowed=False, code="aws", message="Unable to locate credentials")
SLOW = Answer(allowed=False, code="ReadTimeoutError", message="timed out")
LATE, TRIED = replace(chains.SESSION, seconds=12), replace(DENIED, seconds=90)
MISSPELT = {"role": None, "target": RoleB(role_arn="s3-app-B", profile="B")}
DELETED = {"Effect": "Allow", "Principal": {"AWS": "AROAGONE"}, "Action": "sts:AssumeRole"}
OF_DELETED = {"role": chains.role_b({"Statement": DELETED}), "assumed": DENIED}
REFUSING = chains.role_b(role_trust_policy([TrustedRole(f"{ROLE_ARN}-2", "AROAOTHER")]))
REFUSED_B = {"role_b": replace(chains.TARGET, role=REFUSING)}
JUDGED = ("trust", "permissions", "role-a-permission", "role-b-trust", "role-b-permissions")
POWERLESS_EKS = replace(GOOD_EKS.role, policies=())
CHAINS = {
    "IRSA": chains.GOOD,
    "IRSA and role B": replace(chains.GOOD, role=replace(chains.ROLE, policies=()), **REFUSED_B),
    "Pod Identity": GOOD_EKS,
    "Pod Identity and role B": replace(GOOD_EKS, role=POWERLESS_EKS, **REFUSED_B),
    "Pod Identity and target role": chains.targeted(REFUSING.trust_policy),
}


def fact(name, value):
    return identity(cluster=value) if name == "cluster" else {name: value}


NONE = ("service_account", "webhook", "cluster", "next_pod", "token", "role", "bucket_policy")
CHANGES = [
    *(fact(name, None) for name in NONE),
    *(fact(name, UNREAD) for name in (*NONE, "pods", "network_policies", "keys", "providers")),
    {"pods": ()},
    {"providers": ()},
    identity(None),
    identity(UNREAD, agent=UNREAD, nodes=UNREAD),
    {"role": replace(chains.ROLE, policies=UNREAD, boundary=None)},
    {"owners": (chains.OWNER,), "pods": ()},
]
BY_TAG = {"Null": {"aws:PrincipalTag/kubernetes-namespace": "false"}}
BY_REQUEST = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": chains.ACCOUNT.namespace}}
ANY = {"Action": "*", "Resource": "*"}
POLICIES = {
    "everything": [{"Effect": "Allow", **ANY}],
    "tagged": [{"Effect": "Allow", **ANY, "Condition": BY_TAG}],
    "not tagged": [{"Effect": "Allow", **ANY}, {"Effect": "Deny", **ANY, "Condition": BY_TAG}],
    "no tags": [{"Effect": "Allow", "Action": ["s3:*", "sts:AssumeRole"], "Resource": "*"}],
}
TRUSTING = {"Effect": "Allow", "Principal": {"AWS": ROLE_ARN}}
WITH_TAGS = ["sts:AssumeRole", "sts:TagSession"]
TRUST_B = {name: {**TRUSTING, "Action": WITH_TAGS} for name in ("any", "tagged", "no tags")}
TRUST_B["tagged"]["Condition"], TRUST_B["no tags"]["Action"] = BY_REQUEST, "sts:AssumeRole"
OTHER_CLUSTER = replace(EKS, arn=f"{EKS.arn}-2")
UNKNOWN_CALLS = {
    "association unread": (identity(UNREAD), [EKS]),
    "cluster unread": (identity(cluster=UNREAD), [EKS, OTHER_CLUSTER]),
    "cluster not known": (identity(cluster=None), [EKS, OTHER_CLUSTER]),
}


def test_every_link_of_a_good_chain_passes_in_the_order_of_the_table():
    found = Chain(chains.GOOD).links(chains.GRANTED)
    assert statuses({link.key: link for link in found}) == {}
    assert status_of(found) is Status.PASSED
    assert [link.key for link in found] == [key for key in LINKS if key in links()]
    assert statuses(chains.chained()) == {}


def test_a_provider_at_the_dual_stack_address_is_no_providers_of_the_token():
    issuer = f"oidc-eks.us-east-1.api.aws/id/{'0' * 32}"
    dual_stack = RegisteredProvider(provider_arn_for(issuer, ACCOUNT_A), ("sts.amazonaws.com",))
    link = links(providers=(dual_stack,))["provider"]
    assert link.status is Status.FAILED
    assert f"{issuer} (the dual-stack address, which no token names)" in link.found


@pytest.mark.cases(("changes", "key"), {
    "service account": ({"service_account": UNREAD}, "service-account"),
    "Pods": ({"pods": UNREAD}, "pod"),
    "token": ({"token": UNREAD, "assumed": chains.NOT_MADE}, "token"),
    "providers": ({"providers": UNREAD, "assumed": chains.NOT_MADE}, "provider"),
    "providers, call denied": ({"providers": UNREAD, "assumed": DENIED}, "audience"),
    "role": ({"role": UNREAD, "assumed": chains.NOT_MADE}, "role"),
    "trust policy": ({"role": UNREAD, "assumed": chains.NOT_MADE}, "trust"),
    "association": ({"facts": GOOD_EKS, **identity(UNREAD)}, "association"),
    "call of EKS": ({"facts": GOOD_EKS, "assumed": UNREAD}, "assume"),
})  # fmt: skip
def test_an_unread_fact_names_the_permission(changes, key):
    link = links(**changes)[key]
    assert link.status is Status.UNKNOWN
    assert link.found == "could not read it: needs a permission (403 Forbidden)"
    assert link.remedy.text == "grant a permission"


@pytest.mark.cases(("token", "keys", "found"), {
    "another account": (signed(sub=f"{SUBJECT}-2"), JWKS, f"sub {SUBJECT}-2"),
    "another audience": (signed(aud=["vault"]), JWKS, "aud ['vault']"),
    "expired": (signed(exp=NOW - 300), JWKS, "ExpiredTokenException: "),
    "expired by the clock": (signed(exp=NOW), UNREAD, f"expired at {NOW}, and it is {NOW}"),
    "unknown key": (signed(OTHER_RSA, kid="rotated-away"), JWKS, f"InvalidIdentityToken: {NO_KEY}"),
})  # fmt: skip
def test_a_token_that_sts_would_refuse_is_minted_anew(token, keys, found):
    link = links(token=decode_unverified(token), keys=keys)["token"]
    assert (link.status, link.found.startswith(found)) == (Status.FAILED, True), link.found
    assert link.remedy.shell == ("kubectl rollout restart deployment/s3-app --namespace dev",)


def test_an_unread_fact_holds_when_sts_granted_the_session():
    found = links(providers=UNREAD, role=UNREAD)
    for key in ("provider", "audience", "role", "trust"):
        assert found[key].status is Status.PASSED
        assert found[key].found.endswith("but STS accepted the token")


def test_an_undecided_trust_policy_is_decided_by_sts_or_the_likely_cause():
    [statement] = chains.ROLE.trust_policy["Statement"]
    block = {**statement["Condition"], "StringLike": {"aws:ResourceOrgID": "o-1"}}
    trusting = replace(chains.ROLE, trust_policy={"Statement": [{**statement, "Condition": block}]})

    granted, refused = links(role=trusting)["trust"], links(role=trusting, **REFUSED)

    assert granted.status is Status.PASSED
    assert granted.found.endswith("; but STS accepted the token")
    assert refused["trust"].status is Status.UNKNOWN
    cause = "verify could not decide a link, which may be the cause: 'trust'"
    assert refused["assume"].remedy.text == cause


@pytest.mark.cases(("key", "answers", "status", "found"), {
    "denied for 90 seconds": ("assume", {**REFUSED, "assumed": TRIED}, Status.FAILED,
        "Denied (tried for 90 s)"),
    "allowed after 12 seconds": ("assume", {"assumed": LATE}, Status.PASSED,
        "after 12 s: the change had to propagate"),
    "node's role": ("caller", {"caller": NODE}, Status.FAILED, NODE.arn),
    "role with a longer name": ("caller", {"caller": LONGER}, Status.FAILED, LONGER.arn),
    "inside: own role": ("inside", {"inside": chains.SESSION}, Status.PASSED, chains.SESSION_ARN),
    "inside: node's role": ("inside", {"inside": NODE}, Status.FAILED, NODE.arn),
    "inside: no credentials": ("inside", {"inside": NO_CREDENTIALS}, Status.FAILED,
        NO_CREDENTIALS.text),
    "inside: unread": ("inside", {"inside": UNREAD}, Status.UNKNOWN, UNREAD.text),
    "no answer in time": ("refused", {"refused": SLOW}, Status.UNKNOWN, SLOW.text),
})  # fmt: skip
def test_a_call_proves_what_its_answer_says(key, answers, status, found):
    every = links(**answers)
    assert (every[key].status, found in every[key].found) == (status, True), every[key]
    failing = failing_link(list(every.values()))
    assert (failing and failing.key) == (key if status is Status.FAILED else None)


def test_without_a_role_nothing_is_asked_of_aws():
    calls = {"assumed": chains.NOT_MADE, "caller": chains.NOT_MADE}
    found = links(service_account=chains.BARE, role=None, **calls)
    assert found["annotation"].status is Status.FAILED
    assert {found[k].status for k in ("provider", "role", "trust", "assume")} == {Status.UNKNOWN}


@pytest.mark.cases(("changes", "key", "status", "found"), {
    "role A lists the bucket": ({"refused": Answer(allowed=True)}, "role-a-refused", Status.FAILED,
        "lists the bucket"),
    "session stays role A's": ({"caller": chains.SESSION}, "role-b-caller", Status.FAILED,
        chains.SESSION_ARN),
    "boundary unread": ({"role_a": replace(chains.ROLE, boundary=UNREAD), "assumed": UNREAD},
        "role-a-permission", Status.UNKNOWN, UNREAD.text),
    "no role B": ({"role": None, "assumed": DENIED}, "role-b-trust", Status.UNKNOWN,
        "there is no role B"),
    "role B unread": ({"role": UNREAD, "assumed": DENIED}, "role-b", Status.UNKNOWN, UNREAD.text),
    "trust of role B unread": ({"role": UNREAD, "assumed": DENIED}, "role-b-trust", Status.UNKNOWN,
        UNREAD.text),
    "role B without an ARN": (MISSPELT, "role-b", Status.FAILED,
        "'s3-app-B' is not the ARN of a role"),
    "trust names a deleted principal": (OF_DELETED, "role-b-trust", Status.FAILED,
        "it names AROAGONE, a principal that was del"),
})  # fmt: skip
def test_one_link_on_the_way_to_role_b(changes, key, status, found):
    link = chains.chained(**changes)[key]
    assert (link.status, found in link.found) == (status, True), link.found
    assert "AROAGONE" not in str(link.remedy.commands)


@pytest.mark.parametrize("chain", CHAINS)
def test_any_two_facts_that_are_unread_leave_each_link_an_answer(chain):
    """None ends in a traceback."""
    for one, other in combinations(CHANGES, 2):
        facts = chains.seen(CHAINS[chain], **{**one, **other})
        assert Chain(facts).links(Calls()), (one, other)


@pytest.mark.parametrize("unread", UNKNOWN_CALLS)
@pytest.mark.cases("disabled", {"trust with tags": False, "trust without tags": True})
def test_an_unread_call_of_eks_is_judged_as_every_call_that_it_may_be(unread, disabled):
    """The session's tags are not known, nor whether there are any."""
    identities, clusters = UNKNOWN_CALLS[unread]
    trust_a = pod_identity_trust_policy([EKS.arn], [chains.ACCOUNT], disable_session_tags=disabled)
    associations = [replace(chains.ASSOCIATION, disable_session_tags=e) for e in (False, True)]
    calls = [identity(entry, cluster) for cluster, entry in product(clusters, associations)]
    chain = replace(GOOD_EKS, expects_association=True, expected_role=ROLE_ARN, bucket="s3-app")
    for (name, statements), (name_b, trust_b) in product(POLICIES.items(), TRUST_B.items()):
        policies = (PermissionsPolicy("own", {"Statement": statements}),)
        role_a = replace(chains.ROLE, trust_policy=trust_a, policies=policies)
        known_b = chains.role_b({"Statement": [trust_b]}, policies=policies)

        def judged(call, role_a=role_a, known_b=known_b):
            facts = replace(chain, **call, role=role_a, role_b_arn=known_b.arn)
            facts = replace(facts, role_b=replace(named_role_b(facts), role=known_b))
            to_bucket = replace(facts, role_b=None, role_b_arn="")
            listed = [*Chain(facts).links(Calls()), *Chain(to_bucket).links(Calls())]
            return {link.key: link.status for link in listed if link.key in JUDGED}

        possible = [judged(call) for call in calls]
        for key, status in judged(identities).items():
            answers = {statuses[key] for statuses in possible}
            assert status is Status.UNKNOWN or {status} == answers, (key, name, name_b)
