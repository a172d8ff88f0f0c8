"""Stand-ins in a program: declared outputs of types that the sandbox lacks (decision 0031)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from operator import methodcaller
from typing import Any

import pulumi
from pulumi import _types
from pulumi.runtime import is_dry_run, rpc
from pulumi.runtime.stack import massage

from ..errors import SandboxError
from ..providers.resource import DECLARED

__tracebackhide__ = methodcaller("errisinstance", SandboxError)  # pytest shows the caller's line

Declared = Mapping[str, Mapping[str, Any]]


def packages_of(declared: Declared, plugins: Sequence[str]) -> set[str]:
    """Return the packages of declared types. Raise `SandboxError` for one that has a plugin, and
    for a type that no installed SDK has."""
    if not isinstance(declared, Mapping):
        raise SandboxError(f"stand_ins: {declared!r}; give outputs by type token")
    packages = {str(token).partition(":")[0] for token in declared}
    for package in packages:
        with suppress(ImportError):
            import_module(f"pulumi_{package.replace('-', '_')}")
    modules: list[Any] = [module for same in rpc._RESOURCE_MODULES.values() for module in same]
    types = {token for module in modules for token in module.mod_info["classes"]}
    for token, outputs in declared.items():
        if token not in types:
            near = ", ".join(get_close_matches(str(token), types, 3, cutoff=0))
            raise SandboxError(f"stand_ins: no SDK has the type {token}; the nearest are {near}")
        if not isinstance(outputs, Mapping):
            raise SandboxError(f"stand_ins: {token}: {outputs!r}; give values by output")
        if token.partition(":")[0] in plugins:
            raise SandboxError(f"stand_ins: {token}: its plugin has the type; leave it out")
    return packages


def stand_in(
    declared: Declared, args: pulumi.ResourceTransformationArgs
) -> pulumi.ResourceTransformationResult | None:
    """Give the resource of a declared type its outputs as an input. A read of any other output then
    fails, where pulumi would return None. Raise `RunError` for an output that the type lacks."""
    resource: Any = args.resource
    if args.type_ not in declared:
        return None
    if not isinstance(resource, pulumi.CustomResource):
        raise pulumi.RunError(f"{args.type_} is a component; declare the types of its parts")
    names = {"id": "id", **_types.resource_py_to_pulumi_names(type(resource))}
    types, on_wire = _types.resource_types(type(resource)), {}
    for name, value in declared[args.type_].items():
        if name not in names:
            near = ", ".join(get_close_matches(name, names, 3, cutoff=0))
            raise pulumi.RunError(f"{args.type_} has no output {name}; the nearest are {near}")
        kind: Any = types.get(names[name])
        sent = on_wire[names[name]] = massage(value, [])
        path = rpc._Path(name, resource=args.name)
        # The SDK would drop what the class of a nested object lacks.
        if sent != massage(rpc.translate_output_properties(sent, str, kind, True, path), []):
            raise pulumi.RunError(f"{args.type_} {name}: {value!r} is no {kind}; give it as that")
    inputs = [name for name, value in args.props.items() if value is not None]
    readable = {*declared[args.type_], *inputs}

    class Attributes(dict[str, Any]):
        """Attributes of the resource, of which the SDK's properties `get` theirs."""

        def get(self, name: str, default: Any = None) -> Any:
            if not (name in readable or is_dry_run()):
                subject = f"{args.type_} {args.name}"
                raise pulumi.RunError(f"{subject}: no output {name}; give it in `stand_ins`")
            return super().get(name, default)

    resource.__dict__ = Attributes(vars(resource))
    return pulumi.ResourceTransformationResult({**args.props, DECLARED: on_wire}, args.opts)
