"""Edits of a trust policy: one caller is added or removed, and no other gains or loses."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.move.moves import ACCOUNT, BY_ASSOCIATION, BY_TOKEN, CLUSTER, PROVIDER, trusting
from irsa.move.trust import RoleCall, verdict, with_caller, without_caller
from irsa_core.decide.truth import Verdict
from irsa_core.identity import pod_identity
from irsa_core.identity.pod_identity import NAMESPACE_TAG, SERVICE_ACCOUNT_TAG
from irsa_core.identity.policies import irsa_trust_policy, service_trust_policy, size
from irsa_core.identity.policy_json import statements
from irsa_core.identity.subjects import ServiceAccountRef, service_account_pattern
from tests.support.no_gain import no_gain

OTHER = ServiceAccountRef("dev", "other")
PROVIDERS, CLUSTERS = [PROVIDER, f"{PROVIDER}2"], [CLUSTER, f"{CLUSTER}2"]
BOTH = [ACCOUNT, OTHER]
TOKEN = RoleCall(PROVIDER, ACCOUNT.subject, "sts.amazonaws.com")
ASSOCIATION = RoleCall(CLUSTER, ACCOUNT.subject)
CALLS = [
    *(RoleCall(source, each.subject, "sts.amazonaws.com") for source in PROVIDERS for each in BOTH),
    *(RoleCall(source, each.subject) for source in CLUSTERS for each in BOTH),
]
FULL = (irsa_trust_policy(PROVIDERS, BOTH), pod_identity.pod_identity_trust_policy(CLUSTERS, BOTH))
NAMES = st.sampled_from([f"app-{letter}" for letter in "abcdef"])
[BY_ISSUER], [BY_SERVICE] = statements(BY_TOKEN), statements(BY_ASSOCIATION)
EC2_TOO = {"Service": [*BY_SERVICE["Principal"].values(), "ec2.amazonaws.com"]}
IN_TEAM = RoleCall(CLUSTER, ServiceAccountRef("team", "app").subject)
APP_X = RoleCall(PROVIDER, ServiceAccountRef("dev", "app-x").subject, "sts.amazonaws.com")
BOTH_TAGS = {NAMESPACE_TAG: "team", SERVICE_ACCOUNT_TAG: "app"}


def by_tags(tags, operator="StringEquals"):
    values = {f"aws:RequestTag/{tag}": value for tag, value in tags.items()}
    of_cluster = {"ArnEquals": {"aws:SourceArn": CLUSTER}, operator: values}
    return {"Statement": [{**statements(BY_ASSOCIATION)[0], "Condition": of_cluster}]}


def answers(role):
    return {call: verdict(role, call) for call in CALLS}


@pytest.mark.cases("call", {"irsa": TOKEN, "pod-identity": ASSOCIATION})
@pytest.mark.cases("shared", {"statement of its own": False, "shared statement": True})
def test_removing_a_caller_changes_the_answer_to_it_alone(call, shared):
    role = trusting(*(FULL if shared else (BY_TOKEN, BY_ASSOCIATION)))
    after = replace(role, trust_policy=without_caller(role, call))
    assert answers(after) == {**answers(role), call: Verdict.DENY}


@pytest.mark.cases("call", {"irsa": TOKEN, "pod-identity": ASSOCIATION})
def test_adding_a_caller_keeps_the_statements_and_no_other_gains(call):
    others = service_trust_policy("ec2.amazonaws.com")
    in_two_clusters = pod_identity.pod_identity_trust_policy(CLUSTERS, [OTHER])
    role = trusting(others, irsa_trust_policy(PROVIDERS, [OTHER]), in_two_clusters)

    document = with_caller(role, call)

    after = answers(replace(role, trust_policy=document))
    kept = zip(statements(role.trust_policy), statements(document), strict=False)
    assert [(old, new) for old, new in kept if old["Principal"] != new["Principal"]] == []
    assert after[call] is Verdict.ALLOW
    no_gain(answers(role), after, but=lambda caller: caller == call)


@settings(max_examples=10)
@given(st.lists(NAMES, min_size=1, unique=True), NAMES, st.booleans())
def test_accounts_that_share_a_role_share_a_statement_and_leave_it_as_it_was(names, gone, by_token):
    def call(name):
        subject = ServiceAccountRef("dev", name).subject
        of_token = PROVIDER, subject, "sts.amazonaws.com"
        return RoleCall(*of_token) if by_token else RoleCall(CLUSTER, subject)

    first = role = trusting(service_trust_policy("ec2.amazonaws.com"))
    for name in names:
        role = replace(role, trust_policy=with_caller(role, call(name)))
    assert with_caller(role, call(names[0])) == role.trust_policy
    assert len(statements(role.trust_policy)) == 1 + 1
    assert size(role.trust_policy) < 1000
    assert (verdict(role, call(gone)) is Verdict.ALLOW) == (gone in names)
    for name in sorted(names):
        role = replace(role, trust_policy=without_caller(role, call(name)))
    assert statements(role.trust_policy) == statements(first.trust_policy)


def test_an_account_of_another_namespace_has_a_statement_of_its_own():
    call = RoleCall(CLUSTER, ServiceAccountRef("other", "s3-app").subject)
    assert len(statements(with_caller(trusting(BY_ASSOCIATION), call))) == 1 + 1


def test_an_exception_of_a_deny_is_not_widened():
    exception = {"StringNotEquals": {f"{PROVIDER.partition('/')[2]}:sub": OTHER.subject}}
    deny = {**statements(BY_TOKEN)[0], "Effect": "Deny", "Condition": exception}
    role = trusting(irsa_trust_policy([PROVIDER], [OTHER]), {"Statement": [deny]})
    assert with_caller(role, TOKEN) is None


def test_a_statement_of_several_providers_loses_one():
    weak = {f"{each.partition('/')[2]}:sub": ACCOUNT.subject for each in PROVIDERS}
    condition = {"Condition": {"StringEqualsIfExists": weak}}
    several = {**BY_ISSUER, "Principal": {"Federated": PROVIDERS}, **condition}
    left = without_caller(trusting({"Statement": [several]}), TOKEN)
    assert statements(left) == [{**several, "Principal": {"Federated": PROVIDERS[1]}}]


@pytest.mark.cases(("document", "call"), {
    "pattern of names": (irsa_trust_policy([PROVIDER], [service_account_pattern("dev", "s3-*")]),
        TOKEN),
    "pattern of other names": (irsa_trust_policy([PROVIDER],
        [service_account_pattern("dev", "app-*")]), APP_X),
    "all of the cluster": ({"Statement": [{**BY_ISSUER, "Condition": {}}]}, TOKEN),
    "everyone": ({"Statement": [{**BY_ISSUER, "Principal": "*", "Condition": {}}]}, TOKEN),
    "all of a namespace": (by_tags({NAMESPACE_TAG: "team"}), IN_TEAM),
    "a name in all namespaces": (by_tags({SERVICE_ACCOUNT_TAG: "app"}), IN_TEAM),
    "calls without tags": (by_tags(BOTH_TAGS, "StringEqualsIfExists"), IN_TEAM),
    "another service": ({"Statement": [{**BY_SERVICE, "Principal": EC2_TOO}]}, ASSOCIATION),
})  # fmt: skip
def test_a_statement_by_which_others_have_access_stays(document, call):
    assert verdict(trusting(document), call) is Verdict.ALLOW
    assert without_caller(trusting(document), call) is None
