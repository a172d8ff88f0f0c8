"""A Pulumi program with the components for imported roles, in Python or in Pulumi YAML. Pure."""

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from irsa.identity.arns import account_of
from irsa.identity.policy_json import Json
from irsa.imports.roles import Imported

_WIDTH = 100
_HEAD = '''\
"""IAM roles for service accounts. They existed before; the first `pulumi up` imports them."""

import pulumi
import pulumi_aws as aws
{components}
from pulumi import ResourceOptions

PROVIDER_ARN = {provider_arn}

stack = {{"project": pulumi.get_project(), "stack": pulumi.get_stack()}}
account = {account}
in_account = ResourceOptions(providers=[account])
'''


_ROLES = "from irsa_components import ServiceAccountRole, ServiceAccountRoleArgs"
_ROLES_AND_ASSOCIATIONS = """\
from irsa_components import (
    PodIdentityAssociation,
    PodIdentityAssociationArgs,
    ServiceAccount,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
)"""


class _Name(str):
    """A Python name."""

    __slots__ = ()


class _Call(NamedTuple):
    function: str
    positional: Sequence[object]
    keywords: Json


def python_program(imported: Imported) -> str:
    """A `__main__.py`, formatted as `ruff format` does with lines of 100 characters."""
    provider_arn, account_id = imported.provider_arn, account_of(imported.provider_arn)
    options = {
        "region": imported.region,
        "allowed_account_ids": [account_id],
        "default_tags": {"tags": _Name("stack")},
    }
    provider = _Call("aws.Provider", ["account"], options)
    head = _HEAD.format(
        components=_ROLES_AND_ASSOCIATIONS if imported.associations else _ROLES,
        provider_arn=_literal(provider_arn),
        account=_source(provider, used=len("account = ")),
    )
    blocks = [head]
    for each in imported.taken:
        arns = [
            _Name("PROVIDER_ARN") if arn == provider_arn else arn
            for arn in each.arguments.get("provider_arns", [])
        ]
        named = {**each.arguments, **({"provider_arns": arns} if arns else {})}
        blocks.append(_component("ServiceAccountRole", each.name, named))
    for each in imported.associations:
        account = _Call("ServiceAccount", [], each.arguments["service_account"])
        arguments = {**each.arguments, "service_account": account}
        blocks.append(_component("PodIdentityAssociation", each.name, arguments))
    return "\n".join(blocks)


def _component(kind: str, name: str, arguments: Json) -> str:
    positional = [name, _Call(f"{kind}Args", [], arguments), _Name("in_account")]
    return _source(_Call(kind, positional, {})) + "\n"


def _source(value: object, indent: int = 0, used: int = 0) -> str:
    """Python for a value on a line of which ``used`` characters are taken: on that line if it
    fits with a comma, or else with one element on each line."""
    flat, inner = _flat(value), indent + 4
    if used + len(flat) < _WIDTH or not _elements(value)[1]:
        return flat
    opening, elements, closing = _elements(value)
    lines = [
        f"{' ' * inner}{prefix}{_source(element, inner, inner + len(prefix))},"
        for prefix, element in elements
    ]
    return "\n".join([opening, *lines, " " * indent + closing])


def _flat(value: object) -> str:
    opening, elements, closing = _elements(value)
    return opening + ", ".join(prefix + _flat(each) for prefix, each in elements) + closing


def _elements(value: object) -> tuple[str, list[tuple[str, object]], str]:
    """Return a value's opening, its elements with the text before each, and its closing."""
    if isinstance(value, _Call):
        named = [(f"{key}=", each) for key, each in value.keywords.items()]
        return f"{value.function}(", [*(("", each) for each in value.positional), *named], ")"
    if isinstance(value, dict):
        items = cast("Json", value).items()
        return "{", [(f"{_literal(key)}: ", each) for key, each in items], "}"
    if isinstance(value, list):
        return "[", [("", each) for each in cast("list[object]", value)], "]"
    return (_literal(value) if type(value) is str else str(value)), [], ""


def _literal(text: str) -> str:
    """A string in double quotes, unless single ones take fewer escapes."""
    written = repr(text)
    if written.startswith("'") and text.count('"') <= text.count("'"):
        return '"' + written[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    return written


_YAML_PROJECT = "imported-roles"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.:-]*")


def yaml_program(imported: Imported) -> str:
    """A `Pulumi.yaml` in Pulumi YAML, with the components' package."""
    import yaml  # 20 ms, and only this needs it

    class Dumper(yaml.SafeDumper):
        """Quotes strings that other YAML readers than Python's take for a number, as ``1e3``."""

        def represent_str(self, data: str) -> yaml.ScalarNode:
            node: yaml.ScalarNode = super().represent_str(data)
            node.style = None if _PLAIN.fullmatch(data) and node.style is None else '"'
            return node

    Dumper.add_representer(str, Dumper.represent_str)
    program = {
        "name": _YAML_PROJECT,
        "runtime": "yaml",
        "config": {
            "aws:region": {"value": imported.region},
            "aws:allowedAccountIds": {"value": [account_of(imported.provider_arn)]},
        },
        "resources": {
            each.name: {
                "type": "irsa:ServiceAccountRole",
                "properties": _with_tags(_yaml_properties(each.arguments)),
            }
            for each in imported.taken
        }
        | {
            f"{each.name}-association": {
                "type": "irsa:PodIdentityAssociation",
                "properties": _yaml_properties(each.arguments),
            }
            for each in imported.associations
        },
    }
    return yaml.dump(program, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _yaml_properties(arguments: Json) -> Json:
    return {_camel_case(key): _escaped(value) for key, value in arguments.items()}


def _with_tags(properties: Json) -> Json:
    tags = cast("Json", properties.setdefault("tags", {}))
    tags |= {"project": _YAML_PROJECT, "stack": "${pulumi.stack}"}
    return properties


def _camel_case(name: str) -> str:
    return re.sub("_(.)", lambda found: found[1].upper(), name)


def _escaped(value: object) -> object:
    """The value with every ``${`` escaped, which begins an expression in Pulumi YAML."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_escaped(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in cast("Json", value).items()}
    return value
