"""ARNs: parsed, checked and made."""

import pytest

from irsa.identity.arns import (
    Arn,
    RoleArn,
    SessionArn,
    account_named_by,
    account_of,
    aws_policy_arn,
    bucket_arn,
    check_policy_arn,
    check_role_arn,
    is_account_id,
    is_oidc_provider,
    issuer_from_provider_arn,
    issuer_of_principal,
    kind_of,
    kind_of_principal,
    name_of,
    parse_arn,
    parse_role_arn,
    parse_session_arn,
    partition_of,
    pattern_segments,
    provider_arn_for,
    role_arn,
    segments,
    session_arn_prefix,
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
        ISSUER,
        f"https://{ISSUER}",
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


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("arn:aws:iam::111122223333:role/s3-app", ("aws", "/", "s3-app")),
        ("arn:aws-cn:iam::111122223333:role/team/a/s3-app", ("aws-cn", "/team/a/", "s3-app")),
        ("arn:aws-iso-b:iam::111122223333:role/" + "a" * 64, ("aws-iso-b", "/", "a" * 64)),
        ("arn:aws:iam::111122223333:role/" + "p" * 510 + "/x", ("aws", "/" + "p" * 510 + "/", "x")),
    ],
)
def test_a_role_is_taken_apart_and_put_together_again(text, parts):
    parsed = parse_role_arn(text)

    assert parsed == RoleArn(parts[0], "111122223333", *parts[1:])
    assert str(parsed) == text == check_role_arn(text)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/a/",
        "arn:aws:iam::111122223333:role/a!",
        "arn:aws:iam::111122223333:role/" + "a" * 65,
        "arn:aws:iam::111122223333:role/" + "p" * 511 + "/x",
        "arn:aws:iam::111122223333:role/white space/x",
        "arn:aws:iam::111122223333:role/x\n",
        "arn:aws:iam::1111:role/x",
        "arn:aws:iam::111122223333:user/x",
        "arn:aws:sts::111122223333:assumed-role/x/session",
        "arn:awsx:iam::111122223333:role/x",
        "arn:aws-:iam::111122223333:role/x",
        "arn:aws:iam:us-east-1:111122223333:role/x",
    ],
)
def test_all_readers_agree_on_what_is_no_role(text):
    assert parse_role_arn(text) is None
    assert refusal(check_role_arn, text).startswith(f"{text!r} is not the ARN of a role")


def test_a_session_does_not_show_the_path_of_its_role():
    role = RoleArn("aws", "111122223333", "/team/", "s3-app")
    session = role.session("app")

    assert session == "arn:aws:sts::111122223333:assumed-role/s3-app/app"
    assert parse_session_arn(session) == SessionArn("aws", "111122223333", "s3-app", "app")
    assert parse_session_arn(session).role_arn == "arn:aws:iam::111122223333:role/s3-app"
    assert parse_session_arn(str(role)) is None


@pytest.mark.parametrize(
    ("text", "account", "partition", "kind", "name"),
    [
        ("arn:aws-cn:iam::111122223333:root", "111122223333", "aws-cn", "root", "root"),
        ("arn:aws:iam::111122223333:role/a/b", "111122223333", "aws", "role", "b"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "aws", "aws", "policy", "ReadOnlyAccess"),
        ("arn:aws:s3:::bucket", "", "aws", "bucket", "bucket"),
        ("arn:aws:eks:eu-west-1:111122223333:cluster/x", "111122223333", "aws", "cluster", "x"),
    ],
)
def test_any_arn_says_whose_it_is_and_what_it_is(text, account, partition, kind, name):
    parsed = parse_arn(text)

    assert str(parsed) == text
    assert (account_of(text), partition_of(text), kind_of(text)) == (account, partition, kind)
    assert parsed is not None
    assert parsed.name == name


def test_an_arn_keeps_the_colons_of_its_resource():
    assert parse_arn("arn:aws:logs:us-east-1:111122223333:log-group:x:*") == Arn(
        "aws", "logs", "us-east-1", "111122223333", "log-group:x:*"
    )


@pytest.mark.parametrize(
    ("principal", "account"),
    [
        ("111122223333", "111122223333"),
        ("arn:aws-cn:iam::111122223333:root", "111122223333"),
        ("arn:aws:iam::111122223333:role/root", ""),
        ("arn:aws:iam::*:root", ""),
        ("111122223333:root", ""),
        ("*", ""),
    ],
)
def test_a_principal_names_a_whole_account_by_its_id_or_its_root(principal, account):
    assert account_named_by(principal) == account


