"""The callers of a whole account that may assume a role that trusts the account."""

from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ROLE_A,
    ROLE_B,
    ROOT,
    allow,
    deny,
    document,
    trust,
)
from irsa.access import judge
from irsa.decide.document import Kind
from irsa.decide.principals import caller_from_arn, session_of
from irsa.decide.statements import compile_policy
from irsa.decide.steps import Step
from irsa.decide.trust_policy import compile_trust_policy
from irsa.decide.verdict import Verdict
from irsa.identity.arns import parse_role_arn
from irsa.observe.facts import Role, Unread
from irsa.who.callers import UNLISTED, AccountPrincipal, Callers, callers_of, who_may

ALICE = f"arn:aws:iam::{ACCOUNT_A}:user/alice"
MAY = document(allow("sts:AssumeRole", ROLE_B))
MAY_NOT = document(allow("s3:*", "*"))
NO_POLICY = ["no caller: no policy of account 111122223333 allows it"]


def role_b(**condition):
    found = trust({"AWS": ROOT}, **({"Condition": condition} if condition else {}))
    return Role(ROLE_B, "AROAROLEB", document(found))


def role(*policies, **more):
    return AccountPrincipal(ROLE_A, "AROAROLEA", policies, **more)


def user(*policies, **more):
    return AccountPrincipal(ALICE, "AIDAALICE", policies, **more)


def texts(role, *callers):
    return who_may(role, ACCOUNT_A, callers).texts


def test_callers_that_a_policy_of_the_account_allows():
    assert texts(role_b(), role(MAY), user(MAY)) == [ROLE_A, ALICE]


@pytest.mark.parametrize(
    "caller",
    [
        role(),
        role(MAY_NOT),
        role(MAY, document(deny("sts:*", "*"))),
        role(MAY, boundary=MAY_NOT),
        user(document(allow("sts:AssumeRole", ROLE_A))),
    ],
    ids=["no-policy", "another-action", "denied", "boundary", "another-role"],
)
def test_callers_that_no_policy_allows_are_not_named(caller):
    assert texts(role_b(), caller) == NO_POLICY


def test_the_trust_policys_conditions_count_as_well():
    trusting = role_b(ArnEquals={"aws:PrincipalArn": ROLE_A})

    assert texts(trusting, role(MAY), user(MAY)) == [ROLE_A]


def test_who_may_is_asked_of_those_who_send_the_external_id():
    trusting = role_b(StringEquals={"sts:ExternalId": ["t-42", "t-43"]})

    assert texts(trusting, role(MAY)) == [ROLE_A]


def test_who_may_is_asked_of_those_who_send_the_session_tags():
    trusting = role_b(StringEquals={"aws:RequestTag/kubernetes-namespace": "dev"})
    trusting.trust_policy["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]

    assert texts(trusting, role(MAY)) == NO_POLICY
    assert texts(trusting, role(document(allow("sts:*", ROLE_B)))) == [ROLE_A]


def test_what_depends_on_a_fact_that_is_not_known_is_perhaps():
    trusting = role_b(IpAddress={"aws:SourceIp": "10.0.0.0/8"})

    [found] = texts(trusting, role(MAY))

    assert found.startswith(f"perhaps {ROLE_A}: ")
    assert "aws:SourceIp" in found


def test_policies_that_were_not_listed_are_perhaps():
    [found] = texts(role_b(), AccountPrincipal(ALICE, "AIDAALICE", None))

    assert found == f"perhaps {ALICE}: {UNLISTED}"


def test_a_policy_that_the_evaluator_cannot_read_is_perhaps():
    [found] = texts(role_b(), user({"Statement": [{"Effect": "Perhaps"}]}))

    assert found.startswith(f"perhaps {ALICE}: ")


def test_the_role_itself_is_not_among_them():
    trusting = Role(ROLE_A, "AROAROLEA", document(trust({"AWS": ROOT})))

    assert texts(trusting, role(document(allow("sts:AssumeRole", "*")))) == NO_POLICY


def test_an_account_that_cannot_be_read_says_what_it_takes():
    unread = Unread("users and roles of account 1", "denied", "iam:Get", "ask the owner")

    assert Callers("1", unread=unread).texts == [
        "could not read users and roles of account 1: needs iam:Get (denied); ask the owner"
    ]


BOUNDARY = "arn:aws:iam::aws:policy/PowerUserAccess"
MANAGED = f"arn:aws:iam::{ACCOUNT_A}:policy/b"
PAGES = [
    {
        "UserDetailList": [
            {
                "Arn": ALICE,
                "UserId": "AIDAALICE",
                "GroupList": ["team"],
                "AttachedManagedPolicies": [],
            }
        ],
        "RoleDetailList": [
            {
                "Arn": ROLE_A,
                "RoleId": "AROAROLEA",
                "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": MAY_NOT}],
                "AttachedManagedPolicies": [{"PolicyArn": MANAGED}],
                "PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY},
            }
        ],
    },
    {
        "GroupDetailList": [
            {
                "GroupName": "team",
                "GroupPolicyList": [{"PolicyName": "team", "PolicyDocument": MAY}],
                "AttachedManagedPolicies": [],
            }
        ],
        "Policies": [
            {
                "Arn": MANAGED,
                "PolicyVersionList": [
                    {"Document": MAY_NOT, "IsDefaultVersion": False},
                    {"Document": MAY, "IsDefaultVersion": True},
                ],
            },
            {
                "Arn": BOUNDARY,
                "PolicyVersionList": [{"Document": MAY_NOT, "IsDefaultVersion": True}],
            },
        ],
    },
]


