"""Refuses to make what exists already, before anything is made (decision 0002).

Only the engine knows what a stack holds, and it runs a `before_create` hook for exactly what the
stack does not hold, in a preview too. The hook looks the thing up; what is there belongs to
somebody else. Where nothing can be looked up, AWS and pulumi-kubernetes (since 4.29) still refuse
to make a second one of that name, only later.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import grpc
import pulumi
import yaml
from pulumi import Input, Output, ResourceHook, ResourceHookArgs, ResourceHookBinding
from pulumi.resource_hooks import ResourceHookOptions
from pulumi.runtime.proto.resource_pb2 import ResourceInvokeRequest
from pulumi.runtime.rpc import UNKNOWN
from pulumi.runtime.settings import get_monitor

from irsa.identity.arns import partition_of, policy_arn

if TYPE_CHECKING:
    import lightkube


T = TypeVar("T")


class _AwsKind(NamedTuple):
    """How one type of AWS resource is looked up."""

    noun: str
    name: str
    """Input that names the resource."""

    function: str
    """Token of the provider's function that fails when there is none."""

    argument: str
    """Its argument for the name, or for the ARN that the name makes."""

    way_out: str


_AWS = {
    "aws:iam/role:Role": _AwsKind(
        "role",
        "name",
        "aws:iam/getRole:getRole",
        "name",
        "choose another role.name, use that role as it is (role.existing: true), or take it over "
        "(role.imported: true)",
    ),
    "aws:iam/user:User": _AwsKind(
        "user", "name", "aws:iam/getUser:getUser", "userName", "choose another accessKey.userName"
    ),
    "aws:iam/policy:Policy": _AwsKind(
        "policy",
        "name",
        "aws:iam/getPolicy:getPolicy",
        "arn",
        "rename the workload, which the policy is named after, or delete the policy",
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _AwsKind(
        "OIDC provider",
        "url",
        "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider",
        "url",
        "give its ARN as providerArn, with cluster.existing: true in account A",
    ),
    "aws:s3/bucket:Bucket": _AwsKind(
        "bucket",
        "bucket",
        "aws:s3/getBucket:getBucket",
        "bucket",
        "choose another bucket.name, or use that bucket as it is (bucket.existing: true)",
    ),
}

_KUBERNETES = {
    "kubernetes:core/v1:Namespace": (
        "namespace",
        "Namespace",
        "use it as it is (irsa:namespaces, existing: true)",
    ),
    "kubernetes:core/v1:ServiceAccount": (
        "service account",
        "ServiceAccount",
        "annotate it (existingServiceAccount: true), or choose another serviceAccount",
    ),
    "kubernetes:core/v1:ConfigMap": ("ConfigMap", "ConfigMap", "rename the workload"),
    "kubernetes:core/v1:Secret": ("Secret", "Secret", "rename the workload"),
    "kubernetes:apps/v1:Deployment": ("Deployment", "Deployment", "rename the workload"),
}


LOOKED_UP = frozenset({*_AWS, *_KUBERNETES})
"""Types of which nothing is made that exists already."""


class AlreadyExists(Exception):
    """Something of that name is there, and is not this stack's."""


def refuse_existing_in_aws(
    name: str, provider: pulumi.ProviderResource | None
) -> ResourceHookBinding:
    """Hooks for resources of AWS that ``provider`` makes. ``name`` is theirs alone."""

    async def look(args: ResourceHookArgs) -> None:
        kind = _AWS.get(args.type)
        inputs: Mapping[str, Any] = args.new_inputs or {}
        if kind is None or not isinstance(inputs.get(kind.name), str):
            return  # a name that AWS is still to choose, or the issuer of a cluster to be made
        arn = await _arn_in_aws(kind, inputs, provider)
        if arn and ":iam::aws:" not in arn:  # AWS's own policies stand in nobody's way
            raise AlreadyExists(_refusal(kind.noun, arn, kind.way_out))

    return _before_create(name, look)


def refuse_existing_in_cluster(
    name: str, kubeconfig: Input[str] | None
) -> ResourceHookBinding | None:
    """Hooks for Kubernetes objects; None without a kubeconfig. ``name`` is theirs alone."""
    if kubeconfig is None:
        return None

    async def look(args: ResourceHookArgs) -> None:
        if args.type not in _KUBERNETES:
            return
        noun, kind, way_out = _KUBERNETES[args.type]
        metadata: Mapping[str, Any] = (args.new_inputs or {}).get("metadata") or {}
        wanted, namespace = metadata.get("name"), metadata.get("namespace")
        config = await Output.from_input(kubeconfig).future()
        if not config or not isinstance(wanted, str):
            return  # the cluster is yet to be made, and everything in it
        place = f"{namespace}/{wanted}" if namespace else wanted
        if await _on_own_thread(_exists, config, kind, wanted, namespace):
            raise AlreadyExists(_refusal(noun, place, way_out))

    return _before_create(name, look)


_THREADS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="look-up")
"""Of the hooks' own. The SDK registers resources on the event loop's threads, of which there are a
few dozen; when all of them wait for hooks, a hook that waited for one would wait for ever."""


