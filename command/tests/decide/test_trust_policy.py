"""Trust policies that IAM stores, and those that it does not."""

import pytest

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER,
    PATHED,
    ROLE_A,
    ROLE_B,
    ROOT,
    SESSION_A,
    USER,
    WEB_IDENTITY_STATEMENT,
    answer,
    assume_step,
    decision,
    document,
    error,
    issuer_trust,
    trust,
    web_identity_step,
)
from irsa.identity.outputs import UNKNOWN_OUTPUT

MALFORMED = "MalformedPolicyDocument"
STS_ONLY = "AssumeRole policy may only specify STS AssumeRole actions."
FEDERATED = "Federated principals must be valid domain names or SAML metadata ARNs"
SYNTAX = "Syntax errors in policy."
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
OF_A = f"arn:aws:iam::{ACCOUNT_A}"


def invalid(kind, name):
    return {"Principal": {kind: name}}, f'Invalid principal in policy: "{kind.upper()}":"{name}"'


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        invalid("AWS", f"{OF_A}:role/*"),
        invalid("AWS", f"{OF_A}:group/g"),
        invalid("AWS", f"{OF_A}:oidc-provider/{ISSUER}"),
        invalid("Service", "ec2"),
        invalid("Service", "ec2.c0m"),
        invalid("Service", "e_2.com"),
        ({"Principal": {"Federated": ISSUER}}, FEDERATED),
        ({"Principal": {"Federated": ROLE_A}}, FEDERATED),
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"NotResource": "*"}, "Has prohibited field NotResource"),
        ({"Action": "s3:GetObject"}, STS_ONLY),
        ({"Action": ["sts:AssumeRole", "*"]}, STS_ONLY),
        ({"Action": "sts:GetCallerIdentity"}, STS_ONLY),
        ({"Action": "AssumeRole"}, VENDOR),
        ({"Effect": "allow"}, "Missing required field Effect"),
        ({"Principal": {}}, SYNTAX),
        ({"Principal": {"AWS": []}}, SYNTAX),
        ({"Principal": {"Aws": ROLE_A}}, SYNTAX),
        ({"NotPrincipal": {"AWS": ROLE_A}}, "Missing required field Principal"),
        ({"NotAction": "sts:AssumeRole"}, "Missing required field Action"),
        ({"Conditions": {}}, SYNTAX),
        ({"Condition": {"StringEquals": "x"}}, SYNTAX),
        ({"Condition": {"StringEquals": {"a": {}}}}, SYNTAX),
        ({"Sid": 1}, SYNTAX),
    ],
)
@pytest.mark.parametrize(
    "make", [web_identity_step, assume_step, None], ids=["web", "assume", "create"]
)
def test_a_trust_policy_that_iam_never_stored_is_malformed_in_any_step(make, statement, message):
    policy = document(trust({"AWS": ROLE_A}) | statement)
    create = {"action": "iam:CreateRole", "trust_policy": policy}
    step = create if make is None else make(trust_policy=policy)

    assert error(step) == (MALFORMED, 400, message)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"Statement": "x"},
        {"Version": "2012", "Statement": []},
        {"Statement": [], "Extra": 1},
        {"Statement": [], "Id": 1},
        {"Statement": [None]},
    ],
)
def test_a_document_without_sense_is_malformed(policy):
    assert error(web_identity_step(trust_policy=policy)) == (MALFORMED, 400, SYNTAX)


SESSION_TRUST = trust({"AWS": SESSION_A})


@pytest.mark.parametrize(
    ("statement", "existing", "refused"),
    [
        (trust({"AWS": ROLE_A}), None, None),
        (trust({"AWS": ROLE_A}), [ROLE_A], None),
        (trust({"AWS": ROLE_A}), [], ROLE_A),
        (trust({"AWS": ROLE_A}), [f"{ROLE_A}x"], ROLE_A),
        (trust({"AWS": [ROLE_A, USER]}), [ROLE_A], USER),
        (trust({"AWS": "AROAEXAMPLE1"}), [ROLE_A], "AROAEXAMPLE1"),
        (trust({"AWS": [ROOT, ACCOUNT_B, "*"]}), [], None),
        (trust("*"), [], None),
        (WEB_IDENTITY_STATEMENT, [], None),
        (SESSION_TRUST, [ROLE_A], None),
        (SESSION_TRUST, [PATHED], None),
        (SESSION_TRUST, [ROLE_B], SESSION_A),
        (SESSION_TRUST, [f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-A"], SESSION_A),
        (SESSION_TRUST, [f"arn:aws:iam::{ACCOUNT_A}:user/s3-app-A"], SESSION_A),
    ],
)
def test_create_role_answers_as_iam_does_for_the_document(statement, existing, refused):
    step = {"action": "iam:CreateRole", "trust_policy": document(statement)}
    malformed = (MALFORMED, 400, invalid("AWS", refused)[1])

    assert error(step | {"existing_principals": existing}) == (malformed if refused else None)


def test_create_role_knows_the_quota_only_at_its_ends():
    def sized(count):
        subjects = [f"system:serviceaccount:dev:app-{number:04}" for number in range(count)]
        policy = issuer_trust(StringEquals={f"{ISSUER}:sub": subjects})
        return answer({"action": "iam:CreateRole", "trust_policy": policy})

    assert sized(30)["decision"] == "allow"
    assert sized(100)["steps"][0]["missing"] == [
        "the account's quota for trust policies: this one has 4043 characters"
    ]
    assert sized(300)["error"] == {
        "code": "LimitExceeded",
        "http": 409,
        "message": "Cannot exceed quota for ACLSizePerRole: 2048",
    }


@pytest.mark.parametrize(
    "trust_policy",
    [
        UNKNOWN_OUTPUT,
        document(trust({"AWS": UNKNOWN_OUTPUT})),
        document(trust({"AWS": ROLE_A}) | {"Action": UNKNOWN_OUTPUT}),
        document(trust({"AWS": ROLE_A}, Condition={"StringEquals": {"aws:x": UNKNOWN_OUTPUT}})),
    ],
)
def test_an_output_that_is_not_known_yet_leaves_the_answer_open(trust_policy):
    assert decision(assume_step(trust_policy=trust_policy)) == "unknown"


def test_so_does_one_in_the_place_of_a_provider_or_of_a_policy():
    statement = WEB_IDENTITY_STATEMENT | {"Principal": {"Federated": UNKNOWN_OUTPUT}}

    assert decision(web_identity_step(trust_policy=document(statement))) == "unknown"
    assert decision(assume_step(identity_policies=[UNKNOWN_OUTPUT])) == "unknown"
