"""AssumeRole: both sides, STS's own rules, and what its sessions carry and pass on."""

import json

import pytest

from core.tests.decide.messages import A_MAY_NOT, CHAINED, MAXIMUM, outside
from core.tests.decide.policies import allow, deny, document, grants, trust, trusts
from core.tests.decide.principals import PATHED, ROLE_A, ROLE_B, ROOT, SESSION_A, USER
from core.tests.decide.scenarios import answer, decision, error
from core.tests.decide.steps import assume_step, list_step
from core.tests.decide.web import WEB_IDENTITY_STATEMENT, token, web_identity_step
from tests.support.world import ACCOUNT_A, ACCOUNT_B, BUCKET_ARN

DENIED, VALIDATION = "AccessDenied", "ValidationError"
TAG, SET_IDENTITY = "sts:TagSession", "sts:SetSourceIdentity"
EC2 = "ec2.amazonaws.com"
EVERYTHING = grants(allow("*", "*"))
BY_CONDITION = trusts(trust({"AWS": ROOT}, Condition={"ArnEquals": {"aws:PrincipalArn": ROLE_A}}))
BY_ID, BY_PATH = trusts(trust({"AWS": "AROAEXAMPLE1"})), trusts(trust({"AWS": PATHED}))
EXTERNAL = trusts(trust({"AWS": ROLE_A}, Condition={"StringEquals": {"sts:ExternalId": "t-42"}}))
OWN = {"resource": f"arn:aws:iam::{ACCOUNT_A}:role/other"}
BY_USER = trusts(trust({"AWS": USER})) | {"principal": USER}
LONGEST = {"duration_seconds": 43200, "max_session_duration": 43200}
LONG = {"duration_seconds": 3601, "max_session_duration": 43200}
TEAM, ALICE = {"aws:RequestTag/team": "blue"}, {"sts:SourceIdentity": "alice"}
TAGGED = TEAM | {"sts:TransitiveTagKeys": ["team"]}
BY_A, BY_B = (trusts(trust({"AWS": role}, Action="sts:*")) for role in (ROLE_A, ROLE_B))
OWN_TEAM, SOURCE_IDENTITY = "aws:PrincipalTag/team", "aws:SourceIdentity"
OTHER = {"aws:RequestTag/other": "x", "aws:TagKeys": ["other"]}
ONLY_OTHER = {"ForAllValues:StringEquals": {"aws:TagKeys": ["other"]}}
LIST_ALLOWED = document(allow("s3:ListBucket", "*"))
PUT, ANY = document(allow("s3:PutObject", "*")), document(allow("*", "*"))
TAGS = "https://aws.amazon.com/tags"
SOURCE = "https://aws.amazon.com/source_identity"
NESTED = {TAGS: {"principal_tags": {"Team": ["red"]}, "transitive_tag_keys": ["Team"]}}
FLAT = {f"{TAGS}/principal_tags/Team": "red", f"{TAGS}/transitive_tag_keys": ["Team"]}


@pytest.mark.cases("changed", {
    "no external id": EXTERNAL,
    "another external id": EXTERNAL | {"external_id": "t-43"},
    "permission for another role": grants(allow("sts:AssumeRole", f"{ROLE_B}x")),
    "outside of the boundary": {"permissions_boundary": document(allow("s3:*", "*"))},
    # In one account the trust policy must allow too, and :root only delegates.
    "own account, another one trusted": OWN | trusts(trust({"AWS": ACCOUNT_B})) | EVERYTHING,
    "own account, no permission": OWN | trusts(trust({"AWS": ROOT})) | {"identity_policies": []},
    "own account, no trust": OWN | trusts() | EVERYTHING,
    "no self-trust": trusts(WEB_IDENTITY_STATEMENT) | {"resource": ROLE_A} | EVERYTHING,
})  # fmt: skip
def test_assume_role_is_refused_with_403(changed):
    step = assume_step(**changed)
    assert error(step) == (DENIED, 403, A_MAY_NOT.replace(ROLE_B, step["resource"]))


