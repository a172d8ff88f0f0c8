import json

import pytest

from sandbox.aws.errors import AwsError
from sandbox.aws.trust_policies import stored_trust_policy

ROLE_A = "arn:aws:iam::111122223333:role/s3-app-A"
EXISTING = {"AROAEXAMPLEOFROLEA": ROLE_A, "AIDAEXAMPLEOFUSER1": "arn:aws:iam::111122223333:user/u"}


def trust(principal: object = "*", **elements: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **elements}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refusal(text: str) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as error:
        stored_trust_policy(text, EXISTING)
    return error.value.code, error.value.http, error.value.message


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": ROLE_A},
        {"AWS": [ROLE_A, "arn:aws:iam::111122223333:user/u"]},
        {"AWS": "111122223333"},
        {"AWS": "arn:aws:iam::999999999999:root"},
        {"AWS": "arn:aws:sts::111122223333:assumed-role/s3-app-A/app"},
        {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A"},
        {"Service": "ec2.amazonaws.com"},
    ],
    ids=str,
)
def test_principals_that_exist_are_stored_as_they_are(principal):
    assert json.loads(stored_trust_policy(trust(principal), EXISTING)) == json.loads(
        trust(principal)
    )


def test_a_unique_id_is_shown_as_the_arn_while_the_role_exists():
    stored = stored_trust_policy(trust({"AWS": "AROAEXAMPLEOFROLEA"}), EXISTING)
    assert json.loads(stored) == json.loads(trust({"AWS": ROLE_A}))


@pytest.mark.parametrize(
    "principal",
    [
        "arn:aws:iam::111122223333:role/none",
        "arn:aws:iam::444455556666:role/s3-app-A",
        "arn:aws:iam::111122223333:role/path/s3-app-A",
        "arn:aws:iam::111122223333:user/s3-app-A",
        "arn:aws-cn:iam::111122223333:role/s3-app-A",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::111122223333:role/s3-app-?",
        "arn:aws:iam::111122223333:ROLE/s3-app-A",
        "arn:aws:sts::111122223333:assumed-role/none/app",
        "AROAOFAROLETHATISGONE",
        "s3-app-A",
        "1111222233334",
    ],
)
def test_a_principal_that_does_not_exist_is_named_in_iam_s_words(principal):
    assert refusal(trust({"AWS": principal})) == (
        "MalformedPolicyDocument",
        400,
        f'Invalid principal in policy: "AWS":"{principal}"',
    )


def test_one_missing_principal_of_several_is_enough():
    gone = "arn:aws:iam::111122223333:role/gone"
    assert refusal(trust({"AWS": [ROLE_A, gone]}))[2] == (
        f'Invalid principal in policy: "AWS":"{gone}"'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (trust(Resource="*"), "Has prohibited field Resource"),
        (
            trust(Action="s3:GetObject"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (trust(Action=["sts:AssumeRole", "*"]),
         "AssumeRole policy may only specify STS AssumeRole actions."),
        ("{", "This policy contains invalid Json"),
        ("", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
        (trust(Condtion={}), "Syntax errors in policy."),
    ],
    ids=["resource", "action", "any action", "no JSON", "empty", "no object", "misspelt element"],
)  # fmt: skip
def test_a_document_that_is_no_trust_policy_is_refused_in_iam_s_words(text, message):
    assert refusal(text) == ("MalformedPolicyDocument", 400, message)


def test_a_document_may_have_2048_characters_without_counting_spaces():
    spare = 2048 - len("".join(trust(Sid="").split()))
    longest = trust(Sid="x" * spare)
    assert stored_trust_policy(json.dumps(json.loads(longest), indent=8), {})
    assert refusal(trust(Sid="x" * (spare + 1))) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for ACLSizePerRole: 2048",
    )
