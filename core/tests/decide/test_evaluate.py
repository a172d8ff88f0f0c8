"""Combination of policies of every kind, and the elements of their statements.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from dataclasses import replace

import pytest

from core.tests.decide.policies import allow, deny, document
from core.tests.decide.principals import ROLE_A, ROOT, SESSION_A, USER
from core.tests.decide.scenarios import answer
from core.tests.decide.steps import list_step
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.document import DocumentType
from irsa_core.decide.evaluate import Inquiry
from irsa_core.decide.policies import Policies
from irsa_core.decide.principals import caller_from_arn
from irsa_core.decide.statements import compile_policy
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT
from tests.support.world import BUCKET_ARN

ON_ALL = {"Action": "*", "Resource": "*"}
STRANGE = {"Condition": {"StringEqualz": {"aws:x": "y"}}}
YES, NO = document(allow("s3:*", "*")), document(deny("s3:*", "*"))
OTHER = document(allow("s3:PutObject", "*"))
EXCEPT_USER = document({"Effect": "Allow", "NotPrincipal": {"AWS": USER}} | ON_ALL)
UNDECIDED = document(allow("s3:*", "*", **STRANGE))
PERHAPS_NOT = document(deny("s3:*", "*", **STRANGE))
YES_PERHAPS = document(*YES["Statement"], *PERHAPS_NOT["Statement"])
SINGLE = {"resource": DocumentType.RESOURCE}
SINGLE |= dict.fromkeys(("boundary", "session"), DocumentType.IDENTITY)
SINGLE |= dict.fromkeys(("resource_control", "endpoint"), DocumentType.PERIMETER)


def names(principal, effect="Allow", action="s3:*", **more):
    return document(allow(action, "*", Principal={"AWS": principal}, **more) | {"Effect": effect})


ALL_YES, ALL_NO = names("*"), names("*", "Deny")


def inquire(caller=SESSION_A, *, same_account=True, must_allow=False, context=None, **kinds):
    """The decision on s3:GetObject with these policies."""
    for kind, inputs in kinds.items():
        if kind in SINGLE and inputs:
            kinds[kind] = compile_policy(inputs, f"{kind} policy", SINGLE[kind])
        if kind in ("identity", "service_control") and inputs is not None:
            kinds[kind] = [
                compile_policy(policy, f"{kind} policy", DocumentType.IDENTITY) for policy in inputs
            ]
    who = caller and caller_from_arn(caller, role_arn=ROLE_A if caller == SESSION_A else None)
    who = who and replace(who, session_policy=kinds.pop("session", None))
    request = Request("s3:GetObject", BUCKET_ARN, who, {}, context=context)
    policies = Policies(resource_policy=kinds.pop("resource", None), **{"identity": ()} | kinds)
    return Inquiry(request, policies, same_account, resource_must_allow=must_allow).decide()


def verdict_of(*args, **kinds):
    return inquire(*args, **kinds).verdict.value


GRANTS = {"by identity": {"identity": [YES]}, "by the resource": {"resource": names(SESSION_A)}}


@pytest.mark.cases("granted", GRANTS)
@pytest.mark.cases("denied", {
    **{kind: {kind: NO} for kind in ("boundary", "session")},
    **{kind: {kind: ALL_NO} for kind in ("endpoint", "resource_control")},
    "service_control": {"service_control": [YES, NO]}, "identity": {"identity": [NO, YES]},
})  # fmt: skip
def test_a_deny_in_any_policy_beats_every_allow(granted, denied):
    assert verdict_of(**granted | denied) == "deny"


LOGS = "logs.amazonaws.com"
LINKED = ROLE_A.replace("role/", "role/aws-service-role/x.amazonaws.com/")
GRANTED = {"same_account": False, "resource": names("*")}


@pytest.mark.cases(("caller", "kinds", "verdict"), {
    "user, named by the resource": (USER, {"resource": names(USER), "boundary": OTHER}, "allow"),
    "user, denied by the boundary": (USER, {"resource": names(USER), "boundary": NO}, "deny"),
    "user, outside of the boundary": (USER, {"identity": [YES], "boundary": OTHER}, "deny"),
    "root": (ROOT, {}, "allow"),
    "root, denied by the resource": (ROOT, {"resource": names(ROOT, "Deny")}, "deny"),
    "root, service control policy": (ROOT, {"service_control": [OTHER]}, "deny"),
    "root, another account": (ROOT, {"same_account": False}, "deny"),
    "root, named by another account": (ROOT, {"same_account": False, "resource": names(ROOT)},
        "allow"),
    "root, resource control policy": (ROOT, {"resource_control": ALL_NO}, "deny"),
    "service, identity policy": (LOGS, {"same_account": False, "identity": [YES]}, "deny"),
    "service, named by the resource": (LOGS, GRANTED, "allow"),
    "service, account named": (LOGS, {"same_account": False, "resource": names(ROOT)}, "deny"),
    "service, denied by identity": (LOGS, GRANTED | {"identity": [NO]}, "allow"),
    "service, resource control policy": (LOGS, GRANTED | {"resource_control": ALL_NO}, "deny"),
    # Service control policies are not for services, nor for roles linked to one.
    "service, service control policy": (LOGS, GRANTED | {"service_control": [OTHER, NO]}, "allow"),
    "linked role, service control policy": (LINKED, {"identity": [YES], "service_control": [NO]},
        "allow"),
    "linked role, resource control policy": (LINKED,
        {"identity": [YES], "resource_control": ALL_NO}, "allow"),
    "no caller, service control policy": (None,
        {"identity": [YES], "resource": ALL_YES, "service_control": [OTHER]}, "deny"),
    "no caller, all allow": (None, {"identity": [YES], "resource": ALL_YES,
        "service_control": [YES]}, "allow"),
})  # fmt: skip
def test_users_roots_and_services_have_rules_of_their_own(caller, kinds, verdict):
    assert verdict_of(caller, **kinds) == verdict


LIMITS = "whether a boundary or session policy limits what"
UNSURE = names(ROLE_A, **STRANGE)
ANOTHER = document(*UNSURE["Statement"], *names(USER)["Statement"])
ODD, OWN = "condition operator StringEqualz", "steps[1].identity_policies"


@pytest.mark.cases(("kinds", "answer"), {
    "undecided allow": ({"identity": [UNDECIDED, OTHER]}, ODD),
    "undecided deny": ({"identity": [YES, PERHAPS_NOT]}, ODD),
    "undecided boundary": ({"identity": [YES], "boundary": UNDECIDED}, ODD),
    "undecided session policy": ({"identity": [YES], "session": YES_PERHAPS}, ODD),
    "undecided control policy": ({"identity": [YES], "service_control": [UNDECIDED]}, ODD),
    "undecided resource policy": ({"resource": ANOTHER}, ODD),
    "undecided resource policy alone": ({"resource": UNSURE, "identity": []}, ODD),
    "undecided resource, must allow": ({"resource": UNSURE, "must_allow": True}, ODD),
    "undecided resource, other account": ({"resource": UNSURE, "same_account": False,
        "identity": [YES]}, ODD),
    "identity unread": ({"identity": None}, OWN),
    "identity unread, role granted": ({"identity": None, "resource": names(ROLE_A)}, OWN),
    "resource policy unread": ({"identity": [YES], "must_allow": True,
        "resource_policy_given": False}, "steps[1].resource_policy"),
    "account unread": ({"identity": [YES], "same_account": None}, "steps[1].resource_account"),
    "caller unread, user denied": ({"identity": [YES], "caller": None,
        "resource": names(USER, "Deny")}, "steps[1].principal"),
    "NotPrincipal within a boundary": ({"resource": EXCEPT_USER, "boundary": OTHER},
        f"{LIMITS} NotPrincipal grants"),
    # A limit is no missing fact of a denial.
    "undecided deny and boundary": ({"resource": names("*", "Deny", **STRANGE), "identity": [YES],
        "boundary": YES}, ODD),
    # What could change nothing leaves the answer.
    "allow, then undecided": ({"identity": [YES, UNDECIDED]}, "allow"),
    "undecided resource, allowed": ({"resource": UNSURE, "identity": [YES]}, "allow"),
    "account unread, role granted": ({"identity": [YES], "same_account": None,
        "resource": names(ROLE_A)}, "allow"),
    "caller unread, role granted": ({"identity": [YES], "caller": None, "resource": names(ROLE_A)},
        "allow"),
    "undecided resource, no identity": ({"resource": UNSURE, "same_account": False}, "deny"),
    "undecided resource, boundary": ({"resource": UNSURE, "boundary": OTHER}, "deny"),
    "undecided, then deny": ({"identity": [UNDECIDED, NO]}, "deny"),
    "undecided deny alone": ({"identity": [PERHAPS_NOT]}, "deny"),
    "undecided allow, boundary": ({"identity": [UNDECIDED], "boundary": OTHER}, "deny"),
    "identity unread, control policy": ({"identity": None, "service_control": [OTHER]}, "deny"),
    "identity unread, role denied": ({"identity": None, "resource": names(ROLE_A, "Deny")}, "deny"),
    "identity unread, other account": ({"identity": None, "same_account": False}, "deny"),
    "account unread, nothing allows": ({"identity": [OTHER], "same_account": None}, "deny"),
    "account unread, denied": ({"identity": [NO], "same_account": None}, "deny"),
    "caller unread, everyone denied": ({"identity": [YES], "caller": None, "resource": ALL_NO},
        "deny"),
})  # fmt: skip
def test_a_missing_fact_makes_unknown_only_what_it_could_change(kinds, answer):
    found, certain = inquire(**kinds), answer in ("allow", "deny")
    expected = (answer, []) if certain else ("unknown", [answer])
    assert (found.verdict.value, found.missing) == expected


@pytest.mark.cases(("principals", "condition", "limit", "verdict"), {
    # AWS documents that only an explicit deny limits what "*" grants by aws:PrincipalArn …
    "role by ARN, boundary": ("*", {"ArnLike": {"aws:PrincipalArn": ROLE_A}}, {"boundary": OTHER},
        "allow"),
    "role by ARN, session policy": ("*", {"ArnLike": {"aws:PrincipalArn": ROLE_A}},
        {"session": OTHER}, "allow"),
    "role by ARN, boundary denies": ("*", {"ArnLike": {"aws:PrincipalArn": ROLE_A}},
        {"boundary": NO}, "deny"),
    # … and says nothing of "*" alone.
    "everyone, boundary": ("*", {}, {"boundary": OTHER}, "unknown"),
    "everyone, session policy": ("*", {}, {"session": OTHER}, "unknown"),
    "everyone, boundary allows": ("*", {}, {"boundary": YES}, "allow"),
    "all but a user, boundary": ("*", {"ArnNotLike": {"aws:PrincipalArn": USER}},
        {"boundary": OTHER}, "unknown"),
    "any ARN, boundary": ("*", {"Null": {"aws:PrincipalArn": "false"}}, {"boundary": OTHER},
        "unknown"),
    "any user name, boundary": ("*", {"StringLike": {"aws:username": "*"}}, {"boundary": OTHER},
        "deny"),
    "everyone and the session, boundary": (["*", SESSION_A], {}, {"boundary": OTHER}, "allow"),
})  # fmt: skip
def test_what_everyone_is_granted_is_not_surely_limited(principals, condition, limit, verdict):
    decision = inquire(resource=names(principals, Condition=condition), **limit)
    assert decision.verdict.value == verdict
    if verdict == "unknown":
        assert decision.missing == [f"{LIMITS} '*' grants"]


@pytest.mark.cases(("effect", "listed", "verdict"), {
    "Deny, all names listed": ("Deny", [SESSION_A, ROLE_A, ROOT], "allow"),
    "Deny, account not listed": ("Deny", [SESSION_A, ROLE_A], "unknown"),
    "Deny, role alone listed": ("Deny", [ROLE_A], "unknown"),
    "Deny, others listed": ("Deny", [USER, "444455556666"], "deny"),
    "Allow, another user listed": ("Allow", [USER], "allow"),
    "Allow, all names listed": ("Allow", [SESSION_A, ROLE_A, ROOT], "deny"),
    "Allow, role alone listed": ("Allow", [ROLE_A], "unknown"),
})  # fmt: skip
def test_notprincipal_spares_a_caller_that_is_listed_with_all_its_names(effect, listed, verdict):
    policy = document({"Effect": effect, "NotPrincipal": {"AWS": listed}} | ON_ALL)
    found = inquire(identity=[YES] if effect == "Deny" else [], resource=policy)
    open_ = "what AWS makes of a NotPrincipal that lists not all the caller's names"
    assert (found.verdict.value, found.missing) == (verdict, [open_] * (verdict == "unknown"))


@pytest.mark.cases("listed", {
    "session listed": [SESSION_A, ROLE_A, ROOT],
    "user listed": [USER, ROOT],
    "none listed": [],
})  # fmt: skip
def test_a_deny_with_notprincipal_denies_callers_with_a_boundary(listed):
    caller = USER if USER in listed else SESSION_A
    policy = document({"Effect": "Deny", "NotPrincipal": {"AWS": [*listed, "4" * 12]}} | ON_ALL)
    assert verdict_of(caller, identity=[YES], boundary=YES, resource=policy) == "deny"
    assert verdict_of(caller, identity=[YES], resource=policy) == ("allow" if listed else "deny")


def sentences(**kinds):
    return [str(reason) for reason in inquire(**kinds).reasons]


def test_every_statement_that_does_not_match_says_why_first():
    policy = document(
        allow([f"s3:{n}" for n in "ABCDEFG"], "*", Sid="Write"),
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        allow("s3:*", "arn:aws:s3:::other/*"),
        {"Effect": "Allow", "Action": "*", "NotResource": f"{BUCKET_ARN}*"},
        allow("s3:*", "*", Condition={"StringEquals": {"s3:prefix": "a"}}),
    )

    action, resource = "the request's is s3:GetObject", f"the request's is {BUCKET_ARN}"
    five, said = "s3:A, s3:B, s3:C, s3:D, s3:E", "the policy says 'a', the request says 'b'"
    lines = sentences(identity=[policy], resource=names(USER), context={"s3:prefix": "b"})
    assert [line.replace("identity policy, statement", "own") for line in lines] == [
        "no statement of these policies allows it: resource policy, identity policy",
        f"resource policy, statement 1: principal: it names AWS {USER}, the caller is {SESSION_A}",
        f"own 1 (Write): action: Action is {five} and 2 more, {action}",
        f"own 2: action: NotAction is s3:*, {action}",
        f"own 3: resource: Resource is arn:aws:s3:::other/*, {resource}",
        f"own 4: resource: NotResource is {BUCKET_ARN}*, {resource}",
        f"own 5: condition StringEquals s3:prefix: {said}",
    ]


def test_the_deciding_statement_comes_first():
    assert sentences(identity=[OTHER, YES])[0] == "identity policy, statement 1: allows it"
    assert sentences(identity=[YES], boundary=NO) == [
        "boundary policy, statement 1: denies it",
        "an explicit deny beats every allow",
        "identity policy, statement 1: allows it, which is not enough",
    ]
    of_root = "the account's root needs no policy for what its own account holds"
    assert sentences(caller=ROOT) == [of_root]
    assert sentences() == ["there is no policy that allows it"]


def test_a_reason_names_its_statement_and_effect_as_data():
    both = document(allow("s3:*", "*"), deny("s3:*", "*", Sid="two\nlines"))
    result = inquire(identity=[OTHER, YES], resource=ALL_YES, boundary=both, service_control=[NO])

    assert [reason[:3] for reason in result.reasons if reason.source] == [
        (("boundary", 0), 1, "Deny"),
        (("service_control", 0), 0, "Deny"),
        (("resource", 0), 0, "Allow"),
        (("identity", 0), 0, None),
        (("identity", 1), 0, "Allow"),
        (("boundary", 0), 0, "Allow"),
    ]


@pytest.mark.parametrize("action", ["*", "S3:getobject", "s3:Get*", "s3:GetObjec?"])
@pytest.mark.parametrize("other", ["s3:GetObject?", "s3:get", "ec2:*"])
def test_an_action_ignores_case_and_takes_wildcards(action, other):
    for each, yes, no in ((action, "allow", "deny"), (other, "deny", "allow")):
        opposite = {"Effect": "Allow", "NotAction": each, "Resource": "*"}
        assert verdict_of(identity=[document(allow(each, "*"))]) == yes
        assert verdict_of(identity=[document(opposite)]) == no


def test_a_variable_without_value_matches_nothing_and_any_negated_operator():
    resource = f"{BUCKET_ARN}/${{aws:PrincipalTag/team}}"
    opposite = {"Effect": "Allow", "Action": "*", "NotResource": resource}
    # AWS's own example of a deny where the caller has no tag.
    condition = {"StringNotEquals": {"s3:ExistingObjectTag/Team": "${aws:PrincipalTag/Team}"}}
    untagged = document(allow("s3:*", "*"), deny("s3:*", "*", Condition=condition))

    assert verdict_of(identity=[document(allow("*", resource))], context={}) == "deny"
    assert verdict_of(identity=[document(opposite)], context={}) == "unknown"
    assert verdict_of(identity=[untagged], context={"s3:existingobjecttag/team": "red"}) == "deny"


@pytest.mark.parametrize(
    ("operator", "value", "found", "verdict"),
    [
        ("Bool", "TRUE", "true", "allow"),
        ("Bool", False, "true", "deny"),
        ("StringEquals", True, "true", "allow"),
        ("NumericEquals", 10.5, "10.50", "allow"),
    ],
)
def test_booleans_and_numbers_of_json_are_values_of_a_condition(operator, value, found, verdict):
    policy = document(allow("s3:*", "*", Condition={operator: {"s3:x": value}}))
    assert verdict_of(identity=[policy], context={"s3:x": found}) == verdict


def test_what_is_not_known_of_an_element_is_named():
    facts = {
        "an output or variable in Action": {"Action": UNKNOWN_OUTPUT, "Resource": "*"},
        "an output or variable in NotResource": {"Action": "*", "NotResource": UNKNOWN_OUTPUT},
        "condition key s3:prefix": {"Action": "*", "Resource": "arn:aws:s3:::${s3:prefix}"},
    }
    for fact, elements in facts.items():
        found = inquire(identity=[document({"Effect": "Allow", **elements})])
        assert (found.verdict.value, found.missing) == ("unknown", [fact])


@pytest.mark.cases("statement", {"allow": allow, "deny": deny})
def test_a_statement_that_is_not_decided_is_not_said_to_decide(statement):
    own = statement("s3:*", "*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    reasons = answer(list_step(identity_policies=[document(own)]))["steps"][0]["reasons"]
    assert "statement 1: condition StringEquals aws:PrincipalOrgID" in reasons[-1]
