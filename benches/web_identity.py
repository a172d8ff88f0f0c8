"""AssumeRoleWithWebIdentity through the sandbox's proxy and checks, against MiniStack alone.

MiniStack alone is served by the same HTTPS server, enforces trust policies, and believes every
token. The sandbox's side goes by AWS's host name through the proxy, has the token's signature,
times, issuer and audience checked, and notes the call. Either side is a process of its own; one
client asks on one connection, as an SDK does. ``ratio`` is of calls a second.
"""

import argparse
import asyncio
import importlib
import json
import multiprocessing
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import jwt
from _measure import medians, report, run, seconds
from cryptography.hazmat.primitives.asymmetric import rsa
from hypercorn.asyncio import serve
from hypercorn.config import Config
from jwt.algorithms import RSAAlgorithm

from irsa.identity.arns import provider_arn_for, role_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.aws.eks import ClusterFacts
from sandbox.aws.server import Emulator
from sandbox.environment_variables import exported
from sandbox.serving.certificates import Authority

GOAL = 0.9
HOST = f"sts.{REGION}.amazonaws.com"
LOOPBACK = "127.0.0.1"
ISSUER_URL = f"https://oidc.eks.{REGION}.amazonaws.com/id/BENCH"
ROLE_ARN = role_arn(ACCOUNT_A, "bench")
APP = ServiceAccountRef("bench", "app")
WARM_UP = 50  # calls

Keys = dict[str, Any]
"""The issuer's key set."""


def main() -> None:
    """Ask both sides in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--calls", type=int, default=300, help="of each repetition")
    options = parser.parse_args()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with _serving(_alone, key) as alone, _serving(_sandbox, key) as sandbox:
        for ask in (alone, sandbox):
            ask(WARM_UP)
        found = medians(
            options.repetitions,
            {
                "alone": partial(seconds, partial(alone, options.calls)),
                "sandbox": partial(seconds, partial(sandbox, options.calls)),
            },
        )
    per_second = {name: round(options.calls / time) for name, time in found.items()}
    ratio = found["alone"] / found["sandbox"]
    report(
        {
            "bench": "web_identity",
            "repetitions": options.repetitions,
            "calls": options.calls,
            "calls_per_second": per_second,
            "ratio": ratio,
            "goal": GOAL,
            "met": ratio >= GOAL,
        }
    )


@contextmanager
def _serving(
    side: Callable[[Path, Keys], int], key: rsa.RSAPrivateKey
) -> Iterator[Callable[[int], None]]:
    """A way to make so many calls of a side, which runs in a process of its own."""
    as_jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    keys = {"keys": [{**as_jwk, "kid": "bench", "alg": "RS256", "use": "sig"}]}
    with tempfile.TemporaryDirectory(prefix="irsa-bench-") as name:
        folder = Path(name)
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_child, args=(side, folder, keys, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            connection = HTTPSConnection(
                LOOPBACK, ours.recv(), context=ssl.create_default_context(cafile=folder / "ca.pem")
            )
            if side is _sandbox:
                connection.set_tunnel(HOST, 443)
            yield partial(_ask, connection, _request(key))
            connection.close()
        finally:
            process.terminate()
            process.join()


def _child(side: Callable[[Path, Keys], int], folder: Path, keys: Keys, parent: Any) -> None:
    parent.send(side(folder, keys))
    threading.Event().wait()


def _ask(connection: HTTPSConnection, body: bytes, calls: int) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(calls):
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content.decode())


def _request(key: rsa.RSAPrivateKey) -> bytes:
    now = int(time.time())
    # MiniStack alone does not look into a list of audiences.
    claims = {"iss": ISSUER_URL, "aud": STS_AUDIENCE, "sub": APP.subject}
    times = {"iat": now, "nbf": now, "exp": now + 3600}
    return urlencode(
        {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": ROLE_ARN,
            "RoleSessionName": "bench",
            "WebIdentityToken": jwt.encode({**claims, **times}, key, "RS256", {"kid": "bench"}),
        }
    ).encode()


def _seed(iam: Any) -> None:
    iam.create_open_id_connect_provider(Url=ISSUER_URL, ClientIDList=[STS_AUDIENCE])
    trust = irsa_trust_policy([provider_arn_for(ISSUER_URL, ACCOUNT_A)], [APP])
    iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(trust))


def _sandbox(folder: Path, keys: Keys) -> int:
    """Serve the emulator as the sandbox does; the proxy's port."""
    facts = ClusterFacts(endpoint="https://127.0.0.1:1", ca_data="", issuer_url=ISSUER_URL)
    authority = Authority.create(folder)
    emulator = Emulator(folder=folder, authority=authority, jwks=lambda: keys, cluster=facts)
    emulator.start()
    _seed(emulator.client("iam", ACCOUNT_A))
    return int(emulator.proxy.rpartition(":")[2])


def _alone(folder: Path, keys: Keys) -> int:
    """Serve MiniStack as it comes; the HTTPS port."""
    del keys  # it looks at no signature
    environment = {"AUTH": "true", "SERVICES": "iam,sts", "MINISTACK_REGION": REGION}
    with exported(**environment, LOG_LEVEL="ERROR"):
        app = importlib.import_module("ministack.app").app
    pair = Authority.create(folder).issue("alone", LOOPBACK)
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.certfile, config.keyfile = str(pair.cert_file), str(pair.key_file)
    config.keep_alive_max_requests = 1_000_000

    async def only_requests(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)

    threading.Thread(
        target=lambda: asyncio.run(serve(only_requests, config, shutdown_trigger=_never)),  # pyright: ignore[reportArgumentType] - stricter than ASGI
        daemon=True,
    ).start()

    _seed(
        boto3.client(
            "iam",
            REGION,
            endpoint_url=f"https://{LOOPBACK}:{port}",
            verify=str(folder / "ca.pem"),
            aws_access_key_id=ACCOUNT_A,
            aws_secret_access_key="root",  # noqa: S106 - MiniStack looks at no root's secret
        )
    )
    return port


async def _never() -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    run(main)
