"""Tags, source identity and session policies that a call sets and its session passes on."""

import pytest

from command.tests.decide.scenarios import (
    A_MAY_NOT,
    ACCOUNT_A,
    ACCOUNT_B,
    ROLE_A,
    ROLE_B,
    SESSION_A,
    USER,
    WEB_IDENTITY_STATEMENT,
    allow,
    answer,
    assume_step,
    decision,
    deny,
    document,
    error,
    grants,
    list_step,
    token,
    trust,
    trusts,
    web_identity_step,
)

TEAM, ALICE = {"aws:RequestTag/team": "blue"}, {"sts:SourceIdentity": "alice"}
TAGGED = TEAM | {"sts:TransitiveTagKeys": ["team"]}
EVERYTHING = grants(allow("*", "*"))


def chain(passed, **second):
    """A chain from role A over role B back to role A, in which all calls are allowed."""
    by_a, by_b = (trusts(trust({"AWS": role}, Action="sts:*")) for role in (ROLE_A, ROLE_B))
    again = {"principal": None, "resource": ROLE_A, **by_b, **EVERYTHING, **second}
    return assume_step(context=passed, **by_a, **EVERYTHING), assume_step(**again)


@pytest.mark.parametrize(
    ("context", "action"), [(TEAM, "sts:TagSession"), (ALICE, "sts:SetSourceIdentity")]
)
def test_what_a_call_sets_needs_an_action_of_its_own_on_both_sides(context, action):
    by_a = trusts(trust({"AWS": ROLE_A}, Action=["sts:AssumeRole", action]))
    own = grants(allow("sts:AssumeRole", "*"), allow(action, "*"))
    step = assume_step(context=context)

    assert error(step | by_a)[2] == A_MAY_NOT.replace("sts:AssumeRole", action)
    assert decision(step | own) == "deny"
    assert decision(step | by_a | {"identity_policies": None}) == "unknown"
    assert decision(step | by_a | own) == "allow"


def test_the_reasons_are_those_of_the_action_that_is_denied():
    first = assume_step(context=TEAM, **EVERYTHING)

    assert answer(first)["steps"][0]["reasons"][0] == (
        "no statement of these policies allows it: trust policy, identity policy 1"
    )


@pytest.mark.parametrize(
    ("context", "verdict"), [({}, "allow"), (TEAM, "allow"), (TAGGED, "deny"), (ALICE, "deny")]
)
def test_what_a_session_passes_on_needs_the_action_in_the_next_call_too(context, verdict):
    assert decision(*chain(context, **trusts(trust({"AWS": ROLE_B})))) == verdict


@pytest.mark.parametrize(
    ("context", "changed", "code"),
    [
        (TAGGED, {"aws:RequestTag/Team": "red"}, "InvalidParameterValue"),
        (TAGGED, {"aws:RequestTag/other": "red"}, None),
        (ALICE, {"sts:SourceIdentity": "bob"}, "ValidationError"),
        (ALICE, ALICE, None),
    ],
)
def test_what_a_session_passes_on_is_not_changed(context, changed, code):
    found = answer(*chain(context, context=changed))["error"]

    assert (found and found["code"]) == code


@pytest.mark.parametrize(
    ("operator", "key", "value", "verdict"),
    [
        ("StringEquals", "aws:RequestTag/team", "blue", "allow"),
        ("StringEquals", "aws:RequestTag/team", "red", "deny"),
        ("ForAllValues:StringEquals", "aws:TagKeys", "team", "unknown"),
    ],
)
def test_inherited_tags_are_tags_of_the_request(operator, key, value, verdict):
    """The trust policy of a target role of EKS Pod Identity asks for them so."""
    trusting = trust({"AWS": ROLE_B}, Action="sts:*", Condition={operator: {key: value}})

    assert decision(*chain(TAGGED, **trusts(trusting))) == verdict


@pytest.mark.parametrize("context", [{}, None])
@pytest.mark.parametrize(
    ("set_", "key", "value"),
    [(TEAM, "aws:PrincipalTag/team", "blue"), (ALICE, "aws:SourceIdentity", "alice")],
)
def test_what_a_call_sets_is_known_of_its_session(set_, key, value, context):
    condition = {"StringEquals": {key: value}}
    step = list_step(context=context, **grants(allow("s3:*", "*", Condition=condition)))
    denied = grants(allow("*", "*"), deny("*", "*", Condition=condition))

    assert decision(chain(set_)[0], step) == "allow"
    assert decision(chain(set_)[0], step | denied) == "deny"


