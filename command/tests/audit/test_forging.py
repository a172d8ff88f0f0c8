"""Callers that can forge the tags by which a role trusts EKS Pod Identity."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.audit.audited import role
from irsa.access import calling, judge
from irsa.audit import forging
from irsa.audit.forging import Forgers
from irsa.observe.facts import PermissionsPolicy
from irsa_core.decide.document import statements_of
from irsa_core.decide.simulate import simulate
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.decide.truth import Verdict
from irsa_core.rules.conditions import guarded
from tests.support.world import ACCOUNT_A, ACCOUNT_B

OWN, FAR = (f"arn:aws:iam::{each}:role/" for each in (ACCOUNT_A, ACCOUNT_B))
TARGET = f"{OWN}team/target"
NAMESPACE, TAGS = "aws:RequestTag/kubernetes-namespace", "aws:TagKeys"
SENT = {"aws:requesttag/kubernetes-namespace": "dev", "aws:tagkeys": ("kubernetes-namespace",)}
CALLERS = [f"{OWN}a", f"{OWN}a/b", f"{OWN}c", f"{FAR}d"]
BOTH = ["sts:AssumeRole", "sts:TagSession"]
RESOURCES = ["*", TARGET, f"{OWN}team/*", f"{OWN}te?m/target", f"{OWN}other", f"{OWN}a*"]
OF_TAGS = [
    {},
    {"ForAnyValue:StringLike": {TAGS: "kubernetes-*"}},
    {"StringEquals": {NAMESPACE: "prod"}},
    {"Null": {"sts:TransitiveTagKeys": True}},
    {"StringEquals": {"aws:ResourceAccount": ACCOUNT_B}},
]
OF_CALLERS = {
    "any caller": {},
    "roles by pattern": {"ArnLike": {"aws:PrincipalArn": f"{OWN}a*"}},
    "two roles": {"ArnEquals": {"aws:PrincipalArn": [f"{OWN}c", f"{FAR}d"]}},
    "an organization": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
}
OUTSIDE = {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT_B}}
GUARDS = [{"ArnNotLike": {"aws:PrincipalArn": f"{OWN}a*"}}, OUTSIDE]
PRINCIPALS = [*CALLERS, "*", ACCOUNT_A, f"arn:aws:iam::{ACCOUNT_A}:root", ACCOUNT_B, "AROA1"]


def statement(effect="Allow", action=BOTH, condition=None, **more):
    return {"Effect": effect, "Action": action, **more} | (
        {"Condition": condition} if condition else {}
    )


BY_EC2 = {"Statement": [statement(Principal={"Service": "ec2.amazonaws.com"})]}


def policies(*statements):
    return (PermissionsPolicy("own", {"Version": "2012-10-17", "Statement": [*statements]}),)


OWN_STATEMENTS = st.builds(
    lambda effect, action, resource, condition: statement(effect, action, condition, **resource),
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from([BOTH, "sts:*", "sts:TagSession"]),
    st.sampled_from([{word: each} for word in ("Resource", "NotResource") for each in RESOURCES]),
    st.sampled_from(OF_TAGS),
)
DOCUMENTS = st.lists(OWN_STATEMENTS, max_size=2).map(lambda found: policies(*found))
LIMITS = st.none() | DOCUMENTS.map(lambda found: found[0])


def callers_with(policies):
    return [
        replace(role(BY_EC2, arn), unique_id=f"AROA{number}", policies=own, boundary=limit)
        for number, (arn, (own, limit)) in enumerate(zip(CALLERS, policies, strict=True))
    ]


@st.composite
def trusting(draw):
    """The statements of a trust policy by tags."""
    condition = dict(draw(st.sampled_from([*OF_CALLERS.values()])))
    condition["StringLike"] = {NAMESPACE: "dev", **condition.get("StringLike", {})}
    principals = draw(st.lists(st.sampled_from(PRINCIPALS), min_size=1, max_size=2))
    guard = statement("Deny", Principal={"AWS": "*"}, condition=draw(st.sampled_from(GUARDS)))
    guards = [guard] * draw(st.booleans())
    return [statement(Principal={"AWS": principals}, condition=condition), *guards]


def check(forgers, target):
    return forgers.check(target, guarded(statements_of(target.trust_policy)))


@settings(max_examples=300, deadline=None)
@given(trusting(), st.lists(st.tuples(DOCUMENTS, LIMITS), min_size=4, max_size=4).map(callers_with))
def test_the_callers_are_those_that_the_evaluator_lets_in(statements, callers):
    target = role({"Version": "2012-10-17", "Statement": statements}, TARGET)
    trust = compile_trust_policy(target.trust_policy)

    def forges(caller):
        call = replace(calling(caller), resource=TARGET, trust=trust, context=SENT)
        return judge(lambda: call).verdict is Verdict.ALLOW

    told = {found for _, found in check(Forgers([target, *callers], ()), target)}
    assert told == {f"statement 1: {each.arn}" for each in callers if forges(each)}


DENIED = statement("Deny", "sts:TagSession", OF_TAGS[1], Resource="*")


@pytest.mark.cases("principal", {"of everyone": "*", "of the account": ACCOUNT_A})
@pytest.mark.cases("condition", OF_CALLERS)
@pytest.mark.cases("make", {
    "allowed any role": lambda _: policies(statement(Resource="*")),
    "denied": lambda _: policies(statement(Resource="*"), DENIED),
    "allowed one role": lambda number: policies(statement(Resource=f"{OWN}t-{number}-*")),
})  # fmt: skip
def test_the_calls_judged_grow_with_the_roles(monkeypatch, principal, condition, make):
    """A tenth of the roles trusts the account or everyone by tags."""
    judged = []
    monkeypatch.setattr(forging, "simulate", lambda one: judged.append(one) or simulate(one))
    named = {"StringEquals": {NAMESPACE: "dev"}, **condition}
    by_tags = {"Statement": [statement(Principal={"AWS": principal}, condition=named)]}
    targets = [role(by_tags, f"{OWN}t-{number}-x") for number in range(10)]
    callers = [role(BY_EC2, f"{OWN}z-{number}", policies=make(number % 10)) for number in range(90)]
    roles = [*targets, *callers]
    forgers = Forgers(roles, ())

    findings = {role_facts.arn: [*check(forgers, role_facts)] for role_facts in roles}

    assert len(judged) <= 3 * len(roles)
    assert [group for group in findings.values() if len(group) > 11] == []
