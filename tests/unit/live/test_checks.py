"""What a check takes for right."""

import base64
import json

import pytest

from tests.live.answers import GRANTED, Answer
from tests.live.checks import CHECKS, Check, as_another, claims_of

NAMES = {"role": "arn:aws:iam::123456789012:role/r"}


def fill(text):
    return text.format_map(NAMES)


@pytest.mark.parametrize(
    ("answer", "holds"),
    [
        (Answer(GRANTED, "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/r"), True),
        (Answer(GRANTED, "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/s"), False),
        (Answer(GRANTED, "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/r\nAWS_KEY=x"), False),
        (Answer("AccessDenied", "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/r"), False),
    ],
    ids=["as-it-must-be", "another-text", "what-must-not-be-there", "another-code"],
)
def test_code_text_and_absence_all_count(answer, holds):
    check = Check("k", "t", lambda world: answer, GRANTED, ("AWS_ROLE_ARN={role}",), ("AWS_KEY",))

    assert check.holds(answer, fill) is holds


def test_each_check_has_a_key_of_its_own_and_half_of_them_are_refusals():
    keys = [check.key for check in CHECKS]

    assert len(keys) == len(set(keys))
    assert sum(check.code != GRANTED for check in CHECKS) * 2 >= len(keys) - 4


def test_a_forged_token_has_another_subject_and_the_old_signature():
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": "system:serviceaccount:p-dev:p-other", "aud": ["sts.amazonaws.com"]}
    token = f"{part({'alg': 'RS256'})}.{part(claims)}.signature"

    forged = as_another(token)

    assert claims_of(forged) == {**claims, "sub": "system:serviceaccount:p-dev:p-s3-app"}
    assert (forged.split(".")[0], forged.split(".")[2]) == (token.split(".")[0], "signature")
