"""Service accounts as tokens and trust policies name them."""

import pytest

from irsa_core.identity import subjects
from tests.support.refusal import refusal

NO_LABEL, NO_SUBDOMAIN = "is not a DNS-1123 label", "is not a DNS-1123 subdomain"
OVER_BROAD = "pattern 'system:serviceaccount:{}:{}' is over-broad"
NO_ACCOUNT = "can match no service account"


@pytest.mark.parametrize("name", ["a", "7", "default", "my.app-1", "a" * 253, "0.0"])
def test_an_exact_subject_is_what_the_cluster_puts_into_tokens(name):
    account = subjects.service_account_ref("dev", name)
    assert account == subjects.ServiceAccountRef("dev", name)
    assert subjects.parse_subject(account.subject) == account
    assert account.subject == f"system:serviceaccount:dev:{name}"


@pytest.mark.parametrize(
    ("namespace", "name", "named"),
    [
        *(
            (namespace, "s3-app", f"namespace {namespace!r} {NO_LABEL}")
            for namespace in ("Dev", "dev.x", "a:b", "*", "dev\n", "", "d" * 64)
        ),
        *(
            ("dev", name, f"service account name {name!r} {NO_SUBDOMAIN}")
            for name in ("S3-App", "a..b", "a:b", "", "a" * 254)
        ),
        ("dev", "s3-?", "service account name 's3-?' has a wildcard"),
        ("dev", "s3-*", "'s3-*' has a wildcard, which an exact subject takes literally"),
    ],
)
def test_an_exact_subject_that_no_token_can_carry_is_refused(namespace, name, named):
    assert named in refusal(subjects.service_account_ref, namespace, name)
    assert subjects.parse_subject(f"system:serviceaccount:{namespace}:{name}") is None


@pytest.mark.parametrize(
    ("namespace", "pattern", "named"),
    [
        *((namespace, "s3-*", OVER_BROAD) for namespace in ("*", "dev*", "de?")),
        *(("dev", pattern, OVER_BROAD) for pattern in ("*", "**", "?*")),
        ("*", "*", OVER_BROAD),
        ("dev", "system:serviceaccount:*:*", "pattern '{1}' contains ':'"),
        ("dev", "${aws:x}*", "pattern '{1}' contains ':'"),
        ("dev", "s3-app", "pattern 's3-app' has no wildcard; add '*' or '?'"),
        *(("dev", pattern, NO_ACCOUNT) for pattern in ("S3-*", "${x}*", "", "a" * 253 + "*")),
        ("Dev", "s3-*", f"namespace 'Dev' {NO_LABEL}"),
    ],
)
def test_a_pattern_that_trusts_too_much_or_nothing_is_refused(namespace, pattern, named):
    message = refusal(subjects.service_account_pattern, namespace, pattern)
    assert named.format(namespace, pattern) in message


def test_a_pattern_covers_names_of_one_namespace_or_all_when_asked_for():
    pattern = subjects.service_account_pattern("crossplane-system", "aws-provider-*")
    message = refusal(subjects.service_account_pattern, "dev", "*")

    assert pattern == subjects.ServiceAccountPattern("crossplane-system", "aws-provider-*")
    assert pattern.subject == "system:serviceaccount:crossplane-system:aws-provider-*"
    assert not pattern.whole_namespace
    assert message.endswith("narrow it, or set allow_whole_namespace")
    assert subjects.service_account_pattern("dev", "*", allow_whole_namespace=True).whole_namespace


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("system:serviceaccount:dev:s3-app", subjects.ServiceAccountRef("dev", "s3-app")),
        ("system:serviceaccount:dev*:*", subjects.ServiceAccountRef("dev*", "*")),
        # A wildcard matches colons, too: only the first one ends the namespace.
        ("system:serviceaccount:dev:*:x", subjects.ServiceAccountRef("dev", "*:x")),
        *((f"system:{text}", None) for text in ("serviceaccount:dev", "serviceaccount:dev:")),
        *((f"system:{text}", None) for text in ("serviceaccount::s3-app", "node:dev:s3-app")),
        ("repo:organization/repository:*", None),
    ],
)
def test_a_subject_says_which_service_account_it_is(text, account):
    assert subjects.split_subject(text) == account
