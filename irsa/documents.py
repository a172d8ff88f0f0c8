"""Policy documents, checked once and compiled into statements that can be asked many times.

Pure. What IAM would not have stored raises `DocumentError`. Names of elements are case-sensitive,
and unknown ones are errors: a misspelt Condition would otherwise be no condition.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from irsa.conditions import Test, clip, compile_test
from irsa.patterns import UNKNOWN_OUTPUT, Fact, Lookup, Template, is_plain
from irsa.principals import PrincipalElement
from irsa.resource_patterns import ResourceTemplate, resource_problem
from irsa.truth import Truth

CURRENT_VERSION = "2012-10-17"
VERSIONS = (CURRENT_VERSION, "2008-10-17")

Json = dict[str, object]


class Kind(Enum):
    """What a document is attached to: that decides which elements its statements have."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    REPOSITORY = "repository"
    """Of an ECR repository: a statement without Resource is about the repository.
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html"""
    TRUST = "trust"


class DocumentError(ValueError):
    """IAM would not have stored this document."""

    def __init__(self, where: str, problem: str, message: str = "Syntax errors in policy.") -> None:
        super().__init__(f"{where}: {problem}" if where else problem)
        self.where = where
        """The element, as a path from the document; statements count from 1."""
        self.problem = problem
        self.message = message
        """IAM's own message for ``MalformedPolicyDocument``."""


class Names:
    """An Action, NotAction, Resource or NotResource element."""

    __slots__ = ("_exact", "_ignore_case", "_templates", "_texts", "_word", "negated")

    def __init__(self, word: str, texts: Sequence[str], *, variables: bool) -> None:
        self.negated = word.startswith("Not")
        self._word = word
        self._texts = texts
        self._ignore_case = word.endswith("Action")
        plain = frozenset(text for text in texts if is_plain(text, wildcards=True))
        self._exact = frozenset(text.lower() for text in plain) if self._ignore_case else plain
        self._templates = [
            Template(text, variables=False, wildcards=True, ignore_case=True)
            if self._ignore_case
            else ResourceTemplate(text, variables=variables)
            for text in texts
            if text not in plain
        ]

    def covers(self, name: str, lookup: Lookup) -> Truth:
        """Whether the element covers the request's action or resource."""
        answer: Truth = (name.lower() if self._ignore_case else name) in self._exact
        if not answer:
            # A text whose variable has no value matches nothing, so what NotResource would then
            # cover is not guessed.
            unresolved = None if self.negated else False
            for template in self._templates:
                truth = template.matches(name, lookup, unresolved=unresolved)
                if truth:
                    answer = True
                    break
                if truth is None:
                    answer = None
        return answer if not self.negated else None if answer is None else not answer

    def describe(self, name: str) -> str:
        """What the element covers and what was asked for, in one line."""
        shown = ", ".join(clip(text) for text in self._texts[:5])
        extra = f" and {len(self._texts) - 5} more" if len(self._texts) > 5 else ""
        kind = "action" if self._ignore_case else "resource"
        return f"{kind}: {self._word} is {shown}{extra}, the request's is {clip(name)}"

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts for want of which it cannot be told."""
        keys = [f"condition key {k}" for each in self._templates for k in each.unknown_keys(lookup)]
        return keys or [f"an output or variable in {self._word}"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One compiled statement."""

    name: str
    """``trust policy, statement 1 (Sid)``."""
    allow: bool
    principal: PrincipalElement | None
    action: Names
    resource: Names | None
    conditions: tuple[Test, ...]
    by_principal_arn: bool = False
    """Whether a condition must hold of the caller's ``aws:PrincipalArn``."""

    def applies(self, action: str, resource: str, lookup: Lookup) -> Truth:
        """Whether all but the principal fits the request."""
        answer = self.action.covers(action, lookup)
        if answer is False:
            return False
        if self.resource is not None:
            truth = self.resource.covers(resource, lookup)
            if truth is False:
                return False
            answer = answer and truth
        for test in self.conditions:
            truth = test.holds(lookup)
            if truth is False:
                return False
            answer = answer and truth
        return answer


@dataclass(frozen=True, slots=True)
class Policy:
    """One compiled document."""

    name: str
    """``trust policy``, ``identity policy 2``."""
    statements: tuple[Statement, ...]


