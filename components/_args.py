"""Arguments of components: frozen dataclasses whose values are checked by their declaration."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, dataclass_transform, get_args, get_origin

from pulumi import Output, RunError

from irsa.identity.arns import (
    check_key_arn,
    check_policy_arn,
    check_principal_arn,
    check_role_arn,
    cluster_arn,
    issuer_from_provider_arn,
)
from irsa.identity.names import (
    check_audience,
    check_bucket_name,
    check_cluster_name,
    check_description,
    check_external_id,
    check_path,
    check_policy_name,
    check_role_name,
    check_session_duration,
    check_session_name,
    check_subnet_id,
    check_unique_id,
    check_user_name,
    check_vpc_id,
)
from irsa.identity.pod_identity import SESSION_POLICY_MAX, check_cluster
from irsa.identity.policies import PERMISSIONS, size_of_text
from irsa.identity.regions import REGIONS, partition_of_region
from irsa.identity.subjects import check_namespace, check_service_account_name

T = TypeVar("T")


def one_of(*choices: str) -> Callable[[str], None]:
    """Return a check for one of several texts."""

    def check(value: str) -> None:
        if value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")

    return check


def within(numbers: range) -> Callable[[int], None]:
    """Return a check for a number of a range."""

    def check(value: int) -> None:
        if value not in numbers:
            raise ValueError(f"{value} is outside of {numbers.start} to {numbers.stop - 1}")

    return check


def check_session_policy(text: str) -> str:
    """Return the session policy of an association, or raise ValueError."""
    # Imported here: most programs give none, and the evaluator takes a while to load.
    from irsa.decide.document import Kind
    from irsa.decide.statements import compile_policy

    if size_of_text(text) > SESSION_POLICY_MAX:
        raise ValueError(
            f"it has {size_of_text(text)} characters; EKS accepts {SESSION_POLICY_MAX}, name fewer "
            "resources"
        )
    try:
        compile_policy(json.loads(text), "session policy", Kind.IDENTITY)
    except ValueError as error:
        raise ValueError(f"it is not a policy ({error}); correct it") from None
    return text


Audience = Annotated[str, check_audience]
BucketName = Annotated[str, check_bucket_name]
ClusterArn = Annotated[str, cluster_arn]
ClusterName = Annotated[str, check_cluster_name]
Description = Annotated[str, check_description]
ExternalId = Annotated[str, check_external_id]
IamPath = Annotated[str, check_path]
KeyArn = Annotated[str, check_key_arn]
NamespaceName = Annotated[str, check_namespace]
Partition = Annotated[str, one_of(*REGIONS)]
Permissions = Annotated[str, one_of(*PERMISSIONS)]
PodIdentityClusterArn = Annotated[str, check_cluster]
PolicyArn = Annotated[str, check_policy_arn]
PolicyName = Annotated[str, check_policy_name]
PrincipalArn = Annotated[str, check_principal_arn]
ProviderArn = Annotated[str, issuer_from_provider_arn]
Region = Annotated[str, partition_of_region]
RoleArn = Annotated[str, check_role_arn]
RoleName = Annotated[str, check_role_name]
ServiceAccountName = Annotated[str, check_service_account_name]
SessionDuration = Annotated[int, check_session_duration]
SessionName = Annotated[str, check_session_name]
SessionPolicy = Annotated[str, check_session_policy]
SubnetId = Annotated[str, check_subnet_id]
UniqueId = Annotated[str, check_unique_id]
UserName = Annotated[str, check_user_name]
VpcId = Annotated[str, check_vpc_id]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def arguments(kind: type[T]) -> type[T]:
    """Make a class a frozen dataclass of keyword arguments, each checked by its annotation.

    Raises ValueError with the field's name for a value of another type, and for one that a check
    in ``Annotated`` refuses. An output given for an `Input` is checked when its value is known, and
    then ends the program with `pulumi.RunError`. ``__post_init__`` checks fields together.
    """
    hints = dict(kind.__annotations__)
    kind.__annotations__ = {name: _stripped(hint) for name, hint in hints.items()}
    check_together: Callable[[Any], None] = getattr(kind, "__post_init__", lambda _: None)

    def __post_init__(self: Any) -> None:  # noqa: N807 - dataclasses' name
        for name, hint in hints.items():
            value = _checked(kind, name, hint, getattr(self, name))
            object.__setattr__(self, name, value)
        check_together(self)

    kind.__post_init__ = __post_init__  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(kind)


def _stripped(hint: Any) -> Any:
    """Return the annotation without checks, of which Pulumi's analyzer of components knows none."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _stripped(parts[0])
    if origin in (Union, UnionType):
        return Union[tuple(_stripped(each) for each in parts)]  # noqa: UP007 - of a tuple
    return origin[tuple(_stripped(each) for each in parts)] if origin else hint


def _checked(kind: type, path: str, hint: Any, value: Any) -> Any:
    """Return the value, whose outputs get checked as well; raises ValueError."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _one_of(kind, path, parts, value)
    if origin is Annotated:
        value = _checked(kind, path, parts[0], value)
        for check in parts[1:]:
            try:
                check(value)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
        return value
    if hint is Any:
        return value
    expected: Any = origin or hint
    # To Python a truth value is a number, and a text a sequence.
    mistaken = {int: bool, Sequence: str | bytes}.get(expected, ())
    if not isinstance(value, expected) or isinstance(value, mistaken):
        raise ValueError(f"{path} is {_described(value)}; give {_wanted(expected, value)}")
    if origin is Sequence:
        return [_checked(kind, f"{path}[{n}]", parts[0], each) for n, each in enumerate(value)]
    if origin is Mapping:
        keys = [_checked(kind, f"a key of {path}", parts[0], key) for key in value]
        of_key = {key: f"{path}[{key!r}]" for key in keys}
        return {key: _checked(kind, of_key[key], parts[1], value[key]) for key in keys}
    return value


def _one_of(kind: type, path: str, members: Sequence[Any], value: Any) -> Any:
    plain, *others = members
    if value is None and NoneType in others:
        return None
    # Of `Input[T | None]` an output may be None; `Input[T] | None` is left out, or has a value.
    [known] = [get_args(each)[0] for each in others if get_origin(each) is Awaitable] or [None]
    if known is None or not isinstance(value, Output | Awaitable):
        return _checked(kind, path, plain, value)
    return Output.from_input(value).apply(partial(_known, kind, path, known))


def _known(kind: type, path: str, hint: Any, value: Any) -> Any:
    try:
        return _checked(kind, path, hint, value)
    except ValueError as error:  # in `apply` it ends in pages of Pulumi's own
        raise RunError(f"{kind.__name__}.{error}") from error


_WANTED = {bool: "True or False", int: "a whole number", str: "text"}
_WANTED |= {Sequence: "a list", Mapping: "a mapping"}


def _wanted(expected: type, value: object) -> str:
    if isinstance(value, Output):
        return "a plain value"
    return _WANTED.get(expected) or f"{expected.__name__}(…)"


def _described(value: object) -> str:
    """Describe a value of a wrong type; a text is shown, since secrets are wanted as text."""
    if isinstance(value, Output):
        return "the output of a resource"
    if isinstance(value, str):
        return f"the text {value!r}"
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int | float):
        return f"the number {value!r}"
    return f"a value of type {type(value).__name__}"
