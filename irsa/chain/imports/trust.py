"""Whom a trust policy of somebody else's trusts, in the words of the configuration. Pure.

Strict: what the configuration has no words for is `Inexpressible`, with the reason, and never left
away. The configuration trusts service accounts through OIDC providers, all of the providers for the
same service accounts, and for one audience.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from irsa.decide.document import Condition, DocumentError, Statement, statements_of
from irsa.decide.json_input import InputError
from irsa.decide.trust_policy import check_storable, compile_trust_policy
from irsa.identity.arns import is_oidc_provider, issuer_of_principal
from irsa.identity.policy_json import Json, principals, principals_by_type, statements
from irsa.identity.subjects import (
    Subject,
    service_account_pattern,
    service_account_ref,
    split_subject,
)

_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Condition"}
_EXACT, _LIKE = "stringequals", "stringlike"
_WEB_IDENTITY = "sts:assumerolewithwebidentity"


class Inexpressible(Exception):
    """The configuration has no words for it; the text says for what."""


class Trusted(NamedTuple):
    """Whom a role trusts."""

    providers: tuple[str, ...]
    """ARNs of OIDC providers, in the policy's order."""
    subjects: tuple[Subject, ...]
    audience: str


def read_trust(document: Json) -> Trusted:
    """Whom a trust policy trusts; raises `Inexpressible`."""
    try:
        compile_trust_policy(document)
        check_storable(document)
    except (DocumentError, InputError) as error:
        raise Inexpressible(f"its trust policy is none that IAM stores: {error}") from error
    for each in statements(document):
        for element in sorted(each.keys() - _ELEMENTS):
            raise Inexpressible(f"its trust policy has {element}")
    kinds = [sorted(principals_by_type(each)) for each in statements(document)]
    read = [
        _statement(each, of_kinds)
        for each, of_kinds in zip(statements_of(document), kinds, strict=True)
    ]
    audiences = {each.audience for each in read}
    if len(audiences) > 1:
        raise Inexpressible(f"it trusts several audiences ({', '.join(sorted(audiences))})")
    by_provider: dict[str, set[Subject]] = {}
    for each in read:
        by_provider.setdefault(each.provider, set()).update(each.subjects)
    trusted = list(by_provider.values())
    if any(subjects != trusted[0] for subjects in trusted):
        raise Inexpressible("it trusts other service accounts in one cluster than in another")
    return Trusted(tuple(by_provider), tuple(sorted(trusted[0])), read[0].audience)


def with_audience(document: Json, audience: str) -> Json:
    """The trust policy with a condition on ``aud`` for every OIDC provider that it trusts without.

    Statements that are not of one OIDC provider stay as they are.
    """
    added = [_with_audience(each, audience) for each in statements(document)]
    return {**document, "Statement": added}


def _with_audience(statement: Json, audience: str) -> Json:
    providers = [each for each in principals(statement, "Federated") if is_oidc_provider(each)]
    if len(set(providers)) != 1:
        return statement
    key = f"{issuer_of_principal(providers[0])}:aud"
    conditions: dict[str, Json] = statement.get("Condition") or {}
    if any(each.lower() == key.lower() for keys in conditions.values() for each in keys):
        return statement
    operator = next((each for each in conditions if each.lower() == _EXACT), "StringEquals")
    exact = {**conditions.get(operator, {}), key: audience}
    return {**statement, "Condition": {**conditions, operator: exact}}


class _Read(NamedTuple):
    provider: str
    audience: str
    subjects: tuple[Subject, ...]


def _statement(statement: Statement, kinds: Sequence[str]) -> _Read:
    if not statement.allows:
        raise Inexpressible("its trust policy has a Deny")
    actions = {action.lower() for action in statement.actions}
    if actions != {_WEB_IDENTITY}:
        raise Inexpressible(f"its trust policy allows {', '.join(statement.actions)}")
    providers = statement.named("Federated")
    if kinds != ["Federated"]:
        others = (
            each
            for kind in statement.principals
            if kind != "Federated"
            for each in statement.principals[kind]
        )
        raise Inexpressible(f"it trusts {', '.join(others)} as well")
    if len(set(providers)) != 1:
        raise Inexpressible("a statement of its trust policy names several OIDC providers")
    provider = providers[0]
    if not is_oidc_provider(provider):
        raise Inexpressible(f"it trusts {provider}, which is no OIDC provider")
    by_key = {"aud": list[Condition](), "sub": list[Condition]()}
    prefix = f"{issuer_of_principal(provider)}:".lower()
    for each in statement.conditions:
        key = each.key.lower().removeprefix(prefix)
        if key not in by_key or not each.key.lower().startswith(prefix):
            raise Inexpressible(f"its trust policy has a condition on {each.key}")
        if each.operator.lower() not in (_EXACT, _LIKE):
            raise Inexpressible(f"its trust policy has the condition {each.text}")
        by_key[key].append(each)
    subjects = tuple(_subjects(_only("sub", by_key["sub"])))
    return _Read(provider, _audience(_only("aud", by_key["aud"])), subjects)


_WITHOUT = {
    "aud": "it accepts every audience of the provider (no condition on aud); --add-audience "
    "takes it, and lets the stack ask for sts.amazonaws.com",
    "sub": "it trusts every service account of the cluster (no condition on sub)",
}


def _only(key: str, conditions: Sequence[Condition]) -> Condition:
    if not conditions:
        raise Inexpressible(_WITHOUT[key])
    if len(conditions) > 1:
        raise Inexpressible(f"its trust policy has two conditions on {key} that both have to hold")
    if any("${" in value for value in conditions[0].values):
        raise Inexpressible(f"its condition on {key} has a policy variable")
    return conditions[0]


def _audience(condition: Condition) -> str:
    values = set(condition.values)
    if len(values) != 1:
        raise Inexpressible(f"it trusts several audiences ({', '.join(sorted(values))})")
    [audience] = values
    if not audience or (_is_like(condition) and _has_wildcard(audience)):
        raise Inexpressible(f"it trusts audiences by the pattern {audience!r}")
    return audience


def _subjects(condition: Condition) -> Iterator[Subject]:
    for text in condition.values:
        parts = split_subject(text)
        if parts is None:
            raise Inexpressible(f"sub {text!r} is not that of service accounts of one namespace")
        try:
            if not _has_wildcard(text):
                yield service_account_ref(*parts)
            elif _is_like(condition):
                yield service_account_pattern(*parts, allow_whole_namespace=True)
            else:
                raise Inexpressible(
                    f"sub {text!r} stands under StringEquals, where it is no pattern and lets "
                    "nobody in"
                )
        except ValueError as error:
            raise Inexpressible(str(error)) from error


def _is_like(condition: Condition) -> bool:
    return condition.operator.lower() == _LIKE


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text
