"""The pod identity webhook: a mutating admission webhook on loopback, as EKS runs one.

https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
"""

import base64
import json
import logging
import ssl
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from sandbox.webhook_patch import DEFAULT_TOKEN_EXPIRATION, patch

# The Kubernetes client is imported where the server uses it: `patch` must load in milliseconds.
if TYPE_CHECKING:
    import lightkube

    from sandbox.certificates import Authority

__all__ = ["WebhookServer", "patch"]

NAME = "pod-identity-webhook"
SKIP_LABEL = "eks.amazonaws.com/skip-pod-identity-webhook"
EFFECTIVE_TIMEOUT = 30.0
IDLE_CONNECTION_TIMEOUT = 90  # seconds; the API server keeps its connection open between calls

_log = logging.getLogger(__name__)


class WebhookServer:
    """Serves `patch` over HTTPS and registers it with the API server."""

    def __init__(
        self,
        *,
        authority: "Authority",
        client: "lightkube.Client",
        region: str,
        regional_sts: bool = True,
        token_expiration: int = DEFAULT_TOKEN_EXPIRATION,
    ) -> None:
        """Prepare; nothing listens yet. `token_expiration` is in seconds."""
        self._authority = authority
        self._client = client
        self._settings: dict[str, Any] = {
            "region": region,
            "regional_sts": regional_sts,
            "token_expiration": token_expiration,
        }
        self._called = threading.Event()

    @property
    def url(self) -> str:
        """Where the API server calls, once started."""
        return f"https://127.0.0.1:{self._server.server_address[1]}/mutate"

    def start(self) -> None:
        """Listen, register, and return when the API server calls the webhook for new Pods."""
        pair = self._authority.issue(NAME, "127.0.0.1")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.cert_file, pair.key_file)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        # Without this a client that connects and says nothing would hold up all others.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self._server.serve_forever, name=NAME, daemon=True).start()
        self._register()
        self._wait_until_effective()

    def stop(self) -> None:
        """Stop listening. The registration stays: Pods are refused until the next start."""
        self._server.shutdown()
        self._server.server_close()

    def review(self, review: dict[str, Any]) -> dict[str, Any]:
        """Answer one AdmissionReview (v1)."""
        self._called.set()
        request = review["request"]
        pod = request["object"]
        annotations = self._annotations(
            request["namespace"], pod["spec"].get("serviceAccountName", "")
        )
        response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
        operations = patch(pod, annotations, **self._settings)
        if operations:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(operations).encode()).decode()
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    def _annotations(self, namespace: str, name: str) -> dict[str, str]:
        """The service account's annotations; none if it does not exist.

        EKS answers from a cache, which can lag behind by a moment. Read afresh here: a sandbox
        whose Pods now and then come up without a role would teach nothing.
        """
        from lightkube.core.exceptions import ApiError
        from lightkube.resources.core_v1 import ServiceAccount

        if not name:
            return {}
        try:
            account = self._client.get(ServiceAccount, name, namespace=namespace)
        except ApiError as error:
            if error.status.code == HTTPStatus.NOT_FOUND:
                return {}
            raise
        return (account.metadata and account.metadata.annotations) or {}

    def _register(self) -> None:
        from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
        from lightkube.types import PatchType

        webhook = {
            "name": "iam-for-pods.amazonaws.com",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {
                "url": self.url,
                "caBundle": base64.b64encode(self._authority.ca_pem).decode(),
            },
            # EKS ignores a failing webhook, and the Pod silently runs as the node's role.
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {
                "matchExpressions": [{"key": SKIP_LABEL, "operator": "DoesNotExist"}]
            },
            "reinvocationPolicy": "IfNeeded",
            "rules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["pods"],
                    "scope": "*",
                }
            ],
            "sideEffects": "None",
            "timeoutSeconds": 10,
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": [webhook],
        }
        self._client.patch(
            MutatingWebhookConfiguration,
            NAME,
            configuration,
            patch_type=PatchType.APPLY,
            force=True,
        )

    def _wait_until_effective(self) -> None:
        """The API server learns of a registration by a watch: try Pods until one comes by."""
        from lightkube.core.exceptions import ApiError
        from lightkube.models.core_v1 import Container, PodSpec
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.core_v1 import Pod

        probe = Pod(
            metadata=ObjectMeta(generateName="webhook-probe-", namespace="default"),
            spec=PodSpec(containers=[Container(name="probe", image="none")]),
        )
        deadline = time.monotonic() + EFFECTIVE_TIMEOUT
        while not self._called.is_set():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"the API server did not call {self.url} within {EFFECTIVE_TIMEOUT:.0f} s"
                )
            try:
                self._client.create(probe, dry_run=True)
            except ApiError as error:
                _log.info("webhook probe: %s", error)
            self._called.wait(0.05)


def _handler(webhook: WebhookServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_CONNECTION_TIMEOUT

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                answer = json.dumps(webhook.review(json.loads(body))).encode()
            except Exception as error:  # noqa: BLE001 - the API server shows it to the Pod's creator
                _log.exception("admission review failed")
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).splitlines()[0])
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            _log.debug(format, *args)

    return Handler
