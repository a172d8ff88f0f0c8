"""What is kept from MiniStack: requests that would lead around its checks."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from . import errors
from .cloudtrail import TARGET
from .errors import Response
from .query_protocol import FORM

HOSTS = {"127.0.0.1", "localhost"}
"""Names of the emulator's certificate."""

BODY_LIMIT = 64 * 1024 * 1024  # bytes; an S3 object in one part

_FORM = FORM["content-type"].encode()
_JSON_SERVICES = {b"secretsmanager.": b"secretsmanager", TARGET.encode(): b"cloudtrail"}
"""The services whose actions are named by a header, by how that begins."""

_UNSIGNED = ["AssumeRoleWithWebIdentity"]
_PRESIGNED = (
    {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"},
    {"AWSAccessKeyId", "Expires", "Signature"},  # boto3's presigned URLs of S3, to this day
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


def guarded(application: Application) -> Application:
    """MiniStack's application, without its own start-up (Docker, timers, other listeners), and
    without requests that lead around its checks."""

    async def application_behind_checks(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
        elif scope["type"] == "http":
            if (refusal := _refusal(scope)) is not None:
                await _answer(send, refusal)
            else:
                await application(scope, _bounded(receive), send)

    return application_behind_checks


def _refusal(scope: Scope) -> Response | None:
    """The answer to a request that MiniStack must not see, or None."""
    headers: Headers = list(scope["headers"])
    path = scope["path"]
    if path.startswith("/_ministack/"):
        return errors.as_xml(errors.not_found(), "sts")  # its control paths ask for no credentials
    authorization = [value for name, value in headers if name == b"authorization"]
    signed = [value for value in authorization if value.startswith(b"AWS4-HMAC-SHA256 ")]
    if len(authorization) > 1 or authorization != signed:
        return errors.as_xml(
            errors.incomplete_signature(), "sts"
        )  # another scheme would make its sender root
    # MiniStack authorises the action that any of these names, whatever a request to S3 or EKS does.
    if any(name == b"x-amz-target" for name, _ in headers):
        return None if _is_json_call(scope, signed) else _names_an_action()
    form = [v for n, v in headers if n == b"content-type" and v.startswith(_FORM)]
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    actions = query.get("Action", [])
    if path != "/" and (form or actions):
        return _names_an_action()
    given = {name for name, values in query.items() if any(values)}
    if signed or any(given >= names for names in _PRESIGNED):
        return None  # MiniStack checks the signature
    # Without a signature. MiniStack looks at the action in a form; of anything else it makes a
    # request of an account that owns nothing, which may create buckets (a Host can name one).
    if _is_for_host(headers) and ((form and scope["method"] == "POST") or actions == _UNSIGNED):
        return None
    return (
        errors.as_xml(errors.missing_token(), "sts")
        if actions
        else errors.as_s3(errors.access_denied(), path)
    )


def _is_json_call(scope: Scope, signed: list[bytes]) -> bool:
    """Whether a request with a target is what an SDK sends to the target's service, and to nothing
    else.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html
    """
    headers: Headers = list(scope["headers"])
    targets = [value for name, value in headers if name == b"x-amz-target"]
    types = [value for name, value in headers if name == b"content-type"]
    services = [
        service
        for target in targets
        for begin, service in _JSON_SERVICES.items()
        if target.startswith(begin)
    ]
    return (
        len(targets) == len(services) == 1
        and types == [b"application/x-amz-json-1.1"]
        and (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/", b"")
        and any(b"/" + services[0] + b"/aws4_request," in value for value in signed)
        and _is_for_host(headers)
    )


def _is_for_host(headers: Headers) -> bool:
    """Whether the host is the emulator's, and not one that names a bucket."""
    hosts = (value.partition(b":")[0] for name, value in headers if name == b"host")
    return {host.decode("latin-1") for host in hosts} <= HOSTS


def _names_an_action() -> Response:
    reason = "Only IAM, STS, EC2, Secrets Manager and CloudTrail take an action by its name"
    return errors.as_xml(errors.unreadable_request(reason), "sts")


async def _answer(send: Send, response: Response) -> None:
    status, headers, body = response
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
