"""The `kubernetes` provider: any kind that the API server knows.

Type tokens, autonaming, replacement, `…Patch` resources and the waiting rules follow
pulumi-kubernetes 4.29 and later (https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/):
a create refuses what exists, unless the provider has `upsertExistingObjects`; a patch of what does
not exist creates it. docs/sandbox.md lists what differs.
State leaves out what the cluster changes by itself (status, resourceVersion, generation, managed
fields), so that a refresh shows users' changes and not the controllers'.
"""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Event

import yaml
from httpx2 import HTTPStatusError
from typing_extensions import override

from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import check_dns_subdomain

from ..resource import InvalidInput, Package, Properties, Refused, ResourceType, refuse_unknown
from ..values import UNKNOWN, get_path, has_unknown
from .api import Kind, KubernetesApi, explain, only_with_kubectl, refusal
from .ready import await_gone, await_ready, get_lasting
from .rules import (
    CONFIGURATION,
    FORCE_ANNOTATION,
    IMMUTABLE,
    PATH_SEGMENT_NAMES,
    REPLACED_BY,
    annotation,
    refuse_unknown_annotations,
)

VERSION = "4.34.2"
FIELD_MANAGER = "__fieldManager"
"""Output that keeps the name of the resource's own manager."""
KEPT_CLIENTS = 8

_VOLATILE = frozenset({"managedFields", "resourceVersion", "generation"})
_NOT_INPUTS = frozenset({"creationTimestamp", "uid"})
_NOT_INPUT_ANNOTATIONS = {
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
}


@dataclass(frozen=True)
class ClusterSession:
    """One provider instance: its cluster and its options."""

    api: KubernetesApi
    namespace: str
    enabled: frozenset[str]
    """Its options that are true."""

    canceled: Event = field(default_factory=Event)


def new_manager() -> str:
    """A name for one resource's field manager, different every time."""
    return f"pulumi-kubernetes-{secrets.token_hex(4)}"


