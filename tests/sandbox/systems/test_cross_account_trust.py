"""Who may become role B, by the chain or with a token, and who may not."""

import re
from collections.abc import Iterator

import pytest

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.two_accounts import (
    AS_B,
    ASSUME_B,
    BUCKET_A,
    BUCKET_B,
    CHAIN,
    IRSA,
    KEY,
    LIST,
    LISTED,
    NAMESPACE,
    OBJECT,
    ROLE_B,
    WHO,
    Pair,
    refusal,
)

pytestmark = pytest.mark.sandbox

LIMIT = (
    "ValidationError",
    (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
        "chaining."
    ),
)
_SESSION_NAME = re.compile(r"/botocore-session-\d+ is")
DIRECT = f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-direct"


def refused(caller: str) -> str:
    """How the AWS CLI begins when STS refuses a caller that chains; resource and reason follow."""
    return (
        "An error occurred (AccessDenied) when calling the AssumeRole operation: User: "
        f"{caller} is not authorized to perform: sts:AssumeRole "
    )


def test_another_role_of_account_a_is_refused(pair: Pair):
    pair.up()
    caller = pair.in_pod(WHO, IRSA).output.strip()
    assert f"{ACCOUNT_A}:assumed-role/{IRSA}/" in caller

    code, output = pair.in_pod(ASSUME_B, IRSA)
    assert code != 0
    # The SDK makes up another session name for every process.
    assert _SESSION_NAME.sub("/… is", output.strip()).startswith(
        refused(f"{caller.rpartition('/')[0]}/…")
    )


def test_the_user_of_account_as_bucket_is_refused(pair: Pair):
    pair.up()

    code, output = pair.in_pod(ASSUME_B, KEY)
    assert code != 0
    assert output.strip().startswith(refused(f"arn:aws:iam::{ACCOUNT_A}:user/s3-manager"))


def test_the_administrator_and_the_root_of_account_a_are_refused(pair: Pair):
    pair.up()
    state = pair.session.state

    administrator = pair.session.run(ASSUME_B, state.aws_environment())
    assert "(AccessDenied) when calling the AssumeRole operation" in administrator.output
    root = pair.session.run(ASSUME_B, state.aws_environment(ACCOUNT_A))
    assert "Roles may not be assumed by root accounts." in root.output


def test_role_b_may_list_its_own_bucket_and_no_other(pair: Pair):
    pair.up()

    code, output = pair.in_pod(["aws", "s3", "ls", f"s3://{BUCKET_A}", *AS_B])
    assert code != 0
    assert "(AccessDenied) when calling the ListObjectsV2 operation" in output


def test_a_chained_session_lasts_an_hour_whatever_the_role_allows(pair: Pair):
    pair.up(b={"role": {"maxSessionDuration": 7200}})
    assume = pair.as_role_a()("sts").assume_role
    request = {"RoleArn": ROLE_B, "RoleSessionName": "xactarget"}

    assert refusal(assume, **request, DurationSeconds=3601) == LIMIT
    assert refusal(assume, **request, DurationSeconds=7200) == LIMIT
    assert refusal(assume, **request, DurationSeconds=3600)[0] == ""


@pytest.fixture(scope="module")
def with_external_id(pair: Pair) -> Iterator[Pair]:
    pair.up(
        a={"crossAccount": {"profiles": {"externalId": "tenant-42"}}},
        b={"externalId": "tenant-42"},
    )
    return pair


def test_the_profile_sends_the_external_id(with_external_id: Pair):
    assert with_external_id.listing(*AS_B) == LISTED


@pytest.mark.parametrize(
    ("sent", "opens"),
    [
        (["--external-id", "tenant-42"], True),
        (["--external-id", "tenant-43"], False),
        (["--external-id", "Tenant-42"], False),
        (["--external-id", "tenant-42x"], False),
        ([], False),
    ],
    ids=["right", "wrong", "other-case", "longer", "missing"],
)
def test_only_the_agreed_external_id_opens_role_b(with_external_id: Pair, sent, opens):
    done = with_external_id.in_pod([*ASSUME_B, *sent])

    assert (done.code == 0) == opens
    assert ("(AccessDenied) when calling the AssumeRole operation" in done.output) != opens


@pytest.fixture(scope="module")
def federated(pair: Pair) -> Iterator[Pair]:
    """Role B trusts the service account itself. It has another name than the chain's role B: IAM
    has each name once, and the one comes before the other goes."""
    pair.up(
        a={
            "role": None,
            "crossAccount": {"via": "oidc-provider", "roleName": "s3-app-direct"},
        },
        b={
            "via": "oidc-provider",
            "role": {"name": "s3-app-direct"},
            "serviceAccount": {"namespace": NAMESPACE, "name": CHAIN},
        },
    )
    return pair


def test_direct_federation_makes_the_pod_role_b_at_once(federated: Pair):
    env = federated.in_pod(["env"]).output
    assert f"AWS_ROLE_ARN={DIRECT}\n" in env
    assert "AWS_CONFIG_FILE" not in env
    who = federated.in_pod(WHO).output
    assert who.startswith(f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-direct/")
    assert federated.listing() == LISTED


def test_direct_federation_needs_no_role_a(federated: Pair):
    names = [role["RoleName"] for role in federated.session.aws("iam").list_roles()["Roles"]]

    assert "s3-app-A" not in names


@pytest.mark.parametrize(
    ("namespace", "name", "audience", "error"),
    [
        (NAMESPACE, IRSA, "sts.amazonaws.com", "AccessDenied"),
        ("stage", CHAIN, "sts.amazonaws.com", "AccessDenied"),
        (NAMESPACE, CHAIN, "https://vault.example.com", "InvalidIdentityToken"),
    ],
    ids=["other-service-account", "other-namespace", "other-audience"],
)
def test_another_token_of_the_cluster_is_not_role_b(
    federated: Pair, namespace, name, audience, error
):
    session = federated.session
    if namespace != NAMESPACE:
        session.service_account(namespace, name)
    token = session.token(namespace, name, audience=audience)

    done = session.assume(token, DIRECT, LIST)
    assert f"({error}) when calling the AssumeRoleWithWebIdentity operation" in done.output
    assert OBJECT not in done.output


def test_account_a_has_nothing_to_do_with_the_bucket_then(federated: Pair):
    """The provider in account B is all that B trusts: account A's roles are strangers there."""
    code, output = federated.in_pod(["aws", "s3", "ls", f"s3://{BUCKET_B}"], IRSA)

    assert code != 0
    assert "AccessDenied" in output
