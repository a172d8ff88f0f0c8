"""Functions of the `aws` provider: its own principal and region, and IAM roles."""

from collections.abc import Callable
from functools import cache

from botocore.loaders import create_loader

from irsa.identity.canonical import canonical

from ..resource import Properties
from .types import AwsSession, boundary_of, tags_as_map


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


def _role(session: AwsSession, args: Properties) -> Properties:
    """An IAM role of the provider's account."""
    role = session.client("iam").get_role(RoleName=args["name"])["Role"]
    return {
        "arn": role["Arn"],
        "assumeRolePolicy": canonical(role["AssumeRolePolicyDocument"]),
        "createDate": role["CreateDate"].isoformat(),
        "description": role.get("Description", ""),
        "id": role["RoleName"],
        "maxSessionDuration": role["MaxSessionDuration"],
        "name": role["RoleName"],
        "path": role["Path"],
        "permissionsBoundary": boundary_of(role),
        "roleLastUseds": [
            {"lastUsedDate": each["LastUsedDate"].isoformat(), "region": each["Region"]}
            for each in filter(None, [role.get("RoleLastUsed")])
        ],
        "tags": tags_as_map(role.get("Tags")),
        "uniqueId": role["RoleId"],
    }


LOOKUPS: dict[str, Callable[[AwsSession, Properties], Properties]] = {
    "aws:iam/getRole:getRole": _role,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
}