class KubernetesObject(ResourceType[ClusterSession]):
    """Any object. One instance per type token."""

    name_property = "metadata.name"
    renames = False

    def __init__(self, token: str) -> None:
        self.token = token
        module, _, name = token.partition(":")[2].rpartition(":")
        self.is_patch = name.endswith("Patch")
        self.autoname = not self.is_patch
        self.kind = name.removesuffix("Patch")
        self.api_version = module.removeprefix("core/")
        self.secret = frozenset({"data", "stringData"}) if self.kind == "Secret" else frozenset()
        self.computed = frozenset({"status", FIELD_MANAGER})

    @override
    def check_name(self, name: str) -> None:
        if not {self.api_version.partition("/")[0], self.kind} & PATH_SEGMENT_NAMES:
            check_dns_subdomain(f"{self.kind} name", name)  # the API server knows closer rules
        elif re.search(r"[/%]|\A\.\.?\Z", name):
            raise ValueError(f"{self.kind} name {name!r} is not a path segment without '/' and '%'")

    @override
    def check(self, session: ClusterSession, news: Properties) -> Properties:
        if self.is_patch and get_path(news, "metadata.name") is None:
            raise InvalidInput("metadata.name", "a patch must name the object that it changes")
        refuse_unknown_annotations(news)
        news = {**news, "apiVersion": self.api_version, "kind": self.kind}
        plain = news.get("stringData")
        if self.kind == "Secret" and plain and not has_unknown(news):
            encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
            news = {**news, "data": {**news.get("data", {}), **encoded}}
            del news["stringData"]
        return news

    @override
    def replacing(self, session: ClusterSession) -> frozenset[str]:
        paths = {"apiVersion", "kind", "metadata.name", "metadata.namespace"}
        if not self.is_patch:
            paths.update(REPLACED_BY.get(self.kind, ()))
            if f"enable{self.kind}Mutable" not in session.enabled:
                paths.update(IMMUTABLE.get(self.kind, ()))
        return frozenset(paths)

    @override
    def create(self, session: ClusterSession, inputs: Properties) -> tuple[str, Properties]:
        resource_id, manager = self._id(session, inputs), new_manager()
        path = self._path(session, resource_id)
        upsert = self.is_patch or "upsertExistingObjects" in session.enabled
        if not upsert and session.api.get(path) is not None:
            group = f".{self.api_version.partition('/')[0]}" if "/" in self.api_version else ""
            raise Refused(
                f'{self._kind(session).plural}{group} "{inputs["metadata"]["name"]}" already '
                "exists; bring it in with the resource option `import_`, or change what it "
                "has with a …Patch resource, which leaves it when it goes"
            )
        self._apply(session, path, inputs, manager)
        return resource_id, {FIELD_MANAGER: manager}

    @override
    def await_ready(self, session: ClusterSession, resource_id: str) -> list[str]:
        if self.is_patch:
            return []
        path = self._path(session, resource_id)
        return await_ready(session.api, path, resource_id, session.canceled)

    @override
    def read(
        self, session: ClusterSession, resource_id: str, state: Properties
    ) -> Properties | None:
        live = get_lasting(session.api, self._path(session, resource_id))
        if live is None:
            return None
        return {**_stable(live), FIELD_MANAGER: state.get(FIELD_MANAGER) or new_manager()}

    @override
    def update(
        self, session: ClusterSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        path = self._path(session, resource_id)
        self._check_exists(session, path, resource_id)
        self._apply(session, path, news, olds[FIELD_MANAGER])

    @override
    def delete(self, session: ClusterSession, resource_id: str, state: Properties) -> None:
        path = self._path(session, resource_id)
        if self.is_patch:
            # Giving up the fields that we own. Like the published provider, this does not look
            # first: an object that is gone is there again, with nothing in it.
            names = {key: get_path(state, f"metadata.{key}") for key in ("name", "namespace")}
            nothing = {"apiVersion": self.api_version, "kind": self.kind, "metadata": names}
            session.api.apply(path, nothing, state[FIELD_MANAGER])
            return
        live = session.api.get(path)
        if live is not None:
            session.api.delete(path)
            await_gone(session.api, path, live, session.canceled)

    @override
    def inputs_of(self, state: Properties) -> Properties:
        """Inputs of an import: everything but the fields that the cluster itself has written."""
        metadata = {k: v for k, v in state["metadata"].items() if k not in _NOT_INPUTS}
        annotations = metadata.pop("annotations", {})
        if kept := annotations.keys() - _NOT_INPUT_ANNOTATIONS:
            metadata["annotations"] = {key: annotations[key] for key in kept}
        inputs = {name: value for name, value in state.items() if name not in self.computed}
        return {**inputs, "metadata": metadata}

    @override
    def preview(
        self, session: ClusterSession, inputs: Properties, state: Properties | None
    ) -> Properties:
        """Ask the API server, without storing anything, so that admission speaks in the preview.

        As in the published provider, a create of what exists is refused by the `up` only, and a
        patch is not asked about before it is there.
        """
        is_new_patch = self.is_patch and state is None
        kind = session.api.kind(self.api_version, self.kind)  # a CRD of this preview is not
        if has_unknown(inputs) or is_new_patch or kind is None:
            return {**inputs, "status": UNKNOWN}
        resource_id = self._id(session, inputs)
        path = self._path(session, resource_id)
        if state is not None:
            self._check_exists(session, path, resource_id)
            manager, force = state[FIELD_MANAGER], _force(inputs)
            return _stable(session.api.apply(path, inputs, manager, force=force, dry_run=True))
        try:
            if session.api.get(path) is None:
                session.api.apply(path, inputs, new_manager(), force=True, dry_run=True)
        except HTTPStatusError as error:
            # The namespace may be one that this very preview would make.
            if refusal(error) not in ("Forbidden", "NotFound"):
                raise
        return {**inputs, "status": UNKNOWN}

    def _apply(self, session: ClusterSession, path: str, inputs: Properties, manager: str) -> None:
        """Apply like the published provider: what kubectl set is no conflict, but with a patch."""
        try:
            session.api.apply(path, inputs, manager, force=_force(inputs))
        except HTTPStatusError as error:
            if self.is_patch or not only_with_kubectl(error):
                raise
            session.api.apply(path, inputs, manager, force=True)

    def _check_exists(self, session: ClusterSession, path: str, resource_id: str) -> None:
        if session.api.get(path) is None:
            raise Refused(
                f"{self.kind} {resource_id} is gone, so it cannot be changed; run a refresh, after "
                "which the next up creates it again"
            )

    def _kind(self, session: ClusterSession) -> Kind:
        kind = session.api.kind(self.api_version, self.kind)
        if kind is None:
            raise Refused(f"the API server knows no kind {self.kind} in {self.api_version}")
        return kind

    def _id(self, session: ClusterSession, inputs: Properties) -> str:
        metadata = inputs["metadata"]
        namespace = metadata.get("namespace") or session.namespace
        is_namespaced = self._kind(session).namespaced
        return f"{namespace}/{metadata['name']}" if is_namespaced else metadata["name"]

    def _path(self, session: ClusterSession, resource_id: str) -> str:
        namespace, _, name = resource_id.rpartition("/")
        kind = self._kind(session)
        return kind.path(namespace or session.namespace, name)


def package(credentials: Mapping[str, str]) -> Package[ClusterSession]:
    """The provider, ready to be served.

    ``credentials`` is the environment for kubeconfigs that ask the AWS CLI for a token; its
    KUBECONFIG is the cluster of a provider without a kubeconfig. Clients outlive an engine's run,
    so that not every preview starts the AWS CLI for a new token; of many clusters, those that were
    used last.
    """
    variables = [{"name": name, "value": text} for name, text in credentials.items()]

    @lru_cache(KEPT_CLIENTS)
    def client(kubeconfig: str, context: str | None) -> KubernetesApi:
        try:
            content = json.loads(kubeconfig)
            for entry in content.get("users") or ():
                # A plugin would inherit the engine's environment, an attached provider does not.
                if command := entry["user"].get("exec"):
                    command["env"] = [*(command.get("env") or ()), *variables]
            return KubernetesApi(content, context)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Refused(f"provider kubernetes: kubeconfig: {error!r}") from error

    def connect(config: Properties) -> ClusterSession:
        refuse_unknown("a kubernetes provider's configuration", config, CONFIGURATION)
        text = config.get("kubeconfig") or Path(credentials["KUBECONFIG"]).read_text()
        content = yaml.safe_load(text) if isinstance(text, str) else text
        if not isinstance(content, dict):
            raise Refused(
                "provider kubernetes: give kubernetes:kubeconfig as its content, in YAML or JSON, "
                "or leave it out for the sandbox's cluster; the sandbox reads no other file"
            )
        api = client(json.dumps(content, sort_keys=True), config.get("context"))
        enabled = frozenset(name for name in config if config[name] in (True, "true"))
        return ClusterSession(api, config.get("namespace") or api.namespace, enabled)

    return Package(
        name="kubernetes",
        version=VERSION,
        connect=connect,
        fallback=lambda token: (
            KubernetesObject(token) if token.count(":") == 2 and ":helm.sh/" not in token else None
        ),
        explain=explain,
        cancel=lambda session: session.canceled.set(),
    )


def _force(inputs: Properties) -> bool:
    return annotation(inputs, FORCE_ANNOTATION) == "true"


def _stable(content: Json) -> Properties:
    metadata = {key: item for key, item in content["metadata"].items() if key not in _VOLATILE}
    return {**{k: v for k, v in content.items() if k != "status"}, "metadata": metadata}
