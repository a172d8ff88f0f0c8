import json

import pytest

from irsa_sandbox.aws.errors import AwsError
from irsa_sandbox.aws.trust_policies import stored_trust_policy

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
    ("principal", "shown"),
    [
        ("*", "*"),
        ({"AWS": [ROLE_A, "arn:aws:iam::999999999999:root"]}, None),
        ({"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A"}, None),
        ({"AWS": "AROAEXAMPLEOFROLEA"}, {"AWS": ROLE_A}),
    ],
    ids=str,
)
def test_principals_are_stored_and_a_unique_id_is_shown_as_the_arn(principal, shown):
    stored = stored_trust_policy(trust(principal), EXISTING)
    assert json.loads(stored) == json.loads(trust(shown or principal))


@pytest.mark.parametrize(
    "principal", ["arn:aws:iam::111122223333:role/none", "AROAOFAROLETHATISGONE", "s3-app-A"]
)
def test_a_principal_that_does_not_exist_is_named_in_iam_s_words(principal):
    assert refusal(trust({"AWS": [ROLE_A, principal]})) == (
        "MalformedPolicyDocument",
        400,
        f'Invalid principal in policy: "AWS":"{principal}"',
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
        (trust(Resource="*"), "Has prohibited field Resource"),
        (
            trust(Sid="for-ci"),
            (
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
                "regular expression [0-9A-Za-z]*"
            ),
        ),
        (
            trust({"Federated": "gitlab.com"}, Action="sts:AssumeRoleWithWebIdentity"),
            (
                "Trust policy with trusted principal gitlab.com must evaluate, using StringEquals, "
                "StringLike or StringEqualsIgnoreCase, gitlab.com:sub which is not scoped to all."
            ),
        ),
    ],
    ids=["no JSON", "no object", "resource", "sid", "shared issuer"],
)
def test_a_document_that_is_no_trust_policy_is_refused_in_iam_s_words(text, message):
    """All others: command/tests/decide/test_trust_policy.py."""
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
