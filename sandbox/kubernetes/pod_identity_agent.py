"""The EKS Pod Identity Agent of the node, which exchanges tokens of Pods for credentials.

The real one listens on 169.254.170.23; for this one's loopback port, `sandbox.pods.process` maps
that address. Answers, errors and cache are those of version 0.2.
https://github.com/aws/eks-pod-identity-agent
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from typing_extensions import override

from irsa.identity.arns import account_of
from irsa.identity.errors import AwsError
from irsa.identity.token import Token, decode_unverified

from ..aws.clients import AwsClients
from ..aws.pod_tokens import bound_pod, verified_pod
from ..aws.role_sessions import Untrusted
from ..serving.peers import uid_of_peer

ADDON = "eks-pod-identity-agent"
PATH = "/v1/credentials"
SHORTEST_LIFE = 15.0
"""Seconds that credentials in the cache must still be valid."""
IDLE_CONNECTION_TIMEOUT = 30  # seconds

log = logging.getLogger(__name__)


class Refusal(Exception):
    """Credentials are not given; the text is the agent's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Node(NamedTuple):
    """A node that the agent runs on."""

    cluster: str
    role_arn: str


class Cached(NamedTuple):
    """Credentials of a Pod."""

    token: str
    answer: Mapping[str, str]
    expires: float


def node_with_agent(eks: Any) -> Node | None:
    """Return a node of the cluster that has the agent, by its add-on or by EKS Auto Mode.

    ``eks`` is a boto3 client.
    """
    for cluster in eks.list_clusters()["clusters"]:
        compute = eks.describe_cluster(name=cluster)["cluster"].get("computeConfig") or {}
        if compute.get("enabled"):
            return Node(cluster, compute["nodeRoleArn"])
        if ADDON in eks.list_addons(clusterName=cluster)["addons"]:
            for name in eks.list_nodegroups(clusterName=cluster)["nodegroups"]:
                group = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)
                return Node(cluster, group["nodegroup"]["nodeRole"])
    return None


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

    def credentials(self, node: Node, raw: str) -> Mapping[str, str]:
        """Return what an SDK reads; raises `Refusal`."""
        token = _parsed(raw)
        self._check_time(token.claims)
        pod = bound_pod(token)
        if pod is None:
            message = "failed to get pod uid from service account token"
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, message)
        cached = self._cache.get(pod.uid)
        if cached is None or not self._may_have(cached, token):
            cached = self._assume(node, raw)
        self._cache[pod.uid] = cached._replace(token=raw)
        return cached.answer

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        for name, sign, problem in (("exp", 1, "expired"), ("nbf", -1, "not valid yet")):
            moment = claims.get(name)
            if isinstance(moment, (int, float)) and sign * (self._now() - moment) >= 0:
                text = f"failed basic claim validations: token is {problem}"
                raise Refusal(HTTPStatus.BAD_REQUEST, f"Service account token {text}")

    def _may_have(self, cached: Cached, token: Token) -> bool:
        """Return True if cached credentials are valid, and the token is the Pod's, if a new one."""
        now = self._now()
        if cached.expires - now <= SHORTEST_LIFE:
            return False
        if cached.token == token.raw:
            return True
        try:
            verified_pod(token, issuer_url=self._issuer_url, jwks=self._jwks(), now=now)
        except AwsError as error:
            log.info("local token validation failed: %s", error)
            return False
        return True

    def _assume(self, node: Node, raw: str) -> Cached:
        try:
            clients = self._instance(node.role_arn)
            found = clients("eks-auth").assume_role_for_pod_identity(
                clusterName=node.cluster, token=raw
            )
        except Untrusted as error:
            message = "unable to fetch credentials from EKS Auth: no EC2 IMDS role found"
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, message) from error
        except ClientError as error:
            raise _refusal(error) from error
        keys = found["credentials"]
        answer = {
            "AccessKeyId": keys["accessKeyId"],
            "SecretAccessKey": keys["secretAccessKey"],
            "Token": keys["sessionToken"],
            "AccountId": account_of(found["assumedRoleUser"]["arn"]),
            "Expiration": keys["expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Cached(raw, answer, keys["expiration"].timestamp())


def _parsed(raw: str) -> Token:
    problem = "cannot be empty"
    if raw:
        try:
            return decode_unverified(raw)
        except AwsError as error:
            problem = f"cannot be parsed: token is malformed: {error}"
    raise Refusal(HTTPStatus.BAD_REQUEST, f"Service account token {problem}")


def _refusal(error: ClientError) -> Refusal:
    answer: Any = error.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    code, message = answer["Error"]["Code"], answer["Error"]["Message"]
    fault = "client" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server"
    request_id = answer["ResponseMetadata"].get("RequestId", "")
    return Refusal(status, f"[{request_id}]: ({code}): {message}, fault: {fault}")


class AgentServer:
    """Serves an agent to the processes of the sandbox's own user, on a free loopback port."""

    def __init__(self, agent: Agent, node: Callable[[], Node | None]) -> None:
        """Listen; nothing is answered before `start`.

        While ``node`` is None, connections are closed without an answer.
        """
        self._server = _Server(("127.0.0.1", 0), _handler(agent, node))
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="pod-identity-agent", daemon=True
        )

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Answer, on a thread of its own."""
        self._thread.start()

    def ended(self) -> str | None:
        """The reason why it answers no more; None while it does."""
        return None if self._thread.is_alive() else "the pod identity agent ended"

    def stop(self) -> None:
        """Stop listening, whether started or not."""
        if self._thread.is_alive():
            self._server.shutdown()  # would wait for ever for a loop that never ran
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("connection from %s", client_address)


def _handler(agent: Agent, node: Callable[[], Node | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = IDLE_CONNECTION_TIMEOUT

        def handle(self) -> None:
            # Every user of the machine can connect to loopback.
            if uid_of_peer(self.connection) == os.geteuid():
                super().handle()

        def do_GET(self) -> None:
            on = node()
            if on is None:
                return
            try:
                self._check_host()
                if urlsplit(self.path).path != PATH:
                    raise Refusal(HTTPStatus.NOT_FOUND, "404 page not found")
                answer = agent.credentials(on, self.headers.get("Authorization", ""))
            except Refusal as refusal:
                log.info("credentials refused: %s", refusal)
                self._send(refusal.status, "text/plain; charset=utf-8", f"{refusal}\n")
            else:
                self._send(HTTPStatus.OK, "application/json", json.dumps(answer))

        def _check_host(self) -> None:
            """Refuse a name that a browser was led here by."""
            host = self.headers.get("Host", "").partition(":")[0]
            if host != "127.0.0.1":
                why = f"please use either [127.0.0.1] address not {host}"
                raise Refusal(
                    HTTPStatus.FORBIDDEN,
                    f"Access Denied. Called agent through invalid address, {why}",
                )

        def _send(self, status: int, kind: str, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            log.debug(format, *args)

    return Handler
