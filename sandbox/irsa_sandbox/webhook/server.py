"""The pod identity webhook: a mutating admission webhook on loopback, as EKS runs one.

https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
"""

import base64
import json
import logging
import random
import threading
from collections.abc import Callable, Collection
from typing import Any

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.resources.core_v1 import Pod, ServiceAccount
from typing_extensions import override

from irsa_core.identity.eks import SKIP_LABEL
from irsa_core.identity.subjects import ServiceAccountRef

from ..pods.process import find_object
from ..serving.certificates import Authority
from ..serving.servers import JsonServer
from ..waiting import wait_until
from .json_patch import JITTERED_EXPIRATION, patch

NAME = "pod-identity-webhook"
EFFECTIVE_TIMEOUT = 120.0

log = logging.getLogger(__name__)


class WebhookServer(JsonServer):
    """Serves `patch` over HTTPS and registers it with the API server."""

    def __init__(
        self,
        *,
        authority: Authority,
        client: lightkube.Client,
        region: str,
        associated: Callable[[], Collection[ServiceAccountRef]] = tuple,
    ) -> None:
        """Prepare; nothing is answered before `start`.

        ``associated`` are the service accounts with an EKS Pod Identity association.
        """
        self._authority = authority
        self._client = client
        self._region = region
        self._associated = associated
        self._called = threading.Event()
        super().__init__(NAME, authority, self.review)

    @override
    def start(self) -> None:
        """Listen, register, and return when the API server calls the webhook for new Pods.

        After `stop` the registration stays: Pods are refused until the next start.
        """
        super().start()
        self._register()
        self._wait_until_effective()

    def review(self, review: dict[str, Any]) -> dict[str, Any]:
        """Answer one AdmissionReview (v1)."""
        self._called.set()
        request = review["request"]
        pod = request["object"]
        account = ServiceAccountRef(request["namespace"], pod["spec"].get("serviceAccountName", ""))
        response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
        jittered = random.choice(JITTERED_EXPIRATION) if account in self._associated() else None  # noqa: S311 - no secret
        operations = patch(pod, self._annotations(account), self._region, jittered)
        if operations:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(operations).encode()).decode()
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    def _annotations(self, account: ServiceAccountRef) -> dict[str, str] | None:
        """The service account's annotations; None if it does not exist.

        EKS answers from a cache, which can lag behind by a moment. Read afresh here: a sandbox
        whose Pods now and then come up without a role would teach nothing.
        """
        if not account.name:
            return None
        found = find_object(self._client, ServiceAccount, account.name, namespace=account.namespace)
        return found and found.to_dict()["metadata"].get("annotations", {})

    def _register(self) -> None:
        new_pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        not_skipped = [{"key": SKIP_LABEL, "operator": "DoesNotExist"}]
        webhook = {
            "name": "iam-for-pods.amazonaws.com",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"{self.url}/mutate", "caBundle": self._authority.ca_data},
            # EKS ignores a failing webhook, and the Pod silently runs as the node's role.
            "failurePolicy": "Fail",
            "objectSelector": {"matchExpressions": not_skipped},
            "reinvocationPolicy": "IfNeeded",
            "rules": [{**new_pods, "operations": ["CREATE"]}],
            "sideEffects": "None",
            "timeoutSeconds": 30,  # the longest; after it a Pod on a busy machine would be refused
        }
        fields = {"metadata": {"name": NAME}, "webhooks": [webhook]}
        configuration: Any = MutatingWebhookConfiguration.from_dict(fields)
        self._client.apply(configuration, force=True)

    def _wait_until_effective(self) -> None:
        """The API server learns of a registration by a watch: try Pods until one comes by."""
        probe = Pod(
            metadata=ObjectMeta(generateName="webhook-probe-", namespace="default"),
            spec=PodSpec(containers=[Container(name="probe", image="none")]),
        )

        def is_called() -> bool:
            try:
                self._client.create(probe, dry_run=True)
            except ApiError as error:
                log.info("webhook probe: %s", error)
            return self._called.is_set()

        if not wait_until(is_called, EFFECTIVE_TIMEOUT):
            raise TimeoutError(
                f"the API server did not call {self.url} within {EFFECTIVE_TIMEOUT:.0f} s"
            )
