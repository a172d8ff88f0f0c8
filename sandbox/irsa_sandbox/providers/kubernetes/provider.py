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
from typing import Any

import yaml
from httpx2 import HTTPStatusError
from typing_extensions import override

from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import check_dns_subdomain

from ..resource import (
    Created,
    InvalidInput,
    NotReady,
    Package,
    Properties,
    Refused,
    ResourceType,
    refuse_unknown_settings,
)
from ..values import UNKNOWN, get_path, has_unknown, shaped_like
from .api import Kind, KubernetesApi, explain, refusal
from .ready import after_deletion, await_gone, await_ready
from .rules import (
    CONFIGURATION,
    FORCE_ANNOTATION,
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
_NOT_INPUT_ANNOTATIONS = frozenset(
    {
        "deployment.kubernetes.io/revision",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)


@dataclass(frozen=True, kw_only=True)
class ClusterSession:
    """One provider instance: its cluster and its options."""

    api: KubernetesApi
    namespace: str
    config_map_mutable: bool
    secret_mutable: bool
    upsert: bool
    canceled: Event = field(default_factory=Event)


class Clusters:
    """The clusters that provider instances reach.

    Clients outlive an engine's run, so that not every preview starts the AWS CLI for a new token;
    of many clusters, those that were used last.
    """

    def __init__(self, credentials: Mapping[str, str]) -> None:
        """``credentials`` is the environment for kubeconfigs that ask the AWS CLI for a token; its
        KUBECONFIG is the cluster of a provider without a kubeconfig."""
        self._credentials = credentials
        self._api = lru_cache(KEPT_CLIENTS)(self._open)

    def connect(self, config: Properties) -> ClusterSession:
        """Read a provider's configuration; the API server is not called yet."""
        refuse_unknown_settings("a kubernetes", config, CONFIGURATION)
        text = config.get("kubeconfig") or Path(self._credentials["KUBECONFIG"]).read_text()
        content = yaml.safe_load(text) if isinstance(text, str) else text
        if not isinstance(content, dict):
            raise Refused(
                "provider kubernetes: give kubernetes:kubeconfig as its content, in YAML or JSON, "
                "or leave it out for the sandbox's cluster; the sandbox reads no other file"
            )
        api = self._api(json.dumps(content, sort_keys=True), config.get("context"))
        return ClusterSession(
            api=api,
            namespace=config.get("namespace") or api.namespace,
            config_map_mutable=_flag(config.get("enableConfigMapMutable")),
            secret_mutable=_flag(config.get("enableSecretMutable")),
            upsert=_flag(config.get("upsertExistingObjects")),
        )

    def _open(self, content: str, context: str | None) -> KubernetesApi:
        try:
            return KubernetesApi(self._in_sandbox(json.loads(content)), context)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Refused(f"provider kubernetes: kubeconfig: {error!r}") from error

    def _in_sandbox(self, content: Json) -> Json:
        """The kubeconfig, whose commands get the sandbox's environment: a plugin of the engine
        would inherit the engine's, an attached provider does not."""
        variables = [{"name": name, "value": text} for name, text in self._credentials.items()]
        for entry in content.get("users") or ():
            if command := entry["user"].get("exec"):
                command["env"] = [*(command.get("env") or ()), *variables]
        return content


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
        if self.is_patch:
            return frozenset(paths)
        paths.update(REPLACED_BY.get(self.kind, ()))
        if self.kind == "ConfigMap" and not session.config_map_mutable:
            paths |= {"data", "binaryData"}
        if self.kind == "Secret" and not session.secret_mutable:
            paths |= {"data", "stringData"}
        return frozenset(paths)

    @override
    def create(self, session: ClusterSession, inputs: Properties) -> Created:
        path, resource_id = self._locate(session, inputs)
        created = Created(resource_id, {FIELD_MANAGER: new_manager()})
        if not self.is_patch and not session.upsert and session.api.get(path) is not None:
            group = f".{self.api_version.partition('/')[0]}" if "/" in self.api_version else ""
            raise Refused(
                f'{self._kind(session).plural}{group} "{inputs["metadata"]["name"]}" already '
                "exists; bring it in with the resource option `import_`, or change what it "
                "has with a …Patch resource, which leaves it when it goes"
            )
        self._apply(session, path, inputs, created.once[FIELD_MANAGER])
        try:
            self._await(session, path, resource_id)
        except NotReady as error:
            raise NotReady(resource_id, error.reasons, created.once) from error
        return created

    @override
    def read(
        self, session: ClusterSession, resource_id: str, state: Properties
    ) -> Properties | None:
        path = self._path(session, resource_id)
        live = session.api.get(path)
        live = live and after_deletion(session.api, path, live)
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
        self._await(session, path, resource_id)

    @override
    def delete(self, session: ClusterSession, resource_id: str, state: Properties) -> None:
        path = self._path(session, resource_id)
        if self.is_patch:
            # Giving up the fields that we own. Like the published provider, this does not look
            # first: an object that is gone is there again, with nothing in it.
            names = {key: get_path(state, f"metadata.{key}") for key in ("name", "namespace")}
            nothing = {"apiVersion": self.api_version, "kind": self.kind, "metadata": names}
            session.api.apply(path, nothing, manager=state[FIELD_MANAGER])
            return
        live = session.api.get(path)
        if live is not None:
            session.api.delete(path)
            await_gone(session.api, path, live, session.canceled)

    @override
    def inputs_of(self, state: Properties) -> Properties:
        """Inputs of an import: everything but the fields that the cluster itself has written."""
        metadata = {k: v for k, v in state["metadata"].items() if k not in _NOT_INPUTS}
        annotations = {
            key: value
            for key, value in metadata.pop("annotations", {}).items()
            if key not in _NOT_INPUT_ANNOTATIONS
        }
        if annotations:
            metadata["annotations"] = annotations
        return {**super().inputs_of(state), "metadata": metadata}

    @override
    def refreshed(self, inputs: Properties, state: Properties) -> Properties:
        return shaped_like(state, inputs)

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
        path, resource_id = self._locate(session, inputs)
        if state is not None:
            self._check_exists(session, path, resource_id)
            manager, force = state[FIELD_MANAGER], _force(inputs)
            return _stable(
                session.api.apply(path, inputs, manager=manager, force=force, dry_run=True)
            )
        try:
            if session.api.get(path) is None:
                session.api.apply(path, inputs, manager=new_manager(), force=True, dry_run=True)
        except HTTPStatusError as error:
            # The namespace may be one that this very preview would make.
            if refusal(error) not in ("Forbidden", "NotFound"):
                raise
        return {**inputs, "status": UNKNOWN}

    def _apply(self, session: ClusterSession, path: str, inputs: Properties, manager: str) -> None:
        """Apply like the published provider: what kubectl set is no conflict, but with a patch."""
        options = {"force": _force(inputs), "from_kubectl": not self.is_patch}
        session.api.apply(path, inputs, manager=manager, **options)

    def _check_exists(self, session: ClusterSession, path: str, resource_id: str) -> None:
        if session.api.get(path) is None:
            raise Refused(
                f"{self.kind} {resource_id} is gone, so it cannot be changed; run a refresh, after "
                "which the next up creates it again"
            )

    def _await(self, session: ClusterSession, path: str, resource_id: str) -> None:
        if not self.is_patch:
            await_ready(session.api, path, resource_id, session.canceled)

    def _kind(self, session: ClusterSession) -> Kind:
        kind = session.api.kind(self.api_version, self.kind)
        if kind is None:
            raise Refused(f"the API server knows no kind {self.kind} in {self.api_version}")
        return kind

    def _locate(self, session: ClusterSession, inputs: Properties) -> tuple[str, str]:
        kind = self._kind(session)
        name = get_path(inputs, "metadata.name")
        if not kind.namespaced:
            return kind.path(None, name), name
        namespace = get_path(inputs, "metadata.namespace") or session.namespace
        return kind.path(namespace, name), f"{namespace}/{name}"

    def _path(self, session: ClusterSession, resource_id: str) -> str:
        namespace, _, name = resource_id.rpartition("/")
        kind = self._kind(session)
        return kind.path(namespace or session.namespace, name)


def package(credentials: Mapping[str, str]) -> Package[ClusterSession]:
    """The provider, ready to be served. ``credentials``: see `Clusters`."""
    clusters = Clusters(credentials)
    return Package(
        name="kubernetes",
        version=VERSION,
        connect=clusters.connect,
        fallback=lambda token: (
            KubernetesObject(token) if token.count(":") == 2 and ":helm.sh/" not in token else None
        ),
        explain=explain,
        cancel=lambda session: session.canceled.set(),
    )


def _flag(value: Any) -> bool:
    return value is True or value == "true"


def _force(inputs: Properties) -> bool:
    return annotation(inputs, FORCE_ANNOTATION) == "true"


def _stable(content: Json) -> Properties:
    metadata = {key: item for key, item in content["metadata"].items() if key not in _VOLATILE}
    return {**{k: v for k, v in content.items() if k != "status"}, "metadata": metadata}