def compile_policy(document: object, name: str, kind: Kind) -> Policy:
    """Check a document and compile it; raises `DocumentError`."""
    if document == UNKNOWN_OUTPUT:
        document = _UNKNOWN_DOCUMENT[kind]
    if not isinstance(document, dict):
        raise DocumentError("", "a policy document is a JSON object")
    fields = cast("Json", document)
    _refuse_others(fields, _DOCUMENT_ELEMENTS, "")
    version = fields.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise DocumentError("Version", f"{_show(version)} is neither of {', '.join(VERSIONS)}")
    if not isinstance(fields.get("Id", ""), str):
        raise DocumentError("Id", f"{_show(fields['Id'])} is not a string")
    if "Statement" not in fields:
        raise DocumentError("Statement", "missing")
    found = fields["Statement"]
    statements = cast("list[object]", found) if isinstance(found, list) else [found]
    variables = version == CURRENT_VERSION
    return Policy(
        name,
        tuple(
            _statement(each, f"{name}, statement {number}", number, kind, variables)
            for number, each in enumerate(statements, start=1)
        ),
    )


def _undecided(**elements: str) -> Json:
    """A document of which nothing is known: it may allow and it may deny."""
    return {"Statement": [{"Effect": effect, **elements} for effect in ("Allow", "Deny")]}


_UNKNOWN_DOCUMENT = {
    Kind.IDENTITY: _undecided(Action=UNKNOWN_OUTPUT, Resource=UNKNOWN_OUTPUT),
    Kind.TRUST: _undecided(Action=UNKNOWN_OUTPUT, Principal=UNKNOWN_OUTPUT),
    Kind.RESOURCE: _undecided(
        Action=UNKNOWN_OUTPUT, Principal=UNKNOWN_OUTPUT, Resource=UNKNOWN_OUTPUT
    ),
    Kind.REPOSITORY: _undecided(Action=UNKNOWN_OUTPUT, Principal=UNKNOWN_OUTPUT),
}
_DOCUMENT_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_ELEMENTS = frozenset({
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
    "Condition",
})  # fmt: skip
_PRINCIPAL_TYPES = frozenset({"AWS", "Federated", "Service", "CanonicalUser"})
# IAM takes more than any service has: one real action has a hyphen.
_ACTION = re.compile(r"\*|[A-Za-z0-9.-]+:[^:]+")


def _statement(value: object, name: str, number: int, kind: Kind, variables: bool) -> Statement:
    at = f"Statement[{number}]"
    if not isinstance(value, dict):
        raise DocumentError(at, f"{_show(value)} is not a JSON object")
    fields = cast("Json", value)
    _refuse_others(fields, _ELEMENTS, at)
    effect = fields.get("Effect")
    if effect not in ("Allow", "Deny"):
        problem = (
            f"{_show(effect)} is neither 'Allow' nor 'Deny'" if "Effect" in fields else _MISSING
        )
        raise DocumentError(f"{at}.Effect", problem, "Missing required field Effect")
    sid = fields.get("Sid", "")
    if not isinstance(sid, str):
        raise DocumentError(f"{at}.Sid", f"{_show(sid)} is not a string")
    return Statement(
        name=f"{name} ({clip(sid)})" if sid else name,
        allow=effect == "Allow",
        principal=_principal(fields, at, kind),
        action=_actions(fields, at, kind),
        resource=_resources(fields, at, kind, variables),
        conditions=_conditions(fields.get("Condition", {}), f"{at}.Condition", variables),
        by_principal_arn=_names_by_arn(cast("Json", fields.get("Condition", {}))),
    )


_MISSING = "missing"


def _one_of(fields: Json, word: str, at: str, message: str) -> str:
    """The element or its negation, exactly one of which must be there."""
    words = [each for each in (word, f"Not{word}") if each in fields]
    if len(words) != 1:
        problem = f"{word} and Not{word} exclude each other" if words else _MISSING
        raise DocumentError(f"{at}.{word}", problem, message)
    return words[0]


def _principal(fields: Json, at: str, kind: Kind) -> PrincipalElement | None:
    if kind is Kind.IDENTITY:
        for word in ("Principal", "NotPrincipal"):
            if word in fields:
                message = "Policy document should not specify a principal."
                raise DocumentError(
                    f"{at}.{word}", "only trust and resource policies have it", message
                )
        return None
    word = _one_of(fields, "Principal", at, "Missing required field Principal")
    value = fields[word]
    at = f"{at}.{word}"
    if value == "*" or value == UNKNOWN_OUTPUT:
        return PrincipalElement({"AWS": [cast("str", value)]}, negated=word != "Principal")
    if not isinstance(value, dict) or not value:
        raise DocumentError(at, f"{_show(value)} is neither '*' nor a JSON object of principals")
    entries = cast("Json", value)
    _refuse_others(entries, _PRINCIPAL_TYPES, at)
    return PrincipalElement(
        {type_: _strings(each, f"{at}.{type_}") for type_, each in entries.items()},
        negated=word != "Principal",
    )


