"""Policies of the role under both mechanisms: a move changes no answer, and ordinary roles move."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command.tests.move.moves import with_irsa, with_pod_identity
from irsa.access import WITHOUT_MFA, judge
from irsa.move.refusals import refusals
from irsa.observe.facts import PermissionsPolicy
from irsa_core.decide.document import DocumentType
from irsa_core.decide.patterns import Key
from irsa_core.decide.statements import compile_policy
from irsa_core.decide.steps import AssumeRole, ResourceCall
from tests.support.world import ISSUER, PROVIDER_ARN, ROLE_ARN, SUBJECT

ROLE_B = ROLE_ARN.replace("1111", "9999", 1)
TEAM, NAMESPACE = "${aws:PrincipalTag/team}", "${aws:PrincipalTag/kubernetes-namespace}"
ALIKE = [
    *("aws:SourceVpc", "aws:SecureTransport", "aws:RequestedRegion", "aws:PrincipalOrgID"),
    *("aws:ResourceTag/team", "s3:prefix", "aws:PrincipalArn", "aws:PrincipalTag/team"),
    *("kms:ViaService", "kms:EncryptionContext:app", "dynamodb:LeadingKeys", "ec2:CreateAction"),
    *("iam:PassedToService", "aws:RequestTag/pool"),
]
OWN = ["aws:PrincipalTag/kubernetes-namespace", "aws:PrincipalTag/kubernetes-pod-name",
       "aws:FederatedProvider", f"{ISSUER}:sub", "aws:userid"]  # fmt: skip
OF_CALL = ["aws:RequestTag/kubernetes-namespace", "aws:TagKeys", "sts:TransitiveTagKeys",
           "sts:ExternalId", "sts:RoleSessionName", "aws:SourceVpc"]  # fmt: skip
OPERATORS = [
    *("StringEquals", "StringNotEquals", "StringLike", "StringNotLikeIfExists", "ArnLike"),
    *("StringEqualsIfExists", "ForAnyValue:StringLike", "ForAllValues:StringEquals"),
]
VALUES = ["dev", "x", "*", "true", "AROAEXAMPLE:*", ROLE_ARN, SUBJECT, PROVIDER_ARN, TEAM]
ANY_CALL = [("Action", "*"), ("Action", ["s3:*", "sts:*"]), ("NotAction", "iam:*")]
OBJECTS = [("Resource", ["arn:aws:s3:::b/*", ROLE_B]), ("Resource", f"arn:aws:s3:::b/{TEAM}/*"),
           ("NotResource", "arn:aws:s3:::b/web/*"), ("Resource", "*")]  # fmt: skip
CHAIN = [("Action", "sts:*"), ("Action", "sts:AssumeRole"), ("Action", "sts:TagSession"),
         ("NotAction", ["iam:*", "sts:TagSession"])]  # fmt: skip
ROLES = [("Resource", "*"), ("Resource", ROLE_B), ("NotResource", f"{ROLE_B}-x")]


def documents(actions, resources, keys, values):
    """Policies of one to three statements, each with up to two operators."""
    blocks = [{operator: {key: value}} for operator, key, value in product(OPERATORS, keys, values)]
    blocks += [{"Null": {key: value}} for key, value in product(keys, ["true", "false"])]
    condition = st.just({}) | st.sampled_from(blocks)
    effects = st.sampled_from(["Allow", "Allow", "Deny"])
    names = st.tuples(st.sampled_from(actions), st.sampled_from(resources)).map(dict)
    statement = st.builds(
        lambda effect, named, *parts: {"Effect": effect, **named, "Condition": merged(parts)},
        *(effects, names, condition, condition),
    )
    listed = st.lists(statement, min_size=1, max_size=3)
    return listed.map(lambda statements: {"Version": "2012-10-17", "Statement": statements})


def merged(blocks):
    return {operator: keys for block in blocks for operator, keys in block.items()}


ORDINARY = documents(ANY_CALL, OBJECTS, ALIKE, VALUES)
BY_TAG = [*OBJECTS, ("Resource", f"arn:aws:s3:::b/{NAMESPACE}/*")]
DATA = documents(ANY_CALL, BY_TAG, [*ALIKE[:2], *OWN], [*VALUES, NAMESPACE, "*:reports"])
CHAINS = documents(CHAIN, ROLES, OF_CALL, ["dev", "x", "*"])


def moves(policies, boundary):
    """A move in each direction of a role with these policies."""
    listed = tuple(PermissionsPolicy(f"p{n}", each) for n, each in enumerate(policies))
    limit = boundary and PermissionsPolicy("limit", boundary)
    more = {"policies": listed, "boundary": limit, "tags": {"team": "web"}}
    return [replace(e, role=replace(e.role, **more)) for e in (with_irsa(), with_pod_identity())]


def answers(facts, name, context, external_id):
    """The answers to two calls of each of two sessions, whose names and Pods are known."""
    role, of_role = facts.role, DocumentType.IDENTITY
    keys = {key.lower(): context.get(key, Key.ABSENT) for key in ALIKE[:6]}
    asked = {
        "identity": [compile_policy(policy.document, "p", of_role) for policy in role.policies],
        "boundary": role.boundary and compile_policy(role.boundary.document, "b", of_role),
        "context": {"aws:principaltag/team": "web", **WITHOUT_MFA, **keys},
    }
    of_b = {"only": "caller", "session_name": "dev", "external_id": external_id}
    for caller, named in zip(facts.sessions, (name, "eks-dev-s3-app-1"), strict=True):
        tags = {k: "x" if v is Key.PRESENT else v for k, v in caller.session_tags.items()}
        asked["caller"] = replace(caller, session_name=named, session_tags=tags)
        data = ResourceCall(action="s3:GetObject", resource="arn:aws:s3:::b/dev/x",
                            resource_account=role.account, **asked)  # fmt: skip
        chain = AssumeRole(resource=ROLE_B, **of_b, **asked)
        yield [judge(lambda step=step: step).verdict for step in (data, chain)]


@pytest.mark.cases("written", {"data": DATA, "chains": CHAINS})
@given(st.data())
def test_no_move_changes_an_answer_of_the_roles_policies(written, data):
    policies = data.draw(st.lists(written, min_size=1, max_size=2))
    boundary = data.draw(st.none() | written)
    value = st.sampled_from(["dev", "x", "true"])
    context = data.draw(st.dictionaries(st.sampled_from(ALIKE[:6]), value))
    given_id, name = data.draw(st.none() | value), data.draw(st.sampled_from(["reports", "s-1"]))
    for found in moves(policies, boundary):
        before, after = answers(found, name, context, given_id)
        assert before == after or [*refusals(found)]


@given(st.lists(ORDINARY, max_size=2), st.none() | ORDINARY)
def test_conditions_on_what_both_sessions_carry_are_no_reason(policies, boundary):
    for found in moves(policies, boundary):
        assert [*refusals(found)] == []


def allow(actions, resource="*", **conditions):
    statement = {"Effect": "Allow", "Action": actions.split(), "Resource": resource}
    return {**statement, "Condition": conditions}


def deny(actions, **conditions):
    return {**allow(actions, **conditions), "Effect": "Deny"}


OWN_ID, OLD = {"aws:userid": "AROAEXAMPLE:*"}, {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}
IN_ORG = {"aws:PrincipalOrgID": "o-1", "aws:ResourceOrgID": "o-1"}


@pytest.mark.cases("listed", {
    "role B": [allow("sts:AssumeRole sts:TagSession", ROLE_B)],
    "external-id": [allow("sts:AssumeRole", ROLE_B, StringEquals={"sts:ExternalId": "x"}),
                    allow("sts:TagSession", "arn:aws:iam::*:role/*")],
    "roles-of-organization": [allow("sts:AssumeRole sts:TagSession", StringEquals=IN_ORG)],
    "no-old-sessions": [allow("*"), deny("*", DateLessThan=OLD)],
    "only-own-sessions": [allow("logs:*"), deny("*", StringNotLike=OWN_ID)],
    "only-own-account": [allow("logs:*"),
                         deny("*", StringNotEquals={"aws:PrincipalAccount": "1" * 12})],
})  # fmt: skip
def test_an_ordinary_role_moves_in_both_directions(listed):
    for found in moves([{"Version": "2012-10-17", "Statement": listed}], None):
        assert [*refusals(found)] == []
