"""The sandbox's AWS: MiniStack served over HTTPS in our own process, with our checks in front.

MiniStack keeps its state in module globals, so a process has one `Emulator` at a time.
"""

import asyncio
import importlib
import logging
import os
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from sandbox.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from sandbox.aws_clients import AwsClients, Credentials
from sandbox.certificates import Authority
from sandbox.clusters import ClusterFacts, Clusters
from sandbox.errors import AwsError, incomplete_signature, not_found
from sandbox.gate import Gate, KeySet
from sandbox.ministack import QueryApi

CROSS_ACCOUNT_ROLE = "OrganizationAccountAccessRole"
ADMINISTRATOR = "sandbox-administrator"

SERVICES = ("iam", "sts", "s3", "eks")
BODY_LIMIT = 64 * 1024 * 1024  # bytes; an S3 object in one part
TIMEOUT = 30  # seconds

_FULL_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
_LOGGERS = ("ministack", "hypercorn", *SERVICES)
_in_use = threading.Lock()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Emulator:
    """Accounts A and B with IAM enforced, on a free loopback port."""

    endpoint: str
    """``https://127.0.0.1:PORT``, once started."""

    root_secret: str
    """Secret key of every account's root, whose access key id is the account's id."""

    administrator_arn = f"arn:aws:iam::{ACCOUNT_A}:user/{ADMINISTRATOR}"
    administrator: Credentials
    """An IAM user of account A who may do anything, once started. AWS lets no root assume a role,
    so this is the identity to deploy with."""

    def __init__(
        self,
        *,
        folder: Path,
        authority: Authority,
        jwks: Callable[[], KeySet],
        cluster: ClusterFacts,
    ) -> None:
        self._log_file = folder / "logs" / "aws.log"
        self._authority = authority
        self._jwks = jwks
        self._cluster = cluster
        # An access key id of twelve digits is that account's root, with this secret.
        self.root_secret = secrets.token_urlsafe(30)
        self._started = False
        self._stop_serving: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None
        self._log: logging.Handler | None = None
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Return when requests are answered; raise `RuntimeError`, one line, when they are not."""
        if not _in_use.acquire(blocking=False):
            raise RuntimeError("an AWS emulator runs in this process already; stop it first")
        self._started = True
        try:
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            self.endpoint = f"https://127.0.0.1:{listener.getsockname()[1]}"
            self._log = _log_to(self._log_file)
            application = self._load_ministack()
            self._thread = threading.Thread(
                target=self._run, args=(listener, application), name="aws-emulator", daemon=True
            )
            self._thread.start()
            self._wait_until_it_answers()
            self.administrator = self._seed()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop serving; the resources are forgotten. Does nothing when nothing runs."""
        if not self._started:
            return
        self._started = False
        self._stop_serving()
        if self._thread is not None:
            self._thread.join(timeout=TIMEOUT)
        if self._log is not None:
            for name in _LOGGERS:
                logging.getLogger(name).removeHandler(self._log)
            self._log.close()
        _in_use.release()

    def client(self, service: str, account: str) -> Any:
        """A boto3 client with the credentials of the account's root."""
        root = Credentials(account, self.root_secret)
        return AwsClients(root, self.endpoint, self._authority.ca_file)(service)

    def _load_ministack(self) -> Application:
        with _environment(
            AUTH="true",
            SERVICES=",".join(SERVICES),
            MINISTACK_HOST="127.0.0.1",
            MINISTACK_REGION=REGION,
        ):
            app = importlib.import_module("ministack.app")
            modules: dict[str, Any] = {
                name: importlib.import_module(f"ministack.services.{name}") for name in SERVICES
            }
        if not app.AUTH:
            raise RuntimeError("ministack.app was imported before the sandbox: IAM is not enforced")
        # MiniStack takes the process's own AWS_ACCESS_KEY_ID for root. Who runs the sandbox may
        # well have the administrator's there, or a pod's, so it sees ours instead.
        ours = {
            "AWS_ACCESS_KEY_ID": secrets.token_hex(20),
            "AWS_SECRET_ACCESS_KEY": self.root_secret,
        }
        evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
        evaluator.os = SimpleNamespace(environ=ours)
        # It would not check root's signatures, so that anyone could be root of any account.
        evaluator._is_root_key = lambda _key: False
        eks = modules["eks"]
        eks._docker_available = False
        for module in modules.values():
            module.reset()
        iam = QueryApi("iam", modules["iam"].handle_request)
        gate = Gate(
            modules["sts"].handle_request,
            iam,
            issuer_url=self._cluster.issuer_url,
            jwks=self._jwks,
        )
        app.SERVICE_HANDLERS.update(
            sts=gate.handle,
            eks=Clusters(modules["eks"].handle_request, self._cluster).handle,
        )
        return app.app

    def _run(self, listener: socket.socket, application: Application) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(self._serve(listener, application))
        except BaseException as error:  # noqa: BLE001 - `start` raises it
            self._failure = error

    async def _serve(self, listener: socket.socket, application: Application) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop_serving = lambda: _quietly(loop, stop)
        pair = self._authority.issue("aws", "localhost", "127.0.0.1")
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.certfile, config.keyfile = str(pair.cert_file), str(pair.key_file)
        config.alpn_protocols = ["http/1.1"]
        config.keep_alive_timeout = 75
        config.keep_alive_max_requests = 1_000_000
        config.graceful_timeout = 0.5
        config.errorlog = logging.getLogger("hypercorn")
        await serve(_guarded(application), config, shutdown_trigger=stop.wait, mode="asgi")  # pyright: ignore[reportArgumentType] - stricter than ASGI

    def _wait_until_it_answers(self) -> None:
        host, port = self.endpoint.removeprefix("https://").split(":")
        context = ssl.create_default_context(cafile=self._authority.ca_file)
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and self._failure is None:
            try:
                with (
                    socket.create_connection((host, int(port)), timeout=1) as plain,
                    context.wrap_socket(plain, server_hostname=host),
                ):
                    return
            except OSError:
                time.sleep(0.02)
        reason = self._failure or f"no answer within {TIMEOUT} seconds"
        raise RuntimeError(f"the AWS emulator did not start: {reason}; see {self._log_file}")

    def _seed(self) -> Credentials:
        """Account A's administrator, and the role of account B that trusts account A."""
        iam = self.client("iam", ACCOUNT_A)
        iam.create_user(UserName=ADMINISTRATOR)
        iam.attach_user_policy(UserName=ADMINISTRATOR, PolicyArn=_FULL_ACCESS)
        key = iam.create_access_key(UserName=ADMINISTRATOR)["AccessKey"]
        iam = self.client("iam", ACCOUNT_B)
        trust = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
            f'"Principal":{{"AWS":"arn:aws:iam::{ACCOUNT_A}:root"}}}}]}}'
        )
        iam.create_role(RoleName=CROSS_ACCOUNT_ROLE, AssumeRolePolicyDocument=trust)
        iam.attach_role_policy(RoleName=CROSS_ACCOUNT_ROLE, PolicyArn=_FULL_ACCESS)
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers do not wait half a minute for clients to end their TLS."""

    async def create_server(self, *args: Any, **settings: Any) -> asyncio.Server:
        return await super().create_server(*args, **settings, ssl_shutdown_timeout=0.2)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables that MiniStack reads while it is imported, and then no longer.

    A handler on the root logger keeps its import from installing one that writes to stderr.
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    silent = logging.NullHandler()
    logging.root.addHandler(silent)
    try:
        yield
    finally:
        logging.root.removeHandler(silent)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _log_to(file: Path) -> logging.Handler:
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return handler


def _quietly(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set the event unless the loop ended on its own."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)


def _guarded(application: Application) -> Application:
    """MiniStack's application, without its own start-up (Docker, timers, other listeners) and its
    unauthenticated control paths, and with bodies of a bounded size.

    An Authorization header of another scheme than SigV4 would make its sender root.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
        elif scope["type"] == "http":
            headers = dict(scope["headers"])
            scheme = headers.get(b"authorization", b"AWS4-HMAC-SHA256").partition(b" ")[0]
            if scheme != b"AWS4-HMAC-SHA256":
                await _refuse(send, incomplete_signature())
            elif scope["path"].startswith("/_ministack/"):
                await _refuse(send, not_found())
            else:
                await application(scope, _bounded(receive), send)

    return guarded


async def _refuse(send: Send, error: AwsError) -> None:
    status, headers, body = error.as_xml("sts")
    wire = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": wire})
    await send({"type": "http.response.body", "body": body})


def _bounded(receive: Receive) -> Receive:
    """A request whose body is above the limit ends as if its client had gone."""
    left = BODY_LIMIT

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return bounded
