"""ARNs: parsed, checked and made."""

import pytest

from irsa_core.identity import arns
from irsa_core.identity.arns import Arn, RoleArn, SessionArn
from tests.support.refusal import refusal
from tests.support.world import ACCOUNT_A, ISSUER, PROVIDER_ARN, ROLE_ARN

ACCOUNT = f"arn:aws:iam::{ACCOUNT_A}"


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b"])
def test_the_issuer_comes_back_out_of_the_provider_arn_in_any_partition(partition):
    arn = arns.provider_arn_for(ISSUER, ACCOUNT_A, partition=partition)
    assert arn == f"arn:{partition}:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}"
    assert arns.issuer_from_provider_arn(arn) == ISSUER


@pytest.mark.cases("arn", {
    "empty": "", "issuer": ISSUER, "URL": f"https://{ISSUER}",
    "account of 4 digits": f"arn:aws:iam::1111:oidc-provider/{ISSUER}",
    **{kind: f"{ACCOUNT}:{kind}/{ISSUER}" for kind in ("role", "saml-provider")},
    "no issuer": f"{ACCOUNT}:oidc-provider/",
    "no partition": PROVIDER_ARN.replace("aws", "evil", 1),
    "condition key": f"{PROVIDER_ARN}:aud", "space at the end": f"{PROVIDER_ARN} ",
})  # fmt: skip
def test_nothing_else_gives_an_issuer(arn):
    assert refusal(arns.issuer_from_provider_arn, arn) == (
        f"{arn!r} is not an OIDC provider ARN; expected "
        "arn:aws:iam::<account>:oidc-provider/<issuer without https://>"
    )


@pytest.mark.cases(("account_id", "name", "path", "named"), {
    "account of 4 digits": ("1234", "r", "/", "account id '1234' is not 12 digits"),
    "name of 65 characters": (ACCOUNT_A, "r" * 65, "/",
        f"role name '{'r' * 65}' has 65 characters; IAM accepts 64"),
    "name with a slash": (ACCOUNT_A, "a/b", "/", "role name 'a/b' may have letters"),
    "path begins without a slash": (ACCOUNT_A, "r", "team/",
        "path 'team/' must begin and end with '/'"),
    "path ends without a slash": (ACCOUNT_A, "r", "/team",
        "path '/team' must begin and end with '/'"),
    "path with a space": (ACCOUNT_A, "r", "/a b/", "path '/a b/' must begin and end with '/'"),
    "path of 513 characters": (ACCOUNT_A, "r", "/" + "x" * 511 + "/", "at most 512 characters"),
})  # fmt: skip
def test_an_arn_that_iam_would_never_give_is_not_computed(account_id, name, path, named):
    assert named in refusal(arns.role_arn, account_id, name, path=path)


def test_managed_policies_are_named_by_their_arn():
    for known in ("arn:aws:iam::aws:policy/ReadOnlyAccess", f"{ACCOUNT}:policy/team/x"):
        assert arns.check_policy_arn(known) == known
    for arn in ("", "ReadOnlyAccess", "arn:aws:iam::aws:role/x", "arn:aws:iam::aws:policy/"):
        message = refusal(arns.check_policy_arn, arn)
        assert message.startswith(f"{arn!r} is not the ARN of a managed policy")


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-iso-b"])
@pytest.mark.cases(("path", "name"), {
    "no path": ("/", "s3-app"),
    "longest name": ("/team/a/", "a" * 64),
    "longest path": ("/" + "p" * 510 + "/", "x"),
})  # fmt: skip
def test_a_role_is_taken_apart_and_put_together_again(partition, path, name):
    text = f"arn:{partition}:iam::{ACCOUNT_A}:role{path}{name}"
    parsed = arns.parse_role_arn(text)
    assert parsed == RoleArn(partition, ACCOUNT_A, path, name)
    assert str(parsed) == text == arns.check_role_arn(text)
    assert arns.name_of(text) == name
    assert arns.role_arn(ACCOUNT_A, name, path=path, partition=partition) == text


NO_ROLES = [f"{ACCOUNT}:role/{each}" for each in ("", "a!", "a" * 65, "white space/x", "x\n")]
NO_ROLES += [f"{ACCOUNT}:role/{'p' * 511}/x", f"{ACCOUNT}:user/x", "arn:aws:iam::1111:role/x"]
ONES = "\N{FULLWIDTH DIGIT ONE}" * 12
PLACES = ("awsx:iam:", "aws-:iam:", "aws:iam:us-east-1")


@pytest.mark.parametrize(
    "text",
    [
        *NO_ROLES,
        *(f"arn:{place}:{ACCOUNT_A}:role/x" for place in PLACES),
        f"arn:aws:sts::{ACCOUNT_A}:assumed-role/x/session",
    ],
)
def test_all_readers_agree_on_what_is_no_role(text):
    assert arns.parse_role_arn(text) is None
    assert refusal(arns.check_role_arn, text).startswith(f"{text!r} is not the ARN of a role")