async def _on_own_thread(call: Callable[..., T], *args: Any) -> T:
    context = copy_context()  # has the SDK's settings
    return await asyncio.get_running_loop().run_in_executor(
        _THREADS, lambda: context.run(call, *args)
    )


async def _arn_in_aws(
    kind: _AwsKind, inputs: Mapping[str, Any], provider: pulumi.ProviderResource | None
) -> str | None:
    """The ARN (a bucket's name) of what is there; None if nothing is, or nobody may look."""
    name = wanted = str(inputs[kind.name])
    if kind.argument == "arn":  # by name, AWS would list every policy for each
        caller = await _ask("aws:index/getCallerIdentity:getCallerIdentity", {}, provider)
        if caller is None:
            return None
        wanted = policy_arn(
            caller["accountId"],
            name,
            path=inputs.get("path") or "/",
            partition=partition_of(caller["arn"]),
        )
    found = await _ask(kind.function, {kind.argument: wanted}, provider)
    return None if found is None else found.get("arn", name)


async def _ask(
    function: str, args: Mapping[str, str], provider: pulumi.ProviderResource | None
) -> dict[str, Any] | None:
    """What a function of the provider answers; None when it refuses.

    Asked as the SDK's `invoke_async` does, which would wait for the event loop's threads.
    """
    request = ResourceInvokeRequest(tok=function)
    request.args.update(args)
    if provider is not None:
        provider_id = await provider.id.future() or UNKNOWN
        request.provider = f"{await provider.urn.future()}::{provider_id}"
    monitor: Any = get_monitor()
    try:
        answer = await _on_own_thread(monitor.Invoke, request)
    except grpc.RpcError as error:
        pulumi.log.debug(f"{function} {dict(args)} was refused: {error.details()}")  # type: ignore[attr-defined]
        return None
    return None if answer.failures else dict(getattr(answer, "return"))  # a keyword


def _before_create(
    name: str, look: Callable[[ResourceHookArgs], Awaitable[None]]
) -> ResourceHookBinding:
    hook = ResourceHook(
        f"{name} must not exist already", look, ResourceHookOptions(on_dry_run=True)
    )
    return ResourceHookBinding(before_create=[hook])


def _refusal(noun: str, name: str, way_out: str) -> str:
    return f"{noun} {name!r} exists already; {way_out}"


def _exists(kubeconfig: str, kind: str, name: str, namespace: str | None) -> bool:
    import httpx2  # with lightkube, 0.3 s that a run which makes nothing does not need
    from lightkube.core.exceptions import ApiError, ConfigError
    from lightkube.resources import apps_v1, core_v1

    resource = getattr(core_v1, kind, None) or getattr(apps_v1, kind)
    scope = {"namespace": namespace} if namespace else {}
    try:
        with _one_at_a_time:  # hooks run side by side, and each would make a client
            client = _client(kubeconfig)
        client.get(resource, name, **scope)
    except (ApiError, ConfigError, httpx2.HTTPError, OSError) as error:
        pulumi.log.debug(f"{kind} {name!r} was not found: {error}")
        return False
    return True


_one_at_a_time = threading.Lock()


@lru_cache(maxsize=8)
def _client(kubeconfig: str) -> "lightkube.Client":
    """One client a cluster, which asks for its token once."""
    import lightkube
    from lightkube.config.kubeconfig import KubeConfig

    return lightkube.Client(KubeConfig.from_dict(yaml.safe_load(kubeconfig)))
