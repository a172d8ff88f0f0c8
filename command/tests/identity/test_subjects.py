"""Service accounts as tokens and trust policies name them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irsa.identity.subjects import (
    ServiceAccountPattern,
    ServiceAccountRef,
    parse_subject,
    service_account_pattern,
    service_account_ref,
    split_subject,
)
from tests.support.refusal import refusal


@pytest.mark.parametrize("name", ["a", "7", "default", "my.app-1", "a" * 253, "0.0"])
def test_an_exact_subject_is_what_the_cluster_puts_into_tokens(name):
    account = service_account_ref("dev", name)

    assert account == ServiceAccountRef("dev", name)
    assert account.subject == f"system:serviceaccount:dev:{name}"


@pytest.mark.parametrize(
    ("namespace", "name", "named"),
    [
        ("Dev", "s3-app", "namespace 'Dev' is not a DNS-1123 label"),
        ("dev.x", "s3-app", "namespace 'dev.x' is not a DNS-1123 label"),
        ("dev-", "s3-app", "namespace 'dev-' is not a DNS-1123 label"),
        ("dev\n", "s3-app", r"namespace 'dev\n' is not a DNS-1123 label"),
        ("", "s3-app", "namespace '' is not a DNS-1123 label"),
        ("d" * 64, "s3-app", f"namespace '{'d' * 64}' is not a DNS-1123 label"),
        ("dev", "S3-App", "service account name 'S3-App' is not a DNS-1123 subdomain"),
        ("dev", "a..b", "service account name 'a..b' is not a DNS-1123 subdomain"),
        ("dev", "a:b", "service account name 'a:b' is not a DNS-1123 subdomain"),
        ("dev", "", "service account name '' is not a DNS-1123 subdomain"),
        ("dev", "a" * 254, f"service account name '{'a' * 254}' is not a DNS-1123 subdomain"),
        ("dev", "s3-*", "'s3-*' has a wildcard, which an exact subject takes literally"),
        ("dev", "s3-?", "service account name 's3-?' has a wildcard"),
        ("*", "s3-app", "namespace '*' is not a DNS-1123 label"),
    ],
)
def test_an_exact_subject_that_no_token_can_carry_is_refused(namespace, name, named):
    assert named in refusal(service_account_ref, namespace, name)


def test_a_pattern_covers_names_of_one_namespace():
    pattern = service_account_pattern("crossplane-system", "aws-provider-*")

    assert pattern == ServiceAccountPattern("crossplane-system", "aws-provider-*")
    assert pattern.subject == "system:serviceaccount:crossplane-system:aws-provider-*"
    assert not pattern.whole_namespace


@pytest.mark.parametrize(
    ("namespace", "pattern", "named"),
    [
        ("*", "*", "pattern 'system:serviceaccount:*:*' is over-broad"),
        ("dev*", "s3-*", "pattern 'system:serviceaccount:dev*:s3-*' is over-broad"),
        ("de?", "s3-*", "pattern 'system:serviceaccount:de?:s3-*' is over-broad"),
        ("*", "s3-*", "pattern 'system:serviceaccount:*:s3-*' is over-broad"),
        ("dev", "*", "pattern 'system:serviceaccount:dev:*' is over-broad"),
        ("dev", "**", "pattern 'system:serviceaccount:dev:**' is over-broad"),
        ("dev", "?*", "pattern 'system:serviceaccount:dev:?*' is over-broad"),
        ("dev", "system:serviceaccount:*:*", "pattern 'system:serviceaccount:*:*' contains ':'"),
        ("dev", "*:*", "pattern '*:*' contains ':'"),
        ("dev", "s3-app", "pattern 's3-app' has no wildcard; add '*' or '?'"),
        ("dev", "S3-*", "pattern 'S3-*' can match no service account"),
        ("dev", "${aws:x}*", "pattern '${aws:x}*' contains ':'"),
        ("dev", "${x}*", "pattern '${x}*' can match no service account"),
        ("dev", "", "pattern '' can match no service account"),
        ("dev", "a" * 253 + "*", "can match no service account"),
        ("Dev", "s3-*", "namespace 'Dev' is not a DNS-1123 label"),
    ],
)
def test_a_pattern_that_trusts_too_much_or_nothing_is_refused(namespace, pattern, named):
    assert named in refusal(service_account_pattern, namespace, pattern)


def test_a_whole_namespace_is_trusted_only_when_asked_for():
    message = refusal(service_account_pattern, "dev", "*")
    pattern = service_account_pattern("dev", "*", allow_whole_namespace=True)

    assert message.endswith("narrow it, or set allow_whole_namespace")
    assert pattern.whole_namespace


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("system:serviceaccount:dev:s3-app", ServiceAccountRef("dev", "s3-app")),
        ("system:serviceaccount:dev*:*", ServiceAccountRef("dev*", "*")),
        # A wildcard matches colons, too: only the first one ends the namespace.
        ("system:serviceaccount:dev:*:x", ServiceAccountRef("dev", "*:x")),
        ("system:serviceaccount:dev", None),
        ("system:serviceaccount:dev:", None),
        ("system:serviceaccount::s3-app", None),
        ("system:node:dev:s3-app", None),
        ("repo:organization/repository:*", None),
    ],
)
def test_a_subject_says_which_service_account_it_is(text, account):
    assert split_subject(text) == account


LABELS = st.text("ab0-", min_size=1, max_size=9).filter(lambda text: text.strip("-") == text)


@settings(max_examples=25)
@given(LABELS, LABELS)
def test_two_accounts_never_share_a_subject(namespace, name):
    """The subject is split at its colons in one way only, because no name may have one."""
    subject = service_account_ref(namespace, name).subject

    assert re.fullmatch(r"system:serviceaccount:([^:]+):([^:]+)", subject)
    assert parse_subject(subject) == (namespace, name)


@pytest.mark.parametrize("name", ["*", "s3-*", "S3", "a:b", ""])
def test_a_subject_of_no_exact_name_is_no_service_account(name):
    assert parse_subject(f"system:serviceaccount:dev:{name}") is None
