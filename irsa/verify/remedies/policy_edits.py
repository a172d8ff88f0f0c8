"""Changes to a policy document that let one caller in, and nobody else. Pure.

A statement that denies is there for others, too: it is narrowed by an exception for the caller, and
removed only when it is about nobody else.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from irsa.identity.policy_json import Json, as_list, principals, statements, without

NARROW = "remove or narrow the statement that denies it, if it is not intended"
PRINCIPAL_ARN = "aws:PrincipalArn"
IDENTITY_KEYS = frozenset({"aws:principalarn", "aws:principalaccount", "aws:principaltype"})
"""Condition keys, in lower case, that say who calls and not how; a token's claims do, too."""


class Line(NamedTuple):
    """One line of a statement's ``Condition``."""

    operator: str
    key: str
    values: list[str]

    @property
    def claim(self) -> str:
        """``sub`` of ``oidc.eks…:sub``, ``aud``; empty for every other key."""
        claim = self.key.lower().rpartition(":")[2]
        return claim if claim in ("sub", "aud") else ""

    @property
    def about_caller(self) -> bool:
        """Whether it asks who calls, and not how."""
        return bool(self.claim) or self.key.lower() in IDENTITY_KEYS


def lines(statement: Json) -> Iterator[Line]:
    """The lines of a statement's ``Condition``."""
    block: Json = statement.get("Condition") or {}
    for operator, keys in block.items():
        for key, values in keys.items():
            yield Line(operator, key, texts(values))


def texts(values: Any) -> list[str]:
    """One value or several, as policies write them."""
    return [str(each) for each in as_list(values)]


def with_lines(statement: Json, wanted: Sequence[Line]) -> Json:
    """The statement with these conditions only."""
    block: Json = {}
    for operator, key, values in wanted:
        same: Json = block.setdefault(operator, {})
        same[key] = values[0] if len(values) == 1 else values
    kept = {name: value for name, value in statement.items() if name != "Condition"}
    return {**kept, "Condition": block} if block else kept


def foreign(statement: Json) -> list[Line]:
    """The conditions that the caller has to meet, whoever it is: address, session name, tag, …"""
    return [line for line in lines(statement) if not line.about_caller]


def foreign_words(listed: Iterable[Json]) -> str:
    """Those conditions of some statements, as a sentence names them."""
    return ", ".join(
        f"{line.key} {line.operator} {' or '.join(line.values)}"
        for statement in listed
        for line in foreign(statement)
    )


def replaced(document: Json, position: int, statement: Json) -> Json:
    """The document with another statement in one place."""
    listed = [s if i != position else statement for i, s in enumerate(statements(document))]
    return {**document, "Statement": listed}


def excepted(
    document: Json, positions: Sequence[int], exception: Line, is_ours: Callable[[Json], bool]
) -> Json | None:
    """The document whose statements that deny make an exception for one caller.

    ``exception`` is a line that does not hold for the caller, and ``is_ours`` says of a statement
    whether it is about that caller only. None when a statement has a condition that the caller
    should meet instead.
    """
    listed = statements(document)
    if any(foreign(listed[position]) for position in positions):
        return None
    nobody_else = all(is_ours(each) for each in listed if each.get("Effect") == "Allow")
    dropped = [p for p in positions if nobody_else or is_ours(listed[p])]
    for position in positions:
        statement = listed[position]
        same = [each for each in lines(statement) if each[:2] == exception[:2]]
        others = [each for each in lines(statement) if each[:2] != exception[:2]]
        values = [value for each in same for value in each.values] + exception.values
        narrowed = with_lines(statement, [*others, exception._replace(values=values)])
        document = replaced(document, position, narrowed)
    return without(document, dropped)


def excepted_role(document: Json, positions: Sequence[int], role_arn: str) -> Json | None:
    """The same for the sessions of a role."""

    def is_ours(statement: Json) -> bool:
        if statement.get("Effect") == "Allow":
            return principals(statement, "AWS") == [role_arn] == _principals(statement)
        named = [line for line in lines(statement) if line.key.lower() == "aws:principalarn"]
        return _principals(statement) == [role_arn] or [
            (line.operator, line.values) for line in named
        ] == [("ArnEquals", [role_arn])]

    return excepted(document, positions, Line("ArnNotEquals", PRINCIPAL_ARN, [role_arn]), is_ours)


def _principals(statement: Json) -> list[str]:
    principal: Json | str = statement.get("Principal", "*")
    if isinstance(principal, str):
        return [principal]
    return [each for entries in principal.values() for each in texts(entries)]


def excepted_subject(
    document: Json, positions: Sequence[int], issuer: str, subject: str
) -> Json | None:
    """The same for a service account of a cluster."""
    key = f"{issuer}:sub"

    def is_ours(statement: Json) -> bool:
        return any(
            line.operator == "StringEquals" and line.key == key and line.values == [subject]
            for line in lines(statement)
        )

    return excepted(document, positions, Line("StringNotEquals", key, [subject]), is_ours)
