"""A pod's AWS identity, added to a pod template in the form that Kubernetes' API has.

A template is pulumi-kubernetes' `PodTemplateSpecArgs`, a dictionary in Python's or in Kubernetes'
spelling, or a part of what a resource transform gets: a dictionary with outputs anywhere.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-template-v1/
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import pulumi_kubernetes as k8s
from pulumi import Input, Output
from pulumi.output import Unknown

from irsa_core.identity import eks
from irsa_core.identity.injection import HASH_ANNOTATION, without_agent

from .values import ServiceAccount, camel, checked, in_apply

Fields = dict[str, Any]
PodTemplate = Input[k8s.core.v1.PodTemplateSpecArgs | k8s.core.v1.PodTemplateSpecArgsDict]

HOME: Final = "/tmp"  # noqa: S108 - a path in the container, on a volume of the pod's own
_HOME_VOLUME: Final = {"name": "irsa-home", "emptyDir": {}}
_HOME_MOUNT: Final = {"name": "irsa-home", "mountPath": HOME}
# https://kubernetes.io/docs/concepts/security/pod-security-standards/ (restricted)
_POD_SECURITY: Final = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_SECURITY: Final = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
_NO_CAPABILITIES: Final = {"drop": ["ALL"]}
_READ = (
    "allow_privilege_escalation automount_service_account_token config_map_ref env_from "
    "init_containers mount_path node_selector read_only_root_filesystem run_as_non_root "
    "run_as_user seccomp_profile secret_ref security_context service_account service_account_name "
    "volume_mounts"
)
_SPELLING = {name: camel(name) for name in _READ.split()}
"""Kubernetes' spelling of the fields that are read here."""
_KEYS: Final = {"env": "name", "volumeMounts": "mountPath", "volumes": "name"}
"""Keys by which the members of lists are told apart."""
_FOLDERS = (eks.TOKEN_FOLDER, eks.POD_IDENTITY_TOKEN_FOLDER)
_VOLUMES = (eks.TOKEN_VOLUME, eks.POD_IDENTITY_VOLUME)
_RESERVED: Final = {
    "env": eks.RESERVED_VARIABLES,
    "volumeMounts": dict.fromkeys(_FOLDERS, "the token is there"),
    "volumes": dict.fromkeys(_VOLUMES, "the webhook adds it"),
}
"""Values of those keys that only the identity has, and why."""
_SKIPPING: Final = {
    "labels": (eks.SKIP_LABEL, "keeps the webhook from the pods; remove it"),
    "annotations": (
        eks.SKIP_CONTAINERS_ANNOTATION,
        "is the identity's; list the containers that get it in its `containers`",
    ),
}
"""Keys of a pod's metadata that keep the webhook from it, and what to do."""


@dataclass(kw_only=True)
class PodAdditions:
    """Additions of the identity of a service account to the pods that run as it."""

    account: ServiceAccount
    account_name: Input[str]
    """The account's name, once it has its annotations: the webhook looks at them when a pod is
    created, and never again."""

    containers: Sequence[str] | None
    """Names of the containers that get the identity; all of them for None."""

    injected: bool
    """The webhook gives the containers their credentials."""

    warn: Callable[[str], None]
    """Logs what may hide the identity."""

    identity: dict[str, Input[str]] = field(default_factory=dict)
    """Values that make up the identity; the pods restart when one changes."""

    env: list[Fields] = field(default_factory=list)
    """Environment variables of the containers."""

    volumes: list[Fields] = field(default_factory=list)
    """Volumes of the pods."""

    mounts: list[Fields] = field(default_factory=list)
    """Mounts of those volumes."""

    def set(self, name: str, value: str) -> None:
        """Add an environment variable."""
        self.env.append({"name": name, "value": value})

    def mount(self, volume: Fields, folder: str) -> None:
        """Mount a volume read-only in that folder."""
        self.volumes.append(volume)
        self.mounts.append({"name": volume["name"], "mountPath": folder, "readOnly": True})


