"""What a run has made in AWS, found by its name and tag, and removed without Pulumi.

For what no state knows: a cluster whose creation was killed, or a run whose folder is gone. A name
alone is not enough: what bears the run's name without its tag is somebody else's, and is reported.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.live.run import TAG, Account, Run, say

PATIENCE = 30 * 60.0  # seconds; EKS takes ten minutes to delete a cluster
PAUSE = 10.0

NODES, CLUSTER, REST = range(3)
"""What is removed before what: EKS needs the roles of a cluster to take it down."""

_GONE = {"NoSuchEntity", "ResourceNotFoundException", "NoSuchBucket", "404"}
_BUSY = {
    *("ResourceInUseException", "InvalidRequestException"),  # EKS
    *("DeleteConflict", "ConcurrentModification"),  # IAM
    "OperationAborted",  # S3
}
"""Said of what is being made, changed or deleted, or of what hangs on something that is."""


class LeftOver(NamedTuple):
    """One thing that a run has made."""

    name: str
    """Account, kind and name."""

    is_ours: bool
    """Whether it bears the run's tag."""

    remove: Callable[[], object]
    """Asks AWS to delete it; raises `ClientError`."""

    stage: int = REST


def find(run: Run) -> list[LeftOver]:
    """Everything that bears the run's name or, where AWS chooses the name, its tag."""
    return [each for account in run.accounts for each in _Finder(run, account).everything()]


def remove(run: Run) -> list[str]:
    """Remove everything of the run's; returns what is left after `PATIENCE`, and why."""
    deadline = time.monotonic() + PATIENCE
    while left := find(run):
        ours = [each for each in left if each.is_ours]
        stage = min((each.stage for each in ours), default=REST)
        errors = {each.name: _try(each) for each in ours if each.stage == stage}
        busy = {name for name, error in errors.items() if _code(error) in _BUSY}
        goes_on = busy or None in errors.values()
        if not goes_on or time.monotonic() > deadline:
            return [f"{each.name}: {_why(each, errors.get(each.name))}" for each in left]
        if busy:
            time.sleep(PAUSE)
    return []


def _try(each: LeftOver) -> ClientError | None:
    """Ask AWS to delete it; the refusal, if it refuses."""
    say(f"removing {each.name}")
    try:
        each.remove()
    except ClientError as error:
        return None if _code(error) in _GONE else error
    return None


def _code(error: ClientError | None) -> str:
    return error.response["Error"]["Code"] if error else ""


def _why(each: LeftOver, error: ClientError | None) -> str:
    if not each.is_ours:
        return f"has the run's name, but not its tag {TAG}; it was left as it is"
    return str(error) if error else "not tried, as others come first"


