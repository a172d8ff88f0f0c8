"""The service account that a role, an association and a workload name, and who admits it."""

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pulumi import Input, Output, Resource

from . import values

T = TypeVar("T")


@values.arguments
class ServiceAccount:
    """A service account, for everything in the program that must mean the same one."""

    namespace: values.NamespaceName
    """Its namespace."""

    name: values.ServiceAccountName
    """Its exact name."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


_checks: WeakKeyDictionary[Resource, dict[str, Callable[..., None]]] = WeakKeyDictionary()


def declare(resource: Resource, **checks: Callable[..., None]) -> None:
    """Note what those are asked that take an output of a resource, by the way in which they do."""
    _checks[resource] = checks


def related(value: Input[T], way: str, *args: Any) -> Output[T]:
    """Return the value, once its resource's check passes, also where a preview does not know it.

    A value that comes from no resource with such a check, or from several, is not judged. Raises
    `pulumi.RunError` for the check's ValueError.
    """
    output = Output.from_input(value)

    async def checked() -> None:
        resources = await output.resources()
        checks = [_checks[each][way] for each in resources if way in _checks.get(each, {})]
        if len(checks) == 1:
            values.in_apply(checks[0])(*args)

    return Output.all(output, Output.from_input(checked())).apply(lambda both: both[0])