@pytest.mark.cases("changed", {
    "trusted role": {},
    "trusted role with a path": BY_PATH | {"principal_role_arn": PATHED},
    "condition on the ARN": BY_CONDITION,
    "external id": EXTERNAL | {"external_id": "t-42"},
    "external id in the context": EXTERNAL | {"context": {"STS:externalid": "t-42"}},
    "own account, no permission": OWN | trusts(trust({"AWS": ROLE_A})) | {"identity_policies": []},
    "own account, trusted root": OWN | trusts(trust({"AWS": ROOT})) | EVERYTHING,
    "trusted service": trusts(trust({"Service": EC2})) | {"principal": EC2,
        "identity_policies": []},
    "15 minutes": {"duration_seconds": 900},
    "12 hours, not chained": LONGEST | {"chained": False},
    "12 hours, by a user": LONGEST | BY_USER,
    "external id of 1224 characters": {"external_id": "x" * 1224},
})  # fmt: skip
def test_assume_role_is_allowed(changed):
    assert error(assume_step(**changed)) is None


def external(given, constraint):
    return {"external_id": given}, outside(given[:200], "externalId", constraint)


@pytest.mark.cases(("changed", "message"), {
    "chained for more than an hour": (LONG, CHAINED),
    "user, said to be chained": (LONG | BY_USER | {"chained": True}, CHAINED),
    "longer than the role's maximum": ({"duration_seconds": 7200, "max_session_duration": 3600,
        "chained": False}, MAXIMUM),
    "external id of 1 character": external("x", "have length greater than or equal to 2"),
    "external id of 1225 characters": external("x" * 1225,
        "have length less than or equal to 1224"),
    "external id with a space": external("a b",
        r"satisfy regular expression pattern: [\w+=,.@:\/-]*"),
    "role without an ARN": ({"resource": "s3-app-B"}, "Request ARN is invalid"),
})  # fmt: skip
def test_stss_own_rules_for_assume_role(changed, message):
    assert error(assume_step(**changed)) == (VALIDATION, 400, message)


def test_no_policy_lets_root_assume_a_role():
    refused = (DENIED, 403, "Roles may not be assumed by root accounts.")
    assert error(assume_step(principal=ROOT)) == refused


def test_partitions_never_mix_whatever_the_policies_say():
    elsewhere = SESSION_A.replace("arn:aws:", "arn:aws-cn:")
    everyone = trusts(trust("*")) | EVERYTHING
    found = answer(assume_step(principal=elsewhere, **everyone))
    assert found["decision"] == "deny"
    assert "different partitions" in found["steps"][0]["reasons"][0]
    assert decision(assume_step(principal=EC2, **everyone)) == "allow"


def test_a_step_without_principal_is_made_by_the_previous_session():
    chained = assume_step(principal=None)
    own, foreign = (list_step(resource_account=account) for account in (ACCOUNT_B, ACCOUNT_A))
    role_b = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"

    assert decision(web_identity_step(), chained, own, own) == "allow"
    message = f"User: {role_b} is not authorized to perform: s3:ListBucket on resource: "
    assert error(web_identity_step(), chained, own, foreign) == (DENIED, 403, message + BUCKET_ARN)
    assert error(web_identity_step(), chained | {"duration_seconds": 3601})[2] == CHAINED


def test_a_session_keeps_its_roles_path_and_takes_its_id_from_the_step():
    first, second = web_identity_step(resource=PATHED), assume_step(principal=None)
    assert decision(first, second | BY_PATH) == "allow"
    assert decision(first, second | BY_PATH | {"principal_id": "AROAEXAMPLE1"}) == "allow"
    assert decision(first, second | BY_ID) == "unknown"
    assert decision(first, second | BY_ID | {"principal_id": "AROAEXAMPLE1"}) == "allow"
    assert decision(first, second | BY_ID | {"principal_id": "AROAEXAMPLE2"}) == "deny"


def test_of_an_unknown_caller_its_account_and_its_kind_matter():
    unknown = assume_step(principal=None, **trusts(trust("*")))
    long = unknown | EVERYTHING | {"duration_seconds": 7200, "max_session_duration": 7200}

    assert decision(unknown | {"identity_policies": []}) == "unknown"
    assert decision(unknown | {"identity_policies": [], "principal": SESSION_A}) == "deny"
    assert answer(long)["steps"][0]["missing"] == ["steps[1].chained"]
    assert decision(long | {"chained": False}) == "allow"
    assert decision(long | {"chained": True}) == "deny"


