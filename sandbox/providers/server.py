"""A resource provider served over gRPC, which the engine attaches to (decision D2).

What a resource type needs is a `ResourceType`; everything that all types share stands here once:
previews without side effects, diffs, replacement, refresh, import, secrets, errors of one line.

One server answers for every provider instance of a package (the default one and each explicit one),
because the engine attaches all of them to the same port. It opens one connection for each instance,
so the peer's address tells them apart.

https://www.pulumi.com/docs/iac/guides/building-extending/providers/ describes the calls.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from sandbox.providers.values import (
    DEFAULTS,
    UNKNOWN,
    Change,
    changes,
    decode,
    encode,
    get_path,
    set_path,
)

log = logging.getLogger(__name__)

S = TypeVar("S")
"""What a provider instance's configuration becomes: its clients."""

Properties = dict[str, Any]
MESSAGE_LIMIT = 400 * 1024 * 1024  # the engine's own
_OPTIONS = [("grpc.max_receive_message_length", MESSAGE_LIMIT)]


class Refused(Exception):
    """The provider or the service refuses the request; the text is one line for people."""


class InvalidInput(Exception):
    """An input that can never be right, found in a preview too."""

    def __init__(self, property_name: str, reason: str) -> None:
        super().__init__(f"{property_name}: {reason}")
        self.property_name = property_name
        self.reason = reason


