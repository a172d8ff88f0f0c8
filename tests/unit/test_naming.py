"""Names, ARNs and subjects: what is accepted, and the line that refuses the rest."""

import re

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import naming
from components.naming import (
    ServiceAccountPattern,
    ServiceAccountRef,
    issuer_from_provider_arn,
    partition_of_region,
    provider_arn_for,
    role_arn,
    service_account_pattern,
    service_account_ref,
)
from components.regions import REGIONS

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"


def refusal(function, *args, **options) -> str:
    """The one line that a refused call gives."""
    with pytest.raises(ValueError, match=r".") as caught:
        function(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_exact_subject_is_what_the_cluster_puts_into_tokens():
    account = service_account_ref("dev", "s3-app")

    assert account == ServiceAccountRef("dev", "s3-app")
    assert account.subject == "system:serviceaccount:dev:s3-app"


@pytest.mark.parametrize("name", ["a", "7", "default", "my.app-1", "a" * 253, "0.0"])
def test_names_that_kubernetes_accepts_are_accepted(name):
    assert service_account_ref("x", name).name == name


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
        ("dev", "s3-*", "service account name 's3-*' has a wildcard"),
        ("dev", "s3-?", "service account name 's3-?' has a wildcard"),
        ("*", "s3-app", "namespace '*' is not a DNS-1123 label"),
    ],
)
def test_an_exact_subject_that_no_token_can_carry_is_refused(namespace, name, named):
    assert named in refusal(service_account_ref, namespace, name)


def test_a_wildcard_in_an_exact_subject_points_to_patterns():
    message = refusal(service_account_ref, "dev", "s3-*")

    assert message == (
        "service account name 's3-*' has a wildcard, which an exact subject takes as it is; "
        "use serviceAccountPattern"
    )


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
        ("dev", "s3-app", "pattern 's3-app' has no wildcard; use serviceAccount"),
        ("dev", "S3-*", "pattern 'S3-*' can match no service account"),
        ("dev", "${aws:x}*", "pattern '${aws:x}*' contains ':'"),
        ("dev", "${x}*", "pattern '${x}*' can match no service account"),
        ("dev", "", "pattern '' can match no service account"),
        ("dev", "a" * 253 + "*", "can match no service account"),
        ("Dev", "s3-*", "namespace 'Dev' is not a DNS-1123 label"),
    ],
)
def test_a_pattern_that_trusts_too_much_or_nobody_is_refused(namespace, pattern, named):
    assert named in refusal(service_account_pattern, namespace, pattern)


def test_a_whole_namespace_is_trusted_only_when_asked_for():
    message = refusal(service_account_pattern, "dev", "*")
    pattern = service_account_pattern("dev", "*", allow_whole_namespace=True)

    assert message.endswith("narrow it, or set allowWholeNamespace: true")
    assert pattern.whole_namespace


def test_all_namespaces_are_never_trusted():
    message = refusal(service_account_pattern, "*", "*", allow_whole_namespace=True)

    assert message == (
        "pattern 'system:serviceaccount:*:*' is over-broad: it trusts every namespace that "
        "matches; name one namespace exactly"
    )


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b"])
def test_the_issuer_comes_back_out_of_the_provider_arn_in_any_partition(partition):
    arn = provider_arn_for(ISSUER, "111122223333", partition=partition)

    assert arn == f"arn:{partition}:iam::111122223333:oidc-provider/{ISSUER}"
    assert issuer_from_provider_arn(arn) == ISSUER


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "not-an-arn",
        ISSUER,
        f"https://{ISSUER}",
        f"arn:aws:iam::111122223333:oidc-provider/https://{ISSUER}",
        "arn:aws:iam::111122223333:oidc-provider/",
        f"arn:aws:iam::1111:oidc-provider/{ISSUER}",
        f"arn:aws:iam::111122223333:role/{ISSUER}",
        f"arn:aws:iam::111122223333:saml-provider/{ISSUER}",
        f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}:aud",
        f"arn:aws:iam::111122223333:oidc-provider/{ISSUER} ",
        f"arn:evil:iam::111122223333:oidc-provider/{ISSUER}",
    ],
)
def test_nothing_else_gives_an_issuer(arn):
    assert refusal(issuer_from_provider_arn, arn) == (
        f"{arn!r} is not an OIDC provider ARN; expected "
        "arn:aws:iam::<account>:oidc-provider/<issuer without https://>"
    )


def test_a_role_arn_is_known_before_the_role():
    assert role_arn("444455556666", "s3-app-B") == "arn:aws:iam::444455556666:role/s3-app-B"
    assert (
        role_arn("444455556666", "b", path="/team/x/", partition="aws-cn")
        == "arn:aws-cn:iam::444455556666:role/team/x/b"
    )


