"""Reading another stack's outputs, with an error that says what to do."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi

T = TypeVar("T")


class StackOutputs:
    """The outputs of another stack as plain values, known in a preview too.

    `StackReference.require_output` fails with a bare ``KeyError``, somewhere in the middle; this
    ends the program with one line, before anything is registered. One secret makes all outputs of
    a reference together a secret: what is taken out here is plain.
    """

    def __init__(self, stack_name: str, values: Mapping[str, Any]) -> None:
        self._stack_name = stack_name
        self._values = values

    @classmethod
    async def read(cls, stack_name: str) -> "StackOutputs":
        """Read the stack; the engine ends the program if there is none of that name."""
        values = await pulumi.StackReference(stack_name).outputs.future()
        return cls(stack_name, values or {})

    def require(self, kind: type[T], *path: str) -> T:
        """The value of type ``kind`` at ``path``: an output's name, then keys inside it.

        Raises `pulumi.RunError`, which the CLI prints as one line without a traceback.
        """
        value: Any = self._values
        for depth, key in enumerate(path):
            if not isinstance(value, Mapping) or key not in value:
                found = sorted(value) if isinstance(value, Mapping) else value
                raise pulumi.RunError(
                    f"stack {self._stack_name} exports no {'.'.join(path)!r} "
                    f"({'.'.join(path[:depth]) or 'it'} has {found}); run `pulumi up` there "
                    "first, or point to the right stack"
                )
            value = value[key]
        if not isinstance(value, kind):
            raise pulumi.RunError(
                f"stack {self._stack_name} exports {'.'.join(path)!r} as {value!r}, which is not a "
                f"{kind.__name__}; point to the stack of project irsa, or run `pulumi up` there"
            )
        return value

    def require_secret(self, name: str) -> str:
        """The text of a secret output, in plain: make it a secret again. Raises as `require`."""
        if isinstance(self._values.get(name), str):
            return self.require(str, name)
        # Whatever else it is, no message shows it.
        shown = {key: value for key, value in self._values.items() if key != name}
        return StackOutputs(self._stack_name, shown).require(str, name)