class _Finder:
    """Looks through one account."""

    def __init__(self, run: Run, account: Account) -> None:
        self._run = run
        self._account = account
        self._iam, self._s3, self._eks = (
            account.client(service) for service in ("iam", "s3", "eks")
        )

    def everything(self) -> Iterator[LeftOver]:
        """Each kind of thing that a stack makes, nodes and cluster first."""
        iam, eks = self._iam, self._eks
        clusters = self._named(self._pages(eks, "list_clusters", "clusters"))
        groups = [
            {"clusterName": cluster, "nodegroupName": group}
            for cluster in clusters
            for group in self._pages(eks, "list_nodegroups", "nodegroups", clusterName=cluster)
        ]
        yield from self._each(
            "node group",
            groups,
            lambda **at: eks.describe_nodegroup(**at)["nodegroup"].get("tags", {}),
            eks.delete_nodegroup,
            NODES,
        )
        yield from self._each(
            "cluster",
            [{"name": cluster} for cluster in clusters],
            lambda **at: eks.describe_cluster(**at)["cluster"].get("tags", {}),
            eks.delete_cluster,
            CLUSTER,
        )
        listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        providers = self._each(
            "OIDC provider",
            [{"OpenIDConnectProviderArn": each["Arn"]} for each in listed],
            lambda **at: _tags(iam.get_open_id_connect_provider(**at)),
            iam.delete_open_id_connect_provider,
        )
        # AWS has chosen its name, which is the cluster's issuer.
        yield from (provider for provider in providers if provider.is_ours)
        roles = self._pages(iam, "list_roles", "Roles")
        yield from self._each(
            "role",
            [{"RoleName": name} for name in self._named(each["RoleName"] for each in roles)],
            lambda **at: _tags(iam.get_role(**at)["Role"]),
            self._delete_role,
        )
        users = self._pages(iam, "list_users", "Users")
        yield from self._each(
            "user",
            [{"UserName": name} for name in self._named(each["UserName"] for each in users)],
            lambda **at: _tags(iam.get_user(**at)["User"]),
            self._delete_user,
        )
        policies = self._pages(iam, "list_policies", "Policies", Scope="Local")
        yield from self._each(
            "policy",
            [{"PolicyArn": each["Arn"]} for each in policies if self._named([each["PolicyName"]])],
            lambda **at: _tags(iam.get_policy(**at)["Policy"]),
            self._delete_policy,
        )
        buckets = self._named(each["Name"] for each in self._s3.list_buckets()["Buckets"])
        yield from self._each(
            "bucket",
            [{"Bucket": name} for name in buckets],
            # S3 makes a bucket before it tags it, and a run can end in between.
            lambda **at: self._bucket_tags(**at) or {TAG: self._run.id},
            self._delete_bucket,
        )

    def _each(
        self,
        kind: str,
        places: Iterable[Mapping[str, str]],
        tags: Callable[..., Mapping[str, str]],
        remove: Callable[..., object],
        stage: int = REST,
    ) -> Iterator[LeftOver]:
        for at in places:
            try:
                is_ours = tags(**at).get(TAG) == self._run.id
            except ClientError as error:
                if _code(error) not in _GONE:
                    raise
                continue
            name = f"{kind} {'/'.join(at.values())} of account {self._account.id}"
            yield LeftOver(name, is_ours, partial(remove, **at), stage)

    def _named(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith(self._run.prefix)]

    def _pages(self, client: Any, operation: str, field: str, **arguments: str) -> Iterator[Any]:
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page[field]

    def _bucket_tags(self, **bucket: str) -> dict[str, str]:
        try:
            return _as_mapping(self._s3.get_bucket_tagging(**bucket)["TagSet"])
        except ClientError as error:
            if _code(error) != "NoSuchTagSet":
                raise
            return {}

    def _delete_role(self, **role: str) -> None:
        for policy in self._pages(
            self._iam, "list_attached_role_policies", "AttachedPolicies", **role
        ):
            self._iam.detach_role_policy(**role, PolicyArn=policy["PolicyArn"])
        for name in self._pages(self._iam, "list_role_policies", "PolicyNames", **role):
            self._iam.delete_role_policy(**role, PolicyName=name)
        self._iam.delete_role(**role)

    def _delete_user(self, **user: str) -> None:
        for key in self._pages(self._iam, "list_access_keys", "AccessKeyMetadata", **user):
            self._iam.delete_access_key(**user, AccessKeyId=key["AccessKeyId"])
        for policy in self._pages(
            self._iam, "list_attached_user_policies", "AttachedPolicies", **user
        ):
            self._iam.detach_user_policy(**user, PolicyArn=policy["PolicyArn"])
        self._iam.delete_user(**user)

    def _delete_policy(self, **policy: str) -> None:
        for version in self._pages(self._iam, "list_policy_versions", "Versions", **policy):
            if not version["IsDefaultVersion"]:
                self._iam.delete_policy_version(**policy, VersionId=version["VersionId"])
        self._iam.delete_policy(**policy)

    def _delete_bucket(self, **bucket: str) -> None:
        # One without a tag is not emptied, and S3 itself deletes none that holds something.
        if self._bucket_tags(**bucket):
            self._empty(**bucket)
        self._s3.delete_bucket(**bucket)

    def _empty(self, **bucket: str) -> None:
        for page in self._s3.get_paginator("list_object_versions").paginate(**bucket):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                at = {"Key": version["Key"], "VersionId": version["VersionId"]}
                self._s3.delete_object(**bucket, **at)


def _tags(found: Mapping[str, Any]) -> dict[str, str]:
    return _as_mapping(found.get("Tags") or ())


def _as_mapping(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
