"""The few verbs of kubectl that remedies use, so that the tests need no kubectl."""

import contextlib
import itertools
import json
import shlex
from dataclasses import dataclass

from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, Secret, ServiceAccount
from lightkube.types import PatchType

from irsa_sandbox.json_types import Json
from irsa_sandbox.session import Session
from tests.sandbox.support.cluster import eventually

KINDS = {
    "serviceaccount": ServiceAccount,
    "deployment": Deployment,
    "configmap": ConfigMap,
    "secret": Secret,
    "pod": Pod,
    "namespace": Namespace,
}
NAME = "app"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
_numbers = itertools.count(1)


def wait_for_pods(session: Session, namespace: str, name: str = NAME) -> None:
    """Wait until a Deployment's only Pod is of its newest revision."""

    def replaced() -> bool:
        cluster = session.cluster
        deployment = cluster.get(Deployment, name, namespace=namespace).to_dict()
        metadata = deployment["metadata"]
        if deployment.get("status", {}).get("observedGeneration") != metadata["generation"]:
            return False
        sets = [s.to_dict() for s in cluster.list(ReplicaSet, namespace=namespace)]
        own = [s for s in sets if s["metadata"]["ownerReferences"][0]["uid"] == metadata["uid"]]
        wanted = [s["metadata"]["uid"] for s in own if s["spec"]["replicas"]]
        uids = {s["metadata"]["uid"] for s in own}
        owners = [
            uid
            for pod in cluster.list(Pod, namespace=namespace)
            if pod.metadata.deletionTimestamp is None
            and (uid := pod.metadata.ownerReferences[0].uid) in uids
        ]
        return len(wanted) == 1 and owners == wanted

    eventually(replaced)


@dataclass
class Kubectl:
    """A kubectl whose `run` takes a command as it was printed, without `kubectl`."""

    session: Session

    def run(self, arguments: list[str]) -> None:
        options, words = _options(arguments)
        namespace = options.get("namespace", "")
        match words:
            case ["label", "namespace", name, *pairs]:
                body = {"metadata": {"labels": dict(map(_pair, pairs))}}
                self._merge("namespace", name, "", body)
                return
            case ["create", "serviceaccount", name]:
                self.session.cluster.create(
                    ServiceAccount(metadata=ObjectMeta(name=name, namespace=namespace))
                )
            case ["annotate", kind, name, *pairs]:
                values = dict(_pair(each) for each in pairs)
                self._merge(kind, name, namespace, {"metadata": {"annotations": values}})
            case ["set", "serviceaccount", kind, name, account]:
                self._strategic(kind, name, namespace, {"serviceAccountName": account})
            case ["set", "env", target, *pairs]:
                kind, name = target.split("/")
                container = options.get("containers", NAME)
                self._set_env(kind, name, namespace, container, dict(map(_pair, pairs)))
            case ["rollout", "restart", target]:
                kind, name = target.split("/")
                moment = {RESTARTED: f"test-{next(_numbers)}"}
                body = {"spec": {"template": {"metadata": {"annotations": moment}}}}
                self._merge(kind, name, namespace, body)
            case ["delete", "pod", name]:
                self.session.cluster.delete(Pod, name, namespace=namespace)
            case ["patch", kind, name]:
                type_ = {"json": PatchType.JSON, "merge": PatchType.MERGE}[options["type"]]
                self.session.cluster.patch(
                    KINDS[kind], name, json.loads(options["patch"]), namespace=namespace,
                    patch_type=type_,
                )  # fmt: skip
            case _:
                raise AssertionError(f"kubectl {shlex.join(arguments)}: teach the tests to do it")
        with contextlib.suppress(ApiError):
            wait_for_pods(self.session, namespace, _deployment(words))

    def _merge(self, kind: str, name: str, namespace: str, body: Json) -> None:
        where = {"namespace": namespace} if namespace else {}
        self.session.cluster.patch(KINDS[kind], name, body, patch_type=PatchType.MERGE, **where)

    def _strategic(self, kind: str, name: str, namespace: str, spec: Json) -> None:
        body = {"spec": {"template": {"spec": spec}}}
        self.session.cluster.patch(KINDS[kind], name, body, namespace=namespace)

    def _set_env(self, kind: str, name: str, namespace: str, container: str, pairs: Json) -> None:
        env = [
            {"name": key, "$patch": "delete"} if value is None else {"name": key, "value": value}
            for key, value in pairs.items()
        ]
        self._strategic(kind, name, namespace, {"containers": [{"name": container, "env": env}]})


def _deployment(words: list[str]) -> str:
    """The Deployment whose Pods a command replaces."""
    for before, word in itertools.pairwise(words):
        if word.startswith("deployment/"):
            return word.removeprefix("deployment/")
        if before == "deployment":
            return word
    return NAME


def _options(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    words: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument == "--overwrite":
            continue
        if argument.startswith("--"):
            options[argument.removeprefix("--")] = next(left)
        else:
            words.append(argument)
    return options, words


def _pair(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    return (key, value) if equals else (text.removesuffix("-"), None)
