"""Answers without what differs from run to run, and the report that has them side by side."""

import pytest

from tests.live import answers
from tests.live.answers import Answer, Row, answer_of, normalised, report

NAMES = {"123456789012": "ACCOUNT_A", "irsa-live-abcdefgh": "RUN"}
DENIED = (
    "\nAn error occurred (AccessDenied) when calling the ListObjectsV2 operation: User: arn:aws:sts"
    "::123456789012:assumed-role/irsa-live-abcdefgh-s3-app/botocore-session-1764170000 is not "
    "authorized to perform: s3:ListBucket\n"
)
NEWER = """aws: [ERROR]: An error occurred (ValidationError) when calling the AssumeRole operation \
(reached max retries: 4): too
long
"""


@pytest.mark.parametrize(
    ("ended", "answer"),
    [
        ((0, " listed \n", "a warning"), Answer("granted", "listed")),
        (
            (254, "", DENIED),
            Answer("AccessDenied", " ".join(DENIED.split(": ", 1)[1].split()), "ListObjectsV2"),
        ),
        (
            (
                255,
                "",
                NEWER,
            ),
            Answer("ValidationError", "too long", "AssumeRole"),
        ),
        ((255, "", "no credentials"), Answer("failed", "exit code 255: no credentials")),
    ],
    ids=["granted", "refused", "newer-cli", "no-answer-of-aws"],
)
def test_what_the_cli_prints_is_aws_s_code_and_words(ended, answer):
    assert answer_of(*ended) == answer


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "arn:aws:iam::123456789012:role/irsa-live-abcdefgh-x",
            "arn:aws:iam::ACCOUNT_A:role/RUN-x",
        ),
        ("assumed-role/r/botocore-session-1764170000", "assumed-role/r/SESSION"),
        ("assumed-role/r/1764170000123456789 is", "assumed-role/r/SESSION is"),
        ("assumed-role/s3-app-B/xactarget", "assumed-role/s3-app-B/xactarget"),
        ("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_ACCESS_KEY_ID=KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY=wJalr/K7", "AWS_SECRET_ACCESS_KEY=SECRET"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "TOKEN"),
        (
            "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123",
            "https://oidc.eks.us-east-1.amazonaws.com/id/ISSUER",
        ),
        ("2026-11-26 15:01:02   11 reports/x.csv", "TIME   11 reports/x.csv"),
        ("=/private/x/root/etc/aws/config", "=/etc/aws/config"),
        ("=/var/run/secrets/eks/token", "=/var/run/secrets/eks/token"),
        ("Sid AROAJQABLZS4A3QDU576Q", "Sid UNIQUE_ID"),
    ],
)
def test_what_differs_from_run_to_run_is_named_and_not_shown(text, shown):
    assert normalised(Answer("granted", text), NAMES).text == shown


def test_a_report_has_both_answers_and_says_when_they_are_the_same(monkeypatch):
    refused = Answer("AccessDenied", "no", "AssumeRole")
    monkeypatch.setattr(
        answers, "sandbox_answers", lambda: {"a": Answer("granted", "x"), "b": refused}
    )
    rows = [
        Row("a", "A works", False, Answer("AccessDenied", "not you", "GetObject")),
        Row("b", "B does not", True, refused),
        Row("c", "C is new", True, Answer("granted", "y")),
    ]

    text = report("A run", {"run": "abcdefgh"}, rows)

    assert text.startswith("# A run\n\n- run: abcdefgh\n")
    assert "| a | A works | **FAILED** | AccessDenied (GetObject) | granted |" in text
    assert (
        "| b | B does not | passed | AccessDenied (AssumeRole) | AccessDenied (AssumeRole) |"
        in text
    )
    assert "| c | C is new | passed | granted | not recorded |" in text
    assert "here: AccessDenied (GetObject)\n\n```text\nnot you\n```\n\nsandbox: granted" in text
    assert text.count("The sandbox answers the same.") == 1
