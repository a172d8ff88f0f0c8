"""Clusters and an account behind the command's own clients.

lightkube's requests and the calls of botocore's clients are answered in this process, in pages as
of the API server and of IAM, and are counted.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from irsa_core.identity.arns import provider_arn_for, role_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa_core.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.fake_kubernetes import status
from tests.support.world import ACCOUNT_A, ISSUER

LAST_USED = datetime(2026, 11, 26, 9, tzinfo=UTC)
AUDITOR = f"arn:aws:iam::{ACCOUNT_A}:user/auditor"


@dataclass
class Fleet:
    """As many service accounts as roles, each pair whole; and some OIDC providers."""

    size: int
    providers: int = 1
    refused: frozenset[str] = frozenset()
    """Calls of AWS that the caller may not make."""
    contexts: tuple[str, ...] = ("x",)
    """Clusters with the same service accounts; the issuers are those of the first providers."""
    down: str = ""
    """The context whose API server fails."""
    forgets: bool = False
    """True if the API server has forgotten the next page of a listing."""
    calls: Counter[str] = field(default_factory=Counter[str])
    """Calls of AWS, by operation, and of the API server, by path."""
    accounts: list[dict[str, Any]] = field(init=False)
    roles: list[dict[str, Any]] = field(init=False)
    """As botocore reads them."""
    pods: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Without any, the API server refuses to list them."""

    def __post_init__(self) -> None:
        self.accounts = [self._account(number) for number in range(self.size)]
        self.roles = [self._role(number) for number in range(self.size)]

    def _account(self, number: int) -> dict[str, Any]:
        name = f"app-{number:05}"
        annotations = {ROLE_ARN_ANNOTATION: role_arn(ACCOUNT_A, name)}
        namespace = f"team-{number % 100:02}"
        return {"metadata": {"name": name, "namespace": namespace, "annotations": annotations}}

    def _role(self, number: int) -> dict[str, Any]:
        name = f"app-{number:05}"
        subject = ServiceAccountRef(f"team-{number % 100:02}", name)
        providers = [self.provider_arn(index) for index, _ in enumerate(self.contexts)]
        trust = irsa_trust_policy(providers, [subject])
        access = bucket_permissions_policy(f"arn:aws:s3:::data-{number}")
        return {
            "RoleName": name,
            "RoleId": f"AROA{number:016}",
            "Arn": role_arn(ACCOUNT_A, name),
            "AssumeRolePolicyDocument": trust,
            "RolePolicyList": [{"PolicyName": "data", "PolicyDocument": access}],
            "AttachedManagedPolicies": [],
            "Tags": [{"Key": "team", "Value": f"team-{number % 100:02}"}],
            "RoleLastUsed": {"LastUsedDate": LAST_USED, "Region": "us-east-1"},
        }

    def issuer(self, number: int) -> str:
        return ISSUER if number == 0 else f"{ISSUER[:-3]}{number:03}"

    def provider_arn(self, number: int) -> str:
        return provider_arn_for(self.issuer(number), ACCOUNT_A)

    def serve(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        """Answer the requests of lightkube and botocore, with a kubeconfig in the folder."""
        places = {user: {"cluster": "c", "user": user} for user in self.contexts}
        config = {
            "clusters": [{"name": "c", "cluster": {"server": "http://api"}}],
            "users": [{"name": user, "user": {"token": user}} for user in self.contexts],
            "contexts": [{"name": name, "context": place} for name, place in places.items()],
            "current-context": self.contexts[0],
        }
        (folder / "kubeconfig").write_text(json.dumps(config))
        variables = {"KUBECONFIG": "kubeconfig", "AWS_CONFIG_FILE": "none"}
        environment = {name: str(folder / file) for name, file in variables.items()}
        environment |= {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
        for name, value in (environment | {"AWS_REGION": "us-east-1"}).items():
            monkeypatch.setenv(name, value)
        send, call = self._kubernetes, self._aws
        monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", lambda _, one: send(one))
        monkeypatch.setattr(BaseClient, "_make_api_call", lambda _, *request: call(*request))

    def _kubernetes(self, request: httpx2.Request) -> httpx2.Response:
        path, query = request.url.path, request.url.params
        self.calls[path] += 1
        context = request.headers["Authorization"].removeprefix("Bearer ")
        if context == self.down:
            return status(HTTPStatus.INTERNAL_SERVER_ERROR, "etcd is down")
        if path == "/.well-known/openid-configuration":
            issuer = self.issuer(self.contexts.index(context))
            return httpx2.Response(HTTPStatus.OK, json={"issuer": f"https://{issuer}"})
        listed = {"/api/v1/serviceaccounts": self.accounts, "/api/v1/pods": self.pods}.get(path)
        if listed is None or (not listed and path.endswith("pods")):
            return status(HTTPStatus.FORBIDDEN, "forbidden")
        if self.forgets and "continue" in query:
            return status(HTTPStatus.GONE, "expired")
        items, end = _page(listed, query.get("continue"), query.get("limit"))
        answer = {"metadata": {"continue": end}, "items": items}
        return httpx2.Response(HTTPStatus.OK, json=answer)

    def _aws(self, action: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.calls[action] += 1
        arns = [{"Arn": self.provider_arn(number)} for number in range(self.providers)]
        answers: dict[str, Any] = {
            "GetCallerIdentity": {"Arn": AUDITOR, "UserId": "AIDA", "Account": ACCOUNT_A},
            "ListOpenIDConnectProviders": {"OpenIDConnectProviderList": arns},
            "GetOpenIDConnectProvider": {"Url": "", "ClientIDList": [STS_AUDIENCE]},
            "ListClusters": {"clusters": []},
        }
        # https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html
        left_out = {"RolePolicyList", "AttachedManagedPolicies", "RoleLastUsed", "Tags"}
        listings = {"GetAccountAuthorizationDetails": ("RoleDetailList", set())}
        listings["ListRoles"] = ("Roles", left_out)
        if action in self.refused or action not in answers | listings:
            message = f"User: {AUDITOR} is not authorized to perform: iam:{action}"
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, action)
        if action in listings:
            name, without = listings[action]
            roles, end = _page(self.roles, request.get("Marker"), request.get("MaxItems"))
            roles = [{k: v for k, v in role.items() if k not in without} for role in roles]
            return {name: roles, "IsTruncated": end != "", "Marker": end}
        return answers[action]


def _page(entries: list[Any], begin: str | None, most: str | None) -> tuple[list[Any], str]:
    """Return a page of a listing, and where the next one begins."""
    start = int(begin or 0)
    end = start + int(most or len(entries))
    return entries[start:end], str(end) if end < len(entries) else ""