def add_identity(template: PodTemplate, additions: PodAdditions) -> Any:
    """Return the template with the identity, and with security settings where it has none.

    Raises ValueError for a wrong shape by its path, and for what hides the identity by name;
    `pulumi.RunError` for either in an output.
    """
    owner = f"{additions.account}: "
    shaped = checked(owner, "template", PodTemplate, template)
    return _known(shaped, partial(_template, additions))


def map_template(inputs: Any, change: Callable[[Any], Any]) -> Any:
    """Return the inputs of a Kubernetes object with its pod template changed; None without one.

    A Pod is one itself, a CronJob has one in the Job that it makes, other controllers in ``spec``.
    What is an output, such as a secret, is looked into once it is known.
    """
    if isinstance(inputs, Output):
        return _known(inputs, lambda manifest: map_template(manifest, change) or manifest)
    if not isinstance(inputs, Mapping):
        return None
    spec = inputs.get("spec")
    if inputs.get("kind") == "Pod" or (isinstance(spec, Mapping) and "containers" in spec):
        return change(inputs)
    for key in ("template", "jobTemplate", "spec"):
        changed = map_template(inputs.get(key), change)
        if changed is not None:
            return {**inputs, key: changed}
    return None


def _known(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change a value; that of an output once it is known."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Output | Awaitable):
        return Output.from_input(value).apply(in_apply(change))
    return change(value)


def _change(fields: Fields, key: str, change: Callable[..., Any], *given: Any) -> None:
    """Change a field, by a function whose last argument is its value."""
    fields[key] = _known(fields.get(key), partial(change, *given))


def _fields(value: Any) -> Fields:
    """Return a copy of a dictionary in Kubernetes' spelling, without what is left out."""
    fields: Fields = value or {}
    return {_SPELLING.get(key, key): each for key, each in fields.items() if each is not None}


def _plain(value: Any) -> Fields:
    """Return the fields of a value; none of an output."""
    return {} if isinstance(value, Output | Awaitable | Unknown) else _fields(value)


def _template(additions: PodAdditions, template: Any) -> Fields:
    fields = _fields(template)
    identity = Output.all(**additions.identity).apply(partial(json.dumps, sort_keys=True))
    digest = identity.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16])
    annotations: Fields = {HASH_ANNOTATION: digest}
    if additions.injected and additions.containers is not None:
        others = partial(_others, additions)
        annotations[eks.SKIP_CONTAINERS_ANNOTATION] = _known(fields.get("spec"), others)
    _change(fields, "metadata", _metadata, annotations, additions.injected)
    _change(fields, "spec", _spec, additions)
    return fields


def _metadata(annotations: Fields, injected: bool, metadata: Any) -> Fields:
    fields = _fields(metadata)
    for part, (key, problem) in _SKIPPING.items():
        if injected and part in fields:
            _change(fields, part, _without, key, f"{part.removesuffix('s')} {key} {problem}")
    _change(fields, "annotations", lambda inputs: {**_fields(inputs), **annotations})
    return fields


def _without(key: str, problem: str, fields: Fields) -> Fields:
    if key in fields:
        raise ValueError(problem)
    return fields


def _others(additions: PodAdditions, spec: Any) -> Input[str]:
    """Return the containers that the webhook skips, as a line of CSV."""
    fields, named = _fields(spec), additions.containers or ()

    def line(lists: Sequence[Any]) -> str:
        names = [str(_plain(container)["name"]) for listed in lists for container in listed or ()]
        for name in named:
            if name not in names:
                had = ", ".join(names)
                raise ValueError(f"containers: {name!r} is no container; the pod spec has {had}")
        return ",".join(name for name in names if name not in named)

    lists = [fields[key] for key in ("initContainers", "containers") if key in fields]
    if all(isinstance(listed, list) and all(map(_is_named, listed)) for listed in lists):
        return line(lists)
    return Output.all(*lists).apply(in_apply(line, f"{additions.account}: "))


def _is_named(container: Any) -> bool:
    return isinstance(_plain(container).get("name"), str)


