"""The EKS Pod Identity Agent of the node, which exchanges tokens of Pods for credentials.

The real one listens on 169.254.170.23; for this one's loopback port, `irsa_sandbox.pods.process`
maps that address. Answers, errors and cache are those of version 0.2.
https://github.com/aws/eks-pod-identity-agent
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from irsa_core.identity.arns import account_of
from irsa_core.identity.errors import AwsError
from irsa_core.identity.token import Token, decode_unverified, is_moment

from ..aws.clients import AwsClients
from ..aws.eks_auth import Node, Untrusted
from ..aws.tokens import bound_pod, verified_pod
from ..serving.servers import BackgroundServer, HttpHandler, listening

PATH = "/v1/credentials"
SHORTEST_LIFE = 15.0
"""Seconds for which credentials in the cache must still be valid."""

log = logging.getLogger(__name__)


class Cached(NamedTuple):
    """Credentials of a Pod, and the token that got them last."""

    token: str
    answer: Mapping[str, str]
    expires: float


class Agent:
    """Credentials for tokens, with a cache by Pod."""

    def __init__(
        self,
        *,
        instance: Callable[[str], AwsClients],
        jwks: Callable[[], Mapping[str, Any]],
        issuer_url: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``instance`` makes the AWS clients of a node by its role; it raises `Untrusted`."""
        self._instance = instance
        self._jwks = jwks
        self._issuer_url = issuer_url
        self._now = now
        self._cache: dict[str, Cached] = {}
        self._lock = threading.Lock()

    def credentials(self, node: Node, raw: str) -> Mapping[str, str]:
        """Return what an SDK reads; raises `AwsError` with the agent's text."""
        if not raw:
            raise _bad_request("cannot be empty")
        try:
            token = decode_unverified(raw)
        except AwsError as error:
            raise _bad_request(f"cannot be parsed: token is malformed: {error}") from error
        expires: Any = token.claims.get("exp")
        if is_moment(expires) and expires <= self._now():
            raise _bad_request("failed basic claim validations: token is expired")
        pod = bound_pod(token)
        if pod is None:
            raise AwsError("", 500, "failed to get pod uid from service account token")
        # SDKs ask again after two seconds: the second request waits for the first one's session.
        with self._lock:
            cached = self._cache.get(pod.uid)
            if cached is None or not self._may_have(cached, token):
                cached = self._assume(node, raw)
            self._cache[pod.uid] = cached._replace(token=raw)
        return cached.answer

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    def _may_have(self, cached: Cached, token: Token) -> bool:
        """Return True if cached credentials are valid, and a new token is the Pod's."""
        now = self._now()
        is_valid = cached.expires - now > SHORTEST_LIFE
        if not is_valid or cached.token == token.raw:
            return is_valid
        try:
            verified_pod(token, issuer_url=self._issuer_url, jwks=self._jwks(), now=now)
        except AwsError as error:
            log.info("local token validation failed: %s", error)
            return False
        return True

    def _assume(self, node: Node, raw: str) -> Cached:
        try:
            clients = self._instance(node.role_arn)
            response = clients("eks-auth").assume_role_for_pod_identity(
                clusterName=node.cluster, token=raw
            )
        except Untrusted as error:
            message = "unable to fetch credentials from EKS Auth: no EC2 IMDS role found"
            raise AwsError("", 500, message) from error
        except ClientError as error:
            raise _refusal(error) from error
        keys = response["credentials"]
        answer = {
            "AccessKeyId": keys["accessKeyId"],
            "SecretAccessKey": keys["secretAccessKey"],
            "Token": keys["sessionToken"],
            "AccountId": account_of(response["assumedRoleUser"]["arn"]),
            "Expiration": keys["expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Cached(raw, answer, keys["expiration"].timestamp())


def _bad_request(problem: str) -> AwsError:
    return AwsError("", 400, f"Service account token {problem}")


def _refusal(error: ClientError) -> AwsError:
    answer: Any = error.response
    told, of_http = answer["Error"], answer["ResponseMetadata"]
    status = of_http["HTTPStatusCode"]
    fault = "client" if status < 500 else "server"
    text = f"({told['Code']}): {told['Message']}, fault: {fault}"
    return AwsError(told["Code"], status, f"[{of_http.get('RequestId', '')}]: {text}")


class AgentServer(BackgroundServer):
    """Serves an agent to the processes of the sandbox's own user.

    While there is no node with an agent, connections are closed without an answer.
    """

    def __init__(self, agent: Agent, node: Callable[[], Node | None]) -> None:
        """Listen; nothing is answered before `start`."""
        server = listening(ThreadingHTTPServer, _handler(agent, node), owner_only=True)
        super().__init__("pod identity agent", server)
        self.url = f"http://127.0.0.1:{self.port}"


def _handler(agent: Agent, node: Callable[[], Node | None]) -> type[HttpHandler]:
    class Handler(HttpHandler):
        timeout = 30  # seconds, the real agent's

        def do_GET(self) -> None:  # noqa: N802 - its name there
            with_agent = node()
            if with_agent is None:
                return
            try:
                self._check()
                token = self.headers.get("Authorization", "")
                content = json.dumps(agent.credentials(with_agent, token))
            except AwsError as error:
                log.info("credentials refused: %s", error)
                self.answer(error.http, "text/plain; charset=utf-8", f"{error}\n".encode())
            else:
                self.answer(HTTPStatus.OK, "application/json", content.encode())

        def _check(self) -> None:
            """Refuse another path, and a host name that leads a browser here."""
            host = self.headers.get("Host", "").partition(":")[0]
            if self.path != PATH:
                raise AwsError("", 404, "404 page not found")
            if host != "127.0.0.1":
                why = f"please use either [127.0.0.1] address not {host}"
                raise AwsError(
                    "", 403, f"Access Denied. Called agent through invalid address, {why}"
                )

    return Handler
