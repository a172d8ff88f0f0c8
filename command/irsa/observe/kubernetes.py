"""Reads facts from a cluster. With `irsa.observe.aws`, all that the commands do of I/O.

lightkube is imported when it is first needed. Every call has a timeout. What could not be read
comes back as `Unread`; nothing here judges what it finds.
"""

import re
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from irsa.observe.eks import AGENT, node_group
from irsa.observe.errors import CONNECT_TIMEOUT, READ_TIMEOUT, CollectError, one_line, reads
from irsa.observe.facts import (
    UNREACHED,
    Answer,
    Objects,
    Owner,
    Pod,
    ServiceAccountObject,
    Unreached,
    Unread,
    Webhook,
    Workloads,
)
from irsa.observe.pod_spec import Reference, parts
from irsa.observe.pods import (
    FleetPod,
    annotated_at,
    can_run,
    fleet_pod,
    kept,
    kind_of,
    listed,
    owner_of,
    read_workloads,
)
from irsa_core.identity.arns import ClusterArn, parse_arn
from irsa_core.identity.policy_json import Json
from irsa_core.identity.token import Token, decode_unverified

EXEC_TIMEOUT = 60.0  # seconds
TOKEN_SECONDS = 600
"""Lifetime of a minted token: the least that Kubernetes issues."""

CHUNK = 500
"""Objects in a page of a listing, as `kubectl` asks for them."""

NOT_FOUND = 404
GONE = 410
SERVER_ERROR = 500
REACHABLE = "a reachable API server"
ASK_AGAIN = "ask again when the API server answers"
AWS_CLI_ERRORS = {
    UNREACHED: r"[Cc](ould not connect to the endpoint|onnect timeout)|connect to proxy"
    r"|Invalid endpoint",
    "aws sts get-caller-identity": r"An error occurred|[Uu]nable to locate credentials"
    r"|No such file",
}
"""Messages of the AWS CLI itself, by the code of the answer: botocore's exceptions.py."""
EXEC_PROBLEMS = {
    r"\(Forbidden\)": ("create on pods/exec", ""),
    r"error dialing backend|error sending request": (
        "a kubelet that the API server reaches",
        "let the API server reach the node's port that the error names",
    ),
    r"executable file not found|exit code 12[67]": (
        "the AWS CLI in the image",
        "leave --exec out, or take an image that has the AWS CLI",
    ),
}
"""Missing permissions, with the fix where it is another one, by messages of `kubectl exec`."""

WEBHOOK_NAMES = ("iam-for-pods.amazonaws.com", "pod-identity-webhook")
"""The webhook's name on EKS, and what its name contains where one runs it oneself:
https://github.com/aws/amazon-eks-pod-identity-webhook/tree/v0.6.17/deploy"""

TERMINATING = "wait until the namespace is gone, as it is being terminated, and create it again"

T = TypeVar("T")


def _kubernetes(what: str, permission: str, read: Callable[[], T]) -> T | Unread:
    """The value read, or why it could not be read."""
    import httpx2
    from lightkube.core.exceptions import ApiError, ConfigError, LoadResourceError

    try:
        return read()
    except ApiError as error:
        causes = error.status.details.causes if error.status.details else None
        if any(cause.reason == "NamespaceTerminating" for cause in causes or ()):
            return Unread(what, one_line(error), "a namespace that stays", TERMINATING)
        if (error.status.code or 0) >= SERVER_ERROR:
            return Unreached(what, one_line(error), REACHABLE, ASK_AGAIN)
        return Unread(what, one_line(error), permission)
    except KeyError as error:  # lightkube reads the Content-Type of each error
        return Unreached(what, f"an answer without {error.args[0]}", REACHABLE, ASK_AGAIN)
    except (httpx2.HTTPError, ConfigError, LoadResourceError, OSError, ValueError) as error:
        return Unreached(what, one_line(error), f"{permission}; {REACHABLE}")


