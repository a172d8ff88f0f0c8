"""Arguments of components: frozen dataclasses whose values are checked by their declaration."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache, partial
from importlib import import_module
from inspect import signature
from textwrap import shorten
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    ForwardRef,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from pulumi import Input, Output, RunError, StackReference
from pulumi.output import Unknown

from irsa_core.identity import arns, names, regions, subjects
from irsa_core.identity.pulumi_types import OUTPUT_TEXT
from irsa_core.identity.quotas import DESCRIPTION_MAX, ROLE_SESSION_DURATION

T = TypeVar("T")
if TYPE_CHECKING:
    PolicyDocument = Input[str | Mapping[str, Any]]
else:
    PolicyDocument = Input[Any]

Problems = Mapping[str, object]
"""Conditions, by the message for one that is true."""
MESSAGE_MAX: Final = 200
"""Characters of a message, if it shows long values."""
FROM_OBJECT: Any = "from the object"
"""Default of an argument that must be given, or come from a component: see `gives`."""


def gives(*names: str, **attributes: str) -> dict[str, str]:
    """Mark, in ``Annotated``, an argument that takes a component in Python alone. The arguments
    named here are the component's attributes of that name, or of the name given; they take text
    in other languages, and for what another stack has."""
    return {each: each for each in names} | attributes


def in_apply(function: Callable[..., T], owner: str = "") -> Callable[..., T]:
    """Return the function with `pulumi.RunError` for its ValueError, which in `apply` ends in pages
    of Pulumi's own; ``owner`` begins the message."""

    def call(*values: Any) -> T:
        try:
            return function(*values)
        except ValueError as error:
            raise RunError(f"{owner}{error}") from error

    return call


def _check(holds: Callable[[Any], object], problem: Callable[[Any], str]) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not holds(value):
            raise ValueError(problem(value))

    return check


def one_of(*choices: str) -> Callable[[str], None]:
    """Return a check for one of several texts."""
    listed = shorten(", ".join(choices), 120, placeholder=" …")
    return _check(choices.__contains__, lambda e: f"{e!r} is not one of {listed}")


def matching(pattern: str, form: str) -> Callable[[str], None]:
    """Return a check for text of a form."""
    return _check(re.compile(pattern).fullmatch, lambda text: f"{text!r} is not {form}")


def within(numbers: range, unit: str = "") -> Callable[[int], None]:
    """Return a check for a number of a range."""
    limits = f"{numbers.start} to {numbers.stop - 1} {unit}".rstrip()
    return _check(numbers.__contains__, lambda number: f"{number} is outside of {limits}")


def _shortened(message: str) -> str:
    """Return a message without the rest of a value that is too long for it."""
    longest = max(re.findall("'[^']*'", message), key=len, default="''")
    excess = max(len(message) - MESSAGE_MAX, 0)
    return message.replace(longest, f"{longest[: -excess - 2]}…'") if excess else message


def refuse(problems: Problems) -> None:
    """Raise ValueError with the first of the messages whose condition is true."""
    for problem, holds in problems.items():
        if holds:
            raise ValueError(problem)


def _check_session_policy(text: str) -> None:
    # Imported here: most programs give none, and the evaluator takes a while to load.
    from irsa_core.decide.association import check_session_policy

    check_session_policy(text)


