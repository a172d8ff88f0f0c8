"""Serves the `eks` provider to the engine.

pulumi-eks is a Node.js plugin; this stands in for it where that is not installed. The API server is
the sandbox's, whatever version and network are asked for, and its only node is the sandbox's
kubelet.
"""

import asyncio
import threading

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi import Inputs, ResourceOptions
from pulumi.provider import CallResult, ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from ...serving.owner_port import OwnerPort
from .cluster import Cluster, refusal

VERSION = "4.4.0"
SERVER_START_TIMEOUT = 120.0  # seconds


class EksProvider(Provider):
    """Constructs the sandbox's `Cluster`; any other component is refused by name."""

    def __init__(self) -> None:
        super().__init__(VERSION)

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
        cluster = Cluster(name, inputs, options or ResourceOptions())
        return ConstructResult(urn=cluster.urn, state=cluster.outputs)

    @override
    def call(self, token: str, args: Inputs) -> CallResult:
        raise pulumi.RunError(
            f"the sandbox has no method {token}; the output kubeconfig_json is a kubeconfig too"
        )


class _Servicer(ProviderServicer):
    """pulumi's component servicer, for an engine that attaches instead of starting a plugin."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider, [], engine_address="")

    async def Handshake(
        self, request: pb.ProviderHandshakeRequest, context: grpc.aio.ServicerContext
    ) -> pb.ProviderHandshakeResponse:
        self.engine_address = request.engine_address
        return pb.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=True
        )

    async def Attach(
        self, request: plugin_pb2.PluginAttach, context: grpc.aio.ServicerContext
    ) -> empty_pb2.Empty:
        self.engine_address = request.address
        return empty_pb2.Empty()

    async def Cancel(
        self, request: empty_pb2.Empty, context: grpc.aio.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()


class EksServer:
    """Serves `EksProvider` on a free loopback port, on an event loop of its own."""

    def __init__(self) -> None:
        self._provider = EksProvider()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eks-provider", daemon=True)
        self._front = OwnerPort()
        self.port = self._front.port

    def start(self) -> None:
        """Return when the port is open."""
        self._thread.start()
        if not self._started.wait(SERVER_START_TIMEOUT):
            raise RuntimeError("the eks provider did not start; see the sandbox's log")
        self._front.start()

    def ended(self) -> str | None:
        """The reason why it answers no more; None while it does."""
        return None if self._thread.is_alive() else "the eks provider ended"

    def stop(self) -> None:
        """Stop at once; safe to call again."""
        self._front.stop()
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = grpc.aio.server()
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(self._provider), server)
        server.add_insecure_port(self._front.address)
        await server.start()
        self._started.set()
        await self._stopping.wait()
        await server.stop(grace=None)
