"""A resource provider served over gRPC, which the engine attaches to (decision 0009).

What differs between resource types is in `irsa_sandbox.providers.resource`; what they share stands
here: previews without side effects, diffs, replacement, refresh, import, secrets, one-line errors.

One server answers for every provider instance of a package (the default one and each explicit one),
because the engine attaches all of them to the same port. It opens one connection for each instance,
so the peer tells them apart, and what an instance has opened ends with its connection.

https://www.pulumi.com/docs/iac/guides/building-extending/providers/ describes the calls.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Generic

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi import RunError
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from ..serving.owner_port import OwnerPort
from .resource import InvalidInput, Package, Properties, Refused, ResourceType, S
from .values import (
    DEFAULTS,
    UNKNOWN,
    PropertyChange,
    changes,
    decode,
    defaults,
    encode,
    get_path,
    public,
    set_path,
)

log = logging.getLogger(__name__)

MESSAGE_LIMIT = 400 * 1024 * 1024  # the engine's own
_OF_ENGINE = re.compile(r"__|(pluginDownloadURL|version)$")
"""Settings in a provider's configuration that are not for the provider."""

_OPTIONS = [("grpc.max_receive_message_length", MESSAGE_LIMIT)]


class ProviderServer(provider_pb2_grpc.ResourceProviderServicer, Generic[S]):
    """Serves one package on a free loopback port."""

    accepts_resources = False
    """Without it the engine sends the id of a resource that a program gives."""

    def __init__(self, package: Package[S]) -> None:
        """Listen; nothing is answered before `start`."""
        self._package = package
        self._front = OwnerPort()
        # The engine runs 16 steps at a time unless told otherwise.
        self._server = grpc.server(ThreadPoolExecutor(max_workers=32), options=_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self, self._server)
        self._server.add_insecure_port(self._front.address)
        self.port = self._front.port

    def start(self) -> None:
        self._server.start()
        self._front.start()

    def ended(self) -> str | None:
        """The reason why it answers no more; None while it does."""
        running = self._server.wait_for_termination(timeout=0)
        return None if running else f"the {self._package.name} provider ended"

    def stop(self) -> None:
        self._front.stop()
        self._server.stop(grace=None).wait()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._package.version)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        if (session := self._front.kept(context.peer())) is not None:
            self._package.cancel(session)
        return empty_pb2.Empty()

    def Handshake(
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.ProviderHandshakeResponse:
        return pb.ProviderHandshakeResponse(
            accept_secrets=True,
            accept_resources=self.accepts_resources,
            accept_outputs=True,
            supports_autonaming_configuration=True,
        )

    def CheckConfig(
        self, request: pb.CheckRequest, context: grpc.ServicerContext
    ) -> pb.CheckResponse:
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        olds, _ = decode(request.old_inputs)
        news, _ = decode(request.news)
        return _diff_response(list(changes(olds, news)), frozenset(), delete_first=False)

    def Configure(
        self, request: pb.ConfigureRequest, context: grpc.ServicerContext
    ) -> pb.ConfigureResponse:
        args, _ = decode(request.args)
        config = {n: v for n, v in args.items() if v is not None and not _OF_ENGINE.match(n)}
        with self._errors(context, f"provider {self._package.name}"):
            self._front.keep(context.peer(), self._package.connect(config))
        return pb.ConfigureResponse(
            acceptSecrets=True,
            acceptResources=self.accepts_resources,
            acceptOutputs=True,
            supportsPreview=True,
        )

    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:
        args, _ = decode(request.args)
        with self._errors(context, request.tok):
            function = self._package.functions.get(request.tok)
            if function is None:
                raise Refused("the sandbox has no such function")
            result = function(self._session(context), args)
        fields: Any = {"return": encode(result)}  # a keyword, so no argument
        return pb.InvokeResponse(**fields)

    def Construct(self, request: pb.ConstructRequest, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.UNKNOWN, f"the sandbox has no component {request.type}")

    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        news, secret = decode(request.news)
        with self._resource(context, request.urn, news) as (kind, session):
            try:
                checked = self._checked(kind, session, request, news)
            except InvalidInput as error:
                failure = pb.CheckFailure(property=error.args[0], reason=error.args[1])
                return pb.CheckResponse(inputs=request.news, failures=[failure])
        return pb.CheckResponse(inputs=encode(checked, secret))

    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        (olds, _), (state, _) = decode(request.old_inputs), decode(request.olds)
        news, _ = decode(request.news)
        with self._resource(context, request.urn, news) as (kind, session):
            replace_on = kind.replacing(session)
        differences = list(changes(*kind.compared(olds, state, news)))
        removed = {change.path for change in differences if change.kind == "delete"}
        replace_on |= kind.replace_on_removal & removed
        return _diff_response(differences, replace_on, delete_first=kind.deletes_first(olds, news))

    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        inputs, secret = decode(request.properties)
        with self._resource(context, request.urn, inputs, "creating") as (kind, session):
            secret |= kind.secret
            if request.preview:
                return pb.CreateResponse(
                    properties=encode(kind.preview(session, public(inputs), None), secret)
                )
            resource_id, once = kind.create(session, public(inputs))
            state = _settled(context, kind, session, resource_id, {**inputs, **once}, secret)
        return pb.CreateResponse(id=resource_id, properties=state)

    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        olds, secret = decode(request.properties)
        inputs, secret_inputs = decode(request.inputs)
        with self._resource(context, request.urn, olds, "reading") as (kind, session):
            state = kind.read(session, request.id, public(olds))
            if state is None:
                return pb.ReadResponse()  # an empty id tells the engine that it is gone
            # A refresh has inputs, an import has none.
            live = kind.refreshed(public(inputs), state) if inputs else kind.inputs_of(state)
            if DEFAULTS in inputs:
                live[DEFAULTS] = inputs[DEFAULTS]
        secret |= secret_inputs | kind.secret
        return pb.ReadResponse(
            id=kind.own_id(request.id),
            properties=encode(state, secret),
            inputs=encode(live, secret),
        )

    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        olds, old_secret = decode(request.olds)
        news, secret = decode(request.news)
        with self._resource(context, request.urn, olds, "updating") as (kind, session):
            secret |= kind.secret | (old_secret & kind.computed)
            if request.preview:
                return pb.UpdateResponse(
                    properties=encode(kind.preview(session, public(news), olds), secret)
                )
            kept = {name: olds[name] for name in kind.computed if name in olds}
            kind.update(session, request.id, olds, public(news))
            state = _settled(context, kind, session, request.id, {**kept, **news}, secret)
        return pb.UpdateResponse(properties=state)

    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        state, _ = decode(request.properties)
        with self._resource(context, request.urn, state, "deleting") as (kind, session):
            kind.delete(session, request.id, state)
        return empty_pb2.Empty()

    def _checked(
        self, kind: ResourceType[S], session: S, request: pb.CheckRequest, news: Properties
    ) -> Properties:
        olds, _ = decode(request.olds)
        name = kind.name_property or ""
        if kind.autoname and get_path(news, name) is None:
            generated = _generated_name(kind, name, request, olds)
            news = set_path(news, name, generated) | {DEFAULTS: [name]} if generated else news
        try:
            if isinstance(text := get_path(news, name), str) and text != UNKNOWN:
                kind.check_name(text)
        except ValueError as error:
            fix = f"; set {name}, or change the logical name or pulumi:autonaming"
            text = f"{error}{fix if name in defaults(news) else ''}"
            raise InvalidInput(name, text) from error
        inputs = {name: value for name, value in news.items() if value is not None}
        return kind.check(session, inputs)

    def _session(self, context: grpc.ServicerContext) -> S:
        session = self._front.kept(context.peer())
        if session is None:
            raise Refused("the engine's connection was lost; run the command again")
        return session

    @contextmanager
    def _resource(
        self, context: grpc.ServicerContext, urn: str, values: Properties, verb: str = ""
    ) -> Iterator[tuple[ResourceType[S], S]]:
        """The resource's type and the provider instance, with errors as `_errors` shows them."""
        with self._errors(context, urn):
            kind = self._package.type_of(urn.split("::")[2].rpartition("$")[2], values)
            session = self._session(context)
        during = ""
        if verb and kind.title:
            with suppress(KeyError):  # an import knows nothing yet
                during = f"{verb} {kind.title.format_map(values)}: "
        with self._errors(context, urn, during):
            yield kind, session

    @contextmanager
    def _errors(
        self, context: grpc.ServicerContext, subject: str, during: str = ""
    ) -> Iterator[None]:
        """Turn an exception into a gRPC status of one line; log defects with their traceback.

        ``during`` starts the line for an error of the service: the operation and the resource.
        """
        try:
            yield
        except Exception as error:
            if type(error) is Exception and not error.args:  # what grpc's `abort` raises
                raise
            if isinstance(error, Refused | RunError):  # of a component
                text = str(error)
            elif explained := self._package.explain(error):
                text = f"{during}{explained}"
            else:
                log.exception("%s", subject)
                text = f"defect in the sandbox: {type(error).__name__}: {error}"
            context.abort(grpc.StatusCode.UNKNOWN, " ".join(text.split()))


def _generated_name(
    kind: ResourceType[Any], name: str, request: pb.CheckRequest, olds: Properties
) -> str | None:
    """The name for a resource without one; None for an existing one until it is replaced.

    A generated name stays, whatever the stack's `pulumi:autonaming` becomes.
    """
    if name in defaults(olds):
        return get_path(olds, name)
    if olds and not kind.renames:
        return None
    proposed, mode = request.autonaming.proposed_name, request.autonaming.mode
    if not request.HasField("autonaming"):
        proposed = f"{request.urn.split('::', 3)[3]}-{bytes(request.randomSeed).hex()[:7]}"
    elif mode == request.autonaming.DISABLE:  # in pulumi-aws' words
        problem = "automatic naming is disabled but no explicit name was provided"
        raise InvalidInput(name, f"{problem}; set {name}")
    elif mode == request.autonaming.ENFORCE:
        return proposed
    return proposed.lower() if kind.lower_case else proposed


def _settled(
    context: grpc.ServicerContext,
    kind: ResourceType[S],
    session: S,
    resource_id: str,
    outputs: Properties,
    secret: Iterable[str],
) -> Any:
    """The state to record: read back, so that a refresh right after finds no difference. It is
    recorded with an error if the resource does not become usable."""
    reasons = kind.await_ready(session, resource_id)
    state = kind.read(session, resource_id, public(outputs))
    if state is None:
        raise Refused(f"{kind.token} {resource_id} was created and is already gone")
    properties = encode(state, secret)
    if reasons:
        code, detail, message = grpc.StatusCode.UNKNOWN, any_pb2.Any(), "; ".join(reasons)
        fields = {"id": resource_id, "properties": properties, "reasons": reasons}
        detail.Pack(pb.ErrorResourceInitFailed(**fields))
        status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, message)
    return properties


def _diff_response(
    differences: list[PropertyChange], replace_on: frozenset[str], *, delete_first: bool
) -> pb.DiffResponse:
    kinds = pb.PropertyDiff.Kind
    replaces = [change.path for change in differences if change.touches(replace_on)]
    detailed = {
        change.path: pb.PropertyDiff(
            kind=kinds.Value(change.kind.upper() + ("_REPLACE" if change.path in replaces else "")),
            inputDiff=True,
        )
        for change in differences
    }
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if differences else pb.DiffResponse.DIFF_NONE,
        replaces=replaces,
        deleteBeforeReplace=bool(replaces) and delete_first,
        diffs=sorted({change.path.partition(".")[0].partition("[")[0] for change in differences}),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )
