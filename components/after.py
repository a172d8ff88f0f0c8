"""An output that waits for more than the resource that it is of."""

from typing import TypeVar

from pulumi import CustomResource, Output

T = TypeVar("T")


def after(value: Output[T], *resources: CustomResource) -> Output[T]:
    """``value``, once those resources exist.

    A pod that waits for the ARN of its role must not start with a role that may do nothing yet.
    """
    return Output.all(value, *[resource.id for resource in resources]).apply(lambda all_: all_[0])
