"""Elements of a statement: actions, resources, values of conditions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import pytest

from command.tests.decide.inquiries import BUCKET, inquire
from command.tests.decide.scenarios import allow, deny, document
from irsa.identity.outputs import UNKNOWN_OUTPUT


@pytest.mark.parametrize(
    ("action", "covers"),
    [
        ("*", True),
        ("s3:*", True),
        ("S3:getobject", True),
        ("s3:Get*", True),
        ("s3:GetObjec?", True),
        ("s3:GetObject?", False),
        ("s3:GetObjectAcl", False),
        ("s3:get", False),
        ("ec2:*", False),
    ],
)
def test_an_action_ignores_case_and_takes_wildcards(action, covers):
    opposite = {"Effect": "Allow", "NotAction": action, "Resource": "*"}

    assert inquire(identity=[document(allow(action, "*"))]).verdict.value == (
        "allow" if covers else "deny"
    )
    assert inquire(identity=[document(opposite)]).verdict.value == ("deny" if covers else "allow")


def test_a_resource_whose_variable_has_no_value_matches_nothing():
    resource = f"{BUCKET}/${{aws:PrincipalTag/team}}"
    opposite = {"Effect": "Allow", "Action": "*", "NotResource": resource}

    assert inquire(identity=[document(allow("*", resource))], context={}).verdict.value == "deny"
    assert inquire(identity=[document(opposite)], context={}).verdict.value == "unknown"


def test_a_negated_operator_fits_a_variable_without_value():
    """AWS's own example of a deny where the caller has no tag."""
    condition = {"StringNotEquals": {"s3:ExistingObjectTag/Team": "${aws:PrincipalTag/Team}"}}
    policy = document(allow("s3:*", "*"), deny("s3:*", "*", Condition=condition))

    found = inquire(identity=[policy], context={"s3:existingobjecttag/team": "red"})
    assert found.verdict.value == "deny"


@pytest.mark.parametrize(
    ("value", "verdict"), [(True, "allow"), (False, "deny"), ("TRUE", "allow")]
)
def test_a_boolean_of_json_is_one_of_a_condition(value, verdict):
    policy = document(allow("s3:*", "*", Condition={"Bool": {"s3:flag": value}}))
    same = document(allow("s3:*", "*", Condition={"StringEquals": {"s3:flag": value}}))

    found = inquire(identity=[policy], context={"s3:flag": "true"})
    assert found.verdict.value == verdict
    exact = inquire(identity=[same], context={"s3:flag": "true"})
    assert exact.verdict.value == ("allow" if value is True else "deny")


def test_a_reason_shows_the_first_five_texts():
    actions = [f"s3:Put{n}" for n in range(7)]
    found = inquire(identity=[document(allow(actions, "*"))]).reasons

    assert "Action is s3:Put0, s3:Put1, s3:Put2, s3:Put3, s3:Put4 and 2 more" in str(found[1])


def test_a_number_of_json_is_one_of_a_condition():
    policy = document(allow("s3:*", "*", Condition={"NumericEquals": {"s3:size": 10.5}}))

    for size, verdict in (("10.5", "allow"), ("10.50", "allow"), ("10", "deny")):
        assert inquire(identity=[policy], context={"s3:size": size}).verdict.value == verdict


@pytest.mark.parametrize(
    ("elements", "fact"),
    [
        ({"Action": UNKNOWN_OUTPUT, "Resource": "*"}, "an output or variable in Action"),
        ({"Action": "*", "NotResource": UNKNOWN_OUTPUT}, "an output or variable in NotResource"),
        ({"Action": "*", "Resource": "arn:aws:s3:::${s3:prefix}"}, "condition key s3:prefix"),
    ],
)
def test_what_is_not_known_of_an_element_is_named(elements, fact):
    found = inquire(identity=[document({"Effect": "Allow", **elements})])

    assert (found.verdict.value, found.missing) == ("unknown", [fact])
