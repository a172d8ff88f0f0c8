"""From error messages to their causes."""

import json
import time
from pathlib import Path

import pytest
import yaml

from irsa.__main__ import main
from irsa.chain.link import LINKS
from irsa.commands.known_errors import KNOWN_ERRORS, TEXT_MAX, Level, diagnose
from irsa.identity.access_denied import PolicyType
from irsa.identity.errors import web_identity_denied

ROWS = yaml.safe_load(Path(__file__).with_name("messages.yaml").read_text())
SOLVED = [row for row in ROWS if "cause" in row]
BY_KEY = {trouble.key: trouble for trouble in KNOWN_ERRORS}
SHOWN_FIRST = 2
GOAL = 0.9
UNSOURCED = {"clock", "left-over", "other-account"}
"""Causes that need no page: a clock, a leftover, a profile that was not chosen."""

# Messages without a thread: AWS's and the SDKs' own texts.
TEXTS = {
    "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied": [
        "data-denied"
    ],
    "You must specify a region. You can also configure your region by running": ["no-region"],
    "[Errno 2] No such file or directory: "
    "'/var/run/secrets/eks.amazonaws.com/serviceaccount/token'": ["token-file"],
    r"Could not find file 'C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token'.": [
        "token-file"
    ],
    "Roles may not be assumed by root accounts.": [],
    "invalid regional endpoint": [],
    "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider": [],
    # Two errors in one log are two troubles; the summaries between them are none.
    "failed to refresh cached credentials, Incorrect token audience; Unable to locate credentials; "
    "You must specify a region": ["audience", "no-region"],
}


def _where(row):
    return f"{row['thread']} {row['message'][:24]}"


def _first(row):
    [trouble, *_] = diagnose(row["message"])
    return [cause.id for cause in trouble.causes[:SHOWN_FIRST]]


@pytest.mark.parametrize("row", ROWS, ids=_where)
def test_the_message_names_its_troubles_and_no_others(row):
    assert [trouble.key for trouble in diagnose(row["message"])] == row["troubles"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_names_its_troubles_and_no_others(text):
    assert [trouble.key for trouble in diagnose(text)] == TEXTS[text]


@pytest.mark.parametrize("row", SOLVED, ids=_where)
def test_what_solved_the_thread_is_among_the_first_causes_or_marked_as_a_miss(row):
    assert row["cause"] in {cause.id for cause in BY_KEY[row["troubles"][0]].causes}
    assert (row["cause"] in _first(row)) == ("miss" not in row)


def test_what_solved_the_thread_is_among_the_first_causes_nine_times_of_ten():
    hits = sum(row["cause"] in _first(row) for row in SOLVED)
    assert len(SOLVED) >= 95
    assert hits / len(SOLVED) >= GOAL


def test_every_row_has_what_it_needs():
    for row in ROWS:
        assert row.keys() <= {"thread", "message", "troubles", "cause", "miss", "note"}
        assert "#" in row["thread"] or row["thread"].startswith("https://")
    assert len({(row["thread"], row["message"]) for row in ROWS}) == len(ROWS)


def test_every_trouble_has_a_message_in_the_set():
    assert {key for row in ROWS for key in row["troubles"]} == BY_KEY.keys()


def test_a_cause_that_names_a_thread_of_the_set_is_what_solved_it():
    solved = {(row["thread"], row["troubles"][0]): row["cause"] for row in SOLVED}
    for trouble in KNOWN_ERRORS:
        for cause in trouble.causes:
            assert solved.get((cause.source, trouble.key), cause.id) == cause.id


def test_every_cause_of_a_trouble_has_an_id_and_a_source_or_a_link():
    for trouble in KNOWN_ERRORS:
        ids = [cause.id for cause in trouble.causes]
        assert len(set(ids)) == len(ids)
        for cause in trouble.causes:
            assert cause.source or cause.link or cause.id in UNSOURCED, (trouble.key, cause.id)


def test_every_trouble_is_named_by_its_own_text():
    for trouble in KNOWN_ERRORS:
        assert [each.key for each in diagnose(trouble.error)] == [trouble.key]


def test_a_wrapper_is_an_answer_only_by_itself():
    wrapper = "failed to refresh cached credentials, operation error STS: AssumeRole, "
    summaries = {"no-credentials", "imds", "malformed-policy"}
    assert [trouble.key for trouble in diagnose(wrapper)] == ["no-credentials"]
    for trouble in KNOWN_ERRORS:
        if trouble.key not in summaries:
            text = f"{wrapper}{trouble.error} NoCredentialProviders, no EC2 IMDS role found"
            assert [each.key for each in diagnose(text)] == [trouble.key]


def test_line_breaks_and_case_do_not_matter():
    message = web_identity_denied().message.upper().replace(" ", "\n  ")
    assert [trouble.key for trouble in diagnose(message)] == ["web-identity-denied"]


@pytest.mark.parametrize("message", ["", "Bad Request", "sts", "AccessDenied"])
def test_nothing_is_guessed(message):
    assert diagnose(message) == []


REFUSED = "User: arn:aws:sts::111122223333:assumed-role/s3-app/s is not authorized to perform: "


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("s3:GetObject because no identity-based policy allows it", "role-policy"),
        ("s3:GetObject with an explicit deny in an identity-based policy", "deny"),
        ("s3:GetObject because no resource-based policy allows it", "resource-policy"),
        ("s3:GetObject because no permissions boundary allows it", "boundary"),
        ("s3:GetObject because no session policy allows it", "session-policy"),
        ("s3:GetObject with an explicit deny in a service control policy", "organization"),
        ("s3:GetObject with an explicit deny in a resource control policy", "organization"),
        ("s3:GetObject because no VPC endpoint policy allows it", "vpc-endpoint"),
        ("s3:GetObject with an explicit deny", "deny"),
        ("kms:Decrypt on resource: arn:aws:kms:eu-west-1:111122223333:key/k", "kms-key"),
        ("sts:AssumeRole because no role trust policy allows it", "role-b-trust"),
        ("sts:AssumeRole because no identity-based policy allows it", "role-a-policy"),
        ("sts:AssumeRole with an explicit deny in a service control policy", "organization"),
        ("sts:AssumeRole on resource: arn:aws:iam::444455556666:role/s3-app", "role-a-policy"),
    ],
)
def test_the_errors_own_words_come_first(said, cause):
    [trouble] = diagnose(REFUSED + said)
    assert trouble.causes[0].id == cause


