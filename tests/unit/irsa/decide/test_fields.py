"""Every field that a call takes changes some answer; every other one is refused."""

import pytest

from irsa.decide.json_input import InputError
from irsa.decide.scenario import FIELDS, scenario_from
from tests.unit.irsa.decide.scenarios import (
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER,
    ROLE_A,
    ROLE_B,
    SESSION_A,
    USER,
    allow,
    answer,
    assume_step,
    deny,
    document,
    grants,
    issuer_trust,
    list_step,
    scenario,
    token,
    trust,
    web_identity_step,
)

NOTHING = document()
CREATE = {
    "action": "iam:CreateRole",
    "resource": ROLE_B,
    "principal": USER,
    "trust_policy": document(trust({"AWS": ROLE_A})),
    "identity_policies": [document(allow("iam:*", "*"))],
}
LIST = list_step(principal=USER, resource_account=ACCOUNT_A)
PATHED = f"arn:aws:iam::{ACCOUNT_A}:role/team/s3-app-A"
TAGGED = [document(allow("*", "*", Condition={"StringEquals": {"aws:PrincipalTag/a": "b"}}))]
STEPS = {
    "sts:AssumeRoleWithWebIdentity": web_identity_step(),
    "sts:AssumeRole": assume_step(),
    "iam:CreateRole": CREATE,
    "any other": LIST,
}
# For each call and field, what else the step has, and a value with which the answer is another one.
CHANGES = {
    ("sts:AssumeRoleWithWebIdentity", "action"): ({}, "sts:AssumeRoleWithWebIdentities"),
    ("sts:AssumeRoleWithWebIdentity", "resource"): ({}, "arn:aws:iam::1:role/a"),
    ("sts:AssumeRoleWithWebIdentity", "token"): ({}, token(sub="system:serviceaccount:dev:x")),
    ("sts:AssumeRoleWithWebIdentity", "trust_policy"): ({}, NOTHING),
    ("sts:AssumeRoleWithWebIdentity", "role_exists"): ({}, False),
    ("sts:AssumeRoleWithWebIdentity", "role_session_name"): ({}, "a b"),
    ("sts:AssumeRoleWithWebIdentity", "duration_seconds"): ({}, 1),
    ("sts:AssumeRoleWithWebIdentity", "max_session_duration"): ({"duration_seconds": 7200}, 3600),
    ("sts:AssumeRoleWithWebIdentity", "service_control_policies"): ({}, [NOTHING]),
    ("sts:AssumeRoleWithWebIdentity", "context"): (
        {"trust_policy": issuer_trust(IpAddress={"aws:SourceIp": "10.0.0.0/8"})},
        {"aws:SourceIp": "10.1.2.3"},
    ),
    ("sts:AssumeRole", "action"): ({}, "sts:AssumeRoles"),
    ("sts:AssumeRole", "resource"): ({}, f"{ROLE_B}x"),
    ("sts:AssumeRole", "principal"): ({}, USER),
    ("sts:AssumeRole", "identity_policies"): ({}, []),
    ("sts:AssumeRole", "permissions_boundary"): ({}, NOTHING),
    ("sts:AssumeRole", "session_policy"): ({}, NOTHING),
    ("sts:AssumeRole", "service_control_policies"): ({}, [NOTHING]),
    ("sts:AssumeRole", "trust_policy"): ({}, NOTHING),
    ("sts:AssumeRole", "role_exists"): ({}, False),
    ("sts:AssumeRole", "role_session_name"): ({}, "a b"),
    ("sts:AssumeRole", "external_id"): ({}, "a b"),
    ("sts:AssumeRole", "duration_seconds"): ({}, 7200),
    ("sts:AssumeRole", "max_session_duration"): (
        {"duration_seconds": 7200, "chained": False},
        3600,
    ),
    ("sts:AssumeRole", "chained"): ({"duration_seconds": 7200, "principal": None}, True),
    ("sts:AssumeRole", "context"): ({"identity_policies": TAGGED}, {"aws:PrincipalTag/a": "b"}),
    ("iam:CreateRole", "action"): ({}, "iam:CreateRoles"),
    ("iam:CreateRole", "resource"): (grants(allow("iam:*", ROLE_B)), ROLE_A),
    ("iam:CreateRole", "principal"): ({}, "arn:aws-cn:iam::111122223333:user/bob"),
    ("iam:CreateRole", "identity_policies"): ({}, []),
    ("iam:CreateRole", "permissions_boundary"): ({}, NOTHING),
    ("iam:CreateRole", "session_policy"): ({}, NOTHING),
    ("iam:CreateRole", "service_control_policies"): ({}, [NOTHING]),
    ("iam:CreateRole", "trust_policy"): ({}, document(trust({"AWS": "*"}, Sid="a b"))),
    ("iam:CreateRole", "existing_principals"): ({}, []),
    ("iam:CreateRole", "context"): ({"identity_policies": TAGGED}, {"aws:PrincipalTag/a": "b"}),
    ("any other", "action"): ({}, "s3:PutObject"),
    ("any other", "resource"): ({}, "arn:aws:s3:::other"),
    ("any other", "resource_account"): ({}, ACCOUNT_B),
    ("any other", "principal"): ({}, None),
    ("any other", "identity_policies"): ({}, []),
    ("any other", "permissions_boundary"): ({}, NOTHING),
    ("any other", "session_policy"): ({}, NOTHING),
    ("any other", "service_control_policies"): ({}, [NOTHING]),
    ("any other", "resource_policy"): ({}, document(deny("*", "*", Principal="*"))),
    ("any other", "context"): ({"identity_policies": TAGGED}, {"aws:PrincipalTag/a": "b"}),
}
BY_ARN = {"ArnEquals": {"aws:PrincipalArn": PATHED}}
BY_USER_ID = {"StringEquals": {"aws:userid": "AROAEXAMPLE1:app"}}
# The two that say more of a session are known by a condition, in every call that takes them.
SESSION_FIELDS = {
    "principal_role_arn": (PATHED, BY_ARN),
    "principal_id": ("AROAEXAMPLE1", BY_USER_ID),
}
CHANGES |= {
    (call, field): (
        {
            "principal": SESSION_A,
            "identity_policies": [document(allow("*", "*", Condition=condition))],
        },
        value,
    )
    for call in STEPS
    for field, (value, condition) in SESSION_FIELDS.items()
    if field in FIELDS[call]
}


