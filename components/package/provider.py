"""The plugin's process: it makes a component for a program in another language."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import grpc
from pulumi import Inputs, ResourceOptions, RunError
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from irsa import __version__

from ..config.reader import read
from .catalogue import COMPONENTS
from .schema import package_schema


class IrsaProvider(Provider):
    """Offers `COMPONENTS`."""

    def __init__(self) -> None:
        super().__init__(__version__, json.dumps(package_schema()))

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Inputs,
        options: ResourceOptions | None = None,
    ) -> ConstructResult:
        """Make a component. What is wrong with its inputs is one line in the engine's output."""
        component = COMPONENTS.get(resource_type)
        if component is None:
            raise _refusal(f"no component {resource_type!r}; there are {', '.join(COMPONENTS)}")
        make: Any = component.kind
        try:
            args = read(component.args, _whole(inputs), f"{component.kind.__name__} {name}")
            made = make(name, args, options)
        except ValueError as error:
            raise _refusal(str(error)) from None
        state = {key: getattr(made, attribute) for key, attribute in component.outputs.items()}
        return ConstructResult(made.urn, state)


def _refusal(text: str) -> InputPropertiesError:
    # With a list, if an empty one: without it the SDK ends in an error of its own.
    return InputPropertiesError(text, [])


def _whole(value: Any) -> Any:
    """A value of the engine's, to which all numbers are floating-point ones."""
    if isinstance(value, Mapping):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Servicer(ProviderServicer):
    """The SDK's, which gives what a component finds wrong only later in words of its own."""

    async def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Make a component."""
        try:
            return await super().Construct(request, context)
        except RunError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


async def _serve(engine: str) -> None:
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(
        Servicer(IrsaProvider(), [], engine_address=engine), server
    )
    port = server.add_insecure_port("127.0.0.1:0")  # Pulumi's plugins have no other way
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


def serve(engine: str) -> None:
    """Serve the engine at that address until it is done."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(engine))
