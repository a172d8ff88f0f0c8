"""Combination of policies of every kind.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import pytest

from command.tests.decide.inquiries import (
    ASKED,
    ASKED_ON,
    BUCKET,
    NO,
    NOT_PUT,
    OTHER,
    PERHAPS_NOT,
    RESOURCE_UNDECIDED,
    STRANGE,
    UNDECIDED,
    YES,
    YES_PERHAPS,
    inquire,
    names,
)
from command.tests.decide.scenarios import (
    ROLE_A,
    ROOT,
    SESSION_A,
    USER,
    allow,
    deny,
    document,
)

ALL_YES, ALL_NO, ALL_OTHER = names("*"), names("*", "Deny"), names("*", action="s3:PutObject")


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ({}, "deny"),
        ({"identity": [YES]}, "allow"),
        ({"identity": [OTHER]}, "deny"),
        ({"identity": [OTHER, YES]}, "allow"),
        ({"identity": [YES, NO]}, "deny"),
        ({"identity": [NO, YES]}, "deny"),
        ({"identity": [YES, NOT_PUT]}, "allow"),
        ({"identity": [YES], "resource": names(ROLE_A, "Deny", "s3:PutObject")}, "allow"),
        # A boundary, a session policy and the SCPs each must allow too, and each may deny.
        ({"identity": [YES], "boundary": YES}, "allow"),
        ({"identity": [YES], "boundary": OTHER}, "deny"),
        ({"identity": [YES], "boundary": NO}, "deny"),
        ({"identity": [], "boundary": YES}, "deny"),
        ({"identity": [YES], "session": YES}, "allow"),
        ({"identity": [YES], "session": OTHER}, "deny"),
        ({"identity": [YES], "session": NO}, "deny"),
        ({"identity": [], "session": YES}, "deny"),
        ({"identity": [YES], "boundary": YES, "session": OTHER}, "deny"),
        ({"identity": [YES], "boundary": OTHER, "session": YES}, "deny"),
        ({"identity": [YES], "service_control": [YES]}, "allow"),
        ({"identity": [YES], "service_control": [OTHER, YES]}, "deny"),
        ({"identity": [YES], "service_control": [YES, YES]}, "allow"),
        ({"identity": [YES], "service_control": [OTHER]}, "deny"),
        ({"identity": [YES], "service_control": [YES, NO]}, "deny"),
        ({"identity": [], "service_control": [YES]}, "deny"),
        ({"identity": [YES], "endpoint": ALL_OTHER}, "deny"),
        ({"identity": [YES], "endpoint": ALL_YES}, "allow"),
        ({"identity": [], "endpoint": ALL_YES}, "deny"),
        # Resource control policies deny, and an Allow in them grants nothing.
        ({"identity": [YES], "resource_control": ALL_OTHER}, "allow"),
        ({"identity": [YES], "resource_control": ALL_NO}, "deny"),
        ({"identity": [], "resource_control": ALL_YES}, "deny"),
        # A resource's policy, within the account.
        ({"resource": names(ROLE_A)}, "allow"),
        ({"resource": names(SESSION_A)}, "allow"),
        ({"resource": names("*")}, "allow"),
        ({"resource": names(ROOT)}, "deny"),
        ({"resource": names(ROOT), "identity": [YES]}, "allow"),
        ({"resource": names(USER), "identity": [YES]}, "allow"),
        ({"resource": names(USER)}, "deny"),
        ({"resource": names(ROLE_A, "Deny"), "identity": [YES]}, "deny"),
        ({"resource": names(SESSION_A, "Deny"), "identity": [YES]}, "deny"),
        ({"resource": names(ROOT, "Deny"), "identity": [YES]}, "deny"),
        ({"resource": names("*", "Deny"), "identity": [YES]}, "deny"),
        ({"resource": names(USER, "Deny"), "identity": [YES]}, "allow"),
        ({"resource": names(ROLE_A), "identity": [NO]}, "deny"),
        # What it grants to the role is limited; what it grants to the session is not.
        ({"resource": names(ROLE_A), "boundary": YES}, "allow"),
        ({"resource": names(ROLE_A), "boundary": OTHER}, "deny"),
        ({"resource": names(ROLE_A), "session": OTHER}, "deny"),
        ({"resource": names("*"), "boundary": OTHER}, "unknown"),
        ({"resource": names(SESSION_A), "boundary": OTHER}, "allow"),
        ({"resource": names(SESSION_A), "session": OTHER}, "allow"),
        ({"resource": names(SESSION_A), "boundary": NO}, "deny"),
        ({"resource": names(SESSION_A), "session": NO}, "deny"),
        ({"resource": names(SESSION_A), "service_control": [OTHER]}, "deny"),
        ({"resource": names(SESSION_A), "service_control": [NO]}, "deny"),
        ({"resource": names(SESSION_A), "endpoint": ALL_OTHER}, "deny"),
        ({"resource": names(SESSION_A), "resource_control": ALL_NO}, "deny"),
    ],
)
def test_within_an_account_policies_combine(kinds, verdict):
    assert inquire(**kinds).verdict.value == verdict


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ({"identity": [YES]}, "deny"),
        ({"resource": names(ROLE_A)}, "deny"),
        ({"resource": names(SESSION_A)}, "deny"),
        ({"resource": names("*")}, "deny"),
        ({"resource": names(ROLE_A), "identity": [YES]}, "allow"),
        ({"resource": names(SESSION_A), "identity": [YES]}, "allow"),
        ({"resource": names(ROOT), "identity": [YES]}, "allow"),
        ({"resource": names("*"), "identity": [YES]}, "allow"),
        ({"resource": names(USER), "identity": [YES]}, "deny"),
        ({"resource": names(ROLE_A), "identity": [OTHER]}, "deny"),
        ({"resource": names(ROLE_A), "identity": [YES], "boundary": OTHER}, "deny"),
        ({"resource": names(SESSION_A), "identity": [YES], "boundary": OTHER}, "deny"),
        ({"resource": names(SESSION_A), "identity": [YES], "session": OTHER}, "deny"),
        ({"resource": names(ROLE_A), "identity": [YES], "service_control": [OTHER]}, "deny"),
        ({"resource": names(ROLE_A), "identity": [YES, NO]}, "deny"),
    ],
)
def test_across_accounts_both_sides_must_allow(kinds, verdict):
    assert inquire(same_account=False, **kinds).verdict.value == verdict


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ({"identity": [YES]}, "deny"),
        ({"resource": names(ROOT)}, "deny"),
        ({"resource": names(ROOT), "identity": [YES]}, "allow"),
        ({"resource": names(ROOT), "identity": [YES], "boundary": OTHER}, "deny"),
        ({"resource": names(ROLE_A)}, "allow"),
        ({"resource": names(ROLE_A), "boundary": OTHER}, "deny"),
        ({"resource": names(SESSION_A), "boundary": OTHER}, "allow"),
        ({"resource": names(USER), "identity": [YES]}, "deny"),
    ],
)
def test_a_role_or_key_must_itself_allow_its_own_account(kinds, verdict):
    assert inquire(must_allow=True, **kinds).verdict.value == verdict


LOGS = "logs.amazonaws.com"
LINKED = ROLE_A.replace("role/", "role/aws-service-role/x.amazonaws.com/")
GRANTED = {"same_account": False, "resource": names("*")}


@pytest.mark.parametrize(
    ("caller", "kinds", "verdict"),
    [
        (USER, {"resource": names(USER), "boundary": OTHER}, "allow"),
        (USER, {"resource": names(USER), "boundary": NO}, "deny"),
        (USER, {"identity": [YES], "boundary": OTHER}, "deny"),
        (ROOT, {}, "allow"),
        (ROOT, {"resource": names(ROOT, "Deny")}, "deny"),
        (ROOT, {"service_control": [OTHER]}, "deny"),
        (ROOT, {"same_account": False}, "deny"),
        (ROOT, {"same_account": False, "resource": names(ROOT)}, "allow"),
        (LOGS, {"same_account": False, "identity": [YES]}, "deny"),
        (LOGS, GRANTED, "allow"),
        (LOGS, {"same_account": False, "resource": names(ROOT)}, "deny"),
        (LOGS, GRANTED | {"identity": [NO]}, "allow"),
        # Service control policies are not for services.
        (LOGS, GRANTED | {"service_control": [OTHER]}, "allow"),
        (LOGS, GRANTED | {"service_control": [NO]}, "allow"),
        (LINKED, {"identity": [YES], "service_control": [NO]}, "allow"),
        (LINKED, {"identity": [YES], "resource_control": ALL_NO}, "allow"),
        (LOGS, GRANTED | {"resource_control": ALL_NO}, "deny"),
        (ROOT, {"resource_control": ALL_NO}, "deny"),
    ],
)
def test_users_roots_and_services_have_rules_of_their_own(caller, kinds, verdict):
    assert inquire(caller, **kinds).verdict.value == verdict


@pytest.mark.parametrize(
    ("kinds", "verdict", "missing"),
    [
        ({"identity": [UNDECIDED]}, "unknown", STRANGE),
        ({"identity": [YES, PERHAPS_NOT]}, "unknown", STRANGE),
        ({"identity": [YES], "boundary": UNDECIDED}, "unknown", STRANGE),
        ({"identity": [YES], "session": YES_PERHAPS}, "unknown", STRANGE),
        ({"identity": [YES], "service_control": [UNDECIDED]}, "unknown", STRANGE),
        ({"identity": None}, "unknown", ["identity_policies"]),
        ({"identity": None, "resource": names(ROLE_A)}, "unknown", ["identity_policies"]),
        ({"identity": [YES], "resource_missing": "its policy"}, "unknown", ["its policy"]),
        ({"identity": [YES], "same_account": None}, "unknown", ["resource_account"]),
        ({"identity": [YES], "caller": None, "resource": names(ROLE_A)}, "allow", []),
        (
            {"identity": [YES], "caller": None, "resource": names(USER, "Deny")},
            "unknown",
            ["principal"],
        ),
        ({"identity": [UNDECIDED, OTHER]}, "unknown", STRANGE),
        (
            {"resource": document(*RESOURCE_UNDECIDED["Statement"], *names(USER)["Statement"])},
            "unknown",
            STRANGE,
        ),
        ({"resource": RESOURCE_UNDECIDED, "identity": []}, "unknown", STRANGE),
        ({"resource": RESOURCE_UNDECIDED, "must_allow": True}, "unknown", STRANGE),
        (
            {"resource": RESOURCE_UNDECIDED, "same_account": False, "identity": [YES]},
            "unknown",
            STRANGE,
        ),
        # The missing fact could change nothing.
        ({"identity": [YES, UNDECIDED]}, "allow", []),
        ({"resource": RESOURCE_UNDECIDED, "identity": [YES]}, "allow", []),
        ({"resource": RESOURCE_UNDECIDED, "same_account": False}, "deny", []),
        ({"resource": RESOURCE_UNDECIDED, "boundary": OTHER}, "deny", []),
        ({"identity": [UNDECIDED, YES]}, "allow", []),
        ({"identity": [UNDECIDED, NO]}, "deny", []),
        ({"identity": [PERHAPS_NOT]}, "deny", []),
        ({"identity": [UNDECIDED], "boundary": OTHER}, "deny", []),
        ({"identity": None, "service_control": [OTHER]}, "deny", []),
        ({"identity": None, "resource": names(ROLE_A, "Deny")}, "deny", []),
        ({"identity": None, "same_account": False}, "deny", []),
        ({"identity": [YES], "same_account": None, "resource": names(ROLE_A)}, "allow", []),
        ({"identity": [OTHER], "same_account": None}, "deny", []),
        ({"identity": [NO], "same_account": None}, "deny", []),
        ({"resource_missing": "x", "identity": [NO]}, "deny", []),
        ({"caller": None, "resource": names("*", "Deny"), "identity": [YES]}, "deny", []),
    ],
)
def test_a_missing_fact_makes_unknown_what_it_could_change(kinds, verdict, missing):
    kinds = dict(kinds)
    found = inquire(kinds.pop("caller", SESSION_A), **kinds)

    assert (found.verdict.value, found.missing) == (verdict, missing)


def sentences(decision):
    return [str(reason) for reason in decision.reasons]


def test_every_statement_that_does_not_match_says_why_first():
    found = inquire(
        identity=[
            document(
                allow("s3:PutObject", "*", Sid="Write"),
                {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
                allow("s3:*", "arn:aws:s3:::other/*"),
                {"Effect": "Allow", "Action": "*", "NotResource": f"{BUCKET}/*"},
                allow("s3:*", "*", Condition={"StringEquals": {"s3:prefix": "a"}}),
            )
        ],
        resource=names(USER),
        context={"s3:prefix": "b"},
    )

    assert sentences(found) == [
        "no statement of these policies allows it: resource policy, identity policy",
        f"resource policy, statement 1: principal: it names AWS {USER}, the caller is {SESSION_A}",
        f"identity policy, statement 1 (Write): action: Action is s3:PutObject, {ASKED}",
        f"identity policy, statement 2: action: NotAction is s3:*, {ASKED}",
        f"identity policy, statement 3: resource: Resource is arn:aws:s3:::other/*, {ASKED_ON}",
        f"identity policy, statement 4: resource: NotResource is {BUCKET}/*, {ASKED_ON}",
        (
            "identity policy, statement 5: condition StringEquals s3:prefix: the policy says 'a', "
            "the request says 'b'"
        ),
    ]


def test_the_deciding_statement_comes_first():
    allowed = inquire(identity=[OTHER, YES])
    denied = inquire(identity=[YES], boundary=NO)

    assert sentences(allowed) == [
        "identity policy, statement 1: allows it",
        f"identity policy, statement 1: action: Action is s3:PutObject, {ASKED}",
    ]
    assert sentences(denied) == [
        "boundary, statement 1: denies it",
        "an explicit deny beats every allow",
        "identity policy, statement 1: allows it, which is not enough",
    ]
    assert sentences(inquire(ROOT)) == [
        "the account's root needs no policy for what its own account holds"
    ]
    assert sentences(inquire()) == ["there is no policy that allows it"]


def test_a_reason_names_its_statement_and_effect_as_data():
    found = inquire(
        identity=[OTHER, YES],
        resource=names("*"),
        boundary=document(allow("s3:*", "*"), deny("s3:*", "*", Sid="two\nlines")),
        service_control=[NO],
    )

    assert [each[:3] for each in found.reasons if each.source] == [
        (("boundary", 0), 1, "Deny"),
        (("service_control", 0), 0, "Deny"),
        (("resource", 0), 0, "Allow"),
        (("identity", 0), 0, None),
        (("identity", 1), 0, "Allow"),
        (("boundary", 0), 0, "Allow"),
    ]
    assert [r.text for r in found.reasons if r.source is None] == [
        "an explicit deny beats every allow"
    ]


@pytest.mark.parametrize(
    ("effect", "listed", "verdict"),
    [
        ("Deny", [SESSION_A, ROLE_A, ROOT], "allow"),
        ("Deny", [SESSION_A, ROLE_A], "unknown"),
        ("Deny", [ROLE_A, ROOT], "unknown"),
        ("Deny", [USER, "444455556666"], "deny"),
        ("Deny", ["AROAEXAMPLE1"], "unknown"),
    ],
)
def test_a_deny_with_notprincipal_spares_who_is_listed_whole(effect, listed, verdict):
    policy = {"Effect": effect, "NotPrincipal": {"AWS": listed}, "Action": "s3:*", "Resource": "*"}

    assert inquire(identity=[YES], resource=document(policy)).verdict.value == verdict


@pytest.mark.parametrize(
    ("listed", "verdict"),
    [([USER], "allow"), ([SESSION_A, ROLE_A, ROOT], "deny"), ([ROLE_A], "unknown")],
)
def test_an_allow_with_notprincipal_never_reaches_who_is_listed(listed, verdict):
    policy = {"Effect": "Allow", "NotPrincipal": {"AWS": listed}, "Action": "*", "Resource": "*"}

    assert inquire(resource=document(policy)).verdict.value == verdict


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_notprincipal_that_lists_a_part_says_what_is_not_known(effect):
    policy = {"Effect": effect, "NotPrincipal": {"AWS": ROLE_A}, "Action": "*", "Resource": "*"}
    found = inquire(identity=[YES] if effect == "Deny" else [], resource=document(policy))

    assert found.missing == [
        "what AWS makes of a NotPrincipal that lists not all the caller's names"
    ]


def test_whether_a_silent_limit_holds_for_notprincipal_is_not_known():
    policy = {"Effect": "Allow", "NotPrincipal": {"AWS": USER}, "Action": "*", "Resource": "*"}
    found = inquire(resource=document(policy), boundary=OTHER)

    assert found.missing == ["whether a boundary or session policy limits what NotPrincipal grants"]


def test_a_limit_is_no_missing_fact_of_a_denial():
    denied = names("*", "Deny", Condition={"StringEqualz": {"aws:x": "y"}})

    assert inquire(resource=denied, identity=[YES], boundary=YES).missing == STRANGE


EVERYONE_BY_ARN = names("*", Condition={"ArnLike": {"aws:PrincipalArn": ROLE_A}})
NO_S3 = document(deny("s3:*", "*"))


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        # AWS documents that only an explicit deny limits what "*" grants by aws:PrincipalArn …
        ({"resource": EVERYONE_BY_ARN, "boundary": OTHER}, "allow"),
        ({"resource": EVERYONE_BY_ARN, "session": OTHER}, "allow"),
        ({"resource": EVERYONE_BY_ARN, "boundary": NO_S3}, "deny"),
        ({"resource": EVERYONE_BY_ARN, "identity": [NO_S3]}, "deny"),
        # … and says nothing of "*" alone.
        ({"resource": names("*"), "session": OTHER}, "unknown"),
        ({"resource": names("*"), "boundary": YES}, "allow"),
        ({"resource": names("*", Condition={"ArnNotLike": {"aws:PrincipalArn": USER}}),
          "boundary": OTHER}, "unknown"),
        ({"resource": names("*", Condition={"Null": {"aws:PrincipalArn": "false"}}),
          "boundary": OTHER}, "unknown"),
        ({"resource": names("*", Condition={"StringLike": {"aws:username": "*"}}),
          "boundary": OTHER}, "deny"),
        ({"resource": names(["*", SESSION_A]), "boundary": OTHER}, "allow"),
    ],
)  # fmt: skip
def test_what_everyone_is_granted_is_not_surely_limited(kinds, verdict):
    decision = inquire(**kinds)

    assert decision.verdict.value == verdict
    if verdict == "unknown":
        assert decision.missing == ["whether a boundary or session policy limits what '*' grants"]


def all_but(*listed):
    return document(
        {"Effect": "Deny", "NotPrincipal": {"AWS": [*listed]}, "Action": "*", "Resource": "*"}
    )


@pytest.mark.parametrize(
    ("caller", "listed"),
    [(SESSION_A, [SESSION_A, ROLE_A, ROOT]), (USER, [USER, ROOT]), (SESSION_A, [])],
)
def test_a_deny_with_notprincipal_denies_callers_with_a_boundary(caller, listed):
    policy = all_but(*listed, "444455556666")

    bounded = inquire(caller, identity=[YES], boundary=YES, resource=policy)
    free = inquire(caller, identity=[YES], resource=policy)
    assert bounded.verdict.value == "deny"
    assert free.verdict.value == ("allow" if listed else "deny")


def test_service_control_policies_count_for_a_caller_who_is_not_known():
    granted = {"caller": None, "identity": [YES], "resource": names("*")}

    assert inquire(**granted, service_control=[OTHER]).verdict.value == "deny"
    assert inquire(**granted, service_control=[YES]).verdict.value == "allow"
