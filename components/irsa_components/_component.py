"""Base of every component: its name in messages, and its children, which the stack may have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from inspect import signature
from typing import Any, Self

import pulumi
from pulumi import Alias, ResourceOptions

from irsa_core.identity.pulumi_types import NEW, without_version

from . import values

_URN = re.compile(
    r"(?:urn:pulumi:(?P<stack>[^:]+)::(?P<project>[^:]+)::)?(?P<type>.+?)::(?P<name>.+)"
)


@values.arguments
class ComponentArgs:
    """Argument of every component."""

    noun = "component"

    taken_over: Mapping[str, str] = field(default_factory=dict)
    """Resources of this stack that become children of the component, unchanged. A key names the
    child, such as ``role``. Its value is the resource's present URN, or the part from the type on,
    or ``new`` for a child that the stack does not have. `irsa takeover` prints them from a
    state."""

    def __post_init__(self) -> values.Problems:
        existing = getattr(self, "existing", False)
        return {
            f"existing=True is a {self.noun} without a name; give {self.noun}_name": (
                existing and getattr(self, f"{self.noun}_name", "") is None
            ),
            f"{self.owner()}: existing=True is never deleted; remove force_destroy": (
                existing and getattr(self, "force_destroy", False)
            ),
        }

    def owner(self, component: str = "") -> str:
        """Return a name for messages: the physical one, or else the component's."""
        names = getattr(self, f"{self.noun}_name", None), getattr(self, self.noun, None)
        name = next(filter(None, names), component)
        return f"{self.noun} {name!r}" if name else f"the {self.noun}"


class Component(pulumi.ComponentResource):
    """A component, whose children may be resources that the stack has."""

    def __new__(cls, *positional: object, **named: object) -> Self:
        """Refuse arguments of another class, before a constructor looks into them."""
        parameters = signature(cls.__init__).parameters
        kind = parameters["args"].annotation if "args" in parameters else None
        if isinstance(kind, type):  # a user's subclass may have a constructor of its own
            arguments = dict(zip(("name", "args", "opts"), positional, strict=False)) | named
            name = values.checked("", f"name of a {cls.__name__}", str, arguments.get("name"))
            where = f"{cls.__name__} {name!r}"
            if unknown := ", ".join(f"{key}=…" for key in named if key not in parameters):
                raise ValueError(f"{where}: give {kind.__name__}({unknown})")
            values.checked("", f"{where}: args", kind, arguments.get("args"))
            providers: Any = getattr(arguments.get("opts"), "providers", None) or ()
            for provider in providers.values() if isinstance(providers, Mapping) else providers:
                if isinstance(provider, Component):
                    problem = f"{type(provider).__name__} in `providers` is no provider"
                    raise ValueError(f"{where}: {problem}; give its kubernetes_provider")
        return super().__new__(cls)

    def __init__(
        self,
        kind: str,
        name: str,
        args: ComponentArgs,
        opts: ResourceOptions | None,
        owner: str = "",
    ) -> None:
        """Register the component; ``owner`` is its name for messages."""
        super().__init__(f"irsa:index:{kind}", name, {}, opts)
        self._owner = owner or args.owner(name)
        self._taken_over, self._keys = args.taken_over, list[str]()

    def child_options(
        self, key: str = "", kind: Any = None, *, aliases: Sequence[Alias] = (), **options: Any
    ) -> ResourceOptions:
        """Return the options of a child. One with a key, of a resource class, is the resource of
        the stack that ``taken_over`` has for its key.

        Each of these has a URN there, or is `NEW`: an alias that is left out cuts access in a green
        `up`, since AWS writes the new attachment over the old one, which the engine then deletes.
        Raises ValueError.
        """
        old: list[str | Alias] = [*aliases]
        if key and self._taken_over:
            if key in self._keys:
                raise ValueError(
                    f"{self._owner}: {key!r} names two children in taken_over; rename the policy"
                )
            if key not in self._taken_over:
                raise ValueError(
                    f"{self._owner}: taken_over lacks {key!r}; give its URN of today, or {NEW!r} "
                    "if the stack has none"
                )
            self._keys.append(key)
            if (urn := self._taken_over[key]) != NEW:
                old.append(_alias(f"{self._owner}: taken_over[{key!r}]", urn, kind.pulumi_type))
        return ResourceOptions(parent=self, aliases=old, **options)

    def register_outputs(self, outputs: pulumi.Inputs) -> None:
        """Register the outputs; raises ValueError for keys of ``taken_over`` without a child."""
        for key in sorted(self._taken_over.keys() - {*self._keys}):
            fix = f"give {', '.join(self._keys)}" if self._keys else "remove it"
            raise ValueError(f"{self._owner}: taken_over[{key!r}] is no child; {fix}")
        super().register_outputs(outputs)


def newer(kind: type, key: str, value: Any, needs: str) -> dict[str, Any]:
    """Return an argument for a resource, if the installed SDK has it in the resource's arguments.

    Raises `pulumi.RunError`, which begins with ``needs``, for one that is set and that it lacks.
    """
    if hasattr(kind, key):
        return {key: value}
    if value:
        raise pulumi.RunError(f"{needs}; install that version or a later one, or leave it out")
    return {}


def _alias(where: str, urn: str, kind: str) -> str:
    parts = _URN.fullmatch(urn)
    type_token = parts and without_version(parts["type"].rpartition("$")[2])
    if parts is None or type_token != kind:
        raise ValueError(f"{where}: {urn!r} is no URN of type {kind}; copy it from the state")
    stack = pulumi.get_stack(), pulumi.get_project()
    if parts["stack"] and (parts["stack"], parts["project"]) != stack:
        raise ValueError(
            f"{where}: {urn!r} is of another stack; run `pulumi state move` first, and give its "
            "part from the type on"
        )
    return f"urn:pulumi:{stack[0]}::{stack[1]}::{parts['type']}::{parts['name']}"