def _spec(additions: PodAdditions, spec: Any) -> Fields:
    fields = {"automountServiceAccountToken": False, **_fields(spec)}
    system = {key: _plain(fields.get(key)) for key in ("nodeSelector", "os")}
    linux = without_agent(system, {}) != "Windows"  # where the API server refuses Linux's settings
    name = fields.get("serviceAccountName") or fields.pop("serviceAccount", None)  # its old field
    fields["serviceAccountName"] = _known(name, partial(_account_name, additions))
    if linux:
        _change(fields, "securityContext", _pod_security)
    for key in {"initContainers", "containers"} & fields.keys():
        _change(fields, key, _containers, additions, linux)
    volumes = [_HOME_VOLUME, *additions.volumes] if linux else additions.volumes
    _add(fields, "volumes", volumes, "volume" if additions.injected else None)
    return fields


def _account_name(additions: PodAdditions, given: Any) -> Any:
    account = additions.account
    if given not in (None, account.name):
        raise ValueError(
            f"the pod spec names service account {given!r}, and the identity is that of {account}; "
            "remove service_account_name, or give the identity that account"
        )
    return additions.account_name


def _pod_security(given: Any) -> Fields:
    fields = _fields(given)
    if fields.get("runAsUser") == 0:  # root on purpose
        fields.setdefault("runAsNonRoot", False)
    return {**_POD_SECURITY, **fields}


def _containers(additions: PodAdditions, linux: bool, containers: Any) -> list[Any]:
    return [_known(each, partial(_container, additions, linux)) for each in containers or ()]


def _container(additions: PodAdditions, linux: bool, container: Any) -> Fields:
    fields = _fields(container)
    security, env, mounts = fields.get("securityContext"), [], []
    variable, mount = None, None
    if linux:
        _change(fields, "securityContext", _security)
    if linux and "readOnlyRootFilesystem" not in _plain(security):
        env.append({"name": "HOME", "value": HOME})  # where the AWS CLI caches sessions
        mounts.append(_HOME_MOUNT)
    if additions.containers is None or fields.get("name") in additions.containers:
        container_name = f"container {fields.get('name')!r}"
        variable = f"{container_name}: environment variable"
        mount = f"{container_name}: volume mount at" if additions.injected else None
        if "envFrom" in fields:
            owner = f"{additions.account}: {container_name}"
            _change(fields, "envFrom", _seen, owner, additions.warn)
        env += additions.env
        mounts += additions.mounts
    _add(fields, "env", env, variable)
    _add(fields, "volumeMounts", mounts, mount)
    return fields


def _security(given: Any) -> Fields:
    fields = _fields(given)
    _change(fields, "capabilities", lambda own: {**_NO_CAPABILITIES, **_fields(own)})
    if fields.get("privileged"):  # which Kubernetes refuses without escalation
        fields.setdefault("allowPrivilegeEscalation", True)
    return {**_SECURITY, **fields}


def _add(fields: Fields, part: str, added: Sequence[Fields], owner: str | None) -> None:
    """Add to a list what it does not have. With an ``owner`` for the message, raise ValueError for
    another member whose key has a reserved value."""
    key = _KEYS[part]

    def extended(listed: Any) -> list[Any]:
        members = list(listed or ())
        names = [_plain(member).get(key) for member in members]
        for name, member in zip(names, map(_plain, members), strict=True):
            reason = _RESERVED[part].get(name.rstrip("/")) if isinstance(name, str) else None
            if owner and reason and member not in added:
                raise ValueError(f"{owner} {name!r} is reserved: {reason}; remove it")
        return [*(member for member in added if member[key] not in names), *members]

    if added or part in fields:
        _change(fields, part, extended)


def _seen(container: str, warn: Callable[[str], None], sources: Any) -> Any:
    """Warn of the variables of a Secret or ConfigMap, whose names are not seen here."""
    for env_from in sources:
        source = _plain(env_from)
        prefix = source.get("prefix") or ""
        wide = not isinstance(prefix, str) or prefix.startswith("AWS_") or "AWS_".startswith(prefix)
        kinds = {"secretRef": "Secret", "configMapRef": "ConfigMap"}
        for key in kinds.keys() & source.keys():
            name = _plain(source[key]).get("name")
            if wide:
                warn(
                    f"{container} takes every key of {kinds[key]} {name!r} (envFrom): one such as "
                    "AWS_ACCESS_KEY_ID or AWS_PROFILE would hide the identity; take single keys, "
                    "or give a prefix"
                )
    return sources
