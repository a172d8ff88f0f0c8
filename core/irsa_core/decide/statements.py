"""Statements compiled once, so that they can be asked many times. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from irsa_core.decide.conditions import Test, clip, compile_test
from irsa_core.decide.document import (
    ASSUME_ACTIONS,
    FOREIGN_KEYS,
    DocumentError,
    DocumentType,
    Statement,
    read_document,
    read_statement,
)
from irsa_core.decide.operators import Texts
from irsa_core.decide.patterns import Lookup, Pattern, resource_problem
from irsa_core.decide.principals import PrincipalElement
from irsa_core.decide.truth import Truth, negated
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json


class Names:
    """An Action, NotAction, Resource or NotResource element."""

    __slots__ = ("_matched", "_word", "is_action", "negated", "texts")

    def __init__(self, word: str, texts: Sequence[str], *, variables: bool) -> None:
        self.negated = word.startswith("Not")
        self._word = word
        self.texts = texts
        self.is_action = action = word.endswith("Action")
        self._matched = Texts(
            texts,
            variables and not action,
            wildcards=True,
            ignore_case=action,
            resources=not action,
        )

    def covers(self, name: str, lookup: Lookup) -> Truth:
        """Return whether the element covers the request's action or resource."""
        # A text whose variable has no value matches nothing, so what NotResource would then
        # cover is not guessed.
        unresolved = None if self.negated else False
        covered = self._matched.fits(name, lookup, unresolved=unresolved)
        return negated(covered) if self.negated else covered

    @property
    def named(self) -> str:
        """Its texts in words."""
        return f"{'all but ' if self.negated else ''}{', '.join(self.texts)}"

    def describe(self, name: str) -> str:
        """Return the element and the request in one line."""
        shown = ", ".join(clip(text) for text in self.texts[:5])
        extra = f" and {len(self.texts) - 5} more" if len(self.texts) > 5 else ""
        kind = "action" if self.is_action else "resource"
        return f"{kind}: {self._word} is {shown}{extra}, the request's is {clip(name)}"

    def missing(self, lookup: Lookup) -> list[str]:
        """The facts that are missing to tell."""
        templates = self._matched.templates
        keys = [f"condition key {key}" for each in templates for key in each.unknown_keys(lookup)]
        return keys or [f"an output or variable in {self._word}"]


class CompiledStatement(NamedTuple):
    """A statement that can be asked."""

    name: str
    """``trust policy, statement 1 (Sid)``."""
    allow: bool
    principal: PrincipalElement | None
    action: Names
    resource: Names | None
    conditions: tuple[Test, ...]
    by_principal_arn: bool = False
    """True if a condition must hold of the caller's ``aws:PrincipalArn``."""

    def applies(self, action: str, resource: str, lookup: Lookup) -> Truth:
        """Return whether all but the principal fits the request."""
        # A loop: most statements are about another action, and a generator would cost more.
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
    statements: tuple[CompiledStatement, ...]


def merge(policies: Sequence[Policy]) -> Policy:
    """Policies as one, of which any may allow and any may deny."""
    statements = tuple(each for policy in policies for each in policy.statements)
    return Policy(", ".join(policy.name for policy in policies), statements)


def compile_policy(document: object, name: str, kind: DocumentType) -> Policy:
    """Check a document and compile it; raises `DocumentError`."""
    if document == UNKNOWN_OUTPUT:
        document = _undecided(kind)
    listed, variables = read_document(document)
    compiled: list[CompiledStatement] = []
    for number, entry in enumerate(listed, start=1):
        try:
            statement = read_statement(number, entry, variables=variables, kind=kind)
            compiled.append(_compiled(statement, f"{name}, statement {number}", kind))
        except DocumentError as error:
            raise error.within(f"Statement[{number}]") from None
    return Policy(name, tuple(compiled))


def _undecided(kind: DocumentType) -> Json:
    """A document of which nothing is known: it may allow and it may deny."""
    elements = {"Action": UNKNOWN_OUTPUT}
    if kind is not DocumentType.IDENTITY:
        elements["Principal"] = "*" if kind is DocumentType.PERIMETER else UNKNOWN_OUTPUT
    if kind is not DocumentType.TRUST:
        elements["Resource"] = UNKNOWN_OUTPUT
    return {"Statement": [{"Effect": effect, **elements} for effect in ("Allow", "Deny")]}


# IAM takes more than any service has: one real action has a hyphen.
_ACTION = re.compile(r"\*(?::\*)?|[A-Za-z0-9.-]+:[^:]+")
"""An action, a pattern of a service's actions, or all; accounts have ``*:*``, too."""


def _compiled(statement: Statement, name: str, kind: DocumentType) -> CompiledStatement:
    conditions = tuple(map(compile_test, statement.conditions))
    principal = None
    if kind is DocumentType.PERIMETER:
        if statement.excepts or statement.principals != {"AWS": ("*",)}:
            problem = "only '*' is read; name callers by a condition on aws:PrincipalArn"
            raise DocumentError("Principal", problem)
    elif kind is not DocumentType.IDENTITY:
        principal = PrincipalElement(statement.principals, negated=statement.excepts)
    _check_actions(statement, kind)
    return CompiledStatement(
        f"{name} ({clip(statement.sid)})" if statement.sid else name,
        statement.allows,
        principal,
        _names(statement.element, statement.actions, variables=False),
        _resources(statement, kind),
        conditions,
        any(test.names_caller for test in conditions),
    )


def _check_actions(statement: Statement, kind: DocumentType) -> None:
    for action in statement.actions:
        if not _ACTION.fullmatch(action) and UNKNOWN_OUTPUT not in action:
            message = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            raise DocumentError(statement.element, f"{action[:98]!r} is not an action", message)
        if kind is DocumentType.TRUST and not _may_be_sts(action):
            message = "AssumeRole policy may only specify STS AssumeRole actions."
            raise DocumentError(statement.element, f"{action!r} is not an STS action", message)


@lru_cache(maxsize=64)
def _may_be_sts(action: str) -> bool:
    matches = Pattern.parse(action.lower()).matches
    by_name = action[:4].lower() == "sts:" and any(map(matches, _TRUST_ACTIONS))
    return by_name or UNKNOWN_OUTPUT in action


_TRUST_ACTIONS = [each.lower() for each in (*ASSUME_ACTIONS, *FOREIGN_KEYS)]
"""The calls for a session, and the actions that they need besides."""


def _resources(statement: Statement, kind: DocumentType) -> Names | None:
    word = statement.resource_element
    if not word:
        return None
    if kind is DocumentType.IDENTITY:
        for resource in statement.resources:
            if problem := resource_problem(resource):
                raise DocumentError(word, problem, problem)
    return _names(word, statement.resources, variables=statement.variables)


_names = lru_cache(maxsize=256)(Names)