@pytest.mark.parametrize(
    ("principal", "issuer", "provider"),
    [
        (f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}", ISSUER, True),
        ("arn:aws:iam::111122223333:oidc-provider/*", "*", True),
        ("accounts.google.com", "accounts.google.com", False),
        ("arn:aws:iam::1:saml-provider/x", "arn:aws:iam::1:saml-provider/x", False),
    ],
)
def test_a_federated_principal_stands_for_an_issuer(principal, issuer, provider):
    assert issuer_of_principal(principal) == issuer
    assert is_oidc_provider(principal) is provider


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("arn:aws:s3:::b", ["arn", "aws", "s3", "", "", "b"]),
        ("arn:aws:logs:r:1:group:x:*", ["arn", "aws", "logs", "r", "1", "group:x:*"]),
        ("*", ["*"]),
        ("", [""]),
        # The colon of a variable is no border.
        ("arn:aws:s3:::${aws:username}", ["arn", "aws", "s3", "", "", "${aws:username}"]),
        ("arn:aws:x::${aws:a}:b:c", ["arn", "aws", "x", "", "${aws:a}", "b:c"]),
        ("arn:aws:x:::a${b}c:d", ["arn", "aws", "x", "", "", "a${b}c:d"]),
        ("${a:b", ["${a:b"]),
    ],
)
def test_an_arn_is_cut_at_its_first_five_colons(text, parts):
    assert pattern_segments(text) == parts
    assert "$" in text or segments(text) == parts
    assert segments("a:b:c:d:e:f:g", 7) == ["a", "b", "c", "d", "e", "f", "g"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("arn:aws:iam::111122223333:root", "root"),
        ("arn:aws-cn:iam::111122223333:user/team/u", "user"),
        ("arn:aws:iam::111122223333:role/team/*", "role"),
        ("arn:aws:iam::111122223333:oidc-provider/host:8443/x", "oidc-provider"),
        ("arn:aws-us-gov:iam::111122223333:saml-provider/x", "saml-provider"),
        ("arn:aws:sts::111122223333:assumed-role/r/session", "assumed-role"),
        ("arn:aws:sts::111122223333:federated-user/f", "federated-user"),
    ],
)
def test_a_principal_is_known_by_the_form_of_its_arn(text, kind):
    assert kind_of_principal(text) == kind_of(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn:aws:iam::1111:root",
        "arn:aws:iam::" + "\N{FULLWIDTH DIGIT ONE}" * 12 + ":root",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/a:b",
        "arn:aws:iam::111122223333:role/a b",
        "arn:aws:iam::111122223333:group/g",
        "arn:aws:iam::111122223333:saml-provider/a b",
        "arn:aws:iam:eu-west-1:111122223333:role/r",
        "arn:aws:iam::111122223333:assumed-role/r/session",
        "arn:aws:sts::111122223333:assumed-role/r",
        "arn:aws:sts::111122223333:assumed-role/r/a/b",
        "arn:aws:sts::111122223333:federated-user/a/b",
        "arn:aws:sts::111122223333:role/r",
        "arn:awsx:iam::111122223333:role/r",
    ],
)
def test_nothing_else_is_a_principal(text):
    assert kind_of_principal(text) == ""


def test_arns_are_built_from_their_parts():
    role = "arn:aws-cn:iam::111122223333:role/team/s3-app"

    assert name_of(role) == "s3-app"
    assert session_arn_prefix(role) == "arn:aws-cn:sts::111122223333:assumed-role/s3-app/"
    assert aws_policy_arn("ReadOnlyAccess") == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert aws_policy_arn("ReadOnlyAccess", partition="aws-cn").startswith("arn:aws-cn:iam::aws:")
    assert bucket_arn("data") == "arn:aws:s3:::data"
    assert bucket_arn("data", "a/b:c", partition="aws-cn") == "arn:aws-cn:s3:::data/a/b:c"


@pytest.mark.parametrize(
    ("text", "answer"),
    [("111122223333", True), ("11112222333", False), ("aws", False), ("", False),
     ("1111222233334", False), ("١١١١٢٢٢٢٣٣٣٣", False), ("111122223333\n", False)],
)  # fmt: skip
def test_an_account_id_has_12_digits(text, answer):
    assert is_account_id(text) is answer
