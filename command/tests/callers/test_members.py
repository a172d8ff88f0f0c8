"""The callers of a whole account that may assume a role that trusts the account."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from core.tests.decide.policies import allow, deny, document, trust
from core.tests.decide.principals import ROLE_A, ROLE_B, ROOT
from irsa.access import judge
from irsa.callers.members import UNLISTED, may_assume, who_may
from irsa.observe.facts import PermissionsPolicy, Principal, Role, Unread
from irsa_core.decide.document import DocumentType
from irsa_core.decide.principals import caller_from_arn, session_of
from irsa_core.decide.statements import compile_policy
from irsa_core.decide.steps import AssumeRole
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.decide.truth import Verdict
from tests.support.world import ACCOUNT_A

ALICE = f"arn:aws:iam::{ACCOUNT_A}:user/alice"
MAY, MAY_NOT = document(allow("sts:AssumeRole", ROLE_B)), document(allow("s3:*", "*"))
ADMINISTRATOR = document(allow("*", "*"))
NO_POLICY = [f"no caller: no policy of account {ACCOUNT_A} allows it"]
TAGGING = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"]
UNIDENTIFIED = {"Null": {"aws:PrincipalArn": "true"}, "StringLike": {"sts:ExternalId": "*"}}
SESSION = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/ci"
PRINCIPALS = [ROOT, ROOT, ACCOUNT_A, "*", ALICE, "AIDAALICE", ROLE_A, "AROAROLEA", SESSION]
VALUES = ["ab", "a?*", "*", "b${aws:username}", "${sts:ExternalId}", "dave", ALICE, ROLE_A]
KEYS = st.sampled_from([
    "aws:PrincipalArn", "iam:ResourceTag/team", "sts:RoleSessionName", "sts:ExternalId",
    "sts:SourceIdentity", "aws:RequestTag/team", "aws:PrincipalTag/team", "aws:TagKeys",
    "sts:TransitiveTagKeys", "aws:username", "sts:RequestContextProviders", "sts:RequestContext/a",
])  # fmt: skip
OPERATORS = st.builds(
    "{}String{}{}".format,
    st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"]),
    st.sampled_from(["Equals", "NotEquals", "Like", "NotLike", "EqualsIgnoreCase"]),
    st.sampled_from(["", "IfExists"]),
)
TAGS = st.sampled_from([{}, {"team": "ab"}, {"team": "dave"}])


def role_b(*conditions, actions=TAGGING, **more):
    """A role that trusts the account under each of these conditions."""
    each_of = conditions or [{}]
    statements = [trust({"AWS": ROOT}, Action=actions, Condition=each) for each in each_of]
    return Role(ROLE_B, "AROAROLEB", document(*statements), **more)


def equals(key, value):
    return {"StringEquals": {key: value}}


def listed(policies, boundary=None, **more):
    """The fields of a principal with policies; None is one that was not listed."""
    unlisted = Unread("policy", "it was not listed", "iam:GetPolicyVersion")
    of_it = tuple(PermissionsPolicy("own", unlisted if e is None else e) for e in policies)
    limit = boundary and PermissionsPolicy("limit", boundary)
    return {"policies": of_it, "boundary": limit, **more}


def role(*policies, **more):
    return Role(ROLE_A, "AROAROLEA", {}, **listed(policies, **more))


def user(*policies, **more):
    return Principal(ALICE, "AIDAALICE", **listed(policies, **more))


def texts(role, *callers):
    return who_may(role, ACCOUNT_A, callers)


def test_what_depends_on_a_fact_that_is_not_known_is_perhaps():
    from_net = role_b({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    unreadable = user({"Statement": [{"Effect": "Perhaps"}]})
    facts = {"aws:SourceIp": (from_net, user(MAY)), UNLISTED: (role_b(), user(None))}
    for fact, asked in {**facts, "Perhaps": (role_b(), unreadable)}.items():
        [found] = texts(*asked)
        assert found.startswith(f"perhaps {ALICE}: ")
        assert fact in found


def test_an_account_that_cannot_be_read_says_what_it_takes():
    unread = Unread("users and roles of account 1", "denied", "iam:Get", "ask the owner")
    text = "could not read users and roles of account 1: needs iam:Get (denied); ask the owner"
    assert who_may(role_b(), "1", unread) == [text]


@pytest.mark.parametrize(
    "condition",
    [
        equals("sts:RoleSessionName", "ci"),
        {"StringLike": {"sts:RoleSessionName": "ci-?*"}},
        equals("sts:RoleSessionName", ["a b", "ab"]),
        equals("sts:ExternalId", ["t-42", "t-43"]),
        {"StringLike": {"sts:ExternalId": "abc*"}},
        {"StringEqualsIgnoreCase": {"sts:ExternalId": "ABC"}},
        {"Null": {"sts:ExternalId": "false"}},
        equals("sts:SourceIdentity", "dave"),
        {"StringLike": {"sts:SourceIdentity": "*"}},
        {"StringLike": {"aws:RequestTag/team": "*"}},
        {"ForAnyValue:StringEquals": {"aws:TagKeys": "Team"}},
        {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["team"]}},
    ],
    ids=str,
)
def test_a_value_that_the_caller_chooses_keeps_no_caller_out(condition):
    assert texts(role_b(condition), user(ADMINISTRATOR), role(ADMINISTRATOR)) == [ALICE, ROLE_A]


TEAM_A = equals("aws:PrincipalTag/team", "a")
TAGGED = equals("aws:RequestTag/team", "a")
BY_ID = document(allow("*", "*", Condition=equals("sts:ExternalId", "t-43")))
BY_TAG = document(allow("*", "*", Condition=equals("iam:ResourceTag/team", "a")))


@pytest.mark.cases(("trusting", "caller", "expected"), {
    "permission for this role": (role_b(), user(MAY), [ALICE]),
    "role that the ARN names": (role_b(equals("aws:PrincipalArn", ROLE_A)), role(MAY), [ROLE_A]),
    "no policy": (role_b(), role(), NO_POLICY),
    "another action": (role_b(), role(MAY_NOT), NO_POLICY),
    "denied": (role_b(), role(MAY, document(deny("sts:*", "*"))), NO_POLICY),
    "boundary": (role_b(), role(MAY, boundary=MAY_NOT), NO_POLICY),
    "permission for another role": (role_b(), user(document(allow("sts:AssumeRole", ROLE_A))),
        NO_POLICY),
    "role itself": (Role(ROLE_A, "AROAROLEA", document(trust({"AWS": ROOT}))), role(ADMINISTRATOR),
        NO_POLICY),
    "external id of each statement":
        (role_b(*(equals("sts:ExternalId", f"t-4{n}") for n in (2, 3))), user(BY_ID), [ALICE]),
    "user name as session name": (role_b(equals("sts:RoleSessionName", "${aws:username}")),
        user(ADMINISTRATOR), [ALICE]),
    "tag key in another case": (role_b(TEAM_A), user(ADMINISTRATOR, tags={"Team": "a"}), [ALICE]),
    "another tag": (role_b(TEAM_A), user(ADMINISTRATOR, tags={"team": "b"}), NO_POLICY),
    "no tag": (role_b(TEAM_A), user(ADMINISTRATOR), NO_POLICY),
    # A role's session may have tags that the role has not.
    "role with the tag": (role_b(TEAM_A), role(ADMINISTRATOR, tags={"team": "a"}), [ROLE_A]),
    "role whose session may be tagged": (role_b(TEAM_A), role(ADMINISTRATOR),
        [f"perhaps {ROLE_A}: its tag team"]),
    "permission by role B's tag": (role_b(tags={"team": "a"}), user(BY_TAG), [ALICE]),
    "role B without the tag": (role_b(), user(BY_TAG), NO_POLICY),
    "another ARN": (role_b(equals("aws:PrincipalArn", f"{ALICE}-2")), user(ADMINISTRATOR),
        NO_POLICY),
    "no ARN": (role_b(UNIDENTIFIED), user(ADMINISTRATOR), NO_POLICY),
    "tag that may not be passed": (role_b(TAGGED), user(MAY), NO_POLICY),
    "tag that may be passed": (role_b(TAGGED), user(document(allow("sts:*", ROLE_B))), [ALICE]),
    "tag that may be left out": (role_b({"StringEqualsIfExists": {"aws:RequestTag/team": "a"}}),
        user(MAY), [ALICE]),
})  # fmt: skip
def test_who_may_is_asked_of_a_call_that_fulfils_what_a_call_can(trusting, caller, expected):
    assert texts(trusting, caller) == expected


@st.composite
def conditions(draw):
    values = st.lists(st.sampled_from(VALUES), min_size=1)
    tests = {}
    for key in draw(st.lists(KEYS, max_size=3, unique=True)):
        tests.setdefault(draw(OPERATORS), {})[key] = draw(values)
    nulls = draw(st.dictionaries(KEYS, st.sampled_from(["true", "false"]), max_size=1))
    return tests | ({"Null": nulls} if nulls else {})


@st.composite
def sent(draw):
    """A call, as condition keys."""
    texts = st.none() | st.sampled_from(["ab", "abc", "balice", "dave"])
    keys = {"sts:rolesessionname": draw(st.sampled_from(["ab", "abc", "balice", "dave"]))}
    chosen = ("sts:externalid", "sts:sourceidentity", "aws:requesttag/team", "sts:requestcontext/a")
    for key in chosen:
        if (value := draw(texts)) is not None:
            keys[key] = value
    if "sts:requestcontext/a" in keys:
        keys["sts:requestcontextproviders"] = ("ab",)
    if "aws:requesttag/team" in keys:
        keys["aws:tagkeys"] = ("team",)
        if draw(st.booleans()):
            keys["sts:transitivetagkeys"] = ("team",)
    return keys


OWN = conditions().map(lambda each: document(allow(TAGGING, ROLE_B, Condition=each)))


@given(
    st.lists(st.tuples(st.sampled_from(PRINCIPALS), conditions()), min_size=1, max_size=2),
    OWN,
    st.sampled_from([None, MAY_NOT, ADMINISTRATOR]) | OWN,
    st.none() | conditions(),
    st.tuples(TAGS, TAGS, TAGS),
    st.booleans(),
    sent(),
)
def test_every_caller_that_can_is_named(trusted, policy, boundary, denied, tags, is_role, call):
    """Whatever call gets the role, its caller is named, at least as one who perhaps may."""
    caller_tags, session_tags, role_tags = tags
    target = role_b(*(condition for _, condition in trusted), tags=role_tags)
    for statement, (principal, _) in zip(target.trust_policy["Statement"], trusted, strict=True):
        statement["Principal"] = {"AWS": principal}
    if denied is not None:
        refusal = {**trust({"AWS": "*"}, Condition=denied), "Effect": "Deny"}
        target.trust_policy["Statement"].append(refusal)
    caller = (role if is_role else user)(policy, boundary=boundary, tags=caller_tags)
    # A session's tags hide those of its role.
    principal_tags = caller_tags | (session_tags if is_role else {})
    of_tags = {f"aws:principaltag/{key}": value for key, value in principal_tags.items()}
    of_tags |= {f"iam:resourcetag/{key}": value for key, value in role_tags.items()}

    session = session_of(ROLE_A, "ci", "AROAROLEA")
    step = AssumeRole(
        resource=ROLE_B,
        caller=session if is_role else caller_from_arn(ALICE, unique_id="AIDAALICE"),
        trust=compile_trust_policy(target.trust_policy),
        identity=[compile_policy(policy, "policy", DocumentType.IDENTITY)],
        boundary=boundary and compile_policy(boundary, "boundary", DocumentType.IDENTITY),
        session_name=call["sts:rolesessionname"],
        max_duration=3600,
        context=of_tags | call,
    )
    answer, _ = may_assume(target, caller)
    verdict = judge(lambda: step).verdict
    event(f"{verdict} {answer}")
    assert verdict is not Verdict.ALLOW or answer is not Verdict.DENY