class NotReady(Exception):
    """The resource exists but did not become usable. Its state is kept; the next `up` goes on."""

    def __init__(self, resource_id: str, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.resource_id = resource_id
        self.reasons = list(reasons)


class Created(NamedTuple):
    """What `ResourceType.create` leaves."""

    resource_id: str
    once: Properties = {}  # noqa: RUF012 - never changed: outputs that cannot be read again


class ResourceType(Generic[S]):
    """How one resource type lives. Values are plain; nothing here sees a secret marker or, but for
    `check`, an unknown value. Property names are those of the wire (camelCase)."""

    token: ClassVar[str]
    """Type token, such as ``aws:iam/role:Role``."""

    known: ClassVar[frozenset[str] | None] = None
    """Inputs that the sandbox understands; any other is refused by name. None: all."""

    replace_on: ClassVar[frozenset[str]] = frozenset()
    """Input paths whose change means a new resource."""

    computed: ClassVar[frozenset[str]] = frozenset()
    """Outputs that only the service knows; unknown in the preview of a create."""

    secret: ClassVar[frozenset[str]] = frozenset()
    """Outputs that are secrets whatever the inputs were."""

    name_property: ClassVar[str | None] = None
    """Path of the input (``name``, ``metadata.name``) that must be unique in the service. Two
    resources of one name cannot exist at a time, so a replacement that keeps it deletes first."""

    autoname: ClassVar[bool] = False
    """Whether ``name_property`` is made up from the logical name when it is left out."""

    def check(self, news: Properties) -> Properties:
        """Fill in defaults and normalise (JSON documents, for example), or raise `InvalidInput`.
        Values may be `UNKNOWN`."""
        return news

    def configured(self, session: S, news: Properties) -> Properties:
        """`check`, where it depends on the provider's configuration."""
        return news

    def create(self, session: S, inputs: Properties) -> Created:
        """Make the resource; raise `Refused` or `NotReady`."""
        raise NotImplementedError

    def read(self, session: S, resource_id: str, state: Properties) -> Properties | None:
        """All inputs and outputs as they are in the service now, or None when it is gone.
        ``state`` is what was last known: empty on import, inputs and ``Created.once`` on create."""
        raise NotImplementedError

    def update(self, session: S, resource_id: str, olds: Properties, news: Properties) -> None:
        """Bring the resource from the old state to the new inputs."""
        raise Refused(f"{self.token} {resource_id}: the sandbox cannot change it in place")

    def delete(self, session: S, resource_id: str, state: Properties) -> None:
        """Remove the resource; one that is gone already is fine."""
        raise NotImplementedError

    def inputs_of(self, state: Properties) -> Properties:
        """The inputs that would have produced ``state``; used on import."""
        return {name: value for name, value in state.items() if name not in self.computed}

    def refreshed(self, inputs: Properties, state: Properties) -> Properties:
        """The program's ``inputs``, each with its live value: what `pulumi refresh` records."""
        live = self.inputs_of(state)
        return {name: live[name] for name in inputs if name in live}

    def replacing(self, session: S) -> frozenset[str]:
        """`replace_on`, where it depends on the provider's configuration."""
        return self.replace_on

    def preview(self, session: S, inputs: Properties, state: Properties | None) -> Properties:
        """The state that a create (``state`` None) or an update would leave, without doing it."""
        outputs = {**(state or {}), **inputs}
        if state is None:
            outputs.update(dict.fromkeys(self.computed - inputs.keys(), UNKNOWN))
        return outputs


@dataclass(frozen=True, kw_only=True)
class Package(Generic[S]):
    """A provider's resource types, and how its configuration becomes a session."""

    name: str
    version: str
    connect: Callable[[Properties], S]
    """Open the clients for one provider instance; raise `Refused` for a wrong configuration."""

    types: Sequence[ResourceType[S]] = ()
    fallback: Callable[[str], ResourceType[S] | None] = lambda _token: None
    """A type for tokens that `types` does not name."""

    functions: Mapping[str, Callable[[S, Properties], Properties]] = field(default_factory=dict)
    explain: Callable[[Exception], str | None] = lambda _error: None
    """One line for an error of the package's client library, or None for a defect of ours."""

    def type_of(self, token: str) -> ResourceType[S]:
        for known in self.types:
            if known.token == token:
                return known
        found = self.fallback(token)
        if found is None:
            names = ", ".join(sorted(t.token for t in self.types))
            raise Refused(f"the sandbox has no resource type {token}; it has {names}")
        return found


class ProviderServer(provider_pb2_grpc.ResourceProviderServicer, Generic[S]):
    """Serves one package on a free loopback port."""

    def __init__(self, package: Package[S]) -> None:
        self._package = package
        self._sessions: dict[str, S] = {}
        self._lock = threading.Lock()
        # The engine runs 16 steps at a time unless told otherwise.
        self._server = grpc.server(ThreadPoolExecutor(max_workers=32), options=_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()

    # Calls that concern the provider itself.

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._package.version)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Handshake(
        self, request: Any, context: grpc.ServicerContext
    ) -> pb.ProviderHandshakeResponse:
        return pb.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=True
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
        config, _ = decode(request.args)
        with self._errors(context, f"provider {self._package.name}"):
            session = self._package.connect(config)
            with self._lock:
                self._sessions[context.peer()] = session
        return pb.ConfigureResponse(
            acceptSecrets=True, acceptResources=True, acceptOutputs=True, supportsPreview=True
        )

    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:
        args, _ = decode(request.args)
        with self._errors(context, request.tok):
            function = self._package.functions.get(request.tok)
            if function is None:
                raise Refused("the sandbox has no such function")
            result = function(self._session(context), args)
        return pb.InvokeResponse(**{"return": encode(result)})

    # The life of a resource.

    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        olds, _ = decode(request.olds)
        news, secret = decode(request.news)
        with self._errors(context, request.urn):
            kind = self._package.type_of(_token(request.urn))
            try:
                checked = self._checked(kind, request, olds, news)
                checked = kind.configured(self._session(context), checked)
            except InvalidInput as error:
                failure = pb.CheckFailure(property=error.property_name, reason=error.reason)
                return pb.CheckResponse(inputs=request.news, failures=[failure])
        return pb.CheckResponse(inputs=encode(checked, secret))

    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        olds, _ = decode(request.old_inputs)
        news, _ = decode(request.news)
        with self._errors(context, request.urn):
            kind = self._package.type_of(_token(request.urn))
            replace_on = kind.replacing(self._session(context))
        name = kind.name_property
        keeps_name = (
            name is not None
            and get_path(olds, name) == get_path(news, name)
            and name not in _defaults(news)
        )
        return _diff_response(list(changes(olds, news)), replace_on, delete_first=keeps_name)

    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        inputs, secret = decode(request.properties)
        with self._errors(context, request.urn):
            kind = self._package.type_of(_token(request.urn))
            session = self._session(context)
            secret |= kind.secret
            if request.preview:
                return pb.CreateResponse(
                    properties=encode(kind.preview(session, _public(inputs), None), secret)
                )
            try:
                created = kind.create(session, _public(inputs))
            except NotReady as error:
                state = self._state(kind, session, error.resource_id, inputs)
                _abort_not_ready(context, error, encode(state, secret))
            state = self._state(kind, session, created.resource_id, {**inputs, **created.once})
        return pb.CreateResponse(id=created.resource_id, properties=encode(state, secret))

    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        olds, secret = decode(request.properties)
        inputs, secret_inputs = decode(request.inputs)
        with self._errors(context, request.urn):
            kind = self._package.type_of(_token(request.urn))
            state = kind.read(self._session(context), request.id, _public(olds))
            if state is None:
                return pb.ReadResponse()  # an empty id tells the engine that it is gone
            if inputs:  # a refresh; an import has none
                live = kind.refreshed(_public(inputs), state)
                if DEFAULTS in inputs:
                    live[DEFAULTS] = inputs[DEFAULTS]
            else:
                live = kind.inputs_of(state)
        secret |= secret_inputs | kind.secret
        return pb.ReadResponse(
            id=request.id, properties=encode(state, secret), inputs=encode(live, secret)
        )

    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        olds, old_secret = decode(request.olds)
        news, secret = decode(request.news)
        with self._errors(context, request.urn):
            kind = self._package.type_of(_token(request.urn))
            session = self._session(context)
            secret |= kind.secret | (old_secret & kind.computed)
            if request.preview:
                return pb.UpdateResponse(
                    properties=encode(kind.preview(session, _public(news), olds), secret)
                )
            kept = {name: olds[name] for name in kind.computed if name in olds}
            try:
                kind.update(session, request.id, olds, _public(news))
            except NotReady as error:
                state = self._state(kind, session, request.id, {**kept, **news})
                _abort_not_ready(context, error, encode(state, secret))
            state = self._state(kind, session, request.id, {**kept, **news})
        return pb.UpdateResponse(properties=encode(state, secret))

    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        state, _ = decode(request.properties)
        with self._errors(context, request.urn):
            kind = self._package.type_of(_token(request.urn))
            kind.delete(self._session(context), request.id, state)
        return empty_pb2.Empty()

    # Shared steps.

    def _checked(
        self, kind: ResourceType[S], request: pb.CheckRequest, olds: Properties, news: Properties
    ) -> Properties:
        if kind.known is not None:
            for name in sorted(news.keys() - kind.known - {DEFAULTS}):
                if news[name] is not None:
                    raise InvalidInput(
                        name, f"the sandbox does not know this input of {kind.token}"
                    )
        name = kind.name_property
        if kind.autoname and name is not None and get_path(news, name) is None:
            logical = request.urn.rsplit("::", 1)[1]
            kept = get_path(olds, name) if name in _defaults(olds) else None
            suffix = bytes(request.randomSeed).hex()[:7]
            news = set_path(news, name, kept or f"{logical}-{suffix}") | {DEFAULTS: [name]}
        return kind.check({name: value for name, value in news.items() if value is not None})

    def _state(
        self, kind: ResourceType[S], session: S, resource_id: str, known: Properties
    ) -> Properties:
        """The state to record: read back, so that a refresh right after finds no difference."""
        state = kind.read(session, resource_id, _public(known))
        if state is None:
            raise Refused(f"{kind.token} {resource_id} was made and is already gone")
        return state

    def _session(self, context: grpc.ServicerContext) -> S:
        session = self._sessions.get(context.peer())
        if session is None:
            raise Refused("the engine's connection was lost; run the command again")
        return session

    def _errors(self, context: grpc.ServicerContext, subject: str) -> "_OneLine":
        return _OneLine(context, subject, self._package.explain)


class _OneLine:
    """Turns an exception into a gRPC status of one line; logs defects with their traceback."""

    def __init__(
        self,
        context: grpc.ServicerContext,
        subject: str,
        explain: Callable[[Exception], str | None],
    ) -> None:
        self._context = context
        self._subject = subject
        self._explain = explain

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, Exception) or _is_abort(error):
            return
        text = str(error) if isinstance(error, Refused | NotReady) else self._explain(error)
        if text is None:
            log.error("%s", self._subject, exc_info=error)
            text = f"defect in the sandbox: {type(error).__name__}: {error}"
        self._context.abort(grpc.StatusCode.UNKNOWN, " ".join(text.split()))


