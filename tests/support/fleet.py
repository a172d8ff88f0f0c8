"""A cluster and an account: behind an HTTP server, and as fakes of the command's own clients.

The server is the API server, IAM and STS at one address, speaks in pages as they do, and counts
the calls. IAM's policies are URL-encoded, as on the wire. The fakes are for tests of many runs.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

from irsa.observe.facts import RegisteredProvider, ServiceAccountObject, Unread
from irsa.observe.iam import AccountPrincipals, IamReader
from irsa.observe.kubernetes import service_account_of
from irsa.observe.pods import FleetPod, fleet_pod
from irsa_core.identity.arns import ClusterArn, provider_arn_for, role_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef

ACCOUNT = "111122223333"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
NO_EKS = ClusterArn("", "", "", "")
LAST_USED = datetime(2026, 11, 26, 9, tzinfo=UTC)
REFUSAL = (
    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::111122223333:user"
    "/auditor is not authorized to perform: iam:{}</Message></Error></ErrorResponse>"
)


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
    """Those of the fake cluster; the server refuses to list Pods."""

    def __post_init__(self) -> None:
        self.accounts = [self._account(number) for number in range(self.size)]
        self.roles = [self._role(number) for number in range(self.size)]

    def _account(self, number: int) -> dict[str, Any]:
        name = f"app-{number:05}"
        annotations = {ROLE_ARN_ANNOTATION: role_arn(ACCOUNT, name)}
        fields = {"f:metadata": {"f:annotations": {f"f:{key}": {} for key in annotations}}}
        namespace = f"team-{number % 100:02}"
        metadata = {"name": name, "namespace": namespace, "annotations": annotations}
        metadata["uid"] = f"{number:08}-0000-4000-8000-000000000000"
        metadata["managedFields"] = [{"manager": "helm", "fieldsV1": fields}]
        return {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata}

    def _role(self, number: int) -> dict[str, Any]:
        name = f"app-{number:05}"
        subject = ServiceAccountRef(f"team-{number % 100:02}", name)
        providers = [self.provider_arn(index) for index, _ in enumerate(self.contexts)]
        trust = irsa_trust_policy(providers, [subject])
        objects = f"arn:aws:s3:::data-{number}/*"
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": objects}
        access = {"Version": "2012-10-17", "Statement": [statement]}
        return {
            "Path": "/",
            "RoleName": name,
            "RoleId": f"AROA{number:016}",
            "Arn": role_arn(ACCOUNT, name),
            "CreateDate": "2026-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": trust,
            "InstanceProfileList": [],
            "RolePolicyList": [{"PolicyName": "data", "PolicyDocument": access}],
            "AttachedManagedPolicies": [],
            "Tags": [{"Key": "team", "Value": f"team-{number % 100:02}"}],
            "RoleLastUsed": {"LastUsedDate": LAST_USED, "Region": "us-east-1"},
        }

    def issuer(self, number: int) -> str:
        return ISSUER if number == 0 else f"{ISSUER[:-3]}{number:03}"

    def provider_arn(self, number: int) -> str:
        return provider_arn_for(self.issuer(number), ACCOUNT)

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Mapping[str, str]]:
        """The environment variables by which `kubectl` and the SDKs find the server."""

        class Handler(_Handler):
            fleet = self

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        places = {user: {"cluster": "c", "user": user} for user in self.contexts}
        config = {
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": user, "user": {"token": user}} for user in self.contexts],
            "contexts": [{"name": name, "context": place} for name, place in places.items()],
            "current-context": self.contexts[0],
        }
        (folder / "kubeconfig").write_text(json.dumps(config))
        try:
            yield {
                "KUBECONFIG": str(folder / "kubeconfig"),
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "example",
                "AWS_REGION": "us-east-1",
                "AWS_CONFIG_FILE": str(folder / "none"),
            }
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class FakeCluster:
    """A fleet's cluster, in place of `irsa.observe.kubernetes.Cluster`."""

    def __init__(self, fleet: Fleet, eks: ClusterArn = NO_EKS) -> None:
        self.fleet, self.eks = fleet, eks

    def issuer_url(self) -> str:
        return f"https://{ISSUER}"

    def service_accounts(self) -> list[ServiceAccountObject]:
        return list(map(service_account_of, self.fleet.accounts))

    def pods(self) -> list[FleetPod] | Unread:
        if not self.fleet.pods:
            return Unread("Pods", "forbidden", "list pods in the cluster")
        return list(filter(None, map(fleet_pod, self.fleet.pods)))