def test_a_session_does_not_show_the_path_of_its_role():
    role = RoleArn("aws", ACCOUNT_A, "/team/", "s3-app")
    session = role.session("app")

    assert session == f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app/app"
    assert session == f"{arns.session_arn_prefix(str(role))}app"
    assert arns.parse_session_arn(session) == SessionArn("aws", ACCOUNT_A, "s3-app", "app")
    assert arns.parse_session_arn(session).role_arn == ROLE_ARN
    assert arns.parse_session_arn(str(role)) is None


@pytest.mark.parametrize(
    ("text", "account", "partition", "kind", "name"),
    [
        ("arn:aws-cn:iam::111122223333:root", ACCOUNT_A, "aws-cn", "root", "root"),
        (f"{ACCOUNT}:role/a/b", ACCOUNT_A, "aws", "role", "b"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "aws", "aws", "policy", "ReadOnlyAccess"),
        ("arn:aws:s3:::bucket", "", "aws", "bucket", "bucket"),
        ("arn:aws:eks:eu-west-1:111122223333:cluster/x", ACCOUNT_A, "aws", "cluster", "x"),
    ],
)
def test_any_arn_says_whose_it_is_and_what_it_is(text, account, partition, kind, name):
    parsed = arns.parse_arn(text)
    assert (str(parsed), parsed.name) == (text, name)
    parts = ("aws", "logs", "us-east-1", ACCOUNT_A, "log-group:x:*")
    assert arns.parse_arn(f"arn:{':'.join(parts)}") == Arn(*parts)
    found = (arns.account_of(text), arns.partition_of(text), arns.kind_of(text))
    assert found == (account, partition, kind)


def test_a_principal_names_a_whole_account_by_its_id_or_its_root():
    for principal in (ACCOUNT_A, "arn:aws-cn:iam::111122223333:root"):
        assert arns.account_named_by(principal) == ACCOUNT_A
    for other in (f"{ACCOUNT}:role/root", "arn:aws:iam::*:root", "111122223333:root", "*"):
        assert arns.account_named_by(other) == "", other


def test_a_federated_principal_stands_for_an_issuer():
    for arn, issuer in ((PROVIDER_ARN, ISSUER), (f"{ACCOUNT}:oidc-provider/*", "*")):
        assert (arns.issuer_of_principal(arn), arns.is_oidc_provider(arn)) == (issuer, True)
    for name in ("accounts.google.com", "arn:aws:iam::1:saml-provider/x"):
        assert (arns.issuer_of_principal(name), arns.is_oidc_provider(name)) == (name, False)


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
    assert arns.pattern_segments(text) == parts
    assert "$" in text or arns.segments(text) == parts
    assert arns.segments("a:b:c:d:e:f:g", 7) == ["a", "b", "c", "d", "e", "f", "g"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"{ACCOUNT}:root", "root"),
        ("arn:aws-cn:iam::111122223333:user/team/u", "user"),
        (f"{ACCOUNT}:role/team/*", "role"),
        (f"{ACCOUNT}:oidc-provider/host:8443/x", "oidc-provider"),
        ("arn:aws-us-gov:iam::111122223333:saml-provider/x", "saml-provider"),
        ("arn:aws:sts::111122223333:assumed-role/r/session", "assumed-role"),
        ("arn:aws:sts::111122223333:federated-user/f", "federated-user"),
        *((text, "") for text in ("", "arn:aws:iam::1111:root", f"arn:aws:iam::{ONES}:root")),
        *((f"{ACCOUNT}:{each}", "") for each in ("role/", "role/a:b", "role/a b", "group/g")),
        (f"{ACCOUNT}:assumed-role/r/session", ""),
        *((f"arn:aws:sts::{ACCOUNT_A}:assumed-role/{each}", "") for each in ("r", "r/a/b")),
        *((f"arn:{place}:{ACCOUNT_A}:role/r", "") for place in PLACES),
    ],
)
def test_a_principal_is_known_by_the_form_of_its_arn(text, kind):
    assert arns.kind_of_principal(text) == kind
    assert not kind or arns.kind_of(text) == kind


def test_arns_are_built_from_their_parts():
    assert arns.aws_policy_arn("ReadOnlyAccess") == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert arns.aws_policy_arn("x", partition="aws-cn") == "arn:aws-cn:iam::aws:policy/x"
    assert arns.bucket_arn("data") == "arn:aws:s3:::data"
    assert arns.bucket_arn("data", "a/b:c", partition="aws-cn") == "arn:aws-cn:s3:::data/a/b:c"


def test_an_account_id_has_12_digits():
    assert arns.is_account_id(ACCOUNT_A)
    wrong = ["11112222333", "aws", "", "1111222233334", "١١١١٢٢٢٢٣٣٣٣", "111122223333\n"]
    assert [each for each in wrong if arns.is_account_id(each)] == []
