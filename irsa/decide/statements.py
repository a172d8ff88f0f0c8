"""Policy documents, checked once and compiled into statements that can be asked many times.

Pure. What IAM would not have stored raises `DocumentError`. Names of elements are case-sensitive,
and unknown ones are errors: a misspelt Condition would otherwise be no condition.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, cast

from irsa.decide.conditions import Test, clip, compile_test
from irsa.decide.patterns import UNKNOWN_OUTPUT, Key, Lookup, Template, is_plain
from irsa.decide.principals import PrincipalElement
from irsa.decide.resource_patterns import ResourceTemplate, resource_problem
from irsa.decide.truth import Truth, any_of, negated
from irsa.identity.policy_json import Json, as_list

CURRENT_VERSION = "2012-10-17"
VERSIONS = (CURRENT_VERSION, "2008-10-17")


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

    def within(self, element: str) -> "DocumentError":
        """The same problem, as seen from around the element that it is in."""
        where = f"{element}.{self.where}" if self.where else element
        return DocumentError(where, self.problem, self.message)


class Names:
    """An Action, NotAction, Resource or NotResource element."""

    __slots__ = ("_exact", "_ignore_case", "_templates", "_texts", "_word", "negated")

    def __init__(self, word: str, texts: Sequence[str], *, variables: bool) -> None:
        self.negated = word.startswith("Not")
        self._word = word
        self._texts = texts
        self._ignore_case = word.endswith("Action")
        plain = [text for text in texts if is_plain(text, wildcards=True)]
        self._exact = frozenset(map(str.lower, plain) if self._ignore_case else plain)
        self._templates: list[Template | ResourceTemplate] = []
        if len(plain) < len(texts):
            self._templates = [
                Template(text, variables=False, wildcards=True, ignore_case=True)
                if self._ignore_case
                else ResourceTemplate(text, variables=variables)
                for text in texts
                if not is_plain(text, wildcards=True)
            ]

    def covers(self, name: str, lookup: Lookup) -> Truth:
        """Whether the element covers the request's action or resource."""
        if (name.lower() if self._ignore_case else name) in self._exact:
            return not self.negated
        if not self._templates:
            return self.negated
        # A text whose variable has no value matches nothing, so what NotResource would then
        # cover is not guessed.
        unresolved = None if self.negated else False
        covered = any_of(e.matches(name, lookup, unresolved=unresolved) for e in self._templates)
        return negated(covered) if self.negated else covered

    def describe(self, name: str) -> str:
        """What the element covers and what was asked for, in one line."""
        shown = ", ".join(clip(text) for text in self._texts[:5])
        extra = f" and {len(self._texts) - 5} more" if len(self._texts) > 5 else ""
        kind = "action" if self._ignore_case else "resource"
        return f"{kind}: {self._word} is {shown}{extra}, the request's is {clip(name)}"

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        keys = [f"condition key {k}" for each in self._templates for k in each.unknown_keys(lookup)]
        return keys or [f"an output or variable in {self._word}"]


class Statement(NamedTuple):
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


class Policy(NamedTuple):
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
    _refuse_others(fields, _DOCUMENT_ELEMENTS)
    version = fields.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise DocumentError("Version", f"{_show(version)} is neither of {', '.join(VERSIONS)}")
    if not isinstance(fields.get("Id", ""), str):
        raise DocumentError("Id", f"{_show(fields['Id'])} is not a string")
    if "Statement" not in fields:
        raise DocumentError("Statement", "missing")
    compiled: list[Statement] = []
    for number, each in enumerate(as_list(fields["Statement"]), start=1):
        try:
            compiled.append(
                _statement(each, f"{name}, statement {number}", kind, version == CURRENT_VERSION)
            )
        except DocumentError as error:
            raise error.within(f"Statement[{number}]") from None
    return Policy(name, tuple(compiled))


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


def _statement(value: object, name: str, kind: Kind, variables: bool) -> Statement:
    if not isinstance(value, dict):
        raise DocumentError("", f"{_show(value)} is not a JSON object")
    fields = cast("Json", value)
    _refuse_others(fields, _ELEMENTS)
    effect = fields.get("Effect")
    if effect not in ("Allow", "Deny"):
        problem = (
            f"{_show(effect)} is neither 'Allow' nor 'Deny'" if "Effect" in fields else _MISSING
        )
        raise DocumentError("Effect", problem, "Missing required field Effect")
    sid = fields.get("Sid", "")
    if not isinstance(sid, str):
        raise DocumentError("Sid", f"{_show(sid)} is not a string")
    conditions = _conditions(fields.get("Condition", _NO_CONDITION), variables)
    return Statement(
        f"{name} ({clip(sid)})" if sid else name,
        effect == "Allow",
        _principal(fields, kind),
        _actions(fields, kind),
        _resources(fields, kind, variables),
        conditions,
        any(test.names_caller for test in conditions),
    )


_MISSING = "missing"
_NO_CONDITION: Json = {}


