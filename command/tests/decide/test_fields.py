"""A call takes the fields that change its answer; every other one is refused."""

import pytest

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ISSUER,
    ROLE_A,
    ROLE_B,
    USER,
    allow,
    answer,
    assume_step,
    document,
    list_step,
    scenario,
    token,
    trust,
    web_identity_step,
)
from command.tests.decide.test_pod_identity import TAGGED, by_eks
from irsa.decide.json_input import InputError
from irsa.decide.scenario import FIELDS, scenario_from

CREATE = {
    "action": "iam:CreateRole",
    "resource": ROLE_B,
    "principal": USER,
    "trust_policy": document(trust({"AWS": ROLE_A})),
    "identity_policies": [document(allow("iam:*", "*"))],
}
LIST = list_step(principal=USER, resource_account=ACCOUNT_A)
STEPS = {
    "sts:AssumeRoleWithWebIdentity": web_identity_step(),
    "sts:AssumeRole": assume_step(),
    "sts:AssumeRole with pod_identity": by_eks(TAGGED),
    "iam:CreateRole": CREATE,
    "any other": LIST,
}


def outcome(step):
    try:
        return answer(step)
    except InputError as error:
        return str(error)


ANY = {"context": {}, "token": token(), "chained": True, "role_exists": True, "trust_policy": {}}
EVERY_FIELD = frozenset[str]().union(*FIELDS.values())


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (call, field)
        for call in FIELDS
        for field in sorted(EVERY_FIELD - FIELDS[call])
        if (call, field) != ("sts:AssumeRole", "pod_identity")
    ],  # the next call
)
def test_any_other_field_is_refused_and_a_null_is_none(call, field):
    step = STEPS[call] | {field: ANY.get(field, "x")}

    with pytest.raises(InputError, match=rf"^steps\[1\]\.{field}: changes nothing about "):
        scenario_from(scenario(step))
    assert outcome(step | {field: None}) == outcome(STEPS[call])


def test_an_issuer_is_no_field():
    with pytest.raises(InputError, match=r"steps\[1\]\.issuer: unknown field"):
        scenario_from(scenario(web_identity_step(issuer=ISSUER)))