def chain(passed, **second):
    """A chain from role A over role B back to role A, in which all calls are allowed."""
    again = {"principal": None, "resource": ROLE_A, **BY_B, **EVERYTHING, **second}
    return assume_step(context=passed, **BY_A, **EVERYTHING), assume_step(**again)


@pytest.mark.parametrize(("context", "action"), [(TEAM, TAG), (ALICE, SET_IDENTITY)])
def test_what_a_call_sets_needs_an_action_of_its_own_on_both_sides(context, action):
    by_a = trusts(trust({"AWS": ROLE_A}, Action=["sts:AssumeRole", action]))
    grant = grants(allow("sts:AssumeRole", "*"), allow(action, "*"))
    step = assume_step(context=context)

    assert error(step | by_a)[2] == A_MAY_NOT.replace("sts:AssumeRole", action)
    assert answer(step | grant)["steps"][0]["reasons"][0] == (
        "no statement of these policies allows it: trust policy, identity policy 1"
    )
    assert decision(step | by_a | {"identity_policies": None}) == "unknown"
    assert decision(step | by_a | grant) == "allow"


def test_what_a_session_passes_on_needs_the_action_in_the_next_call_too():
    by_role_b = trusts(trust({"AWS": ROLE_B}))
    found = [decision(*chain(each, **by_role_b)) for each in ({}, TEAM, TAGGED, ALICE)]
    assert found == ["allow", "allow", "deny", "deny"]


@pytest.mark.cases(("context", "changed", "code"), {
    "passed tag in another case": (TAGGED, {"aws:RequestTag/Team": "red"}, "InvalidParameterValue"),
    "another tag": (TAGGED, {"aws:RequestTag/other": "red"}, None),
    "another source identity": (ALICE, {"sts:SourceIdentity": "bob"}, VALIDATION),
    "same source identity": (ALICE, ALICE, None),
    "not the identity of the session": ({}, {"aws:SourceIdentity": "alice",
        "sts:SourceIdentity": "bob"}, VALIDATION),
})  # fmt: skip
def test_what_a_session_passes_on_is_not_changed(context, changed, code):
    found = answer(*chain(context, context=changed))["error"]
    assert (found and found["code"]) == code


