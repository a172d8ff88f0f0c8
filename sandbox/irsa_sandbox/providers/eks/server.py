"""The `eks` provider.

pulumi-eks is a Node.js plugin; this stands in for it where that is not installed. The API server is
the sandbox's, whatever version and network are asked for, and its only node is the sandbox's
kubelet.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi import Inputs, ResourceOptions
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime.proto import plugin_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from ..resource import Package, Properties, Refused
from ..server import ProviderServer
from .cluster import ClusterComponent, refusal

VERSION = "4.4.0"


class EksProvider(Provider):
    """Constructs the sandbox's `ClusterComponent`; any other component is refused by name."""

    @override
    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Inputs,
        options: ResourceOptions | None = None,
    ) -> ConstructResult:
        if resource_type != "eks:index:Cluster":
            raise pulumi.RunError(
                f"the sandbox has no component {resource_type}; it has eks:index:Cluster"
            )
        if reason := refusal(inputs):
            raise pulumi.RunError(f"eks:index:Cluster {name}: {reason}")
        cluster = ClusterComponent(name, inputs, options or ResourceOptions())
        return ConstructResult(urn=cluster.urn, state=cluster.outputs)


class EksServer(ProviderServer[Properties]):
    """Serves `EksProvider`: pulumi's component servicer answers the calls for components."""

    accepts_resources = True

    def __init__(self) -> None:
        super().__init__(Package(name="eks", version=VERSION, connect=dict))
        self._components = ProviderServicer(EksProvider(VERSION), [], engine_address="")

    @override
    def Attach(self, request: plugin_pb2.PluginAttach, context: Any) -> empty_pb2.Empty:
        self._components.engine_address = request.address
        return empty_pb2.Empty()

    @override
    def Construct(self, request: pb.ConstructRequest, context: Any) -> pb.ConstructResponse:
        with self._errors(context, request.type):
            return asyncio.run(_while_asked(context, self._components.Construct(request, context)))

    @override
    def Call(self, request: pb.CallRequest, context: Any) -> Any:
        with self._errors(context, request.tok):
            output = "the output kubeconfig_json is a kubeconfig too"
            raise Refused(f"the sandbox has no method {request.tok}; {output}")


async def _while_asked(context: grpc.ServicerContext, call: Coroutine[Any, Any, Any]) -> Any:
    """The call's answer. It ends with the engine's call: one that is killed leaves outputs that
    nothing resolves, and the thread would never end."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(call)

    def end() -> None:
        with suppress(RuntimeError):  # the loop is closed: it was answered
            loop.call_soon_threadsafe(task.cancel)

    if not context.add_callback(end):
        task.cancel()
    return await task