def test_a_session_has_no_source_identity_that_no_call_set():
    condition = {"Null": {"aws:SourceIdentity": "true"}}
    without = list_step(**grants(allow("s3:*", "*", Condition=condition)))
    by_user = assume_step(principal=USER, **trusts(trust({"AWS": ACCOUNT_A})), **EVERYTHING)

    assert decision(by_user, without) == "allow"
    assert decision(by_user | {"principal": SESSION_A}, without) == "unknown"
    assert decision(web_identity_step(), assume_step(principal=None), without) == "allow"


TAGS = "https://aws.amazon.com/tags"
SOURCE = "https://aws.amazon.com/source_identity"


@pytest.mark.parametrize(
    "tags",
    [
        {"principal_tags": {"team": ["red", "blue"]}},
        {"principal_tags": {"team": 1}},
        {"principal_tags": ["team"]},
        {"principal_tags": {}, "transitive_tag_keys": "team"},
        "team",
    ],
)
def test_session_tags_of_another_form_than_aws_documents_are_not_guessed_at(tags):
    assert answer(web_identity_step(token=token(**{TAGS: tags})))["steps"][0]["missing"] == [
        "what the token's https://aws.amazon.com/tags change"
    ]


NESTED = {TAGS: {"principal_tags": {"Team": ["red"]}, "transitive_tag_keys": ["Team"]}}
FLAT = {f"{TAGS}/principal_tags/Team": "red", f"{TAGS}/transitive_tag_keys": ["Team"]}


def trusting(*actions, **condition):
    """A change of a step: a trust policy for the call and for further actions that it needs."""
    actions = {"Action": ["sts:AssumeRoleWithWebIdentity", *actions], "Condition": condition}
    return trusts(WEB_IDENTITY_STATEMENT | actions)


@pytest.mark.parametrize(
    ("claims", "action", "operator", "key", "value"),
    [
        (NESTED, "sts:TagSession", "StringEquals", "aws:RequestTag/team", "red"),
        (FLAT, "sts:TagSession", "ForAllValues:StringEquals", "aws:TagKeys", "Team"),
        (FLAT, "sts:TagSession", "ForAnyValue:StringEquals", "sts:TransitiveTagKeys", "Team"),
        ({SOURCE: "ann"}, "sts:SetSourceIdentity", "StringEquals", "sts:SourceIdentity", "ann"),
    ],
)
def test_what_a_token_sets_is_in_the_call_and_needs_an_action(claims, action, operator, key, value):
    step, condition = web_identity_step(token=token(**claims)), {operator: {key: value}}

    assert decision(step | trusting(action, **condition)) == "allow"
    assert error(step | trusting(**condition))[0] == "AccessDenied"
    assert decision(step | trusting(action, **{operator: {key: "other"}})) == "deny"


@pytest.mark.parametrize(
    ("claims", "key", "value"),
    [
        (NESTED, "aws:PrincipalTag/team", "red"),
        (FLAT, "aws:PrincipalTag/team", "red"),
        ({SOURCE: "ann"}, "aws:SourceIdentity", "ann"),
    ],
)
def test_what_a_token_sets_stays_with_the_session_and_the_next_one(claims, key, value):
    first = web_identity_step(token=token(**claims), **trusting("sts:*"))
    by_role = trust({"AWS": ROLE_A}, Action="sts:*")
    second = assume_step(principal=None, **trusts(by_role), **grants(allow("sts:*", "*")))
    own = grants(allow("s3:*", "*", Condition={"StringEquals": {key: value}}))

    assert decision(first, list_step(resource_account=ACCOUNT_A, **own)) == "allow"
    assert decision(first, second, list_step(**own)) == "allow"
    assert decision(first | {"token": token()}, second, list_step(**own)) == "deny"


PUT = document(allow("s3:PutObject", "*"))
LIST = document(allow("s3:ListBucket", "*"))
ANY = document(allow("*", "*"))


@pytest.mark.parametrize(
    ("of_a", "of_b", "verdict"),
    [
        ([], [], "allow"),
        ([ANY], [ANY], "allow"),
        # Any of them may allow.
        ([ANY], [PUT, LIST], "allow"),
        ([ANY], [PUT], "deny"),
        ([ANY], [ANY, document(deny("s3:*", "*"))], "deny"),
        # Role A's session calls AssumeRole, and does not hand its policies on.
        ([PUT], [ANY], "deny"),
        ([document(allow("sts:*", "*"))], [LIST], "allow"),
    ],
)
def test_session_policies_hold_for_the_session_that_the_call_makes(of_a, of_b, verdict):
    first = web_identity_step(session_policies=of_a)
    second = assume_step(principal=None, session_policies=of_b)

    assert decision(first, second, list_step(), list_step()) == verdict