@pytest.mark.parametrize(
    ("account_id", "name", "path", "named"),
    [
        ("1234", "r", "/", "account id '1234' is not 12 digits"),
        ("١١١١٢٢٢٢٣٣٣٣", "r", "/", "is not 12 digits"),
        (
            "111122223333",
            "r" * 65,
            "/",
            f"role name '{'r' * 65}' has 65 characters; IAM accepts 64",
        ),
        ("111122223333", "a/b", "/", "role name 'a/b' may have letters"),
        ("111122223333", "", "/", "role name '' may have letters"),
        ("111122223333", "r", "team/", "path 'team/' must begin and end with '/'"),
        ("111122223333", "r", "/team", "path '/team' must begin and end with '/'"),
        ("111122223333", "r", "", "path '' must begin and end with '/'"),
        ("111122223333", "r", "/a b/", "path '/a b/' must begin and end with '/'"),
        ("111122223333", "r", "/" + "x" * 511 + "/", "at most 512 characters"),
    ],
)
def test_an_arn_that_iam_would_never_give_is_not_computed(account_id, name, path, named):
    assert named in refusal(role_arn, account_id, name, path=path)


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("eu-central-2", "aws"),
        ("mx-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_the_region_says_the_partition(region, partition):
    assert partition_of_region(region) == partition


@pytest.mark.parametrize(
    ("region", "meant"),
    [
        ("us-esat-1", "did you mean us-west-1 or us-east-1?"),
        ("us-east-1a", "did you mean us-east-1 or us-west-1?"),
        ("eu-wset-3", "did you mean eu-west-3 or eu-west-2?"),
        ("eu-west-9", "did you mean eu-west-3 or eu-west-2?"),
        ("US-EAST-1", "did you mean us-east-1 or us-west-1?"),
        ("narnia", "one looks like 'us-east-1'"),
        ("", "one looks like 'us-east-1'"),
    ],
)
def test_what_is_no_region_has_no_partition(region, meant):
    """F i."""
    assert refusal(partition_of_region, region) == (
        f"region {region!r} is not one of AWS's; {meant} "
        "(if it is new, add it to components/regions.py)"
    )


def test_the_regions_are_those_that_botocore_knows():
    session = botocore.session.get_session()
    assert {
        partition: sorted(session.get_available_regions("sts", partition))
        for partition in session.get_available_partitions()
    } == {partition: sorted(regions) for partition, regions in REGIONS.items()}


@pytest.mark.parametrize(
    "name", ["bucket-s3-app", "abc", "my.bucket.1", "a" * 63, "192.168.1.app", "1a2"]
)
def test_bucket_names_that_s3_accepts_are_accepted(name):
    assert naming.check_bucket_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 64,
        "Bucket",
        "a_b",
        "-ab",
        "ab-",
        "a..b",
        "192.168.1.1",
        "xn--abc",
        "x-s3alias",
    ],
)
def test_bucket_names_that_s3_refuses_are_refused(name):
    assert refusal(naming.check_bucket_name, name).startswith(f"bucket name {name!r} is refused")


@pytest.mark.parametrize("seconds", [3600, 43_200])
def test_session_durations_at_the_limits_are_accepted(seconds):
    assert naming.check_session_duration(seconds) == seconds


@pytest.mark.parametrize("seconds", [-1, 0, 3599, 43_201])
def test_session_durations_beyond_the_limits_are_refused(seconds):
    assert refusal(naming.check_session_duration, seconds) == (
        f"maximum session duration {seconds} is outside of 3600 to 43200 seconds"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("AWS_ROLE_ARN", "the pod identity webhook leaves a container alone"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "the pod identity webhook leaves a container alone"),
        ("AWS_ACCESS_KEY_ID", "static credentials win"),
        ("AWS_SECRET_ACCESS_KEY", "static credentials win"),
        ("AWS_SESSION_TOKEN", "static credentials win"),
        ("AWS_PROFILE", "a profile changes whom the pod is"),
        ("AWS_DEFAULT_PROFILE", "a profile changes whom the pod is"),
        ("AWS_CONFIG_FILE", "a profile changes whom the pod is"),
        ("AWS_SHARED_CREDENTIALS_FILE", "a profile changes whom the pod is"),
    ],
)
def test_variables_that_decide_about_credentials_are_reserved(name, why):
    message = refusal(naming.check_env_name, name)

    assert message.startswith(f"environment variable {name!r} is reserved: {why}")
    assert message.endswith("; remove it")


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "A B"])
def test_what_no_shell_can_read_is_no_variable(name):
    assert refusal(naming.check_env_name, name).startswith(
        f"environment variable {name!r} may have"
    )


@pytest.mark.parametrize("name", ["HOME", "AWS_REGION", "AWS_DEFAULT_REGION", "_x9"])
def test_other_variables_are_free(name):
    assert naming.check_env_name(name) == name


@pytest.mark.parametrize(
    "arn",
    ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws-cn:iam::111122223333:policy/team/s3-app"],
)
def test_managed_policies_are_named_by_their_arn(arn):
    assert naming.check_policy_arn(arn) == arn


@pytest.mark.parametrize(
    "arn", ["", "ReadOnlyAccess", "arn:aws:iam::aws:role/x", "arn:aws:iam::aws:policy/"]
)
def test_what_is_no_policy_arn_is_refused(arn):
    assert refusal(naming.check_policy_arn, arn).startswith(
        f"{arn!r} is not the ARN of a managed policy"
    )


@settings(max_examples=25)
@given(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
)
def test_two_accounts_never_share_a_subject(namespace, name):
    """The subject is split at its colons in one way only, because no name may have one."""
    subject = service_account_ref(namespace, name).subject

    assert re.fullmatch(r"system:serviceaccount:([^:]+):([^:]+)", subject)
    assert subject.split(":")[2:] == [namespace, name]