def _one_of(fields: Json, word: str, opposite: str, message: str) -> str:
    """The element or its negation, exactly one of which must be there."""
    if (word in fields) is not (opposite in fields):
        return word if word in fields else opposite
    problem = f"{word} and {opposite} exclude each other" if word in fields else _MISSING
    raise DocumentError(word, problem, message)


def _principal(fields: Json, kind: Kind) -> PrincipalElement | None:
    if kind is Kind.IDENTITY:
        for word in ("Principal", "NotPrincipal"):
            if word in fields:
                message = "Policy document should not specify a principal."
                raise DocumentError(word, "only trust and resource policies have it", message)
        return None
    message = "Missing required field Principal"
    word = _one_of(fields, "Principal", "NotPrincipal", message)
    value = fields[word]
    if value == "*" or value == UNKNOWN_OUTPUT:
        return PrincipalElement({"AWS": [cast("str", value)]}, negated=word != "Principal")
    if not isinstance(value, dict) or not value:
        raise DocumentError(word, f"{_show(value)} is neither '*' nor a JSON object of principals")
    try:
        entries = cast("Json", value)
        _refuse_others(entries, _PRINCIPAL_TYPES)
        named = {type_: _strings(each, type_) for type_, each in entries.items()}
    except DocumentError as error:
        raise error.within(word) from None
    return PrincipalElement(named, negated=word != "Principal")


def _actions(fields: Json, kind: Kind) -> Names:
    word = _one_of(fields, "Action", "NotAction", "Missing required field Action")
    actions = _strings(fields[word], word)
    for action in actions:
        if not _is_action(action):
            message = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            raise DocumentError(word, f"{_show(action)} is not an action", message)
        if kind is Kind.TRUST and not _may_be_sts(action):
            message = "AssumeRole policy may only specify STS AssumeRole actions."
            raise DocumentError(word, f"{_show(action)} is not an STS action", message)
    return Names(word, actions, variables=False)


def _is_action(action: str) -> bool:
    return bool(_ACTION.fullmatch(action)) or UNKNOWN_OUTPUT in action


@lru_cache(maxsize=64)
def _may_be_sts(action: str) -> bool:
    if UNKNOWN_OUTPUT in action:
        return True
    pattern = Template(action, variables=False, wildcards=True, ignore_case=True)
    return action[:4].lower() == "sts:" and any(
        pattern.matches(known, _no_keys) for known in _TRUST_ACTIONS
    )


def _no_keys(_: str) -> Key:
    return Key.ABSENT


_TRUST_ACTIONS = (
    "sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:SetContext",
    "sts:SetSourceIdentity", "sts:TagSession",
)  # fmt: skip


def _resources(fields: Json, kind: Kind, variables: bool) -> Names | None:
    if kind is Kind.TRUST:
        for word in ("Resource", "NotResource"):
            if word in fields:
                message = f"Has prohibited field {word}"
                raise DocumentError(word, "a trust policy has none", message)
        return None
    if kind is Kind.REPOSITORY and not {"Resource", "NotResource"} & fields.keys():
        return None
    message = "Policy statement must contain resources."
    word = _one_of(fields, "Resource", "NotResource", message)
    resources = _strings(fields[word], word)
    if kind is Kind.IDENTITY:
        for resource in resources:
            problem = resource_problem(resource)
            if problem:
                raise DocumentError(word, problem, problem)
    return Names(word, resources, variables=variables)


def _conditions(value: object, variables: bool) -> tuple[Test, ...]:
    if not isinstance(value, dict):
        raise DocumentError("Condition", f"{_show(value)} is not a JSON object")
    tests: list[Test] = []
    for operator, keys in cast("Json", value).items():
        if not isinstance(keys, dict):
            raise DocumentError(f"Condition.{operator}", f"{_show(keys)} is not a JSON object")
        for key, expected in cast("Json", keys).items():
            texts = [expected] if isinstance(expected, str) else _scalars(expected)
            if texts is None:
                problem = "not a string, number or boolean, or a list of them"
                raise DocumentError(
                    f"Condition.{operator}.{key}", f"{_show(expected)} is {problem}"
                )
            tests.append(compile_test(operator, key, texts, variables=variables))
    return tuple(tests)


def _strings(value: object, where: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    values = as_list(value)
    if not values:
        raise DocumentError(where, "an empty list")
    for each in values:
        if not isinstance(each, str):
            raise DocumentError(where, f"{_show(each)} is not a string")
    return values


def _scalars(value: object) -> list[str] | None:
    texts = [scalar_text(each) for each in as_list(value)]
    return None if None in texts else cast("list[str]", texts)


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


def _refuse_others(fields: Json, known: frozenset[str]) -> None:
    if not fields.keys() <= known:
        name = next(name for name in fields if name not in known)
        raise DocumentError(
            "", f"unknown element {_show(name)}; known are {', '.join(sorted(known))}"
        )


def _show(value: Any) -> str:
    return (
        repr(value)[:100]
        if isinstance(value, str | int | float | None)
        else f"a {_JSON[type(value)]}"
    )


_JSON: Mapping[type, str] = {dict: "JSON object", list: "list"}
