"""The sandbox's AWS: MiniStack in our own process, with our checks in front.

It is served under the host names of AWS's own services, through a proxy that leads nowhere else.
MiniStack keeps its state in module globals, so a process has one `Emulator` at a time.
"""

import asyncio
import json
import logging
import secrets
import socket
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from typing_extensions import override

from irsa_core.identity.arns import Arn, root_arn
from irsa_core.identity.policies import document, trust_statement

from ..serving.certificates import Authority
from ..serving.tunnel import Contexts, open_tunnel
from . import ministack
from .accounts import ACCOUNT_A, ACCOUNT_B, ADMINISTRATOR
from .clients import FULL_ACCESS, AccessKeys, AwsClients, new_administrator
from .eks_auth import Node, instance_credentials
from .guard import Application
from .hosts import PORT, SERVICES, lacks, parse_host
from .tokens import ClusterKeys, KeySet

T = TypeVar("T")

CROSS_ACCOUNT_ROLE = "OrganizationAccountAccessRole"

TIMEOUT = 120  # seconds
IDLE_CONNECTION = 3600  # seconds
"""Longer than any client's pool (Go: 90 s). Hypercorn closes an idle connection although a request
is arriving: the call is made, its answer is lost, and an SDK's second try finds it made."""

REFUSAL = f"the sandbox answers in place of AWS ({', '.join(SERVICES)}), and of no other host"

_LOGGERS = ("ministack", "hypercorn", *SERVICES)
log = logging.getLogger("hypercorn")
_in_use = threading.Lock()