def _is_abort(error: Exception) -> bool:
    return type(error) is Exception and not error.args  # what grpc's `abort` raises


def _abort_not_ready(context: grpc.ServicerContext, error: NotReady, state: Any) -> NoReturn:
    detail = any_pb2.Any()
    detail.Pack(
        pb.ErrorResourceInitFailed(id=error.resource_id, properties=state, reasons=error.reasons)
    )
    status = status_pb2.Status(
        code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail]
    )
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _diff_response(
    found: list[Change], replace_on: frozenset[str], *, delete_first: bool
) -> pb.DiffResponse:
    kinds = pb.PropertyDiff.Kind
    replaces = [change.path for change in found if change.touches(replace_on)]
    detailed = {
        change.path: pb.PropertyDiff(
            kind=kinds.Value(change.kind.upper() + ("_REPLACE" if change.path in replaces else "")),
            inputDiff=True,
        )
        for change in found
    }
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if found else pb.DiffResponse.DIFF_NONE,
        replaces=replaces,
        deleteBeforeReplace=bool(replaces) and delete_first,
        diffs=sorted({change.path.partition(".")[0].partition("[")[0] for change in found}),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _token(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _defaults(values: Properties) -> list[str]:
    return values.get(DEFAULTS) or []


def _public(values: Properties) -> Properties:
    return {name: value for name, value in values.items() if name != DEFAULTS}