def test_an_account_is_read_whole_with_groups_and_boundaries():
    assert callers_of(PAGES) == [role(MAY_NOT, MAY, boundary=MAY_NOT), user(MAY)]


@pytest.mark.parametrize("gone", ["Policies", "GroupDetailList"])
def test_what_a_page_does_not_hold_is_not_guessed(gone):
    pages = [{kind: found for kind, found in page.items() if kind != gone} for page in PAGES]

    known = {caller.arn: caller.policies for caller in callers_of(pages)}

    assert known[ROLE_A if gone == "Policies" else ALICE] is None


TAGGING = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
ADMINISTRATOR = document(allow("*", "*"))


def trusting(*conditions, actions=TAGGING):
    statements = [
        {**trust({"AWS": ROOT}), "Action": actions, "Condition": each} for each in conditions
    ]
    return Role(ROLE_B, "AROAROLEB", document(*statements))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"sts:RoleSessionName": "ci"}},
        {"StringLike": {"sts:RoleSessionName": "ci-?*"}},
        {"StringLike": {"sts:ExternalId": "abc*"}},
        {"StringEqualsIgnoreCase": {"sts:ExternalId": "ABC"}},
        {"Null": {"sts:ExternalId": "false"}},
        {"StringEquals": {"sts:SourceIdentity": "dave"}},
        {"StringLike": {"sts:SourceIdentity": "*"}},
        {"StringLike": {"aws:RequestTag/team": "*"}},
        {"StringEquals": {"sts:RoleSessionName": ["a b", "ab"]}},
        {"ForAnyValue:StringEquals": {"aws:TagKeys": "Team"}},
        {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["team"]}},
    ],
    ids=str,
)
def test_a_value_that_the_caller_chooses_keeps_no_caller_out(condition):
    found = who_may(trusting(condition), ACCOUNT_A, [user(ADMINISTRATOR), role(ADMINISTRATOR)])

    assert found.may == (ALICE, ROLE_A)


def test_each_statement_has_an_external_id_of_its_own():
    both = [{"StringEquals": {"sts:ExternalId": each}} for each in ("t-42", "t-43")]
    by_id = document(allow("*", "*", Condition=both[1]))

    assert texts(trusting(*both), user(by_id)) == [ALICE]


def test_a_user_names_the_session_after_itself():
    own = trusting({"StringEquals": {"sts:RoleSessionName": "${aws:username}"}})

    assert texts(own, user(ADMINISTRATOR)) == [ALICE]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({"Team": "a"}, [ALICE]), ({"team": "b"}, NO_POLICY), ({}, NO_POLICY)],
)
def test_a_users_tags_are_read(tags, expected):
    of_team = trusting({"StringEquals": {"aws:PrincipalTag/team": "a"}})

    assert texts(of_team, user(ADMINISTRATOR, tags=tags)) == expected


def test_a_roles_session_may_have_tags_that_the_role_has_not():
    of_team = trusting({"StringEquals": {"aws:PrincipalTag/team": "a"}})

    assert texts(of_team, role(ADMINISTRATOR, tags={"team": "a"})) == [ROLE_A]
    [found] = texts(of_team, role(ADMINISTRATOR))
    assert found == f"perhaps {ROLE_A}: condition key aws:PrincipalTag/team"


def test_the_tags_of_the_role_count():
    by_tag = document(allow("*", "*", Condition={"StringEquals": {"iam:ResourceTag/team": "a"}}))

    assert texts(replace(role_b(), tags={"team": "a"}), user(by_tag)) == [ALICE]
    assert texts(role_b(), user(by_tag)) == NO_POLICY


