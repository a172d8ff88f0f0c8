"""The engine's calls of a resource provider, one resource at a time and without an engine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from irsa_sandbox.providers.resource import Package
from irsa_sandbox.providers.server import ProviderServer
from irsa_sandbox.providers.values import DEFAULTS, decode, encode

Properties = dict[str, Any]


class InvalidInput(Exception):
    """Refusal of an input, as of `pulumi preview`."""


@dataclass
class Resource:
    """The engine's record of a resource."""

    urn: str
    id: str
    inputs: Properties
    state: Properties


class Difference(NamedTuple):
    """Effect of an `up`: paths that change in place, paths that force a replacement."""

    in_place: list[str]
    replacing: list[str]
    delete_first: bool = False


NOTHING = Difference([], [])


class Engine:
    """The engine's part for one provider instance."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self._stub = stub

    def check(
        self,
        token: str,
        inputs: Properties,
        olds: Properties | None = None,
        *,
        name: str = "main",
        **autonaming: str,
    ) -> Properties:
        rules = pb.CheckRequest.AutonamingOptions(**autonaming) if autonaming else None
        both = {"news": encode(inputs), "olds": encode(olds or {})}
        fields = {"urn": _urn(token, name), "randomSeed": b"\x01\x02\x03\x04", "autonaming": rules}
        response = self._stub.Check(pb.CheckRequest(**fields, **both))
        if response.failures:
            raise InvalidInput(f"{response.failures[0].property}: {response.failures[0].reason}")
        return decode(response.inputs)[0]

    def preview(self, token: str, inputs: Properties) -> Properties:
        """The outputs that the preview of a create shows."""
        return decode(self._created(token, self.check(token, inputs), preview=True).properties)[0]

    def create(self, token: str, inputs: Properties, *, name: str = "main") -> Resource:
        checked = self.check(token, inputs, name=name)
        made = self._created(token, checked, name)
        return Resource(_urn(token, name), made.id, checked, decode(made.properties)[0])

    def secrets_of(self, token: str, inputs: Properties) -> frozenset[str]:
        """The outputs that a new resource marks as secret."""
        return decode(self._created(token, self.check(token, inputs)).properties)[1]

    def _created(
        self, token: str, checked: Properties, name: str = "main", *, preview: bool = False
    ) -> Any:
        urn, properties = _urn(token, name), encode(checked)
        return self._stub.Create(pb.CreateRequest(urn=urn, properties=properties, preview=preview))

    def changes(self, resource: Resource, inputs: Properties) -> dict[str, str]:
        """Paths that a preview names, and how they change."""
        detailed = self._diff(resource, inputs).detailedDiff.items()
        return {path: pb.PropertyDiff.Kind.Name(change.kind) for path, change in detailed}

    def _diff(self, resource: Resource, inputs: Properties) -> pb.DiffResponse:
        checked = self.check(_token(resource), inputs, resource.inputs)
        return self._stub.Diff(pb.DiffRequest(**_change(resource, checked)))

    def diff(self, resource: Resource, inputs: Properties) -> Difference:
        response = self._diff(resource, inputs)
        replacing = sorted(response.replaces)
        # A plugin may name no path: its bridge does not, for types of Terraform's framework.
        unnamed = {"unnamed"} if response.changes == pb.DiffResponse.DIFF_SOME else set()
        paths = set(response.detailedDiff) or set(response.diffs) or unnamed
        in_place = sorted(paths - set(replacing))
        return Difference(in_place, replacing, response.deleteBeforeReplace)

    def update(self, resource: Resource, inputs: Properties, *, preview: bool = False) -> Resource:
        assert self.diff(resource, inputs).replacing == [], "this would be a replacement"
        checked = self.check(_token(resource), inputs, resource.inputs)
        request = pb.UpdateRequest(**_change(resource, checked), preview=preview)
        state = decode(self._stub.Update(request).properties)[0]
        return Resource(resource.urn, resource.id, checked, state)

    def refresh(self, resource: Resource) -> Resource | None:
        """The resource as `pulumi refresh` would record it, or None when it is gone."""
        known = {"properties": encode(resource.state), "inputs": encode(resource.inputs)}
        return self._read(resource.urn, resource.id, **known)

    def read(self, token: str, resource_id: str) -> Resource | None:
        """The resource that an import, or a `.get`, finds."""
        return self._read(_urn(token), resource_id)

    def _read(self, urn: str, resource_id: str, **known: Any) -> Resource | None:
        response = self._stub.Read(pb.ReadRequest(urn=urn, id=resource_id, **known))
        if not response.id:
            return None
        inputs, state = decode(response.inputs)[0], decode(response.properties)[0]
        return Resource(urn, response.id, inputs, state)

    def delete(self, resource: Resource) -> None:
        own = {"urn": resource.urn, "id": resource.id, "properties": encode(resource.state)}
        self._stub.Delete(pb.DeleteRequest(**own))

    def construct(self, token: str) -> None:
        self._stub.Construct(pb.ConstructRequest(type=token, name="main"))

    def invoke(self, token: str, **arguments: Any) -> Properties:
        response = self._stub.Invoke(pb.InvokeRequest(tok=token, args=encode(arguments)))
        return decode(getattr(response, "return"))[0]


class Serving:
    """A provider's server, to which several provider instances connect."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._channels: list[grpc.Channel] = []

    def configured(self, **config: Any) -> Engine:
        """A provider instance; the engine opens one connection for each."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(f"127.0.0.1:{self._port}", options=options)
        self._channels.append(channel)
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        stub.Configure(pb.ConfigureRequest(args=encode(config)))
        return Engine(stub)

    def disconnect(self) -> None:
        """End the connection of the instance that was configured last."""
        self._channels.pop().close()

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


@contextmanager
def serving(package: Package[Any]) -> Iterator[Serving]:
    server = ProviderServer(package)
    server.start()
    connections = Serving(server.port)
    try:
        yield connections
    finally:
        connections.close()
        server.stop()


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    """The one line with which the provider refuses."""
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **named)
    line = error.value.details()
    assert "\n" not in line
    return line


def shown(properties: Mapping[str, Any], *names: str) -> Properties:
    """Some of the properties, without what the engine never shows."""
    return {name: properties[name] for name in names or properties if name != DEFAULTS}


def _change(resource: Resource, checked: Properties) -> dict[str, Any]:
    """The fields of a request that compares a resource with new inputs."""
    olds = {"olds": encode(resource.state), "old_inputs": encode(resource.inputs)}
    return {"urn": resource.urn, "id": resource.id, "news": encode(checked), **olds}


def _urn(token: str, name: str = "main") -> str:
    return f"urn:pulumi:dev::irsa::{token}::{name}"


def _token(resource: Resource) -> str:
    return resource.urn.split("::")[2]