# https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddClientIDToOpenIDConnectProvider.html
Audience = Annotated[
    str, matching(r"\S{1,255}", "1 to 255 characters without white space; leave it out for STS")
]
BucketName = Annotated[str, names.check_bucket_name]
# https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
ClusterName = Annotated[
    str,
    matching(
        "[0-9A-Za-z][0-9A-Za-z_-]{0,99}",
        "1 to 100 letters, digits and any of _-, with a letter or digit first",
    ),
]
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
Description = Annotated[
    str,
    matching(
        rf"[\t\n\r\x20-\x7e\xa1-\xff]{{0,{DESCRIPTION_MAX}}}",
        f"at most {DESCRIPTION_MAX} characters of Latin-1, such as '-' for a dash",
    ),
]
ExternalId = Annotated[str, names.check_external_id]
IamPath = Annotated[str, names.check_path]
KeyArn = Annotated[str, arns.check_key_arn]
NamespaceName = Annotated[str, subjects.check_namespace]
Partition = Annotated[str, one_of(*regions.PARTITIONS)]
PodIdentityClusterArn = Annotated[str, arns.cluster_arn]
PolicyArn = Annotated[str, arns.check_policy_arn]
PolicyName = Annotated[str, names.check_policy_name]
PrincipalArn = Annotated[str, arns.check_principal_arn]
ProviderArn = Annotated[str, arns.issuer_from_provider_arn]
PublicCidr = Annotated[str, names.check_public_cidr]
Region = Annotated[str, regions.partition_of_region]
RoleArn = Annotated[str, arns.check_role_arn]
RoleName = Annotated[str, names.check_role_name]
ServiceAccountName = Annotated[str, subjects.check_service_account_name]
SessionDuration = Annotated[int, within(ROLE_SESSION_DURATION, "seconds")]
SessionName = Annotated[str, names.check_session_name]
SessionPolicy = Annotated[str, _check_session_policy]
SubjectText = Annotated[str, partial(subjects.parse_service_accounts, allow_whole_namespace=True)]
SubnetId = Annotated[
    str,
    matching("subnet-([0-9a-f]{8}|[0-9a-f]{17})", "the id of a subnet, such as 'subnet-0a1b2c3d'"),
]
UniqueId = Annotated[str, matching("AROA[A-Z0-9]+", "the unique id of a role, such as 'AROA…'")]
UserName = Annotated[str, names.check_user_name]
VpcId = Annotated[
    str, matching("vpc-([0-9a-f]{8}|[0-9a-f]{17})", "the id of a VPC, such as 'vpc-0a1b2c3d'")
]


_declared: dict[type, tuple[dict[str, Any], tuple[Callable[[Any], Problems | None], ...]]] = {}
"""Annotations with their checks, and checks of fields together, by class, its base's first."""


def read(
    kind: type[T],
    config: Mapping[str, Any],
    path: Callable[[str], str],
    only: Sequence[str] = (),
    **more: Any,
) -> T:
    """Build arguments from a mapping with camelCase keys, as configuration has them.

    ``path`` spells a key in messages; ``only`` are the fields that may be given, all by default;
    ``more`` are fields that are not.
    Raises ValueError with one line for each mistake.
    """
    declared: Any = fields(kind)  # type: ignore[arg-type] - a class of `arguments`
    required = {e.name: e.default is e.default_factory for e in declared}  # both are MISSING
    hints, _ = _declared[kind]
    names = {camel(name): name for name in required if name in only or not only}
    values = dict(more)
    mistakes = [f"{path(key)}: unknown key; {_meant(key, names)}" for key in config.keys() - names]
    for key, name in names.items():
        try:
            if key in config:
                values[name] = checked(f"{kind.__name__}.", path(key), hints[name], config[key])
            elif required[name]:
                raise ValueError(f"{path(key)} is missing; add it")
        except ValueError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ValueError("\n".join(mistakes))
    return kind(**values)


def camel(name: str) -> str:
    """Return a name of Python's in the spelling of JSON."""
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def _meant(wrong: str, known: Iterable[str]) -> str:
    close = get_close_matches(wrong, known, n=1)
    meant = f"did you mean {close[0]!r}?" if close else "remove it"
    return f"{meant} (known: {shorten(', '.join(known), 100, placeholder=' …')})"


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def arguments(kind: type[T]) -> type[T]:
    """Make a class a frozen dataclass of keyword arguments, each checked by its annotation.

    Raises ValueError with the field's name for a value of another type, and for one that a check
    in ``Annotated`` refuses. An output given for an `Input` is checked when its value is known, and
    then ends the program with `pulumi.RunError`. ``__post_init__`` checks fields together, after
    that of the base class, and may return problems for `refuse`.
    """
    annotations, together = dict(kind.__annotations__), vars(kind).get("__post_init__")
    hints, checks = next((_declared[base] for base in kind.__mro__ if base in _declared), ({}, ()))
    hints, checks = {**hints, **annotations}, (*checks, together) if together else checks
    _declared[kind] = hints, checks
    kind.__annotations__ = {name: _stripped(hint) for name, hint in annotations.items()}
    objects = {
        name: attributes
        for name, hint in hints.items()
        for attributes in getattr(hint, "__metadata__", ())
        if isinstance(attributes, dict)
    }

    def __post_init__(self: Any) -> None:  # noqa: N807 - dataclasses' name
        for name, hint in hints.items():
            if (value := getattr(self, name)) is not FROM_OBJECT:
                object.__setattr__(
                    self, name, checked(f"{type(self).__name__}.", name, hint, value)
                )
        for name, attributes in objects.items():
            for argument, attribute in attributes.items():
                object.__setattr__(self, argument, _from_object(self, name, argument, attribute))
        for check in checks:
            refuse(check(self) or {})

    def __new__(cls: type, *_: object, **named: object) -> Any:  # noqa: N807
        for name in named.keys() - hints:
            raise ValueError(f"{cls.__name__} has no argument {name!r}; {_meant(name, hints)}")
        return object.__new__(cls)

    kind.__new__ = __new__  # type: ignore[assignment]
    kind.__post_init__ = __post_init__  # type: ignore[attr-defined]
    made = dataclass(frozen=True, kw_only=True)(kind)
    for name in objects.keys() & annotations.keys():
        del made.__annotations__[name]  # for Pulumi's analyzer, which knows no such type
    return made


