"""AWS resources of a run, found by name and tag, and deleted without Pulumi.

For what no state knows: a cluster whose creation was killed, or a run whose folder is gone. A name
alone is not enough: what has the run's name without its tag is reported and left.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.live.run import TAG, Account, Run, say

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

    tag: str
    """Value of its tag `TAG`; the run's own are those with `Run.tag`."""

    remove: Callable[[], object]
    """Asks AWS to delete it; raises `ClientError`."""

    stage: int = REST


def find(run: Run) -> list[LeftOver]:
    """Return everything with the run's name or, where AWS chooses the name, its tag."""
    return [each for account in (run.a, run.b) for each in _in_account(run, account)]


def remove(run: Run) -> list[str]:
    """Delete everything of the run; return what is left after `PATIENCE`, and why."""
    deadline = time.monotonic() + PATIENCE
    while left := find(run):
        ours = [resource for resource in left if resource.tag == run.tag]
        stage = min((resource.stage for resource in ours), default=REST)
        errors = {resource.name: _try(resource) for resource in ours if resource.stage == stage}
        busy = any(_code(error) in _BUSY for error in errors.values())
        if not (busy or None in errors.values()) or time.monotonic() > deadline:
            return [f"{one.name}: {errors.get(one.name) or _why(run, one)}" for one in left]
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


def _why(run: Run, left: LeftOver) -> str:
    if left.tag == run.tag:
        return "not tried, as others come first"
    tag = f"{TAG} {left.tag}" if left.tag else f"no tag {TAG}"
    return f"has the run's name, but {tag}, not {run.tag}; it was not touched"


def _in_account(run: Run, account: Account) -> Iterator[LeftOver]:
    eks = account.session.client("eks")
    iam, s3 = (account.session.resource(name) for name in ("iam", "s3"))

    def is_named(name: str) -> bool:
        return name.startswith(run.prefix) or name in run.shared_names

    def read(kind: str, name: str, tags_of: Callable, delete: Callable, stage: int = REST):
        try:
            tags = tags_of()
        except ClientError as error:
            if _code(error) in _GONE:
                return
            raise
        if not isinstance(tags, Mapping):
            tags = {tag["Key"]: tag["Value"] for tag in tags or ()}
        yield LeftOver(f"{kind} {name} of account {account.id}", tags.get(TAG, ""), delete, stage)

    for name in filter(is_named, _all(eks, "list_clusters", "clusters")):
        for group in _all(eks, "list_nodegroups", "nodegroups", clusterName=name):
            nodes = {"clusterName": name, "nodegroupName": group}
            tags = partial(_tags, eks.describe_nodegroup, "nodegroup", "tags", **nodes)
            delete = partial(eks.delete_nodegroup, **nodes)
            yield from read("node group", group, tags, delete, NODES)
        tags = partial(_tags, eks.describe_cluster, "cluster", "tags", name=name)
        yield from read("cluster", name, tags, partial(eks.delete_cluster, name=name), CLUSTER)
    client = iam.meta.client
    for provider in client.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        at = {"OpenIDConnectProviderArn": provider["Arn"]}
        tags = partial(_tags, client.get_open_id_connect_provider, "Tags", **at)
        delete = partial(client.delete_open_id_connect_provider, **at)
        providers = read("OIDC provider", provider["Arn"], tags, delete)
        yield from (resource for resource in providers if resource.tag == run.tag)  # AWS names it
    for kind, principals in (("role", iam.roles), ("user", iam.users)):
        for principal in filter(lambda principal: is_named(principal.name), principals.all()):
            delete = partial(_delete_principal, principal)
            yield from read(kind, principal.name, partial(_iam_tags, principal), delete)
    for policy in iam.policies.filter(Scope="Local"):
        if is_named(policy.policy_name):
            delete = partial(_delete_policy, policy)
            yield from read("policy", policy.policy_name, partial(_iam_tags, policy), delete)
    for bucket in filter(lambda bucket: is_named(bucket.name), s3.buckets.all()):
        # S3 creates a bucket before it tags it, and a run can end in between.
        tags = partial(_bucket_tags, bucket, {TAG: run.tag})
        yield from read("bucket", bucket.name, tags, partial(_delete_bucket, bucket))


def _all(client: Any, operation: str, field: str, **arguments: str) -> list[Any]:
    return client.get_paginator(operation).paginate(**arguments).build_full_result()[field]


def _tags(describe: Callable, *path: str, **at: str) -> Any:
    return reduce(lambda answer, field: answer.get(field), path, describe(**at))


def _iam_tags(resource: Any) -> Any:
    resource.reload()
    return resource.tags


def _bucket_tags(bucket: Any, without: Mapping[str, str]) -> Any:
    try:
        return bucket.Tagging().tag_set
    except ClientError as error:
        if _code(error) != "NoSuchTagSet":
            raise
        return without


def _delete_principal(principal: Any) -> None:
    for policy in principal.attached_policies.all():
        principal.detach_policy(PolicyArn=policy.arn)
    keys = principal.access_keys.all() if hasattr(principal, "access_keys") else ()
    for part in (*principal.policies.all(), *keys):
        part.delete()
    principal.delete()


def _delete_policy(policy: Any) -> None:
    for version in policy.versions.all():
        if not version.is_default_version:
            version.delete()
    policy.delete()


def _delete_bucket(bucket: Any) -> None:
    # One without a tag is not emptied, and S3 itself deletes none that holds something.
    if _bucket_tags(bucket, {}):
        bucket.object_versions.delete()
    bucket.delete()