def outcome(step):
    try:
        return answer(step)
    except InputError as error:
        return str(error)


def test_the_table_has_every_field_of_every_call():
    assert set(CHANGES) == {(call, field) for call, fields in FIELDS.items() for field in fields}


@pytest.mark.parametrize(("call", "field"), CHANGES)
def test_a_field_that_a_call_takes_changes_its_answer(call, field):
    around, value = CHANGES[call, field]
    step = STEPS[call] | around

    assert outcome(step | {field: value}) != outcome(step)


ANY = {"context": {}, "token": token(), "chained": True, "role_exists": True, "trust_policy": {}}
EVERY_FIELD = frozenset[str]().union(*FIELDS.values())


@pytest.mark.parametrize(
    ("call", "field"),
    [(call, field) for call in FIELDS for field in sorted(EVERY_FIELD - FIELDS[call])],
)
def test_any_other_field_is_refused_and_a_null_is_none(call, field):
    step = STEPS[call] | {field: ANY.get(field, "x")}

    with pytest.raises(InputError, match=rf"^steps\[1\]\.{field}: changes nothing about "):
        scenario_from(scenario(step))
    assert outcome(step | {field: None}) == outcome(STEPS[call])


def test_an_issuer_is_no_field():
    with pytest.raises(InputError, match=r"steps\[1\]\.issuer: unknown field"):
        scenario_from(scenario(web_identity_step(issuer=ISSUER)))
