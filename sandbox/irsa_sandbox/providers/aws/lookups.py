"""Functions of the `aws` provider: its own principal, roles, networks, add-ons."""

from collections.abc import Callable
from typing import Any

from irsa_core.identity.regions import partition_of_region

from ..resource import Properties, Refused, refuse_unknown
from .iam import RoleType
from .table import AwsSession, picked, tags_as_map


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
    domain = session.client("sts").meta.endpoint_url.partition(f"{session.region}.")[2]
    partition = partition_of_region(session.region)
    return {
        "dnsSuffix": domain,
        "id": partition,
        "partition": partition,
        "reverseDnsPrefix": ".".join(reversed(domain.split("."))),
    }


def _role(session: AwsSession, args: Properties) -> Properties:
    """An IAM role of the provider's account."""
    role = session.client("iam").get_role(RoleName=args["name"])["Role"]
    shown, times = RoleType().shown(role, {}), list[Properties]()
    if used := role.get("RoleLastUsed"):
        times = [{"lastUsedDate": used["LastUsedDate"].isoformat(), "region": used["Region"]}]
    return {
        **{name: shown[name] for name in shown.keys() - {"forceDetachPolicies", "tagsAll"}},
        "id": role["RoleName"],
        "roleLastUseds": times,
    }


def _addon_version(session: AwsSession, args: Properties) -> Properties:
    """The newest version of an add-on for a version of Kubernetes, or EKS's default one."""
    query = picked(args, ("addonName", "kubernetesVersion"))
    newest = args.get("mostRecent") or False
    addons = session.client("eks").describe_addon_versions(**query)["addons"]
    for version in (version for addon in addons for version in addon["addonVersions"]):
        if newest or any(entry.get("defaultVersion") for entry in version["compatibilities"]):
            return {
                **query,
                "id": query["addonName"],
                "mostRecent": newest,
                "region": session.region,
                "version": version["addonVersion"],
            }
    raise Refused(
        f"EKS has no version of add-on {query['addonName']!r} for Kubernetes "
        f"{query['kubernetesVersion']}"
    )


def _subnets(session: AwsSession, args: Properties) -> Properties:
    refuse_unknown("aws.ec2.getSubnets", args, ["filters"])
    filters = [{"Name": f["name"], "Values": f["values"]} for f in args.get("filters", ())]
    subnets = session.client("ec2").describe_subnets(Filters=filters)["Subnets"]
    return {"id": session.region, "ids": sorted(subnet["SubnetId"] for subnet in subnets)}


def _vpc(session: AwsSession, args: Properties) -> Properties:
    refuse_unknown("aws.ec2.getVpc", args, ["default", "id"])
    query: dict[str, Any] = {"VpcIds": [args["id"]]} if "id" in args else {}
    if args.get("default"):
        query["Filters"] = [{"Name": "is-default", "Values": ["true"]}]
    vpcs = session.client("ec2").describe_vpcs(**query)["Vpcs"]
    if len(vpcs) != 1:
        raise Refused("no matching EC2 VPC found" if not vpcs else "multiple EC2 VPCs matched")
    return {
        "cidrBlock": vpcs[0]["CidrBlock"],
        "default": vpcs[0]["IsDefault"],
        "id": vpcs[0]["VpcId"],
        "tags": tags_as_map(vpcs[0].get("Tags")),
    }


LOOKUPS: dict[str, Callable[[AwsSession, Properties], Properties]] = {
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:eks/getAddonVersion:getAddonVersion": _addon_version,
    "aws:iam/getRole:getRole": _role,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
}