@pytest.mark.cases(("passed", "own", "condition", "verdict"), {
    "inherited value": (TAGGED, {}, {"StringEquals": {"aws:RequestTag/team": "blue"}}, "allow"),
    "another value": (TAGGED, {}, {"StringEquals": {"aws:RequestTag/team": "red"}}, "deny"),
    "keys of tags, one inherited": (TAGGED, {},
        {"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}, "unknown"),
    # A call's own keys are not all of them.
    "own key beside an inherited one": (TAGGED, OTHER, ONLY_OTHER, "unknown"),
    "own key, none inherited": (TEAM, OTHER, ONLY_OTHER, "allow"),
})  # fmt: skip
def test_inherited_tags_are_tags_of_the_request(passed, own, condition, verdict):
    """The trust policy of a target role of EKS Pod Identity asks for them so."""
    trusting = trusts(trust({"AWS": ROLE_B}, Action="sts:*", Condition=condition))
    assert decision(*chain(passed, context=own, **trusting)) == verdict


@pytest.mark.cases("context", {"context given": {}, "no context": None})
@pytest.mark.cases(("set_", "tests"), {
    "tag": (TEAM, {OWN_TEAM: "blue"}),
    "source identity": (ALICE, {SOURCE_IDENTITY: "alice"}),
})  # fmt: skip
def test_what_a_call_sets_is_known_of_its_session(set_, tests, context):
    condition = {"StringEquals": tests}
    step = list_step(context=context, **grants(allow("s3:*", "*", Condition=condition)))
    denied = grants(allow("*", "*"), deny("*", "*", Condition=condition))
    assert decision(chain(set_)[0], step) == "allow"
    assert decision(chain(set_)[0], step | denied) == "deny"


def test_a_session_has_no_source_identity_that_no_call_set():
    condition = {"Null": {"aws:SourceIdentity": "true"}}
    without = list_step(**grants(allow("s3:*", "*", Condition=condition)))
    by_user = assume_step(principal=USER, **trusts(trust({"AWS": ACCOUNT_A})), **EVERYTHING)
    by_unknown = assume_step(principal=None, **trusts(trust("*")), **EVERYTHING)

    assert decision(by_user, without) == "allow"
    assert decision(by_user | {"principal": SESSION_A}, without) == "unknown"
    assert decision(web_identity_step(), assume_step(principal=None), without) == "allow"
    assert decision(by_unknown, without) == "unknown"


def test_a_callers_source_identity_in_the_context_is_passed_on():
    step = assume_step(context={"aws:SourceIdentity": "alice"}, **EVERYTHING)
    assert decision(step) == "deny"
    assert decision(step | BY_A) == "allow"
    assert decision(step | {"context": {"aws:SourceIdentity": None}}) == "allow"


@pytest.mark.cases(("context", "tests", "verdict"), {
    # Neither action has AssumeRole's keys: such a condition in one statement refuses the tags.
    "tag, by external id": (TEAM, {"sts:ExternalId": "t-42"}, "deny"),
    "identity, by external id": (ALICE, {"sts:ExternalId": "t-42"}, "deny"),
    "tag and identity, by identity": (TEAM | ALICE, {"sts:SourceIdentity": "alice"}, "deny"),
    "identity, by identity": (ALICE, {"sts:SourceIdentity": "alice"}, "allow"),
    "tag, by tag": (TEAM, {"aws:RequestTag/team": "blue"}, "allow"),
})  # fmt: skip
def test_tags_and_a_source_identity_are_judged_by_keys_of_their_own(context, tests, verdict):
    one = trust({"AWS": ROLE_A}, Action="sts:*", Condition={"StringEquals": tests})
    two = trust({"AWS": ROLE_A}, Action=["sts:TagSession", "sts:SetSourceIdentity"])
    step = assume_step(context=context, external_id="t-42", **EVERYTHING)
    assert decision(step | trusts(one)) == verdict
    assert decision(step | trusts(one, two)) == "allow"


@pytest.mark.cases(("of_a", "of_b", "verdict"), {
    "no session policies": ([], [], "allow"),
    "one of two allows": ([ANY], [PUT, LIST_ALLOWED], "allow"),
    "none allows": ([ANY], [PUT], "deny"),
    # Role A's session calls AssumeRole, and does not hand its policies on.
    "role A's hold no more": ([PUT], [ANY], "deny"),
    "role A's allow the call": ([document(allow("sts:*", "*"))], [LIST_ALLOWED], "allow"),
})  # fmt: skip
def test_session_policies_hold_for_the_session_that_the_call_makes(of_a, of_b, verdict):
    first = web_identity_step(session_policies=of_a)
    second = assume_step(principal=None, session_policies=of_b)
    assert decision(first, second, list_step(), list_step()) == verdict


def limited(size):
    """Two session policies of so many characters together."""
    rest = size - len(json.dumps([ANY, document(allow("*", "*", Sid=""))], separators=(",", ":")))
    # without "[", "," and "]"
    return {"session_policies": [ANY, document(allow("*", "*", Sid="x" * (rest + 3)))]}


def tags(**values):
    return {"context": {f"aws:RequestTag/{name}": value for name, value in values.items()}}


@pytest.mark.cases(("changed", "where"), {
    "source identity of 1 character": ({"context": {"sts:SourceIdentity": "x"}}, "sourceIdentity"),
    "source identity with a space": ({"context": {"sts:SourceIdentity": "a b"}}, "sourceIdentity"),
    "tag value with #": (tags(team="#blue"), "tags.1.member.value"),
    "tag key with *": (tags(**{"te*am": "blue"}), "tags.1.member.key"),
    "taken: letters of any language": (tags(Größe="à la carte"), None),
    "51 tags": (tags(**{f"t{n}": "x" for n in range(51)}), "tags"),
    "tag key of 129 characters": (tags(**{"k" * 129: "x"}), "tags.1.member.key"),
    "tag value of 257 characters": (tags(a="x", b="v" * 257), "tags.2.member.value"),
    "session policies of 2049 characters": (limited(2049), "policy"),
    "taken: session policies of 2048 characters": (limited(2048), None),
    "12 session policies": ({"session_policies": [PUT] * 12}, "policyArns"),
    "taken: 11 session policies": ({"session_policies": [PUT] * 11}, None),
})  # fmt: skip
def test_parameters_that_sts_does_not_take(changed, where):
    found = error(assume_step(**BY_A, **EVERYTHING, **changed))
    assert (found and found[0]) == (where and VALIDATION)
    assert where is None or f"at '{where}' failed" in found[2]
    if context := changed.get("context"):
        assert error(passing(context)) == found


def passing(context):
    """A call whose token passes the tags and the source identity."""
    of_tags = {key.partition("/")[2]: each for key, each in context.items() if "/" in key}
    claims = token(**{f"{TAGS}/principal_tags/{key}": each for key, each in of_tags.items()})
    if "sts:SourceIdentity" in context:
        claims["https://aws.amazon.com/source_identity"] = context["sts:SourceIdentity"]
    return web_identity_step(token=claims, **trusting("sts:TagSession", "sts:SetSourceIdentity"))


@pytest.mark.cases("tags", {
    "tag of two values": {"principal_tags": {"team": ["red", "blue"]}},
    "number as a value": {"principal_tags": {"team": 1}},
    "list of tags": {"principal_tags": ["team"]},
    "text for transitive keys": {"principal_tags": {}, "transitive_tag_keys": "team"},
    "text for all": "team",
})  # fmt: skip
def test_session_tags_of_another_form_than_aws_documents_are_not_guessed_at(tags):
    [step] = answer(web_identity_step(token=token(**{TAGS: tags})))["steps"]
    assert step["missing"] == [f"what the token's {TAGS} change"]


def trusting(*actions, **condition):
    """A change of a step: a trust policy for the call and for further actions that it needs."""
    actions = {"Action": ["sts:AssumeRoleWithWebIdentity", *actions], "Condition": condition}
    return trusts(WEB_IDENTITY_STATEMENT | actions)


@pytest.mark.cases(("claims", "action", "operator", "key", "value"), {
    "tag of the request": (NESTED, "sts:TagSession", "StringEquals", "aws:RequestTag/team", "red"),
    "tag keys": (FLAT, "sts:TagSession", "ForAllValues:StringEquals", "aws:TagKeys", "Team"),
    "transitive tag keys": (FLAT, "sts:TagSession", "ForAnyValue:StringEquals",
        "sts:TransitiveTagKeys", "Team"),
    "source identity": ({SOURCE: "ann"}, "sts:SetSourceIdentity", "StringEquals",
        "sts:SourceIdentity", "ann"),
})  # fmt: skip
def test_what_a_token_sets_is_in_the_call_and_needs_an_action(claims, action, operator, key, value):
    step, condition = web_identity_step(token=token(**claims)), {operator: {key: value}}
    assert decision(step | trusting(action, **condition)) == "allow"
    assert error(step | trusting(**condition))[0] == DENIED
    assert decision(step | trusting(action, **{operator: {key: "other"}})) == "deny"


@pytest.mark.cases(("claims", "key", "value"), {
    "nested tags": (NESTED, OWN_TEAM, "red"),
    "flat tags": (FLAT, OWN_TEAM, "red"),
    "source identity": ({SOURCE: "ann"}, SOURCE_IDENTITY, "ann"),
})  # fmt: skip
def test_what_a_token_sets_stays_with_the_session_and_the_next_one(claims, key, value):
    first = web_identity_step(token=token(**claims), **trusting("sts:*"))
    second = assume_step(principal=None, **BY_A, **EVERYTHING)
    own = grants(allow("s3:*", "*", Condition={"StringEquals": {key: value}}))
    assert decision(first, list_step(resource_account=ACCOUNT_A, **own)) == "allow"
    assert decision(first, second, list_step(**own)) == "allow"
    assert decision(first | {"token": token()}, second, list_step(**own)) == "deny"
