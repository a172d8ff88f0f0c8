"""AssumeRole: both sides, STS's own rules, and the sessions that it makes."""

import pytest

from command.tests.decide.scenarios import (
    A_MAY_NOT,
    ACCOUNT_A,
    ACCOUNT_B,
    CHAINED,
    FOR_ALL,
    MAXIMUM,
    PATHED,
    ROLE_A,
    ROLE_B,
    ROOT,
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
    outside,
    trust,
    trusts,
    web_identity_step,
)

VALIDATION = "ValidationError"
DENIED = "AccessDenied"
EC2 = "ec2.amazonaws.com"

BY_CONDITION = trust({"AWS": ROOT}, Condition={"ArnEquals": {"aws:PrincipalArn": ROLE_A}})
BUCKET = "arn:aws:s3:::bucket-s3-app"
EXTERNAL = trust({"AWS": ROLE_A}, Condition={"StringEquals": {"sts:ExternalId": "tenant-42"}})
ANYTHING = [document(allow("*", "*"))]
OWN = {"resource": f"arn:aws:iam::{ACCOUNT_A}:role/other"}


@pytest.mark.parametrize(
    "changed",
    [
        trusts(trust({"AWS": f"arn:aws:iam::{ACCOUNT_A}:role/other"})),
        trusts(trust({"AWS": f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/x"})),
        {"trust_policy": document(trust({"AWS": "AROAEXAMPLE2"})), "principal_id": "AROAEXAMPLE1"},
        {"trust_policy": document(trust({"AWS": PATHED})), "principal_role_arn": ROLE_A},
        trusts(trust({"Service": EC2})),
        trusts(trust({"AWS": ACCOUNT_B})),
        {"trust_policy": document(BY_CONDITION), "principal_role_arn": PATHED},
        trusts(EXTERNAL),
        {"trust_policy": document(EXTERNAL), "external_id": "tenant-43"},
        trusts(trust({"AWS": ROLE_A}, Condition={"Null": {"sts:ExternalId": "false"}})),
        trusts(trust({"AWS": ROLE_A}), trust({"AWS": ROLE_A}) | {"Effect": "Deny"}),
        {"identity_policies": []},
        grants(allow("sts:AssumeRole", f"{ROLE_B}x")),
        grants(allow("sts:TagSession", ROLE_B)),
        grants(allow("*", "*"), deny("sts:AssumeRole", ROLE_B)),
        {"permissions_boundary": document(allow("s3:*", "*"))},
        {"service_control_policies": [document(allow("s3:*", "*"))]},
        {"service_control_policies": [document(allow("*", "*"), deny("sts:*", "*"))]},
        {"resource_control_policies": [document(FOR_ALL | deny("sts:*", "*"))]},
        {"endpoint_policy": document(FOR_ALL | allow("s3:*", "*"))},
        # In one account the trust policy must allow too, and :root only delegates.
        OWN | trusts(trust({"AWS": ACCOUNT_B})) | {"identity_policies": ANYTHING},
        OWN | trusts(trust({"AWS": ROOT})) | {"identity_policies": []},
        OWN | trusts() | {"identity_policies": ANYTHING},
        # There is no implicit self-trust.
        trusts(WEB_IDENTITY_STATEMENT) | {"resource": ROLE_A, "identity_policies": ANYTHING},
    ],
)
def test_assume_role_is_refused_with_403(changed):
    step = assume_step(**changed)

    message = A_MAY_NOT.replace(ROLE_B, step["resource"])
    assert error(step) == (DENIED, 403, message)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        trusts(trust({"AWS": ROOT})),
        trusts(trust({"AWS": ACCOUNT_A})),
        trusts(trust({"AWS": SESSION_A})),
        trusts(trust("*")),
        {"trust_policy": document(trust({"AWS": "AROAEXAMPLE1"})), "principal_id": "AROAEXAMPLE1"},
        {"trust_policy": document(trust({"AWS": PATHED})), "principal_role_arn": PATHED},
        trusts(BY_CONDITION),
        {"trust_policy": document(EXTERNAL), "external_id": "tenant-42"},
        {"trust_policy": document(EXTERNAL), "context": {"STS:externalid": "tenant-42"}},
        OWN | trusts(trust({"AWS": ROLE_A})) | {"identity_policies": []},
        OWN | trusts(trust({"AWS": ROOT})) | {"identity_policies": ANYTHING},
        trusts(trust({"Service": EC2})) | {"principal": EC2, "identity_policies": []},
    ],
)
def test_assume_role_is_allowed(changed):
    assert error(assume_step(**changed)) is None


LONG = {"duration_seconds": 3601, "max_session_duration": 43200}
BY_USER = trusts(trust({"AWS": USER})) | {"principal": USER}
IN_CHINA = f"arn:aws-cn:iam::{ACCOUNT_B}:role/s3-app-B"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (LONG, CHAINED),
        (LONG | BY_USER | {"chained": True}, CHAINED),
        ({"duration_seconds": 7200, "max_session_duration": 3600, "chained": False}, MAXIMUM),
        (
            {"external_id": "x"},
            outside("x", "externalId", "have length greater than or equal to 2"),
        ),
        (
            {"external_id": "x" * 1225},
            outside("x" * 200, "externalId", "have length less than or equal to 1224"),
        ),
        (
            {"external_id": "a b"},
            outside("a b", "externalId", r"satisfy regular expression pattern: [\w+=,.@:\/-]*"),
        ),
        ({"resource": "s3-app-B"}, "Request ARN is invalid"),
    ],
)
def test_stss_own_rules_for_assume_role(changed, message):
    assert error(assume_step(**changed)) == (VALIDATION, 400, message)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"principal": ROOT}, "Roles may not be assumed by root accounts."),
        ({"resource": IN_CHINA}, A_MAY_NOT.replace(ROLE_B, IN_CHINA)),
    ],
)
def test_no_policy_lets_root_or_another_partition_assume_a_role(changed, message):
    assert error(assume_step(**changed)) == (DENIED, 403, message)