def _from_object(args: Any, name: str, argument: str, attribute: str) -> Any:
    """Return the value of an argument, from the component or components that are given for it."""
    value, text = getattr(args, name), getattr(args, argument)
    if isinstance(value, Sequence):
        outputs = [getattr(component, attribute) for component in value]
        return [*(arn for arn in text if not any(arn is one for one in outputs)), *outputs]
    if value is None and text is FROM_OBJECT:
        raise ValueError(f"{argument} is missing; give {name}, or {argument} of another stack's")
    if value is None:
        return text
    output = getattr(value, attribute)
    # Equal in a copy by `dataclasses.replace`.
    if text is not None and text is not FROM_OBJECT and text is not output:
        raise ValueError(f"{name} and {argument} are both given; remove {argument}")
    return output


def _stripped(hint: Any) -> Any:
    """Return the annotation without checks, of which Pulumi's analyzer of components knows none."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _stripped(parts[0])
    if _is_of_kubernetes(hint):
        return Any
    if origin in (Union, UnionType):
        return Union[tuple(_stripped(each) for each in parts)]  # noqa: UP007 - of a tuple
    return origin[tuple(_stripped(each) for each in parts)] if origin else hint


def checked(owner: str, path: str, hint: Any, value: Any) -> Any:
    """Return the value, whose outputs get checked as well, with ``owner`` in their messages; raises
    ValueError."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _one_of(owner, path, parts, value)
    if origin is Annotated:
        value = checked(owner, path, parts[0], value)
        for check in filter(callable, parts[1:]):
            try:
                check(value)
            except ValueError as error:
                raise ValueError(_shortened(f"{path}: {error}")) from None
        return value
    if isinstance(hint, ForwardRef):  # a component, whose module is loaded if one is given
        name, _, _ = hint.__forward_arg__.partition(" | None")
        kind = NoneType if value is None else getattr(import_module("irsa_components"), name)
        return checked(owner, path, kind, value)
    if _is_of_kubernetes(hint):
        return _checked_fields(owner, path, hint, value)
    if isinstance(value, str) and OUTPUT_TEXT.search(value):
        raise ValueError(
            f"{path} has an output inside of a text; use Output.format or Output.concat"
        )
    if hint is Any:
        hint = {dict: Mapping[Any, Any], list: Sequence[Any]}.get(type(value), type(value))
        origin, parts = get_origin(hint), get_args(hint)
    expected: Any = origin or hint
    number: object = value
    if expected is int and isinstance(number, float) and number.is_integer():
        return int(number)  # the engine's numbers, which other languages send, are floating-point
    # To Python a truth value is a number, and a text a sequence.
    mistaken = {int: bool, Sequence: str | bytes}.get(expected, ())
    if not isinstance(value, expected) or isinstance(value, mistaken):
        raise ValueError(f"{path} is {_described(value)}; give {_wanted(expected, value)}")
    if origin is Sequence:
        return [checked(owner, f"{path}[{n}]", parts[0], member) for n, member in enumerate(value)]
    if origin is Mapping:
        keys = [checked(owner, f"a key of {path}", parts[0], key) for key in value]
        of_key = {key: f"{path}[{key!r}]" for key in keys}
        return {key: checked(owner, of_key[key], parts[1], value[key]) for key in keys}
    return value


def _one_of(owner: str, path: str, members: Sequence[Any], value: Any) -> Any:
    if isinstance(value, Unknown) or (value is None and NoneType in members):
        return value
    # Of `Input[T | None]` an output may be None; `Input[T] | None` is left out, or has a value.
    [hint] = [get_args(each)[0] for each in members if get_origin(each) is Awaitable] or [None]
    if hint is None or not isinstance(value, Output | Awaitable):
        return checked(owner, path, type(value) if type(value) in members else members[0], value)
    output = Output.from_input(value)
    both = Output.all(output, Output.from_input(_stack_of(output)))
    return both.apply(in_apply(lambda results: _known(owner, path, hint, *results)))


