"""The statements of a policy document, as typed values. Pure.

Every reader of a policy takes them from here: the evaluator, the audit, remedies.
Without a `DocumentType`, reading is total: what has another form than IAM stores is left out. With
one, it raises `DocumentError` as IAM refuses to store such a document; names of elements are
case-sensitive, and unknown ones are errors: a misspelt Condition would otherwise be no condition.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple, cast

from irsa_core.decide.operators import FOR_ALL, read_operator
from irsa_core.decide.patterns import Pattern
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json, as_list

CURRENT_VERSION = "2012-10-17"
VERSIONS = (CURRENT_VERSION, "2008-10-17")

AssumeAction = Literal["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"]
ASSUME_ACTIONS: tuple[AssumeAction, ...] = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "sts:AssumeRoleWithSAML",
)
"""The calls that make a session of a role."""

OtherAction = Literal[
    "sts:TagSession",
    "iam:PassRole",
    "eks:CreatePodIdentityAssociation",
    "eks:UpdatePodIdentityAssociation",
    "ec2:RunInstances",
]
FOREIGN_KEYS = {
    "sts:TagSession": ("sts:externalid", "sts:rolesessionname", "sts:sourceidentity"),
    "sts:SetContext": (
        "sts:externalid",
        "sts:rolesessionname",
        "sts:sourceidentity",
        "sts:transitivetagkeys",
    ),
    "sts:SetSourceIdentity": ("sts:externalid", "sts:rolesessionname", "sts:transitivetagkeys"),
}
"""Keys of AssumeRole, in lower case, that the actions beside it do not have.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_sts.html"""

_LIKE = ("stringlike", "arnlike", "arnequals")
_SPECIAL = re.compile(r"\$\{(?P<escape>[*?$])\}|(?P<variable>\$\{[^${}]+\})|(?P<wildcard>[*?])")


class DocumentType(Enum):
    """The type of a document, which decides on the elements of its statements."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"
    PERIMETER = "perimeter"
    """Of a VPC endpoint, or a resource control policy: for all callers."""


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
        """Return the problem as seen from around the element that it is in."""
        where = f"{element}.{self.where}" if self.where else element
        return DocumentError(where, self.problem, self.message)


