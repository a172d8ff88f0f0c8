"""The External Secrets Operator reads account B's secret for a service account of account A.

What it does, by its documentation: with `auth.jwt.serviceAccountRef` it asks for a token of that
service account, assumes the role of its annotation with it, and with that session the store's
`role`, with `externalID` and `sessionTags`. https://external-secrets.io/latest/provider/aws-access/
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import botocore.exceptions
import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, ServiceAccount

from irsa.identity.eks import AUDIENCE_ANNOTATION, ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa_sandbox.aws.clients import Credentials, session_of
from irsa_sandbox.session import Session
from irsa_sandbox.testing.accounts import Accounts
from irsa_sandbox.testing.sandbox import Sandbox

pytestmark = pytest.mark.sandbox

NAMESPACE, ACCOUNT, SECRET = "team-a", "external-secrets", "team-a/db"


class Store(NamedTuple):
    """The part of a SecretStore that says who it is."""

    role: str
    external_id: str | None = "from-team-a"
    session_tags: Mapping[str, str] = {"team": "a"}


class Operator:
    """External Secrets' calls, for one service account."""

    def __init__(self, session: Session, sandbox: Sandbox) -> None:
        self._session = session
        self._sandbox = sandbox

    def secret(self, store: Store) -> str:
        """The value that the operator would write into a Secret of the cluster."""
        role_a = self._assumed(self._sts(None).assume_role_with_web_identity, self._web_identity())
        request: dict[str, Any] = {"RoleArn": store.role, "RoleSessionName": "external-secrets"}
        if store.external_id:
            request["ExternalId"] = store.external_id
        if store.session_tags:
            request["Tags"] = [{"Key": k, "Value": v} for k, v in store.session_tags.items()]
        role_b = self._assumed(self._sts(role_a).assume_role, request)
        secrets = self._client("secretsmanager", role_b)
        return secrets.get_secret_value(SecretId=SECRET)["SecretString"]

    def _web_identity(self) -> dict[str, str]:
        found = self._sandbox.kubernetes.get(ServiceAccount, ACCOUNT, namespace=NAMESPACE)
        annotations = (found.metadata and found.metadata.annotations) or {}
        audience = annotations.get(AUDIENCE_ANNOTATION, STS_AUDIENCE)
        return {
            "RoleArn": annotations[ROLE_ARN_ANNOTATION],
            "RoleSessionName": "external-secrets-provider-aws",
            "WebIdentityToken": self._session.token(NAMESPACE, ACCOUNT, audience),
        }

    @staticmethod
    def _assumed(assume: Any, request: dict[str, Any]) -> Credentials:
        keys = assume(**request)["Credentials"]
        return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def _sts(self, credentials: Credentials | None) -> Any:
        return self._client("sts", credentials or Credentials("none", "none"))

    def _client(self, service: Any, credentials: Credentials) -> Any:
        state = self._session.state
        return session_of(credentials, state.aws_proxy, self._sandbox.folder / "ca.pem").client(
            service
        )


@pytest.fixture
def operator(session: Session, irsa_sandbox: Sandbox, accounts: Accounts) -> Operator:
    """A service account with role `eso` in A, which may assume role `team-a` in B."""
    a, b = accounts.a.client("iam"), accounts.b.client("iam")
    role_b = f"arn:aws:iam::{accounts.b.id}:role/team-a"
    role_a = a.create_role(
        RoleName="eso",
        AssumeRolePolicyDocument=irsa_sandbox.trust_policy(f"{NAMESPACE}/{ACCOUNT}"),
    )["Role"]["Arn"]
    a.put_role_policy(
        RoleName="eso",
        PolicyName="chain",
        PolicyDocument=document(Action=["sts:AssumeRole", "sts:TagSession"], Resource=role_b),
    )
    b.create_role(RoleName="team-a", AssumeRolePolicyDocument=trust_of_b(role_a))
    secret = accounts.b.client("secretsmanager").create_secret(Name=SECRET, SecretString="hunter2")
    b.put_role_policy(
        RoleName="team-a",
        PolicyName="read",
        PolicyDocument=document(Action="secretsmanager:GetSecretValue", Resource=secret["ARN"]),
    )
    kubernetes = irsa_sandbox.kubernetes
    kubernetes.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
    metadata = ObjectMeta(
        name=ACCOUNT, namespace=NAMESPACE, annotations={ROLE_ARN_ANNOTATION: role_a}
    )
    kubernetes.create(ServiceAccount(metadata=metadata))
    return Operator(session, irsa_sandbox)


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def trust_of_b(role_a: str, **changes: Any) -> str:
    """Return the trust policy of the secret's owner: that role, with its external id and a tag."""
    statement = {
        "Principal": {"AWS": role_a},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {"sts:ExternalId": "from-team-a", "aws:RequestTag/team": "a"}
        },
        **changes,
    }
    return document(**statement)


def store(accounts: Accounts, **changes: Any) -> Store:
    return Store(f"arn:aws:iam::{accounts.b.id}:role/team-a")._replace(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"external_id": None},
        {"external_id": "from-team-b"},
        {"session_tags": {}},
        {"session_tags": {"team": "b"}},
    ],
)
def test_only_the_store_that_account_b_trusts_reads_its_secret(operator, accounts, changes):
    assert operator.secret(store(accounts)) == "hunter2"
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*sts:AssumeRole"):
        operator.secret(store(accounts, **changes))


def test_tags_need_a_permission_of_their_own_at_both_ends(operator, accounts):
    role_a = f"arn:aws:iam::{accounts.a.id}:role/eso"
    accounts.b.client("iam").update_assume_role_policy(
        RoleName="team-a", PolicyDocument=trust_of_b(role_a, Action="sts:AssumeRole")
    )
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*sts:TagSession"):
        operator.secret(store(accounts))
