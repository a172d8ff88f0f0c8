"""Reading another stack's outputs, with an error that says what to do."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi
from pulumi import Output

T = TypeVar("T")


def require_output(stack: pulumi.StackReference, kind: type[T], name: str) -> Output[T]:
    """The output ``name``, of type ``kind``.

    Unlike `StackReference.require_output`, which fails with a bare ``KeyError``, this ends the
    program with one line, in a preview too.
    """
    # One secret output makes all outputs together a secret, but neither their names nor the rest.
    names = Output.unsecret(stack.outputs).apply(lambda outputs: sorted(outputs or {}))
    return Output.all(stack.name, names, stack.get_output(name)).apply(
        lambda known: pick(
            known[0],
            {found: known[2] if found == name else None for found in known[1]},
            kind,
            name,
        )
    )


def pick(stack: str, outputs: Mapping[str, Any], kind: type[T], *path: str) -> T:
    """The value at ``path`` in a stack's outputs, or `pulumi.RunError`."""
    value: Any = outputs
    for depth, key in enumerate(path):
        if not isinstance(value, Mapping) or key not in value:
            found = sorted(value) if isinstance(value, Mapping) else value
            raise pulumi.RunError(
                f"stack {stack} exports no {'.'.join(path)!r} "
                f"({'.'.join(path[:depth]) or 'it'} has {found}); run `pulumi up` there first, "
                "or point to the right stack"
            )
        value = value[key]
    if not isinstance(value, kind):
        raise pulumi.RunError(
            f"stack {stack} exports {'.'.join(path)!r} as {value!r}, which is no {kind.__name__}; "
            "point to the stack of project irsa, or run `pulumi up` there"
        )
    return value
