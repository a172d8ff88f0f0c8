"""The components as a Pulumi package, for programs in every language that Pulumi has."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import grpc
from pulumi import Inputs, Output, ResourceOptions, RunError
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult
from pulumi.provider.experimental.analyzer import PropertyDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.experimental.schema import generate_schema
from pulumi.provider.server import ComponentInitError, ProviderServicer
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

import irsa_components
from irsa_core import REPOSITORY, __version__

from ..values import FROM_OBJECT

NAME = "irsa"
NAMESPACE = "irsa"
"""First part of the SDKs' names (`@irsa/irsa`); by default it is the owner of the repository."""
METADATA = {
    "description": "IAM Roles for Service Accounts: AWS for pods in EKS, without keys.",
    "keywords": ["pulumi", "kind/component", "category/cloud", "aws", "eks", "iam", "irsa"],
    "homepage": REPOSITORY,
    "repository": REPOSITORY,
    "publisher": "irsa",
    "license": "Apache-2.0",
}
GO_MODULE = "example.com/pulumi-irsa/sdk/go"
"""Module of the SDK for Go, which `pulumi package add` replaces by a folder of the program."""
_NAMES = dir(irsa_components)
COMPONENTS = [getattr(irsa_components, each) for each in _NAMES if f"{each}Args" in _NAMES]
SECRET = re.compile(r'("(?:kubeconfig|secretAccessKey)": \{)')


class IrsaProvider(ComponentProvider):
    """Pulumi's provider of components, for components whose arguments are dataclasses."""

    def __init__(self) -> None:
        super().__init__(COMPONENTS, NAME, NAMESPACE, __version__)
        for kind, properties, names in self._dataclasses():
            keys = {name: key for key, name in names.items()}
            # Arguments that are components exist in Python alone.
            for field in (e for e in fields(kind) if e.name in keys):
                definition = properties[keys[field.name]]
                required = field.default in (MISSING, FROM_OBJECT)
                definition.optional = not required or field.default_factory is not MISSING
                if definition.items is not None and definition.items.ref:
                    definition.items.plain = None  # Go's generator makes no type for plain items
                # The host reads the class itself, and not what it inherits.
                docs = (self.analyzer.get_docstring(base, field.name) for base in kind.__mro__[:-1])
                definition.description = next(filter(None, docs), None)
        schema = generate_schema(
            NAME, __version__, NAMESPACE, self._component_defs, self._type_defs, dependencies=[]
        )
        schema.language["go"] |= {"modulePath": GO_MODULE, "importBasePath": f"{GO_MODULE}/{NAME}"}
        whole = {**schema.to_json(), **METADATA}
        text = SECRET.sub(r'\1"secret": true, ', json.dumps(whole))
        # The languages' generators add a suffix of their own to the names of types.
        self.schema = re.sub(rf'({NAME}:index:\w+)Args"', r'\1"', text)

    def construct(
        self, name: str, resource_type: str, inputs: Inputs, options: ResourceOptions | None = None
    ) -> ConstructResult:
        """Create a component. A mistake in its inputs is one line of the engine's output."""
        try:
            return super().construct(name, resource_type, inputs, options)
        except (ValueError, ComponentInitError) as error:
            if isinstance(getattr(error, "inner", error), ValueError | RunError):
                # Without a list of errors the SDK ends in an error of its own.
                raise InputPropertiesError(str(error), []) from None
            raise

    def map_input_properties(  # type: ignore[override] - the component's arguments, not a mapping
        self,
        inputs: Inputs,
        properties: dict[str, PropertyDefinition],
        mapping: dict[str, str],
        component_name: str,
        property_path: str,
    ) -> Any:
        """Build the dataclass of a component's arguments, or of one in them."""
        values: Any = super().map_input_properties(
            inputs, properties, mapping, component_name, property_path
        )
        for key, name in mapping.items():
            value = values.get(name)
            if properties[key].plain and isinstance(value, Output):
                path = f"{property_path}.{key}".removeprefix(".")
                raise ValueError(f"{path} is the output of a resource; give a plain value")
        [kind] = (kind for kind, _, names in self._dataclasses() if names is mapping)
        return kind(**values)

    def _dataclasses(
        self,
    ) -> Iterator[tuple[Any, dict[str, PropertyDefinition], Mapping[str, str]]]:
        """Yield each dataclass of arguments, and its definition in the schema."""
        for each in self._component_defs.values():
            args = get_type_hints(self._components[each.name].__init__)["args"]
            yield args, each.inputs, each.inputs_mapping
        for each in self._type_defs.values():
            yield each.python_type, each.properties, each.properties_mapping


class Servicer(ProviderServicer):
    """Pulumi's servicer, which reports a `RunError` of an `apply` with a traceback."""

    async def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Create a component."""
        try:
            return await super().Construct(request, context)
        except RunError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


async def serve(engine: str) -> None:
    """Serve the engine at that address."""
    server = grpc.aio.server()
    servicer = Servicer(IrsaProvider(), [], engine_address=engine)
    add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()
