"""From error messages to their causes."""

import json

import pytest

from irsa.__main__ import main
from irsa.links import LINKS
from irsa.sts import WEB_IDENTITY_REFUSED
from irsa.troubles import TROUBLES, diagnose

# Messages as users paste them, from AWS and from the SDKs' issue trackers.
MESSAGES = {
    "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: "
    "Not authorized to perform sts:AssumeRoleWithWebIdentity": ["web-identity-denied"],
    "InvalidIdentityToken: No OpenIDConnect provider found in your account for "
    "https://oidc.eks.eu-west-1.amazonaws.com/id/HEX": ["no-provider"],
    "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity "
    "operation: Incorrect token audience": ["audience"],
    "Couldn't retrieve verification key from your identity provider,  please reference "
    "AssumeRoleWithWebIdentity documentation for requirements": ["keys"],
    "An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity "
    "operation: Token expired: current date/time 2 must be before the expiration date/time 1": [
        "expired"
    ],
    "User: arn:aws:sts::111122223333:assumed-role/s3-app-A/app is not authorized to perform: "
    "sts:AssumeRole on resource: arn:aws:iam::444455556666:role/s3-app-B": ["assume-role-denied"],
    "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied": [
        "data-denied"
    ],
    "Unable to locate credentials. You can configure credentials by running aws configure": [
        "no-credentials"
    ],
    "User: arn:aws:sts::111122223333:assumed-role/dev-NodeInstanceRole-1/i-0123456789abcdef0 "
    "is not authorized to perform: s3:ListBucket": ["data-denied", "node-role"],
    "You must specify a region. You can also configure your region by running": ["no-region"],
    "[Errno 2] No such file or directory: "
    "'/var/run/secrets/eks.amazonaws.com/serviceaccount/token'": ["token-file"],
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
    "chaining.": ["session-duration"],
    'MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::1:role/x"': [
        "invalid-principal"
    ],
    "ValidationError: Request ARN is invalid": ["request-arn"],
}


@pytest.mark.parametrize("message", MESSAGES)
def test_the_message_leads_to_its_trouble(message):
    assert [trouble.key for trouble in diagnose(message)] == MESSAGES[message]


def test_every_trouble_has_a_message_above():
    assert {key for keys in MESSAGES.values() for key in keys} == {t.key for t in TROUBLES}


def test_every_trouble_is_found_by_its_own_text():
    for trouble in TROUBLES:
        assert trouble in diagnose(trouble.error)


def test_line_breaks_and_case_do_not_matter():
    message = WEB_IDENTITY_REFUSED.message.upper().replace(" ", "\n  ")
    assert [trouble.key for trouble in diagnose(message)] == ["web-identity-denied"]


@pytest.mark.parametrize("message", ["", "Bad Request", "sts", "AccessDenied"])
def test_nothing_is_guessed(message):
    assert diagnose(message) == []


def test_every_link_that_a_cause_names_is_one_of_verify():
    named = {cause.link for trouble in TROUBLES for cause in trouble.causes if cause.link}
    assert named <= LINKS.keys()


def test_doctor_prints_the_causes_in_order(capsys):
    assert main(["doctor", "--output", "json", "Request", "ARN", "is", "invalid"]) == 0

    [trouble] = json.loads(capsys.readouterr().out)
    assert trouble["key"] == "request-arn"
    assert [cause["link"] for cause in trouble["causes"]] == ["annotation", "annotation"]


def test_doctor_cannot_say_what_it_does_not_know(capsys):
    assert main(["doctor", "it does not work"]) == 3
    assert "python -m irsa verify" in capsys.readouterr().out


def test_doctor_without_a_text_is_wrong_usage(capsys):
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