@pytest.mark.parametrize(
    "changed",
    [
        {"duration_seconds": 900},
        {"duration_seconds": 43200, "max_session_duration": 43200, "chained": False},
        BY_USER | {"duration_seconds": 43200, "max_session_duration": 43200},
        {"external_id": "x" * 1224},
    ],
)
def test_what_is_just_within_the_limits_is_allowed(changed):
    assert error(assume_step(**changed)) is None


def test_a_step_without_principal_is_made_by_the_previous_session():
    chained = assume_step(principal=None)
    own = list_step(principal=None, resource_account=ACCOUNT_B)
    more = list_step(principal=None, resource_account=ACCOUNT_B)
    foreign = list_step(principal=None, resource_account=ACCOUNT_A)
    role_b = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"

    assert decision(web_identity_step(), chained, own, more) == "allow"
    message = f"User: {role_b} is not authorized to perform: s3:ListBucket on resource: {BUCKET}"
    assert error(web_identity_step(), chained, own, foreign) == (DENIED, 403, message)
    assert error(web_identity_step(), chained | {"duration_seconds": 3601})[2] == CHAINED


def test_a_session_keeps_its_roles_path_and_takes_its_id_from_the_step():
    first = web_identity_step(resource=PATHED)
    by_path = assume_step(principal=None, trust_policy=document(trust({"AWS": PATHED})))
    by_id = assume_step(principal=None, trust_policy=document(trust({"AWS": "AROAEXAMPLE1"})))

    assert decision(first, by_path) == "allow"
    assert decision(first, by_path | {"principal_id": "AROAEXAMPLE1"}) == "allow"
    assert decision(first, by_id) == "unknown"
    assert decision(first, by_id | {"principal_id": "AROAEXAMPLE1"}) == "allow"
    assert decision(first, by_id | {"principal_id": "AROAEXAMPLE2"}) == "deny"


def test_partitions_never_mix_whatever_the_policies_say():
    elsewhere = SESSION_A.replace("arn:aws:", "arn:aws-cn:")
    everyone = trusts(trust("*")) | {"identity_policies": ANYTHING}
    found = answer(assume_step(principal=elsewhere, **everyone))

    assert found["decision"] == "deny"
    assert "different partitions" in found["steps"][0]["reasons"][0]
    assert decision(assume_step(principal=EC2, **everyone)) == "allow"


def test_the_account_of_an_unknown_caller_of_a_role_matters():
    step = assume_step(principal=None, trust_policy=document(trust("*")), identity_policies=[])

    assert decision(step) == "unknown"
    assert decision(step | {"principal": SESSION_A}) == "deny"
