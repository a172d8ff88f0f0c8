"""Taking over what the program's own components made: aliases of a component's children, by key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

import pulumi

from irsa.identity.pulumi_types import NEW, without_version

from . import values

_URN = re.compile(
    r"(?:urn:pulumi:(?P<stack>[^:]+)::(?P<project>[^:]+)::)?(?P<type>.+?)::(?P<name>.+)"
)


@values.arguments
class TakingOverArgs:
    """Argument of every component."""

    taken_over: Mapping[str, str] = field(default_factory=dict)
    """Resources of this stack that become the component's own, unchanged: each child's key, such as
    ``role``, and the URN that it has today, or its part from the type on; ``new`` for a child that
    the stack does not have. `irsa takeover` prints them from a state."""


def aliases(
    owner: str, args: TakingOverArgs, children: Sequence[tuple[str, str]]
) -> Mapping[str, list[str | pulumi.Alias]]:
    """Return the aliases of a component's children, which are given by key and type token.

    Every child needs one, or is `NEW`: an alias that is left out cuts access in a green `up`, since
    AWS writes the new attachment over the old one, which the engine then deletes.
    Raises ValueError.
    """
    given = args.taken_over
    if not given:
        return {}
    types = dict(children)
    for key in sorted(given.keys() ^ types.keys()):
        if key in given:
            fix = f"give {', '.join(types)}" if types else "remove it"
            raise ValueError(f"{owner}: taken_over[{key!r}] is no child; {fix}")
        raise ValueError(
            f"{owner}: taken_over lacks {key!r}; give its URN of today, or {NEW!r} if the stack "
            "has none"
        )
    if len(types) < len(children):
        keys = [key for key, _ in children]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{owner}: {twice!r} names two children in taken_over; rename the policy")
    return {
        key: [_alias(f"{owner}: taken_over[{key!r}]", urn, types[key])]
        for key, urn in given.items()
        if urn != NEW
    }


def _alias(where: str, urn: str, kind: str) -> str:
    parts = _URN.fullmatch(urn)
    found = parts and without_version(parts["type"].rpartition("$")[2])
    if parts is None or found != kind:
        raise ValueError(f"{where}: {urn!r} is no URN of type {kind}; copy it from the state")
    own = pulumi.get_stack(), pulumi.get_project()
    if parts["stack"] and (parts["stack"], parts["project"]) != own:
        raise ValueError(
            f"{where}: {urn!r} is of another stack; run `pulumi state move` first, and give its "
            "part from the type on"
        )
    return f"urn:pulumi:{own[0]}::{own[1]}::{parts['type']}::{parts['name']}"