def test_every_type_of_policy_has_its_cause():
    named = {t for trouble in KNOWN_ERRORS for cause in trouble.causes for t in cause.policy_types}
    assert named == set(PolicyType)


def test_what_is_not_irsa_is_said_to_be_something_else():
    [trouble] = diagnose("CredentialsProviderError: connect ECONNREFUSED 169.254.170.23:80")
    assert (trouble.key, trouble.level) == ("pod-identity", Level.ANOTHER_MECHANISM)
    assert "not of IRSA" in trouble.meaning


@pytest.mark.parametrize(
    "part",
    [
        "assumed-role/node",
        "access denied ",
        "sts.amazonaws.com ",
        "a.",
        "arn:aws:sts::1:assumed-role/r/s is not authorized to perform: sts:AssumeRole on resource ",
        "User: x is not authorized to perform: s3:a ",
        "token expired could not connect ",
        "\\n\\t",
    ],
)
def test_a_long_text_ends_in_a_second(part):
    text = part * (2 * TEXT_MAX // len(part))
    began = time.process_time()
    diagnose(text)
    assert time.process_time() - began < 1


def test_of_a_long_log_the_end_is_read():
    log = "line\n" * TEXT_MAX
    assert [trouble.key for trouble in diagnose(f"{log}Request ARN is invalid")] == ["request-arn"]


def test_every_link_that_a_cause_names_is_one_of_verify():
    named = {cause.link for trouble in KNOWN_ERRORS for cause in trouble.causes if cause.link}
    assert named <= LINKS.keys()


def test_doctor_prints_the_causes_in_order(capsys):
    assert main(["doctor", "--output", "json", "Request", "ARN", "is", "invalid"]) == 0

    [trouble] = json.loads(capsys.readouterr().out)
    assert trouble["key"] == "request-arn"
    assert [cause["link"] for cause in trouble["causes"]] == ["annotation", "annotation"]
    assert trouble["causes"][0].keys() == {"id", "cause", "check", "link", "source"}


def test_doctor_says_once_how_verify_is_run(capsys):
    assert main(["doctor", "Incorrect token audience, You must specify a region"]) == 0

    printed = capsys.readouterr().out
    assert printed.count("python -m irsa verify") == 1
    assert "check: link 'audience' of verify" in printed


def test_doctor_says_who_refused_what(capsys):
    assert main(["doctor", f"{REFUSED}s3:ListBucket because no session policy allows it"]) == 0
    assert "AWS says: no session policy allows s3:ListBucket" in capsys.readouterr().out


def test_doctor_cannot_say_what_it_does_not_know(capsys):
    assert main(["doctor", "it does not work"]) == 3
    assert "python -m irsa verify" in capsys.readouterr().out


def test_doctor_without_a_text_is_wrong_usage(capsys):
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
