"""No trust policy and no annotation ends an audit."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.audit import audited
from command.tests.audit.audited import annotated, cluster, role
from command.tests.audit.test_policies import CASES, ISSUER, OWN, ROLE_ARN, provider
from command.tests.verify.chains import ASSOCIATION
from irsa.audit.findings import AuditFacts, audit
from irsa.callers.lines import callers_of
from irsa.commands.audit import sarif, text
from irsa.observe.facts import PermissionsPolicy, RegisteredProvider
from irsa_core.rules.table import RULES, SEVERITIES

# No deadline: a busy machine is not a failure.
MANY = settings(max_examples=100, deadline=None)

VALUES = st.sampled_from([
    "system:serviceaccount:dev:s3-app", "system:serviceaccount:*", "*", "?", "", "repo:o/r:*",
    f"${{{ISSUER}:sub}}", "${*}", "${", "0.0.0.0/0", "arn:aws:iam::*:role/x", "o-1", OWN, ":::::",
    f"arn:aws:eks:us-east-1:{OWN}:cluster/*", f"arn:aws:eks:us-east-1:{OWN}:cluster/dev",
]) | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)  # fmt: skip
KEYS = st.sampled_from([
    f"{ISSUER}:sub", f"{ISSUER}:aud", f"https://{ISSUER}:sub", "saml:aud", "aws:PrincipalArn",
    "aws:PrincipalOrgID", "aws:PrincipalTag/a.b:c", "aws:SourceIp", "aws:userid", "aws:SourceArn",
    "aws:FederatedProvider", "sts:ExternalId", "aws:SourceAccount", ":", "",
    "aws:RequestTag/eks-cluster-arn", "aws:RequestTag/kubernetes-namespace",
    "cognito-identity.amazonaws.com:aud", "gitlab.com:sub",
    "token.actions.githubusercontent.com:sub",
])  # fmt: skip
OPERATORS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "ForAllValues:", "ForAnyValue:", "forallvalues:"]),
    st.sampled_from(["StringEquals", "StringLike", "stringnotlike", "ArnLike", "ArnNotEquals",
                     "IpAddress", "Bool", "Null", "NumericLessThan", "Nonsense", ""]),
    st.sampled_from(["", "IfExists"]),
)  # fmt: skip
PRINCIPALS = st.sampled_from([
    "*", ROLE_ARN, OWN, f"arn:aws:iam::{OWN}:root", "AROAGONE", provider(ISSUER), "::::::", "",
    "arn:aws:iam::444455556666:oidc-provider/x", f"arn:aws:iam::{OWN}:saml-provider/x",
    "cognito-identity.amazonaws.com", "codebuild.amazonaws.com", "pods.eks.amazonaws.com",
])  # fmt: skip
ACTIONS = st.sampled_from([
    "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:*", "*", "",
])  # fmt: skip
GOOD = {name: each for name, (each, found) in CASES.items() if "Condition" in each and not found}
NOTES = {"trust-mismatch", "trust-unknown", "thumbprint"}


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, max_size=3)


STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Allow", "Deny"])},
    optional={
        "Principal": st.just("*")
        | st.dictionaries(st.sampled_from(["AWS", "Federated", "Service"]), some(PRINCIPALS)),
        "NotPrincipal": st.dictionaries(st.just("AWS"), some(PRINCIPALS)),
        "Action": some(ACTIONS),
        "NotAction": some(ACTIONS),
        "Condition": st.dictionaries(
            OPERATORS, st.dictionaries(KEYS, some(VALUES), max_size=3), max_size=3
        ),
    },
)
STORED = st.fixed_dictionaries(
    {"Version": st.sampled_from(["2012-10-17", "2008-10-17"]), "Statement": some(STATEMENTS)}
)
"""Policies that IAM stores, and some that it refuses."""


def facts(document: Any) -> AuditFacts:
    registered = RegisteredProvider(provider(ISSUER), (), ("0" * 40,)), RegisteredProvider("", ())
    own, clusters = PermissionsPolicy("p", document), [cluster(associations=[ASSOCIATION])]
    return audited.facts(role(document, policies=(own,)), clusters=clusters, providers=registered)


def check(document: Any) -> None:
    found = audit(facts(document))

    assert {each.rule for each in found} <= RULES.keys()
    assert json.loads(json.dumps(sarif(found)))
    assert text(facts(document), found)


@MANY
@given(STORED)
def test_no_stored_policy_ends_an_audit_or_callers_of(document):
    check(document)
    assert [each for each in callers_of(document).lines if not isinstance(each.text, str)] == []


@pytest.mark.cases("odd", {
    "null": None, "true": True, "number": 1, "fraction": 0.5, "text": "x", "empty list": [],
    "list": [None, 1, [], {}], "empty object": {}, "nulls": {"AWS": None, "StringLike": None},
    "provider": {"Federated": [provider(ISSUER), 1, {}], "StringLike": {f"{ISSUER}:sub": None}},
    "condition": {"StringLike": {f"{ISSUER}:sub": ["*", None, [], {}, float("inf")]}},
})  # fmt: skip
def test_no_other_document_ends_an_audit(odd):
    good, _ = CASES["exact sub and aud"]
    for document in (odd, {"Statement": odd}, {"Statement": [good, odd]}):
        check(document)
    for element in (*good, "NotPrincipal", "NotAction", "Sid"):
        check({"Version": odd, "Statement": {**good, element: odd}})


@given(st.text(max_size=20), st.text(max_size=20))
@MANY
def test_no_annotation_ends_an_audit(role_arn, audience):
    accounts = [annotated(role_arn, audience=audience)]
    found = audit(audited.facts(clusters=[cluster("x", service_accounts=accounts)], providers=[]))
    assert len(found) == bool(role_arn)


@pytest.mark.cases("statement", GOOD)
def test_what_a_condition_makes_good_is_found_without_it(statement):
    bare = {key: value for key, value in statement.items() if key != "Condition"}
    assert {each.rule for each in audit(facts({"Statement": [bare]}))} - NOTES


@MANY
@given(STORED)
def test_a_policy_is_no_better_when_its_conditions_hold_for_absent_keys(document):
    def worst(document: Any) -> int:
        """The severest finding about the role; the smaller the worse."""
        alarms = [alarm for alarm in audit(facts(document)) if alarm.subject.startswith("role ")]
        return min((SEVERITIES.index(alarm.severity) for alarm in alarms), default=len(SEVERITIES))

    weaker = copy.deepcopy(document)
    statements = weaker["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement["Effect"] == "Allow" and "Condition" in statement:
            statement["Condition"] = {f"{name.removesuffix('IfExists')}IfExists": keys
                                      for name, keys in statement["Condition"].items()}  # fmt: skip

    assert worst(weaker) <= worst(document)