class Condition(NamedTuple):
    """One key under one operator."""

    operator: str
    """As the policy spells it."""
    key: str
    """As the policy spells it."""
    values: tuple[str, ...]
    variables: bool = True
    """True if ``${…}`` is a variable, which needs Version 2012-10-17."""

    @property
    def text(self) -> str:
        """Operator and key."""
        return f"{self.operator} {self.key}"

    @property
    def base(self) -> str:
        """The operator in lower case, without set operator and IfExists."""
        return read_operator(self.operator).base

    @property
    def weak(self) -> bool:
        """True if it holds for a request that lacks the key, or for all values but some.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
        """
        read = read_operator(self.operator)
        return "not" in read.base or read.if_exists or read.set_operator == FOR_ALL

    @property
    def positive(self) -> bool:
        """True if it holds only for a request whose key has one of the values."""
        return not self.weak and self.base != "null" and bool(self.values)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The values with ``*`` and ``?`` where any text fits, a variable's place included.

        A star that stands for itself (under StringEquals, or as ``${*}``) is written ``x``.
        """
        return tuple(map(self._pattern, self.values))

    @property
    def literal(self) -> tuple[str, ...]:
        """The values with a bare ``*`` or ``?`` that the operator takes for itself."""
        if not self.base.startswith("string") or self.base.endswith("like"):
            return ()
        return tuple(
            value
            for value in self.values
            if any(piece["wildcard"] for piece in _SPECIAL.finditer(value))
        )

    def _pattern(self, value: str) -> str:
        def written(piece: "re.Match[str]") -> str:
            if piece["wildcard"]:
                return piece["wildcard"] if self.base in _LIKE else "x"
            return ("*" if piece["variable"] else "x") if self.variables else "x"

        return _SPECIAL.sub(written, value)


class Statement(NamedTuple):
    """One statement."""

    number: int
    """Its position; the first is 1."""
    allows: bool
    principals: Mapping[str, tuple[str, ...]]
    """Entries by type: ``AWS``, ``Federated``, ``Service``; a bare ``*`` is ``AWS``."""
    excepts: bool
    """True if it has NotPrincipal."""
    element: Literal["Action", "NotAction"]
    """The element that the actions stand in."""
    actions: tuple[str, ...]
    conditions: tuple[Condition, ...]
    resource_element: str = ""
    """The element that the resources stand in; empty for a statement without one."""
    resources: tuple[str, ...] = ()
    sid: str = ""
    variables: bool = True
    """True if ``${…}`` is a variable, which needs Version 2012-10-17."""

    def covers(self, action: AssumeAction | OtherAction) -> bool:
        """Return whether the Action or NotAction element covers a call."""
        named = any(Pattern.parse(each.lower()).matches(action.lower()) for each in self.actions)
        return named != (self.element == "NotAction")

    @property
    def assume_actions(self) -> list[AssumeAction]:
        """The calls for a session that the statement covers."""
        return [action for action in ASSUME_ACTIONS if self.covers(action)]

    def named(self, kind: Literal["AWS", "Federated", "Service"]) -> tuple[str, ...]:
        """The principals of one type."""
        return self.principals.get(kind, ())


def statements_of(document: object) -> list[Statement]:
    """Return all statements of a document; none when it is not a policy."""
    if not isinstance(document, dict):
        return []
    fields = cast("Json", document)
    variables = fields.get("Version") == CURRENT_VERSION
    return [
        read_statement(number, cast("Json", statement), variables=variables)
        for number, statement in enumerate(as_list(fields.get("Statement", [])), start=1)
        if isinstance(statement, dict)
    ]


def conditions_of(statement: Json) -> tuple[Condition, ...]:
    """Return the conditions of one statement."""
    return _conditions(statement.get("Condition"), variables=True, strict=False)


def names_exactly(condition: Condition) -> bool:
    """Return whether a condition lists values, and no patterns. A weak operator may let a request
    without the key through: ``ForAllValues:StringEquals``, ``StringEqualsIfExists``."""
    pattern = condition.base == "stringlike" and set("".join(condition.values)) & {"*", "?"}
    return condition.base in ("stringequals", "stringlike") and not pattern


def read_document(document: object) -> tuple[list[object], bool]:
    """Return a document's statements, and whether ``${…}`` is a variable in them.

    Raises `DocumentError` for a document of another form.
    """
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
        raise DocumentError("Statement", _MISSING)
    return as_list(fields["Statement"]), version == CURRENT_VERSION


def read_statement(
    number: int, value: object, *, variables: bool, kind: DocumentType | None = None
) -> Statement:
    """Read one statement; raises `DocumentError` when it is none of a policy of this kind."""
    if not isinstance(value, dict):
        raise DocumentError("", f"{_show(value)} is not a JSON object")
    fields, strict = cast("Json", value), kind is not None
    if kind is not None:
        _check(fields, kind)
    conditions = fields.get("Condition", _NO_CONDITION)
    excepts, element = "NotPrincipal" in fields, "NotAction" if "NotAction" in fields else "Action"
    resource = next((name for name in _RESOURCES if name in fields), "")
    return Statement(
        number,
        fields.get("Effect") == "Allow",
        _principals("NotPrincipal" if excepts else "Principal", fields, strict=strict),
        excepts,
        element,
        _texts(fields.get(element, _NONE), element, strict=strict),
        _conditions(conditions, variables=variables, strict=strict),
        resource,
        _texts(fields[resource], resource, strict=strict) if resource else (),
        str(fields.get("Sid", "")),
        variables,
    )


_DOCUMENT_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_ELEMENTS = frozenset({
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
    "Condition",
})  # fmt: skip
_PRINCIPAL_TYPES = frozenset({"AWS", "Federated", "Service", "CanonicalUser"})
_RESOURCES = ("NotResource", "Resource")
_MISSING = "missing"
_NO_CONDITION: Json = {}
_NONE: list[str] = []


def _check(fields: Json, kind: DocumentType) -> None:
    """Check which elements a statement has."""
    _refuse_others(fields, _ELEMENTS)
    effect = fields.get("Effect")
    if effect not in ("Allow", "Deny"):
        problem = (
            f"{_show(effect)} is neither 'Allow' nor 'Deny'" if "Effect" in fields else _MISSING
        )
        raise DocumentError("Effect", problem, "Missing required field Effect")
    if not isinstance(fields.get("Sid", ""), str):
        raise DocumentError("Sid", f"{_show(fields['Sid'])} is not a string")
    if kind is DocumentType.IDENTITY:
        message = "Policy document should not specify a principal."
        _refuse(fields, "Principal", "only trust and resource policies have it", message)
    else:
        _check_one_of(fields, "Principal", "Missing required field Principal")
    _check_one_of(fields, "Action", "Missing required field Action")
    if kind is DocumentType.TRUST:
        _refuse(fields, "Resource", "a trust policy has none", "Has prohibited field {}")
    elif kind is not DocumentType.RESOURCE or "Resource" in fields or "NotResource" in fields:
        # Those of ECR have none: the policy is the repository's own.
        _check_one_of(fields, "Resource", "Policy statement must contain resources.")


def _refuse(fields: Json, element: str, problem: str, message: str) -> None:
    for word in (element, f"Not{element}"):
        if word in fields:
            raise DocumentError(word, problem, message.format(word))


def _check_one_of(fields: Json, word: str, message: str) -> None:
    """Check that exactly one of the element and its negation is there."""
    opposite = f"Not{word}"
    if (word in fields) is (opposite in fields):
        problem = f"{word} and {opposite} exclude each other" if word in fields else _MISSING
        raise DocumentError(word, problem, message)


def _principals(word: str, fields: Json, *, strict: bool) -> dict[str, tuple[str, ...]]:
    value = fields.get(word)
    if isinstance(value, str) and (not strict or value in ("*", UNKNOWN_OUTPUT)):
        return {"AWS": (value,)}
    if not isinstance(value, dict) or not value:
        if not strict or word not in fields:
            return {}
        raise DocumentError(word, f"{_show(value)} is neither '*' nor a JSON object of principals")
    entries = cast("Json", value)
    try:
        if strict:
            _refuse_others(entries, _PRINCIPAL_TYPES)
        return {kind: _texts(names, kind, strict=strict) for kind, names in entries.items()}
    except DocumentError as error:
        raise error.within(word) from None


def _conditions(block: object, *, variables: bool, strict: bool) -> tuple[Condition, ...]:
    if not isinstance(block, dict):
        if strict:
            raise DocumentError("Condition", f"{_show(block)} is not a JSON object")
        return ()
    conditions: list[Condition] = []
    for operator, keys in cast("Json", block).items():
        if not isinstance(keys, dict):
            if strict:
                raise DocumentError(f"Condition.{operator}", f"{_show(keys)} is not a JSON object")
            continue
        for key, value in cast("Json", keys).items():
            values = _scalars(value, f"Condition.{operator}.{key}", strict=strict)
            conditions.append(Condition(operator, key, values, variables))
    return tuple(conditions)


def _texts(value: object, where: str, *, strict: bool) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    values = as_list(value)
    texts = tuple(text for text in values if isinstance(text, str))
    if strict and not values:
        raise DocumentError(where, "an empty list")
    if strict and len(texts) < len(values):
        wrong = next(entry for entry in values if not isinstance(entry, str))
        raise DocumentError(where, f"{_show(wrong)} is not a string")
    return texts


def _scalars(value: object, where: str, *, strict: bool) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    values = as_list(value)
    texts = tuple(text for each in values if (text := scalar_text(each)) is not None)
    if strict and len(texts) < len(values):
        problem = "not a string, number or boolean, or a list of them"
        raise DocumentError(where, f"{_show(value)} is {problem}")
    return texts


def scalar_text(value: object) -> str | None:
    """Return a JSON scalar as IAM compares it; None for everything else."""
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
    if isinstance(value, str | int | float | None):
        return repr(value)[:100]
    return "a JSON object" if isinstance(value, dict) else "a list"
