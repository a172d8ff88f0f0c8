"""Functions of the `aws` provider that read one thing, or fail where there is none."""

from collections.abc import Callable
from functools import cache

from botocore.loaders import create_loader

from irsa.identity.arns import provider_arn_for

from ..resource import Properties, Refused
from .identities import OpenIdConnectProvider, User
from .roles import Policy, Role
from .s3 import Bucket
from .types import AwsSession, AwsType

Lookup = Callable[[AwsSession, Properties], Properties]


def _caller_identity(session: AwsSession, _args: Properties) -> Properties:
    """The provider's principal."""
    caller = session.client("sts").get_caller_identity()
    return {
        "accountId": caller["Account"],
        "arn": caller["Arn"],
        "id": caller["Account"],
        "userId": caller["UserId"],
    }


def _region(session: AwsSession, _args: Properties) -> Properties:
    """The provider's region."""
    return {"id": session.region, "name": session.region, "region": session.region}


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


def _read(kind: AwsType, argument: str, resource_id: Callable[[AwsSession, str], str]) -> Lookup:
    def lookup(session: AwsSession, args: Properties) -> Properties:
        if args.keys() != {argument}:
            raise Refused(
                f"the sandbox looks {kind.token} up by {argument!r} only, not by {sorted(args)}"
            )
        name = args[argument]
        state = kind.read(session, resource_id(session, name), {})
        if state is None:
            raise Refused(f"{kind.token} {name!r} was not found")
        return {"id": name, **state}

    return lookup


def _own(_session: AwsSession, name: str) -> str:
    return name


def _provider_arn(session: AwsSession, url: str) -> str:
    return provider_arn_for(url, session.account)


LOOKUPS: dict[str, Lookup] = {
    "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": _read(
        OpenIdConnectProvider(), "url", _provider_arn
    ),
    "aws:iam/getPolicy:getPolicy": _read(Policy(), "arn", _own),
    "aws:iam/getRole:getRole": _read(Role(), "name", _own),
    "aws:iam/getUser:getUser": _read(User(), "userName", _own),
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:s3/getBucket:getBucket": _read(Bucket(), "bucket", _own),
}
