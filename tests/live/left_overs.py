"""AWS resources of a run, found by name and tag, and deleted without Pulumi.

For what no state knows: a cluster whose creation was killed, or a run whose folder is gone. A name
alone is not enough: what has the run's name without its tag is reported and left.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.live.run import PLACE_TAG, TAG, Account, Run, say

PATIENCE = 30 * 60.0  # seconds; EKS takes ten minutes to delete a cluster
PAUSE = 10.0
NODES, CLUSTER, REST = range(3)
"""Order of deletion: EKS needs the roles of a cluster to delete it."""

_GONE = {"NoSuchEntity", "ResourceNotFoundException", "NoSuchBucket", "404"}
_BUSY = {
    *("ResourceInUseException", "InvalidRequestException"),  # EKS
    *("DeleteConflict", "ConcurrentModification"),  # IAM
    "OperationAborted",  # S3
}
"""Codes for a resource that is being created, changed or deleted, or that another one uses."""


class LeftOver(NamedTuple):
    """One resource of a run."""

    name: str
    """Account, kind and name."""

    is_ours: bool
    """True if it has the run's tag."""

    remove: Callable[[], object]
    """Asks AWS to delete it; raises `ClientError`."""

    stage: int = REST

    place: str = ""
    """Region and accounts of its run, if a tag says so."""


def find(run: Run) -> list[LeftOver]:
    """Return everything with the run's name or, where AWS chooses the name, its tag."""
    return [each for account in (run.a, run.b) for each in _in_account(run, account)]


def remove(run: Run) -> list[str]:
    """Delete everything of the run; return what is left after `PATIENCE`, and why."""
    deadline = time.monotonic() + PATIENCE
    while left := find(run):
        ours = [resource for resource in left if resource.is_ours]
        stage = min((resource.stage for resource in ours), default=REST)
        errors = {resource.name: _try(resource) for resource in ours if resource.stage == stage}
        busy = any(_code(error) in _BUSY for error in errors.values())
        if not (busy or None in errors.values()) or time.monotonic() > deadline:
            return [
                f"{resource.name}: {_why(resource, errors.get(resource.name))}" for resource in left
            ]
        if busy:
            time.sleep(PAUSE)
    return []


def _try(each: LeftOver) -> ClientError | None:
    say(f"deleting {each.name}")
    try:
        each.remove()
    except ClientError as error:
        return None if _code(error) in _GONE else error
    return None


def _code(error: ClientError | None) -> str:
    return error.response["Error"]["Code"] if error else ""


def _why(each: LeftOver, error: ClientError | None) -> str:
    if not each.is_ours:
        return f"has the run's name, but not its tag {TAG}; it was not touched"
    return str(error) if error else "not tried, as others come first"


def _in_account(run: Run, account: Account) -> Iterator[LeftOver]:
    iam, s3 = account.client("iam"), account.client("s3")

    def named(names: Iterable[str]) -> list[str]:
        shared = run.shared_names
        return [name for name in names if name.startswith(run.prefix) or name in shared]

    def read(kind: str, resource: str, stage: int, describe: Callable, delete: Callable, **at: str):
        try:
            tags = _tags(describe(**at))
        except ClientError as error:
            if _code(error) in _GONE:
                return
            raise
        is_ours = tags.get(TAG) == run.id
        place = tags.get(PLACE_TAG, "") if is_ours else ""
        full_name = f"{kind} {resource} of account {account.id}"
        yield LeftOver(full_name, is_ours, lambda: delete(**at), stage, place)

    for eks in (eks for eks in account.eks_by_region.values() if eks is not None):
        for name in named(_pages(eks, "list_clusters", "clusters")):
            for group in _pages(eks, "list_nodegroups", "nodegroups", clusterName=name):
                nodes = {"clusterName": name, "nodegroupName": group}
                calls = (eks.describe_nodegroup, eks.delete_nodegroup)
                yield from read("node group", group, NODES, *calls, **nodes)
            calls = (eks.describe_cluster, eks.delete_cluster)
            yield from read("cluster", name, CLUSTER, *calls, name=name)
    for entry in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        calls = (iam.get_open_id_connect_provider, iam.delete_open_id_connect_provider)
        provider = {"OpenIDConnectProviderArn": entry["Arn"]}
        providers = read("OIDC provider", entry["Arn"], REST, *calls, **provider)
        yield from (resource for resource in providers if resource.is_ours)  # AWS names it
    for kind, describe in (("Role", iam.get_role), ("User", iam.get_user)):
        delete = partial(_delete_principal, iam, kind.lower())
        listed = _pages(iam, f"list_{kind.lower()}s", f"{kind}s")
        for name in named(principal[f"{kind}Name"] for principal in listed):
            yield from read(kind.lower(), name, REST, describe, delete, **{f"{kind}Name": name})
    for policy in _pages(iam, "list_policies", "Policies", Scope="Local"):
        if named([name := policy["PolicyName"]]):
            delete = partial(_delete_policy, iam)
            yield from read("policy", name, REST, iam.get_policy, delete, PolicyArn=policy["Arn"])

    def tags_of(**at: str) -> Mapping[str, Any]:
        # S3 creates a bucket before it tags it, and a run can end in between.
        return {"tags": _bucket_tags(s3, **at) or {TAG: run.id}}

    for name in named(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]):
        calls = (tags_of, partial(_delete_bucket, s3))
        yield from read("bucket", name, REST, *calls, Bucket=name)


def _pages(client: Any, operation: str, field: str, **arguments: str) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[field]


def _tags(described: Mapping[str, Any]) -> Mapping[str, str]:
    """Tags of a resource as AWS describes it: under the name of its kind, or by itself."""
    for each in (described, *described.values()):
        if isinstance(each, Mapping) and (tags := each.get("tags") or each.get("Tags")):
            return tags if isinstance(tags, Mapping) else {tag["Key"]: tag["Value"] for tag in tags}
    return {}


def _bucket_tags(s3: Any, **bucket: str) -> Mapping[str, str]:
    try:
        return _tags({"Tags": s3.get_bucket_tagging(**bucket)["TagSet"]})
    except ClientError as error:
        if _code(error) != "NoSuchTagSet":
            raise
        return {}


def _delete_principal(iam: Any, kind: str, **at: str) -> None:
    attached, inline = f"list_attached_{kind}_policies", f"list_{kind}_policies"
    for policy in _pages(iam, attached, "AttachedPolicies", **at):
        getattr(iam, f"detach_{kind}_policy")(**at, PolicyArn=policy["PolicyArn"])
    for name in _pages(iam, inline, "PolicyNames", **at):
        getattr(iam, f"delete_{kind}_policy")(**at, PolicyName=name)
    if kind == "user":
        for key in _pages(iam, "list_access_keys", "AccessKeyMetadata", **at):
            iam.delete_access_key(**at, AccessKeyId=key["AccessKeyId"])
    getattr(iam, f"delete_{kind}")(**at)


def _delete_policy(iam: Any, **policy: str) -> None:
    for version in _pages(iam, "list_policy_versions", "Versions", **policy):
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(**policy, VersionId=version["VersionId"])
    iam.delete_policy(**policy)


def _delete_bucket(s3: Any, **bucket: str) -> None:
    # One without a tag is not emptied, and S3 itself deletes none that holds something.
    if _bucket_tags(s3, **bucket):
        for page in s3.get_paginator("list_object_versions").paginate(**bucket):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                at = {"Key": version["Key"], "VersionId": version["VersionId"]}
                s3.delete_object(**bucket, **at)
    s3.delete_bucket(**bucket)
