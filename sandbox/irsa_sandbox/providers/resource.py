"""Resource types and packages, for the server that all packages share."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, Generic, TypeVar

from typing_extensions import override

from .. import COMMAND
from .values import UNKNOWN, defaults, get_path, shaped_like

S = TypeVar("S")
"""Clients of a provider instance, from its configuration."""

Properties = dict[str, Any]

DECLARED = "__standIn"
"""Input of a stand-in's resource: the outputs that a test declares for its type."""

CLOSE = 0.75  # of difflib: the names of two types look alike


class Refused(Exception):
    """The provider or the service refuses the request; the text is one line for people."""


class InvalidInput(Exception):
    """The name of an input, and why it can never be right: found in a preview too."""


def refuse_unknown(subject: str, values: Properties, known: Sequence[str]) -> None:
    """Raise `Refused` for a value that the sandbox would silently leave out."""
    for name in sorted(values.keys() - {*known}):
        if values[name] is not None:
            raise Refused(
                f"the sandbox does not know {name!r} in {subject}; it knows {', '.join(known)}"
            )


class ResourceType(Generic[S]):
    """One resource type. Values are plain; nothing here sees a secret marker or, but for
    `check`, an unknown value. Property names are those of the wire (camelCase)."""

    token: str
    """Type token, such as ``aws:iam/role:Role``."""

    title: ClassVar[str] = ""
    """Name of a resource in the published provider's errors: ``S3 Bucket ({bucket})``; empty if its
    errors have none."""

    replace_on: ClassVar[frozenset[str]] = frozenset()
    """Input paths whose change means a new resource."""

    replace_on_removal: ClassVar[frozenset[str]] = frozenset()
    """Input paths that can be added in place; taking them away means a new resource."""

    computed: frozenset[str] = frozenset()
    """Outputs that only the service knows; unknown in the preview of a create."""

    secret: frozenset[str] = frozenset()
    """Outputs that are secrets whatever the inputs were."""

    name_property: ClassVar[str | None] = None
    """Path of the input (``name``, ``metadata.name``) that must be unique in the service."""

    autoname: bool = False
    """True if ``name_property`` is generated from the logical name when it is left out."""

    lower_case: ClassVar[bool] = False
    """True if such a name has no capitals."""

    renames: ClassVar[bool] = True
    """False if a name that leaves the program replaces the resource even if the generated one is
    equal, as the provider generates it for the new resource only."""

    def check_name(self, name: str) -> None:
        """Raise ValueError for a name that the service must refuse."""

    def check(self, session: S, news: Properties) -> Properties:
        """Fill in defaults and normalise (JSON documents, for example), or raise `InvalidInput`.
        Values may be `UNKNOWN`."""
        return news

    def create(self, session: S, inputs: Properties) -> tuple[str, Properties]:
        """Make the resource, or raise `Refused`; return its id, and outputs that cannot be read
        again."""
        raise NotImplementedError

    def await_ready(self, session: S, resource_id: str) -> list[str]:
        """Wait until a new or changed resource is usable; return the reasons if it is not. The
        next `up` finds it in the state."""
        return []

    def read(self, session: S, resource_id: str, state: Properties) -> Properties | None:
        """All inputs and outputs as they are in the service now, or None when it is gone.
        ``state`` is what was last known: empty on import, inputs and `create`'s outputs on create.
        """
        raise NotImplementedError

    def update(self, session: S, resource_id: str, olds: Properties, news: Properties) -> None:
        """Bring the resource from the old state to the new inputs."""
        raise NotImplementedError

    def delete(self, session: S, resource_id: str, state: Properties) -> None:
        """Remove the resource; one that is gone already is fine."""
        raise NotImplementedError

    def own_id(self, resource_id: str) -> str:
        """The id that the state keeps, of the one that an import is given."""
        return resource_id

    def compared(
        self, olds: Properties, state: Properties, news: Properties
    ) -> tuple[Properties, Properties]:
        """The old and the new inputs as far as a difference between them is a change."""
        return olds, news

    def inputs_of(self, state: Properties) -> Properties:
        """The inputs that would have produced ``state``; used on import."""
        return state

    def refreshed(self, inputs: Properties, state: Properties) -> Properties:
        """The program's ``inputs``, each with its live value: what `pulumi refresh` records."""
        return shaped_like(state, inputs)

    def replacing(self, session: S) -> frozenset[str]:
        """`replace_on`, where it depends on the provider's configuration."""
        return self.replace_on

    def deletes_first(self, olds: Properties, news: Properties) -> bool:
        """Return True if a replacement deletes the old resource before it creates the new one, as
        it must if both have one name."""
        name = self.name_property
        return (
            name is not None
            and get_path(olds, name) == get_path(news, name)
            and name not in defaults(news)
        )

    def preview(self, session: S, inputs: Properties, state: Properties | None) -> Properties:
        """The state that a create (``state`` None) or an update would leave, without doing it."""
        outputs = {**(state or {}), **inputs}
        if state is None:
            outputs.update(dict.fromkeys(self.computed - inputs.keys(), UNKNOWN))
        return outputs


class StandIn(ResourceType[Any]):
    """A type that the sandbox lacks. Its resources are in the stack's state alone."""

    replace_on = frozenset({DECLARED})

    @override
    def create(self, session: Any, inputs: Properties) -> tuple[str, Properties]:
        return inputs[DECLARED].get("id") or f"stand-in-{secrets.token_hex(8)}", {}

    @override
    def read(self, session: Any, resource_id: str, state: Properties) -> Properties:
        return {**state[DECLARED], **state}

    @override
    def update(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    delete = update


@dataclass(frozen=True, kw_only=True)
class Package(Generic[S]):
    """A provider's resource types, and how its configuration becomes a session."""

    name: str
    version: str
    connect: Callable[[Properties], S]
    """Open the clients for one provider instance; raise `Refused` for a wrong configuration."""

    types: Mapping[str, ResourceType[S]] = field(default_factory=dict)
    """The types by their tokens."""

    fallback: Callable[[str], ResourceType[S] | None] = lambda _token: None
    """A type for tokens that `types` does not name."""

    functions: Mapping[str, Callable[[S, Properties], Properties]] = field(default_factory=dict)
    explain: Callable[[Exception], str | None] = lambda _error: None
    """One line for an error of the package's client library, or None for a defect of ours."""

    cancel: Callable[[S], None] = lambda _session: None
    """End the waits of a provider instance."""

    def type_of(self, token: str, values: Properties) -> ResourceType[S]:
        """The type of a resource with these inputs, or this state; raise `Refused` for one that the
        sandbox lacks, and for a stand-in of its own."""
        kind = self.types.get(token) or self.fallback(token)
        if DECLARED in values:
            if kind:
                raise Refused(f"{token} is a type of the sandbox; take it out of `stand_ins`")
            return StandIn()
        if kind is None:
            hint = (
                "leave it out here by a setting, or declare it in a test's `stand_ins`; "
                f"`{COMMAND} up --providers {self.name}` helps if the sandbox has the service"
            )
            if near := get_close_matches(token, self.types, 3, CLOSE):
                hint = f"the nearest are {', '.join(near)}"
            raise Refused(f"{token} is no type of the sandbox; {hint}")
        return kind
