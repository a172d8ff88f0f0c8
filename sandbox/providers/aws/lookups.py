"""Functions of the `aws` provider about its own principal and region."""

from collections.abc import Callable
from functools import cache

from botocore.loaders import create_loader

from ..resource import Properties
from .types import AwsSession


def _caller_identity(session: AwsSession, _args: Properties) -> Properties:
    """The provider's principal."""
    caller = session.client("sts").get_caller_identity()
    return {
        "accountId": caller["Account"],
        "arn": caller["Arn"],
        "id": caller["Account"],
        "userId": caller["UserId"],
    }


def _partition(session: AwsSession, _args: Properties) -> Properties:
    """The partition of the provider's region, and the domain of its services."""
    domain = _domain(session.partition)
    return {
        "dnsSuffix": domain,
        "id": session.partition,
        "partition": session.partition,
        "reverseDnsPrefix": ".".join(reversed(domain.split("."))),
    }


@cache
def _domain(partition: str) -> str:
    partitions = create_loader().load_data("partitions")["partitions"]
    return next(each["outputs"]["dnsSuffix"] for each in partitions if each["id"] == partition)


LOOKUPS: dict[str, Callable[[AwsSession, Properties], Properties]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
}