def _actions(fields: Json, at: str, kind: Kind) -> Names:
    word = _one_of(fields, "Action", at, "Missing required field Action")
    actions = _strings(fields[word], f"{at}.{word}")
    for action in actions:
        if not _ACTION.fullmatch(action) and UNKNOWN_OUTPUT not in action:
            message = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            raise DocumentError(f"{at}.{word}", f"{_show(action)} is no action", message)
        if kind is Kind.TRUST and not _may_be_sts(action):
            message = "AssumeRole policy may only specify STS AssumeRole actions."
            raise DocumentError(f"{at}.{word}", f"{_show(action)} is no STS action", message)
    return Names(word, actions, variables=False)


def _may_be_sts(action: str) -> bool:
    if UNKNOWN_OUTPUT in action:
        return True
    pattern = Template(action, variables=False, wildcards=True, ignore_case=True)
    return action[:4].lower() == "sts:" and any(
        pattern.matches(known, _no_keys) for known in _TRUST_ACTIONS
    )


def _no_keys(_: str) -> Fact:
    return Fact.ABSENT


_TRUST_ACTIONS = (
    "sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:SetContext",
    "sts:SetSourceIdentity", "sts:TagSession",
)  # fmt: skip


def _resources(fields: Json, at: str, kind: Kind, variables: bool) -> Names | None:
    if kind is Kind.TRUST:
        for word in ("Resource", "NotResource"):
            if word in fields:
                message = f"Has prohibited field {word}"
                raise DocumentError(f"{at}.{word}", "a trust policy has none", message)
        return None
    if kind is Kind.REPOSITORY and not {"Resource", "NotResource"} & fields.keys():
        return None
    word = _one_of(fields, "Resource", at, "Policy statement must contain resources.")
    resources = _strings(fields[word], f"{at}.{word}")
    if kind is Kind.IDENTITY:
        for resource in resources:
            message = resource_problem(resource)
            if message:
                raise DocumentError(f"{at}.{word}", message, message)
    return Names(word, resources, variables=variables)


def _conditions(value: object, at: str, variables: bool) -> tuple[Test, ...]:
    if not isinstance(value, dict):
        raise DocumentError(at, f"{_show(value)} is not a JSON object")
    tests: list[Test] = []
    for operator, keys in cast("Json", value).items():
        if not isinstance(keys, dict):
            raise DocumentError(f"{at}.{operator}", f"{_show(keys)} is not a JSON object")
        for key, expected in cast("Json", keys).items():
            texts = _scalars(expected, f"{at}.{operator}.{key}")
            tests.append(compile_test(operator, key, texts, variables=variables))
    return tuple(tests)


def _names_by_arn(condition: Json) -> bool:
    return any(
        "not" not in operator.lower() and operator.lower() != "null"
        for operator, keys in condition.items()
        for key in cast("Json", keys)
        if key.lower() == "aws:principalarn"
    )


def _strings(value: object, at: str) -> list[str]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    if not values:
        raise DocumentError(at, "an empty list")
    return [_string(each, at) for each in values]


def _string(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise DocumentError(at, f"{_show(value)} is not a string")
    return value


def _scalars(value: object, at: str) -> list[str]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return [_scalar(each, at) for each in values]


def _scalar(value: object, at: str) -> str:
    text = scalar_text(value)
    if text is None:
        raise DocumentError(at, f"{_show(value)} is not a string, number or boolean")
    return text


def scalar_text(value: object) -> str | None:
    """A JSON scalar as IAM compares it; None for everything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) < _FINITE):
        return str(value)
    return None


_FINITE = float("inf")


def _refuse_others(fields: Mapping[str, object], known: frozenset[str], at: str) -> None:
    for name in fields:
        if name not in known:
            raise DocumentError(
                at, f"unknown element {_show(name)}; known are {', '.join(sorted(known))}"
            )


def _show(value: Any) -> str:
    return (
        repr(value)[:100]
        if isinstance(value, str | int | float | None)
        else f"a {_JSON[type(value)]}"
    )


_JSON: Mapping[type, str] = {dict: "JSON object", list: "list"}
