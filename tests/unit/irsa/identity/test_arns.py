"""ARNs: parsed, checked and made."""

import pytest

from irsa.identity.arns import (
    check_policy_arn,
    issuer_from_provider_arn,
    provider_arn_for,
    role_arn,
)
from tests.support.refusal import refusal

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"


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
    "arn",
    ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws-cn:iam::111122223333:policy/team/s3-app"],
)
def test_managed_policies_are_named_by_their_arn(arn):
    assert check_policy_arn(arn) == arn


@pytest.mark.parametrize(
    "arn", ["", "ReadOnlyAccess", "arn:aws:iam::aws:role/x", "arn:aws:iam::aws:policy/"]
)
def test_what_is_no_policy_arn_is_refused(arn):
    assert refusal(check_policy_arn, arn).startswith(f"{arn!r} is not the ARN of a managed policy")
