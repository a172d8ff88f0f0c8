"""A small client for any kind of object an API server knows: discovery, apply, get, delete.

The connection (TLS, tokens, exec plugins) is lightkube's; objects are plain dicts, because a
provider handles kinds that no client library has classes for.
"""

import re
import threading
import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import KubeConfig

from irsa_core.identity.policy_json import Json

from ... import COMMAND
from .rules import FORCE_ANNOTATION

TIMEOUT = httpx2.Timeout(30.0)


class Kind(NamedTuple):
    """One kind, from the API server's discovery."""

    base: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str) -> str:
        """Return the URL path of one object of this kind."""
        where = f"namespaces/{namespace}/" if self.namespaced else ""
        return f"{self.base}/{where}{self.plural}/{name}"


class KubernetesApi:
    """One cluster, by one kubeconfig context. Its connections are closed with the last reference to
    this object."""

    def __init__(self, kubeconfig: Mapping[str, Any], context: str | None = None) -> None:
        config = KubeConfig.from_dict(dict(kubeconfig)).get(context_name=context)
        if config is None:
            raise ValueError("the kubeconfig names no current context; give `context`")
        self.server = config.cluster.server
        self.namespace = config.namespace or "default"
        self._http = client_adapter.Client(
            config, client_adapter.ConnectionParams(timeout=TIMEOUT, trust_env=False)
        )
        weakref.finalize(self, self._http.close)
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._lock = threading.Lock()

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """Look a kind up, asking the server once per API version and again for an unknown kind."""
        with self._lock:
            if (api_version, kind) not in self._kinds:
                self._discover(api_version)
            return self._kinds.get((api_version, kind))

    def _discover(self, api_version: str) -> None:
        base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        answer = self._http.get(base)
        if answer.status_code == 404:
            return
        for entry in answer.raise_for_status().json()["resources"]:
            if "/" not in entry["name"]:
                found = Kind(base, entry["name"], entry["namespaced"])
                self._kinds[api_version, entry["kind"]] = found

    def get(self, path: str, **query: str) -> Json | None:
        """The object or list at ``path``, or None where there is none."""
        answer = self._http.get(path, params=query)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def apply(
        self, path: str, content: Json, manager: str, *, force: bool = False, dry_run: bool = False
    ) -> Json:
        """Server-side apply; https://kubernetes.io/docs/reference/using-api/server-side-apply/."""
        query: Json = {"fieldManager": manager, "fieldValidation": "Strict", "force": force}
        if dry_run:
            query["dryRun"] = "All"
        headers = {"Content-Type": "application/apply-patch+yaml"}
        answer = self._http.patch(path, json=content, params=query, headers=headers)
        return answer.raise_for_status().json()

    def delete(self, path: str) -> None:
        """Delete with everything that the object owns; fine when it is gone already."""
        body = {"propagationPolicy": "Foreground"}
        answer = self._http.request("DELETE", path, json=body)
        if answer.status_code != 404:
            answer.raise_for_status()


def refusal(error: Exception) -> str | None:
    """Kubernetes' own word for why it refused (``AlreadyExists``, ``NotFound``), if it did."""
    return _status(error.response, "reason") if isinstance(error, httpx2.HTTPStatusError) else None


def only_with_kubectl(error: httpx2.HTTPStatusError) -> bool:
    """Return True for a conflict about fields that kubectl set, none of them through a
    subresource, as by `kubectl scale`."""
    owners = re.findall(r'conflicts? with "([^"]+)"( with sub)?', explain(error) or "")
    is_kubectl = [name.startswith("kubectl") and not through for name, through in owners]
    return error.response.status_code == 409 and all(is_kubectl)


def _status(answer: httpx2.Response, field: str) -> str | None:
    try:
        return answer.json()[field]
    except (ValueError, KeyError, TypeError):
        return None


def explain(error: Exception) -> str | None:
    """One line for an error of the client, or None for anything else."""
    if isinstance(error, httpx2.HTTPStatusError):
        message = _status(error.response, "message") or error.response.text[:200]
        if error.response.status_code == 409 and message.startswith("Apply failed"):
            message += (
                "; let its manager remove the field, or annotate the object with "
                f'{FORCE_ANNOTATION}: "true" to take it over'
            )
        return f"Kubernetes refused ({error.response.status_code}): {message}"
    if isinstance(error, httpx2.TransportError):
        return (
            f"the Kubernetes API server cannot be reached ({error}); "
            f"is the sandbox up? ({COMMAND} status)"
        )
    return None
