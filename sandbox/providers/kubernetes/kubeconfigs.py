"""The kubeconfigs that the `kubernetes` provider takes: data in them, and `aws eks get-token`.

A kubeconfig can name any program and any file, and the provider runs with the rights of the
user who started the sandbox. So it takes what EKS's kubeconfigs hold and refuses the rest by name.
https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from irsa.identity.arns import parse_role_arn

from ...json_types import Json
from ..resource import Refused

_CLUSTER = {"server", "certificate-authority-data"}
_USER = {"token", "client-certificate-data", "client-key-data", "exec"}
_CONTEXT = {"cluster", "user", "namespace"}
_EXEC = {"apiVersion", "command", "args", "env", "interactiveMode", "provideClusterInfo"}
_EXEC_API = "client.authentication.k8s.io/v1beta1"
_ENV = [{"name": "KUBERNETES_EXEC_INFO", "value": f'{{"apiVersion": "{_EXEC_API}"}}'}]
"""Added by pulumi-eks; the AWS CLI then answers in that version, which is its default."""

_WORD = re.compile(r"[A-Za-z0-9][\w-]*")
# The AWS CLI reads a file for a value such as file://...
_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "--cluster-name": _WORD.fullmatch,
    "--region": _WORD.fullmatch,
    "--output": "json".__eq__,
    "--role-arn": parse_role_arn,
    "--role": parse_role_arn,  # as pulumi-eks writes it
}


def checked(content: Json, environment: Mapping[str, str]) -> Json:
    """The kubeconfig, with ``environment`` for the commands in it: a plugin of the engine would
    inherit the engine's, an attached provider does not.

    Raises `Refused` for what a provider of the sandbox does not take.
    """
    clusters = _named(content, "cluster", _CLUSTER)
    contexts = _named(content, "context", _CONTEXT)
    users = _named(content, "user", _USER)
    for entry in users:
        if plugin := entry["user"].get("exec"):
            entry["user"]["exec"] = _plugin(plugin, f"user {entry['name']}: exec", environment)
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "contexts": contexts,
        "users": users,
        "current-context": content.get("current-context"),
    }


def _named(content: Json, kind: str, known: Collection[str]) -> list[Json]:
    """The entries of one list, copied, after a look at the fields of each."""
    entries = []
    for entry in content.get(f"{kind}s") or ():
        if not isinstance(entry, dict) or not isinstance(entry.get(kind), dict):
            raise Refused(f"provider kubernetes: kubeconfig, {kind}s: {entry!r} is not a {kind}")
        name = str(entry.get("name"))
        fields = {key: item for key, item in entry[kind].items() if item is not None}
        _only(fields, known, f"{kind} {name}")
        entries.append({"name": name, kind: fields})
    return entries


def _only(fields: Json, known: Collection[str], where: str) -> None:
    for name in sorted(fields.keys() - set(known)):
        raise Refused(
            f"provider kubernetes: kubeconfig, {where}: the sandbox takes no `{name}`; it takes "
            f"{', '.join(sorted(known))}"
        )


def _plugin(plugin: Json, where: str, environment: Mapping[str, str]) -> Json:
    _only(plugin, _EXEC, where)
    if plugin.get("command") != "aws":
        raise _refused(where, f"runs `aws` only, not {plugin.get('command')!r}")
    if plugin.get("apiVersion") != _EXEC_API:
        raise _refused(where, f"takes apiVersion {_EXEC_API}, not {plugin.get('apiVersion')!r}")
    if (plugin.get("env") or _ENV) != _ENV:
        names = [variable.get("name") for variable in plugin["env"]]
        raise _refused(where, f"sets `env` itself; leave {names} out")
    arguments = plugin.get("args") or []
    if not _is_get_token(arguments):
        raise _refused(
            where, f"takes the args of `aws eks get-token --cluster-name ...`, not {arguments}"
        )
    variables = [{"name": name, "value": value} for name, value in environment.items()]
    return {"apiVersion": _EXEC_API, "command": "aws", "args": arguments, "env": variables}


def _is_get_token(arguments: Any) -> bool:
    """Return True for the words `eks get-token`, next to each other, with options that only select
    the token."""
    if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
        return False
    at = arguments.index("eks") if "eks" in arguments else 0
    options = [*arguments[:at], *arguments[at + 2 :]]
    names, values = options[::2], options[1::2]
    return (
        arguments[at : at + 2] == ["eks", "get-token"]
        and len(names) == len(values) == len(set(names))
        and "--cluster-name" in names
        and all(
            name in _OPTIONS and _OPTIONS[name](value)
            for name, value in zip(names, values, strict=True)
        )
    )


def _refused(where: str, what: str) -> Refused:
    return Refused(f"provider kubernetes: kubeconfig, {where}: the sandbox {what}")
