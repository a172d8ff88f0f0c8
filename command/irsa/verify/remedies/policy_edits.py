"""Changes to a policy document that allow one caller, and no other. Pure.

A statement that denies may be there for other callers: it gets an exception for this caller, and is
removed only when it is about this caller alone.
"""

from collections.abc import Callable, Iterable, Sequence

from irsa.decide.document import Condition, conditions_of
from irsa.decide.principals import UNIQUE_ID
from irsa.identity.pod_identity import SERVICE_ACCOUNT_TAG
from irsa.identity.policy_json import Json, as_list, principals, statements, without

NARROW = "remove or narrow the statement that denies it, if it is not intended"
PRINCIPAL_ARN = "aws:PrincipalArn"
IDENTITY_KEYS = frozenset({"aws:principalarn", "aws:principalaccount", "aws:principaltype"})
"""Condition keys, in lower case, that say who calls and not how; a token's claims do, too."""


def token_claim(condition: Condition) -> str:
    """Return ``sub`` for the key ``oidc.eks…:sub``, ``aud`` likewise; empty for other keys."""
    claim = condition.key.lower().rpartition(":")[2]
    return claim if claim in ("sub", "aud") else ""


def on_claim(statement: Json, claim: str) -> list[Condition]:
    """Return a statement's conditions on ``sub`` or ``aud``; on no claim for an empty one."""
    return [each for each in conditions_of(statement) if token_claim(each) == claim]


def is_principal_arn(condition: Condition) -> bool:
    """Return whether a condition is on the caller's ARN."""
    return condition.key.lower() == PRINCIPAL_ARN.lower()


def is_about_caller(condition: Condition) -> bool:
    """Return whether a condition asks who calls, and not how."""
    return bool(token_claim(condition)) or condition.key.lower() in IDENTITY_KEYS


def with_conditions(statement: Json, wanted: Sequence[Condition]) -> Json:
    """The statement with these conditions only."""
    block: Json = {}
    for operator, key, values, _ in wanted:
        same: Json = block.setdefault(operator, {})
        same[key] = values[0] if len(values) == 1 else [*values]
    kept = {name: value for name, value in statement.items() if name != "Condition"}
    return {**kept, "Condition": block} if block else kept


def call_conditions(statement: Json) -> list[Condition]:
    """Return the conditions on how a call is made: address, session name or tag."""
    return [condition for condition in conditions_of(statement) if not is_about_caller(condition)]


def describe_call_conditions(listed: Iterable[Json]) -> str:
    """Return the conditions on how a call is made, of several statements, as a sentence."""
    return ", ".join(
        f"{condition.key} {condition.operator} {' or '.join(condition.values)}"
        for statement in listed
        for condition in call_conditions(statement)
    )


def with_statement(document: Json, position: int, statement: Json) -> Json:
    """The document with another statement in one place."""
    listed = [s if i != position else statement for i, s in enumerate(statements(document))]
    return {**document, "Statement": listed}


def named_callers(document: Json) -> list[str]:
    """The callers that a trust policy admits by name or pattern, as it spells them."""
    named: list[str] = []
    for statement in statements(document):
        if statement.get("Effect") == "Allow":
            named += principals(statement, "AWS")
            for condition in conditions_of(statement):
                ends = (":sub", f"/{SERVICE_ACCOUNT_TAG}", PRINCIPAL_ARN.lower())
                named += condition.values if condition.key.lower().endswith(ends) else ()
    return list(dict.fromkeys(named))


def orphans(statement: Json) -> list[str]:
    """The unique ids among a statement's principals: IAM shows one when its role is gone."""
    return [each for each in principals(statement, "AWS") if UNIQUE_ID.fullmatch(each)]


def without_orphans(document: Json) -> Json:
    """The document without them: they admit no caller, and IAM stores no document that has one."""
    kept: list[Json] = []
    for statement in statements(document):
        if gone := orphans(statement):
            left = [each for each in principals(statement, "AWS") if each not in gone]
            principal = {**statement["Principal"], "AWS": left[0] if len(left) == 1 else left}
            principal = {kind: named for kind, named in principal.items() if named}
            kept += [{**statement, "Principal": principal}] if principal else []
        else:
            kept.append(statement)
    return {**document, "Statement": kept}


def with_exception(
    document: Json, positions: Sequence[int], exception: Condition, is_ours: Callable[[Json], bool]
) -> Json | None:
    """Return the document with an exception for one caller in the statements that deny.

    ``exception`` is a condition that does not hold for the caller; ``is_ours`` tells statements
    about that caller only. None when a statement has a condition that the caller should meet
    instead.
    """
    listed = statements(document)
    if any(call_conditions(listed[position]) for position in positions):
        return None
    dropped = [position for position in positions if is_ours(listed[position])]
    for position in positions:
        statement = listed[position]
        same = [each for each in conditions_of(statement) if each.text == exception.text]
        others = [each for each in conditions_of(statement) if each.text != exception.text]
        values = (*(value for each in same for value in each.values), *exception.values)
        narrowed = with_conditions(statement, [*others, exception._replace(values=values)])
        document = with_statement(document, position, narrowed)
    return without(document, dropped)


def with_role_exception(document: Json, positions: Sequence[int], role_arn: str) -> Json | None:
    """Except the sessions of a role, as `with_exception` does."""

    def is_ours(statement: Json) -> bool:
        named = [each for each in conditions_of(statement) if is_principal_arn(each)]
        return _principals(statement) == [role_arn] or [
            (each.operator, each.values) for each in named
        ] == [("ArnEquals", (role_arn,))]

    exception = Condition("ArnNotEquals", PRINCIPAL_ARN, (role_arn,))
    return with_exception(document, positions, exception, is_ours)


def _principals(statement: Json) -> list[str]:
    principal: Json | str = statement.get("Principal", "*")
    if isinstance(principal, str):
        return [principal]
    return [each for entries in principal.values() for each in as_list(entries)]


def with_subject_exception(
    document: Json, positions: Sequence[int], issuer: str, subject: str
) -> Json | None:
    """Except a service account of a cluster, as `with_exception` does; None for a Deny of roles,
    too, whose sessions may have the token's claims."""
    if any(principals(statements(document)[each], "AWS") for each in positions):
        return None
    key = f"{issuer}:sub"

    def is_ours(statement: Json) -> bool:
        return any(
            (each.operator, each.key, each.values) == ("StringEquals", key, (subject,))
            for each in conditions_of(statement)
        )

    exception = Condition("StringNotEquals", key, (subject,))
    return with_exception(document, positions, exception, is_ours)