class FakeAws:
    """A fleet's account, in place of `irsa.observe.aws.Aws`; it has no EKS cluster."""

    account, region = ACCOUNT, "us-east-1"

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def in_region(self, _: str) -> Self:
        return self

    def roles(self) -> AccountPrincipals:
        return IamReader().add({"RoleDetailList": self.fleet.roles}).result()

    def providers(self, _: str) -> list[RegisteredProvider]:
        arns = map(self.fleet.provider_arn, range(self.fleet.providers))
        return [RegisteredProvider(arn, (STS_AUDIENCE,)) for arn in arns]

    def clusters(self, _: str) -> list[str]:
        return []


class _Handler(BaseHTTPRequestHandler):
    fleet: Fleet
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.fleet.calls[url.path] += 1
        context = self.headers["Authorization"].removeprefix("Bearer ")
        if context == self.fleet.down:
            return self._answer({"kind": "Status", "code": 500, "message": "etcd is down"}, 500)
        if url.path == "/.well-known/openid-configuration":
            number = self.fleet.contexts.index(context)
            return self._answer({"issuer": f"https://{self.fleet.issuer(number)}"})
        if url.path != "/api/v1/serviceaccounts":
            refusal = {"kind": "Status", "code": 403, "message": f"{url.path} is forbidden"}
            return self._answer(refusal, 403)
        if self.fleet.forgets and "continue" in query:
            return self._answer({"kind": "Status", "code": 410, "message": "expired"}, 410)
        start, size = int(query.get("continue", 0)), len(self.fleet.accounts)
        end = min(start + int(query.get("limit", size)), size)
        more = {"continue": str(end)} if end < size else {}
        items = self.fleet.accounts[start:end]
        return self._answer({"kind": "ServiceAccountList", "metadata": more, "items": items})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        action = form.get("Action") or self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.fleet.calls[action] += 1
        answers = {
            "GetCallerIdentity": self._caller,
            "GetAccountAuthorizationDetails": lambda: self._page(form, "RoleDetailList"),
            "ListRoles": lambda: self._page(form, "Roles"),
            "ListOpenIDConnectProviders": self._providers,
            "GetOpenIDConnectProvider": lambda: self._provider(form),
        }
        if action in self.fleet.refused or action not in answers:
            return self._answer(REFUSAL.format(action), 403)
        place = STS if action == "GetCallerIdentity" else IAM
        result = answers[action]()
        inner = f"<{action}Result>{result}</{action}Result>"
        return self._answer(f'<{action}Response xmlns="{place}">{inner}</{action}Response>')

    def _caller(self) -> str:
        arn = f"arn:aws:iam::{ACCOUNT}:user/auditor"
        return f"<Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{ACCOUNT}</Account>"

    def _page(self, form: Mapping[str, str], name: str) -> str:
        start, most = int(form.get("Marker", 0)), int(form.get("MaxItems", 100))
        end = min(start + most, len(self.fleet.roles))
        roles = self.fleet.roles[start:end]
        # https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html
        if name == "Roles":
            left_out = ("RolePolicyList", "AttachedManagedPolicies", "RoleLastUsed", "Tags")
            roles = [{k: v for k, v in role.items() if k not in left_out} for role in roles]
        marker = f"<Marker>{end}</Marker>" if end < len(self.fleet.roles) else ""
        truncated = str(bool(marker)).lower()
        return f"<IsTruncated>{truncated}</IsTruncated>{marker}<{name}>{_xml(roles)}</{name}>"

    def _providers(self) -> str:
        arns = [{"Arn": self.fleet.provider_arn(n)} for n in range(self.fleet.providers)]
        return f"<OpenIDConnectProviderList>{_xml(arns)}</OpenIDConnectProviderList>"

    def _provider(self, form: Mapping[str, str]) -> str:
        url = form["OpenIDConnectProviderArn"].partition("/")[2]
        ids = _xml(["sts.amazonaws.com"])
        return f"<Url>{url}</Url><ClientIDList>{ids}</ClientIDList>"

    def _answer(self, content: Any, status: int = 200) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        body = text.encode()
        self.send_response(status)
        kind = "text/xml" if isinstance(content, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _xml(value: Any) -> str:
    """A value as the query protocol writes it, a policy URL-encoded."""
    if isinstance(value, dict) and "Statement" in value:
        return quote(json.dumps(value), safe="")
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(each)}</{name}>" for name, each in value.items())
    return str(value)