class KubernetesCluster(AbstractContextManager["KubernetesCluster", None]):
    """One Kubernetes cluster, through the kubeconfig as kubectl finds it."""

    def __init__(self, context: str | None = None) -> None:
        """Raises `CollectError` when the kubeconfig or the context is not there."""
        # Imported here: it takes 0.3 s.
        import httpx2
        from lightkube import Client, KubeConfig
        from lightkube.core.exceptions import ConfigError

        timeout = httpx2.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
        try:
            config = KubeConfig.from_env().get(context)
            # Without the proxies of the environment a kubeconfig's own `proxy-url` still counts.
            self.client: Any = Client(config, timeout=timeout)
            """Also for the changes of `irsa.move.changes`."""
            self._entry: str = config.context.cluster if config else ""
            self.context: str = (config.context_name if config else "") or "(none)"
        except (ConfigError, OSError, KeyError) as error:
            raise CollectError(f"kubeconfig: {error}") from error
        self._context = context

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @property
    def title(self) -> str:
        """The cluster's name: EKS's, or else the kubeconfig's."""
        return self.eks.name or self._entry or "(none)"

    def service_account(self, namespace: str, name: str) -> ServiceAccountObject | Unread | None:
        """One service account."""
        found = self._one("ServiceAccount", namespace, name, f"service account {namespace}/{name}")
        return service_account_of(found) if isinstance(found, dict) else found

    def _one(self, kind: str, namespace: str, name: str, what: str = "") -> Json | Unread | None:
        from lightkube.core.exceptions import ApiError

        def read() -> Json | None:
            try:
                return self.client.get(kind_of(kind), name, namespace=namespace).to_dict()
            except ApiError as error:
                if error.status.code != NOT_FOUND:
                    raise
                return None

        permission = f"get {kind.lower()}s in namespace {namespace}"
        return _kubernetes(what or f"{kind} {namespace}/{name}", permission, read)

    @reads(_kubernetes, "service accounts", "list serviceaccounts in the cluster")
    def service_accounts(self) -> list[ServiceAccountObject]:
        """All service accounts of the cluster."""
        return self._everywhere("ServiceAccount", service_account_of)

    @reads(_kubernetes, "Pods", "list pods in the cluster")
    def pods(self) -> list[FleetPod]:
        """All Pods of the cluster that have not ended."""
        return [pod for pod in self._everywhere("Pod", fleet_pod) if pod is not None]

    @property
    def eks(self) -> ClusterArn:
        """The EKS cluster as `aws eks update-kubeconfig` or eksctl wrote it into the kubeconfig;
        what it does not say is empty."""
        arn = parse_arn(self._entry)
        if arn is not None and arn.service == "eks":
            return ClusterArn(arn.partition, arn.region, arn.account, arn.name)
        name, dot, region = self._entry.removesuffix(".eksctl.io").rpartition(".")
        if dot and self._entry.endswith(".eksctl.io"):
            return ClusterArn("", region, "", name)
        return ClusterArn("", "", "", "")

    def _everywhere(self, kind: str, keep: Callable[[Json], T]) -> list[T]:
        """Return what ``keep`` keeps of all objects of a kind, listed in pages as `kubectl` does.

        A cluster that changes fast forgets a listing's next page: then all are listed at once.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        from lightkube.core.exceptions import ApiError

        def listed(**size: int) -> list[T]:
            resources = self.client.list(kind_of(kind), namespace="*", **size)
            return [keep(resource.to_dict()) for resource in resources]

        try:
            return listed(chunk_size=CHUNK)
        except ApiError as error:
            if error.status.code != GONE:
                raise
            return listed()

    @reads(
        _kubernetes,
        "Pods of namespace {namespace}",
        "list pods, replicasets and deployments in namespace {namespace}",
    )
    def workloads(self, namespace: str) -> Workloads:
        """The Pods of a namespace, newest first, and what makes them."""
        return read_workloads(self.client, namespace)

    @reads(
        _kubernetes,
        "controllers of namespace {namespace}",
        "list statefulsets, daemonsets and cronjobs in namespace {namespace}",
    )
    def controllers(self, namespace: str) -> tuple[Owner, ...]:
        """The StatefulSets, DaemonSets and CronJobs of a namespace, with and without Pods."""
        return tuple(
            owner_of(kind.lower(), each)
            for kind in ("StatefulSet", "DaemonSet", "CronJob")
            for each in listed(self.client, kind, namespace=namespace)
        )

    @reads(_kubernetes, "permission {verb} {resource}", "create selfsubjectaccessreviews")
    def may(self, namespace: str, verb: str, resource: str, name: str) -> bool:
        """Ask as `kubectl auth can-i` does, about ``deployments.apps`` or ``pods/exec``."""
        kind, _, group = resource.partition(".")
        kind, _, part = kind.partition("/")
        asked = {"group": group, "resource": kind, "subresource": part, "verb": verb}
        spec = {"resourceAttributes": {**asked, "namespace": namespace, "name": name}}
        review = kind_of("SelfSubjectAccessReview").from_dict({"spec": spec})
        return bool(self.client.create(review).to_dict()["status"]["allowed"])

    def objects(self, namespace: str, references: Iterable[Reference]) -> Objects:
        """The ConfigMaps and Secrets that Pods refer to; of Secrets no secret is kept."""
        by_object: dict[tuple[str, str], list[Reference]] = defaultdict(list)
        for reference in references:
            by_object[reference.kind, reference.name].append(reference)
        facts = {(kind, name): self._one(kind, namespace, name) for kind, name in by_object}
        return {
            key: kept(key[0], fact.get("data") or {}, by_object[key])
            if isinstance(fact, dict)
            else fact
            for key, fact in facts.items()
        }

    @reads(
        _kubernetes,
        "the registration of the pod identity webhook",
        "list mutatingwebhookconfigurations in the cluster",
    )
    def webhook(self) -> Webhook | None:
        """Return the registration of the pod identity webhook; None when there is none."""
        for configuration in listed(self.client, "MutatingWebhookConfiguration"):
            name = configuration["metadata"]["name"]
            for webhook in configuration.get("webhooks") or ():
                if any(part in text for text in (webhook["name"], name) for part in WEBHOOK_NAMES):
                    return Webhook(name, webhook)
        return None

    @reads(_kubernetes, f"Pods of {AGENT}", "list pods in namespace kube-system")
    def agent(self) -> frozenset[str]:
        """The nodes where the EKS Pod Identity Agent is ready."""
        labels, ready = {"app.kubernetes.io/name": AGENT}, {"type": "Ready", "status": "True"}
        return frozenset(
            pod["spec"].get("nodeName", "")
            for pod in listed(self.client, "Pod", namespace="kube-system", labels=labels)
            for condition in parts(pod.get("status") or {}, "conditions")
            if ready.items() <= condition.items()
        )

    @reads(_kubernetes, "nodes", "list nodes in the cluster")
    def node_groups(self, specs: Sequence[Json] | None = None) -> dict[str, str]:
        """The node group of each node, by `irsa.observe.eks.node_group`; with ``specs``, of those
        that can run a Pod of one of them."""
        nodes = listed(self.client, "Node", chunk_size=CHUNK)
        return dict(
            node_group(node)
            for node in nodes
            if specs is None or any(can_run(each, node) for each in specs)
        )

    @reads(
        _kubernetes,
        "NetworkPolicies of namespace {namespace}",
        "list networkpolicies in namespace {namespace}",
    )
    def network_policies(self, namespace: str) -> tuple[Json, ...]:
        """The NetworkPolicies of a namespace."""
        return tuple(listed(self.client, "NetworkPolicy", namespace=namespace))

    @reads(
        _kubernetes,
        "what becomes of a Pod in namespace {namespace} (tried with dryRun)",
        "create pods in namespace {namespace}",
    )
    def next_pod(self, namespace: str, template: Json) -> Json:
        """The spec of a Pod of this template as admission leaves it now; the Pod is not made."""
        metadata: Json = {**(template.get("metadata") or {}), "generateName": "irsa-verify-"}
        pod = kind_of("Pod").from_dict({"metadata": metadata, "spec": template["spec"]})
        return self.client.create(pod, namespace=namespace, dry_run=True).to_dict()["spec"]

    def caller_inside(self, namespace: str, pod: Pod, container: str = "") -> Answer | Unread:
        """Return the caller identity of the AWS CLI in a Pod's container, the first by default."""
        context = ["--context", self._context] if self._context else []
        ask = ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
        chosen = ["--container", container] if container else []
        command = ["kubectl", *context, "exec", pod.name, "--namespace", namespace, *chosen]
        command += ["--", *ask]
        what = f"who the AWS CLI is inside Pod {pod.name}"
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=EXEC_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Unread(
                what, one_line(error), "kubectl", "install kubectl, and see that it answers"
            )
        if done.returncode == 0:
            return Answer(True, done.stdout.strip())
        message = one_line(done.stderr)
        # What the AWS CLI itself says is an answer; all else is about kubectl.
        for code, pattern in AWS_CLI_ERRORS.items():
            if re.search(pattern, message):
                return Answer(False, code=code, message=message)
        for pattern, (needs, way_out) in EXEC_PROBLEMS.items():
            if re.search(pattern, message):
                return Unread(what, message, needs, way_out)
        return Unread(what, message, "kubectl exec", f"see why this fails: {shlex.join(command)}")

    @reads(
        _kubernetes,
        "a token of {namespace}/{name}",
        "create serviceaccounts/token in namespace {namespace}",
    )
    def token(self, namespace: str, name: str, audience: str, pod: Pod | None = None) -> Token:
        """A fresh token of a service account, from the API server's TokenRequest.

        EKS Pod Identity takes only a token that is bound to a Pod.
        """
        spec: Json = {"audiences": [audience], "expirationSeconds": TOKEN_SECONDS}
        if pod:
            bound = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
            spec["boundObjectRef"] = bound
        request = kind_of("ServiceAccountToken").from_dict({"metadata": {}, "spec": spec})
        answer = self.client.create(request, name, namespace=namespace).to_dict()
        return decode_unverified(answer["status"]["token"])

    def issuer_url(self) -> str | Unread:
        """The issuer of the cluster's tokens."""
        document = self._document("/.well-known/openid-configuration")
        return document if isinstance(document, Unread) else document["issuer"]

    def keys(self) -> Json | Unread:
        """The key set that the cluster's tokens are signed with."""
        return self._document("/openid/v1/jwks")

    @reads(_kubernetes, "{path}", "get {path}")
    def _document(self, path: str) -> Json:
        http = self.client._client._client  # lightkube has no call for plain paths
        return http.get(path).raise_for_status().json()


def service_account_of(document: Json) -> ServiceAccountObject:
    """A service account, from the API server's JSON."""
    metadata = document["metadata"]
    return ServiceAccountObject(
        metadata["namespace"],
        metadata["name"],
        metadata.get("annotations") or {},
        annotated_at(metadata),
        metadata.get("labels") or {},
        tuple(entry.get("manager", "") for entry in metadata.get("managedFields") or ()),
    )
