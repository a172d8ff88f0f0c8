"""Records what is asked of the sandbox's AWS: an ASGI application around it.

`sitecustomize` of the sandbox's background process imports this, for `tools.bridged_aws.record`.
"""

import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from irsa_sandbox.aws import guard
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.aws.guard import Application, Message, Receive, Scope, Send

FILE = "IRSA_RECORDED_REQUESTS"
"""Variable with the file that requests are written to, a line each."""

IDS = re.compile(
    r"\b(?:lt-[0-9a-f]{17}|a-[0-9a-z]{16,17}|A(?:ROA|IDA|KIA|NPA)[A-Z0-9]{16,17}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b"
)
"""Ids that AWS makes up, which are others in each run."""
_CODE = re.compile(r'<Code>(\w+)</Code>|"__type": ?"(\w+)"')
_REQUEST_ID = re.compile(r"(?s)<[Rr]equest(?:Id|ID)>.*?</[Rr]equest(?:Id|ID)>")
_READS = re.compile(r"Action=(?:Get|List|Describe)")
_HEADERS = (b"content-type", b"x-amz-target")
_REPLAYED = ("iam", "s3", "ec2", "eks")


def recorded(application: Application, file: Path) -> Application:
    """Return the application, which writes each request of terraform-provider-aws, each change of
    others, and what of the answers a replay compares."""

    async def recording(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode() for name, value in scope.get("headers", ())}
        request, answer, status = b"", b"", 0

        async def read() -> Message:
            nonlocal request
            message = await receive()
            request += message.get("body", b"")
            return message

        async def write(message: Message) -> None:
            nonlocal answer, status
            status = message.get("status", status)
            answer += message.get("body", b"")
            await send(message)

        await application(scope, read, write)
        of_provider = "HashiCorp" in headers.get(b"user-agent", "")
        body = request.decode(errors="replace")
        service = service_of(headers.get(b"host", ""))
        # Others put and delete objects.
        of_others = not reads(scope.get("method", ""), body) and status < 300 and service != "s3"
        if not service or not (of_provider or of_others):
            return
        line = {
            "provider": of_provider,
            "account": _account(headers.get(b"authorization", "")),
            "host": headers[b"host"],
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "headers": {name.decode(): headers[name] for name in _HEADERS if name in headers},
            "body": body,
            "status": status,
            **outcome(answer.decode(errors="replace")),
        }
        with file.open("a") as lines:
            lines.write(json.dumps(line) + "\n")

    return recording


def outcome(answer: str) -> dict[str, Any]:
    """Return the code of an error, and the ids in an answer in their order."""
    code = _CODE.search(answer)
    return {
        "code": (code[1] or code[2]) if code else "",
        "ids": IDS.findall(_REQUEST_ID.sub("", answer)),
    }


def reads(method: str, body: str) -> bool:
    """Return whether a request changes nothing."""
    return method in ("GET", "HEAD") or _READS.search(body) is not None


def service_of(host: str) -> str:
    """Return the service of a host, if its requests are replayed."""
    return next((each for each in host.split(".") if each in _REPLAYED), "")


def _account(authorization: str) -> str:
    """Return the account of the request's key: a root's, a session's, or else one of account A."""
    key = authorization.partition("Credential=")[2].partition("/")[0]
    if key.isdigit():
        return key
    sts: Any = import_module("ministack.services.sts")
    session = re.search(r"arn:aws:sts::(\d{12}):", str(sts._sessions.get(key)))
    return session[1] if session else ACCOUNT_A


if FILE in os.environ:
    _guarded = guard.guarded
    guard.guarded = lambda application: recorded(_guarded(application), Path(os.environ[FILE]))