def _is_of_kubernetes(hint: Any) -> bool:
    return isinstance(hint, type) and hint.__module__.startswith("pulumi_kubernetes.")


# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_Quantity = Input[str | int | float]
_QUANTITIES: dict[str, Any] = {
    **dict.fromkeys(("limits", "overhead", "requests"), Input[Mapping[str, _Quantity]]),
    **dict.fromkeys(("divisor", "size_limit"), _Quantity),
}
"""Fields that take numbers, which pulumi-kubernetes declares as texts."""


@cache
def _fields_of(hint: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a class of pulumi-kubernetes: types by name, and required names."""
    hints = get_type_hints(hint.__init__, None, {"Output": Output, "T": Any})
    _, *parameters = signature(hint.__init__).parameters.values()
    required = [each.name for each in parameters if each.default is each.empty]
    return {name: _QUANTITIES.get(name, hint) for name, hint in hints.items()}, required


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _checked_fields(owner: str, path: str, hint: Any, value: Any) -> dict[str, Any]:
    """Return the fields of an object of a class of pulumi-kubernetes, or of a mapping for one.

    A field that is not known here may be a newer one of Kubernetes, and is left to its API.
    """
    if not isinstance(value, Mapping | hint):
        raise ValueError(f"{path} is {_described(value)}; give a mapping")
    hints, required = _fields_of(hint)
    names = {_folded(name): name for name in hints}
    fields_of_value, spellings = dict[str, Any](), dict[str, str]()
    for key, member in (value if isinstance(value, Mapping) else vars(value)).items():
        name = _folded(checked(owner, f"a key of {path}", str, key))
        if name in spellings:
            raise ValueError(f"{path} has {spellings[name]} and {key}, which are one; remove one")
        spellings[name] = key
        if name not in names and (near := get_close_matches(name, names, n=1, cutoff=0.88)):
            raise ValueError(f"{path}.{key} does not exist; did you mean {names[near[0]]}?")
        hint_of_key = hints[names[name]] if name in names else Any
        fields_of_value[key] = checked(owner, f"{path}.{key}", hint_of_key, member)
    for name in required:
        if _folded(name) not in spellings:
            present = ", ".join(spellings.values()) or "nothing"
            fields = f"the fields of a {hint.__name__.removesuffix('Args')}"
            raise ValueError(f"{path} has {present} and no {name}; give {fields}")
    return fields_of_value


async def _stack_of(output: Output[Any]) -> tuple[str, str]:
    """Return the name of the other stack that the output is from, and its outputs' names."""
    for stack in await output.resources():
        if isinstance(stack, StackReference):
            names = ", ".join(sorted(await stack.outputs.future() or {}))
            return str(await stack.name.future()), shorten(names, 60, placeholder=" …")
    return "", ""


def _known(owner: str, path: str, hint: Any, value: Any, stack: tuple[str, str]) -> Any:
    if value is None and NoneType not in get_args(hint):
        name, names = stack
        up = "run `pulumi up` there, or correct the stack's name"
        fix = "give the stack that has it, or export it there" if names else up
        raise ValueError(
            f"stack {name} has no output for {owner}{path} (it has {names or 'none'}); {fix}"
            if name
            else f"{owner}{path} is an output without a value; give another one"
        )
    return checked(owner, f"{owner}{path}", hint, value)


_SPOKEN: dict[Any, str] = {bool: "True or False", int: "a whole number", str: "text"}
_SPOKEN |= dict.fromkeys((Sequence, list), "a list") | dict.fromkeys((Mapping, dict), "a mapping")


def _wanted(expected: type, value: object) -> str:
    if isinstance(value, Output):
        return "a plain value" if expected in _SPOKEN else f"the {expected.__name__} itself"
    return _SPOKEN.get(expected) or f"{expected.__name__}(…)"


def _described(value: object) -> str:
    """Describe a value of a wrong type; a text is shown, since secrets are wanted as text."""
    if isinstance(value, Output):
        return "the output of a resource"
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str | int | float):
        return f"the {'text' if isinstance(value, str) else 'number'} {value!r}"
    return _SPOKEN.get(type(value)) or f"a value of type {type(value).__name__}"


@arguments
class ServiceAccount:
    """A service account, for everything in the program that must mean the same one."""

    namespace: NamespaceName
    """Its namespace."""

    name: ServiceAccountName
    """Its exact name."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