@pytest.mark.parametrize(
    "conditions",
    [
        {"StringEquals": {"aws:PrincipalArn": f"{ALICE}-2"}},
        {"Null": {"aws:PrincipalArn": "true"}, "StringLike": {"sts:ExternalId": "*"}},
    ],
)
def test_what_no_call_changes_is_proof(conditions):
    assert texts(trusting(conditions), user(ADMINISTRATOR)) == NO_POLICY


def test_tags_that_the_caller_may_not_pass_do_not_help():
    tagged = trusting({"StringEquals": {"aws:RequestTag/team": "a"}})
    optional = trusting({"StringEqualsIfExists": {"aws:RequestTag/team": "a"}})

    assert texts(tagged, user(MAY)) == NO_POLICY
    assert texts(optional, user(MAY)) == [ALICE]


SESSION = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/ci"
PRINCIPALS = [ROOT, ROOT, ACCOUNT_A, "*", ALICE, "AIDAALICE", ROLE_A, "AROAROLEA", SESSION]
VALUES = ["ab", "a?*", "*", "b${aws:username}", "${sts:ExternalId}", "dave", ALICE, ROLE_A]
KEYS = [
    "aws:PrincipalArn",
    "iam:ResourceTag/team",
    "sts:RoleSessionName",
    "sts:ExternalId",
    "sts:SourceIdentity",
    "aws:RequestTag/team",
    "aws:PrincipalTag/team",
    "aws:TagKeys",
    "sts:TransitiveTagKeys",
    "aws:username",
]
SETS = st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"])
OPERATORS = st.sampled_from(["Equals", "NotEquals", "Like", "NotLike", "EqualsIgnoreCase"])
NULLS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["true", "false"]), max_size=1)


@st.composite
def conditions(draw):
    tests = {}
    for key in draw(st.lists(st.sampled_from(KEYS), max_size=3, unique=True)):
        operator = draw(SETS) + "String" + draw(OPERATORS) + draw(st.sampled_from(["", "IfExists"]))
        tests.setdefault(operator, {})[key] = draw(st.lists(st.sampled_from(VALUES), min_size=1))
    nulls = draw(NULLS)
    return tests | ({"Null": nulls} if nulls else {})


@st.composite
def sent(draw):
    """A call, as condition keys."""
    texts = st.none() | st.sampled_from(["ab", "abc", "balice", "dave"])
    keys = {"sts:rolesessionname": draw(st.sampled_from(["ab", "abc", "balice", "dave"]))}
    for key in ("sts:externalid", "sts:sourceidentity", "aws:requesttag/team"):
        if (value := draw(texts)) is not None:
            keys[key] = value
    if "aws:requesttag/team" in keys:
        keys["aws:tagkeys"] = ("team",)
        if draw(st.booleans()):
            keys["sts:transitivetagkeys"] = ("team",)
    return keys


TAGS = st.sampled_from([{}, {"team": "ab"}, {"team": "dave"}])
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
def test_every_caller_that_can_is_named(trusted, own, boundary, denied, tags, is_role, call):
    """Whatever call gets the role, its caller is named, at least as one who perhaps may."""
    caller_tags, session_tags, role_tags = tags
    target = replace(trusting(*(each for _, each in trusted)), tags=role_tags)
    for statement, (principal, _) in zip(target.trust_policy["Statement"], trusted, strict=True):
        statement["Principal"] = {"AWS": principal}
    if denied is not None:
        refusal = {**trust({"AWS": "*"}, Condition=denied), "Effect": "Deny"}
        target.trust_policy["Statement"].append(refusal)
    caller = (role if is_role else user)(own, boundary=boundary, tags=caller_tags)
    # A session's tags hide those of its role.
    principal_tags = caller_tags | (session_tags if is_role else {})

    def step():
        who = (
            session_of(ROLE_A, "ci", "AROAROLEA")
            if is_role
            else caller_from_arn(ALICE, unique_id="AIDAALICE")
        )
        return Step(
            action="sts:AssumeRole",
            resource=ROLE_B,
            role=parse_role_arn(ROLE_B),
            caller=who,
            trust=compile_trust_policy(target.trust_policy),
            identity=[compile_policy(own, "policy", Kind.IDENTITY)],
            boundary=boundary and compile_policy(boundary, "boundary", Kind.IDENTITY),
            session_name=call["sts:rolesessionname"],
            max_duration=3600,
            context={
                **{f"aws:principaltag/{key}": value for key, value in principal_tags.items()},
                **{f"iam:resourcetag/{key}": value for key, value in role_tags.items()},
                **call,
            },
        )

    found = who_may(target, ACCOUNT_A, [caller])
    named = {*found.may, *(arn for arn, _ in found.perhaps)}
    event(f"{judge(step).verdict} {len(found.may)} {len(found.perhaps)}")
    assert judge(step).verdict is not Verdict.ALLOW or named == {caller.arn}
