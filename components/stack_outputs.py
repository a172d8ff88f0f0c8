"""Reading another stack's outputs, with an error that says what to do."""

from typing import Any, TypeVar

import pulumi
from pulumi import Output

T = TypeVar("T")


def require_output(stack: pulumi.StackReference, kind: type[T], *path: str) -> Output[T]:
    """The value of type ``kind`` at ``path``: an output's name, then keys inside it.

    Unlike `StackReference.require_output`, which fails with a bare ``KeyError``, this ends the
    program with one line, in a preview too.
    """
    return Output.all(stack.name, stack.outputs).apply(
        lambda known: _pick(known[0], known[1] or {}, kind, path)
    )


def _pick(stack: str, outputs: Any, kind: type[T], path: tuple[str, ...]) -> T:
    value = outputs
    for depth, key in enumerate(path):
        if not isinstance(value, dict) or key not in value:
            found = sorted(value) if isinstance(value, dict) else value
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
