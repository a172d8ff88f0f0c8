"""Stand-ins in a program: declared outputs of types that the sandbox lacks (decision 31)."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import pulumi
from pulumi import _types
from pulumi.runtime import is_dry_run, rpc

from ..errors import SandboxError
from ..providers.resource import DECLARED

Declared = Mapping[str, Mapping[str, Any]]


def packages_of(declared: Declared, plugins: Sequence[str]) -> set[str]:
    """Return the packages of declared types. Raise `SandboxError` for one that has a plugin."""
    for token, outputs in declared.items():
        if str(token).count(":") != 2 or not isinstance(outputs, Mapping):
            raise SandboxError(f"stand_ins: {token}: {outputs!r}; give a type token its outputs")
        if token.partition(":")[0] in plugins:
            raise SandboxError(f"stand_ins: {token}: its plugin has the type; leave it out")
    return {token.partition(":")[0] for token in declared}


def stand_in(
    declared: Declared, args: pulumi.ResourceTransformationArgs
) -> pulumi.ResourceTransformationResult | None:
    """Give the resource of a declared type its outputs as an input. A read of any other output then
    fails, where pulumi would return None. Raise `RunError` for an output that the type lacks."""
    if (outputs := declared.get(args.type_)) is None:
        return None
    resource: Any = args.resource
    if not isinstance(resource, pulumi.CustomResource):
        raise pulumi.RunError(f"{args.type_} is a component; declare the types of its parts")
    names = {"id": "id", **_types.resource_py_to_pulumi_names(type(resource))}
    types, path = _types.resource_types(type(resource)), rpc._Path("stand-in", resource=args.name)
    for name, value in outputs.items():
        if name not in names:
            near = ", ".join(get_close_matches(name, names, 3, cutoff=0))
            raise pulumi.RunError(f"{args.type_} has no output {name}; the nearest are {near}")
        kind: Any = types.get(names[name])
        # The SDK would drop a name of a nested object that its class lacks.
        if value != rpc.translate_output_properties(value, str, kind, True, path):
            raise pulumi.RunError(f"{args.type_} {name}: {value!r} is no {kind}; give it as that")
    known = {*outputs, *(name for name, value in args.props.items() if value is not None)}

    class Attributes(dict[str, Any]):
        """Attributes of the resource, of which the SDK's properties `get` theirs."""

        def get(self, name: str, default: Any = None) -> Any:
            if not (name in known or is_dry_run()):
                subject = f"{args.type_} {args.name}"
                raise pulumi.RunError(f"{subject}: no output {name}; give it in `stand_ins`")
            return super().get(name, default)

    resource.__dict__ = Attributes(vars(resource))
    on_wire = {names[name]: value for name, value in outputs.items()}
    return pulumi.ResourceTransformationResult({**args.props, DECLARED: on_wire}, args.opts)