def test_session_policies_do_not_limit_a_bucket_that_names_the_session():
    session_b = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"
    second = assume_step(session_policies=[PUT])

    for principal, verdict in ((session_b, "allow"), (ROLE_B, "deny")):
        policy = document(allow("s3:*", "*", Principal={"AWS": principal}))
        assert decision(second, list_step(resource_policy=policy)) == verdict


@pytest.mark.parametrize(
    ("context", "tests", "verdict"),
    [
        # Neither action has AssumeRole's keys: such a condition in one statement refuses the tags.
        (TEAM, {"StringEquals": {"sts:ExternalId": "t-42"}}, "deny"),
        (ALICE, {"StringEquals": {"sts:ExternalId": "t-42"}}, "deny"),
        (TEAM, {"StringEquals": {"sts:RoleSessionName": "xactarget"}}, "deny"),
        (TEAM | ALICE, {"StringEquals": {"sts:SourceIdentity": "alice"}}, "deny"),
        (ALICE, {"StringEquals": {"sts:SourceIdentity": "alice"}}, "allow"),
        (TEAM, {"StringEquals": {"aws:RequestTag/team": "blue"}}, "allow"),
        ({}, {"StringEquals": {"sts:ExternalId": "t-42"}}, "allow"),
    ],
)
def test_tags_and_a_source_identity_are_judged_by_keys_of_their_own(context, tests, verdict):
    one = trust({"AWS": ROLE_A}, Action="sts:*", Condition=tests)
    two = trust({"AWS": ROLE_A}, Action=["sts:TagSession", "sts:SetSourceIdentity"])
    step = assume_step(context=context, external_id="t-42", **EVERYTHING)

    assert decision(step | trusts(one)) == verdict
    assert decision(step | trusts(one, two)) == "allow"


@pytest.mark.parametrize(
    ("says", "passes", "verdict"),
    [
        ({"aws:SourceIdentity": "alice"}, {}, "deny"),
        ({"aws:SourceIdentity": "bob"}, {}, "deny"),
        ({"aws:SourceIdentity": None}, {}, "allow"),
        ({"aws:SourceIdentity": "alice"}, {"Action": "sts:*"}, "allow"),
    ],
)
def test_a_callers_source_identity_in_the_context_is_passed_on(says, passes, verdict):
    step = assume_step(context=says, **trusts(trust({"AWS": ROLE_A}, **passes)), **EVERYTHING)

    assert decision(step) == verdict


def test_a_callers_source_identity_in_the_context_cannot_be_changed():
    says = {"aws:SourceIdentity": "alice", "sts:SourceIdentity": "bob"}
    by_a = trusts(trust({"AWS": ROLE_A}, Action="sts:*"))

    assert error(assume_step(context=says, **by_a, **EVERYTHING))[0] == "ValidationError"


def test_own_tag_keys_beside_inherited_ones_are_not_all_of_them():
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["other"]}}
    trusting = trusts(trust({"AWS": ROLE_B}, Action="sts:*", Condition=only))
    own = {"aws:RequestTag/other": "x", "aws:TagKeys": ["other"]}

    assert decision(*chain(TAGGED, context=own, **trusting)) == "unknown"
    assert decision(*chain(TEAM, context=own, **trusting)) == "allow"


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"context": {"sts:SourceIdentity": "x"}}, "sourceIdentity"),
        ({"context": {"sts:SourceIdentity": "a b"}}, "sourceIdentity"),
        ({"context": {"aws:RequestTag/team": "#blue"}}, "tags.1.member.value"),
        ({"context": {"aws:RequestTag/te*am": "blue"}}, "tags.1.member.key"),
        ({"context": {"aws:RequestTag/Größe": "à la carte"}}, None),
        ({"session_policies": [document(allow("s3:*", "*", Sid="x" * 2000))]}, "policy"),
        ({"session_policies": [document(allow("s3:*", "*"))] * 12}, "policyArns"),
        ({"session_policies": [document(allow("s3:*", "*"))] * 11}, None),
    ],
)
def test_parameters_that_sts_does_not_take(changed, where):
    step = assume_step(**trusts(trust({"AWS": ROLE_A}, Action="sts:*")), **EVERYTHING, **changed)

    found = error(step)
    assert (found and found[0]) == (where and "ValidationError")
    assert where is None or f"at '{where}' failed" in found[2]