class Emulator:
    """Accounts A and B with IAM enforced, behind a proxy on a free loopback port."""

    proxy: str
    """``http://127.0.0.1:PORT``, once started: the way to AWS's host names, and to no others."""

    root_secret: str
    """Secret key of every account's root, whose access key id is the account's id."""

    administrator_arn = str(Arn("aws", "iam", "", ACCOUNT_A, f"user/{ADMINISTRATOR}"))
    administrator: AccessKeys
    """An IAM user of account A who may do anything, once started. AWS lets no root assume a role,
    so this is the identity to deploy with."""

    def __init__(
        self,
        *,
        folder: Path,
        authority: Authority,
        endpoint: str,
        issuer_url: str,
        jwks: Callable[[], KeySet],
    ) -> None:
        """``endpoint`` is the API server, whose certificate is of the authority, as AWS's are."""
        self._log_file = folder / "logs" / "aws.log"
        self._authority = authority
        self._keys = ClusterKeys(issuer_url, jwks, folder / "issuers")
        self._control_plane = {
            "endpoint": endpoint,
            "certificateAuthority": {"data": authority.ca_data},
            "identity": {"oidc": {"issuer": issuer_url}},
        }
        # An access key id of twelve digits is that account's root, with this secret.
        self.root_secret = secrets.token_urlsafe(30)
        self._running = ExitStack()
        self._loop: Any = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Return when requests are answered; raise `RuntimeError`, one line, when they are not."""
        if not _in_use.acquire(blocking=False):
            raise RuntimeError("an AWS emulator runs in this process already; stop it first")
        self._failure = None
        with ExitStack() as starting:
            starting.callback(_in_use.release)
            starting.enter_context(_log_to(self._log_file))
            application, self._records = ministack.load(
                root_secret=self.root_secret, keys=self._keys, control_plane=self._control_plane
            )
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            self.proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self._thread = threading.Thread(
                target=self._run, args=(listener, application), name="aws-emulator", daemon=True
            )
            self._thread.start()
            starting.callback(self._thread.join, timeout=TIMEOUT)
            starting.callback(self._stop_serving)
            try:
                self.administrator = self._seed()  # waits until it answers: the socket listens
            except BotoCoreError as error:
                reason = f"{self._failure or error}; see {self._log_file}"
                raise RuntimeError(f"the AWS emulator did not start: {reason}") from error
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Stop serving; the resources are forgotten. Does nothing when nothing runs."""
        self._running.close()

    def ended(self) -> str | None:
        """The reason why the emulator answers no more; None while it does."""
        if self._thread is not None and self._thread.is_alive():
            return None
        why = f": {self._failure!r}" if self._failure else ""
        return f"the AWS emulator ended{why} (log: {self._log_file})"

    def client(self, service: str, account: str) -> Any:
        """A boto3 client with the credentials of the account's root."""
        root = AccessKeys(account, self.root_secret)
        return AwsClients(root, self.proxy, self._authority.ca_file)(service)

    def instance(self, role_arn: str) -> AwsClients:
        """Clients with the credentials of an EC2 instance that has the role; raises `Untrusted`."""
        keys = self._between_requests(lambda: instance_credentials(self._records, role_arn))
        return AwsClients(keys, self.proxy, self._authority.ca_file)

    def node_with_agent(self) -> Node | None:
        """Return a node of account A with the EKS Pod Identity Agent, if there is one."""
        return self._between_requests(lambda: ministack.node_with_agent(ACCOUNT_A))

    def snapshot(self) -> Callable[[], None]:
        """Take a snapshot of the accounts; the returned function restores it each time."""
        restore = self._between_requests(ministack.snapshot)
        return lambda: self._between_requests(restore)

    def _between_requests(self, call: Callable[[], T]) -> T:
        """Call while no request is handled; return the result."""

        async def made() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(made(), self._loop).result(TIMEOUT)

    def _run(self, listener: socket.socket, application: Application) -> None:
        try:
            asyncio.run(self._serve(listener, application))
        except BaseException as error:  # noqa: BLE001 - `start` raises it
            self._failure = error
        finally:
            listener.close()  # else a client would wait

    async def _serve(self, listener: socket.socket, application: Application) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # Most are clients that disconnected, which is not worth a line on standard error.
        self._loop.set_exception_handler(
            lambda _, problem: log.warning(
                "%s", problem["message"], exc_info=problem.get("exception")
            )
        )
        config, contexts = Config(), _contexts(self._authority)
        config.keep_alive_timeout = IDLE_CONNECTION
        config.keep_alive_max_requests = 1_000_000
        config.errorlog = log
        tasks: set[object] = set()
        app = ASGIWrapper(application)  # pyright: ignore[reportArgumentType] - stricter than ASGI

        async def connected(reader: StreamReader, writer: StreamWriter) -> None:
            # asyncio does so only for sockets whose protocol number is given: an answer's second
            # part would wait 40 ms for the receipt of the first.
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Nothing else refers to a task that reads the streams within TLS.
            tasks.add(task := asyncio.current_task())
            try:
                if streams := await open_tunnel(reader, writer, contexts, REFUSAL):
                    await _Connection(app, self._loop, config, WorkerContext(None), {}, *streams)
            except OSError as error:
                log.info("no TLS: %r", error)
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, sock=listener)
        await self._stop.wait()
        server.close()

    def _stop_serving(self) -> None:
        if self._loop is not None and not self._loop.is_closed():  # which ends with a failure
            self._loop.call_soon_threadsafe(self._stop.set)

    def _seed(self) -> AccessKeys:
        """Account A's administrator, and the role of account B that trusts account A."""
        iam = self.client("iam", ACCOUNT_B)
        statement = trust_statement({"AWS": root_arn(ACCOUNT_A)}, "sts:AssumeRole")
        trust = json.dumps(document(statement))
        iam.create_role(RoleName=CROSS_ACCOUNT_ROLE, AssumeRolePolicyDocument=trust)
        iam.attach_role_policy(RoleName=CROSS_ACCOUNT_ROLE, PolicyArn=FULL_ACCESS)
        return new_administrator(self.client("iam", ACCOUNT_A), ADMINISTRATOR)


class _Connection(TCPServer):
    """Hypercorn's connection, which would keep its memory (0.3 MB) for the idle time of a client
    that has left.
    """

    @override
    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


def _contexts(authority: Authority) -> Contexts:
    """The TLS of AWS's hosts, with a certificate for each that is asked for."""

    @cache
    def context(names: tuple[str, ...]) -> ssl.SSLContext:
        made = authority.tls(f"aws-{names[0]}", *names)
        made.set_alpn_protocols(["http/1.1"])
        return made

    def of(host: str, port: int) -> ssl.SSLContext | None:
        served = parse_host(host) if port == PORT else None
        if served:
            return context(served.certificate_names)
        # An SDK that gets no connection tries for seconds, and then blames the proxy.
        return context((host.lower(),)) if port == PORT and lacks(host) else None

    return of


@contextmanager
def _log_to(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(handler)
        handler.close()
