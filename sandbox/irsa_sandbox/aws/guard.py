"""Filter for requests that would bypass MiniStack's checks."""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from . import errors
from .errors import AwsError, Response
from .hosts import PORT, Host, lacks, parse_host

BODY_LIMIT = 64 * 1024 * 1024  # bytes; an S3 object in one part

_FORM = b"application/x-www-form-urlencoded"
_SCHEME = b"AWS4-HMAC-SHA256 "
_CREDENTIAL = re.compile(r"[^/,]+/\d{8}/[^/,]+/([^/,]+)/aws4_request", re.ASCII)
"""Key, day, region, service and the end, in the words of Signature Version 4.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html"""
_TARGETS = {"secretsmanager": b"secretsmanager."}
"""The services whose actions are named by a header, and how that begins."""
_REST_XML = ("cloudfront.", "route53.")
"""Hosts of services that read errors as XML, whatever they are sent."""
_QUERY_SERVICES = {"iam", "sts", "ec2"}
"""Those whose actions are named by the parameter Action."""

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
Refusal = tuple[AwsError, str]
"""An error, and the service in whose form it is."""
_NAMES_AN_ACTION: Refusal = (
    errors.unreadable_request("Only IAM, STS, EC2 and Secrets Manager take an action by its name"),
    "sts",
)
Headers = defaultdict[bytes, list[bytes]]


def guarded(application: Application) -> Application:
    """MiniStack's application, without its own start-up (Docker, timers, other listeners), and
    without requests that lead around its checks."""

    async def application_behind_checks(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # such as a WebSocket, which no SDK opens
        if (refusal := _refusal(scope)) is not None:
            error, service = refusal
            resource = scope["path"] if service == "s3" else ""
            response = errors.as_response(error, service, resource)
            await _answer(_bounded(receive), send, response)
        else:
            await application(scope, _bounded(receive), send)

    return application_behind_checks


def _refusal(scope: Scope) -> Refusal | None:
    """The error for a request that MiniStack must not see, or None."""
    headers: Headers = defaultdict(list)
    for header, value in scope["headers"]:
        headers[header].append(value)
    path, is_form = scope["path"], any(v.startswith(_FORM) for v in headers[b"content-type"])
    if path.startswith("/_ministack/"):
        return errors.not_found(), "sts"  # its control paths ask for no credentials
    name = _host(headers)
    host = parse_host(name)
    if host is None and lacks(name):
        reads_xml = is_form or name.startswith(_REST_XML)
        return errors.service_is_missing(name), "sts" if reads_xml else ""
    if host is None:  # the proxy names one, and the request in it another
        return errors.not_found(), "sts"
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    authorization = headers[b"authorization"]
    if (problem := _problem_of_signature(authorization, query, host)) is not None:
        return problem, "sts"
    # MiniStack authorises the action that any of these names, whatever a request to S3 or EKS does.
    if headers[b"x-amz-target"]:
        is_call = authorization and _is_json_call(scope, headers, host)
        return None if is_call else _NAMES_AN_ACTION
    actions = query.get("Action", [])
    takes_actions = host.service in _QUERY_SERVICES and path == "/"
    if (is_form or actions) and not takes_actions:
        return _NAMES_AN_ACTION
    parameters = {name for name, values in query.items() if any(values)}
    if authorization or any(parameters >= names for names in _PRESIGNED):
        return None  # MiniStack checks the signature
    # Without a signature. MiniStack looks at the action in a form; of anything else it makes a
    # request of an account that owns nothing, which may create buckets.
    if takes_actions and ((is_form and scope["method"] == "POST") or actions == _UNSIGNED):
        return None
    return (errors.missing_token(), "sts") if actions else (errors.access_denied(), "s3")


def _problem_of_signature(
    authorization: list[bytes], query: dict[str, list[str]], host: Host
) -> AwsError | None:
    """Return the problem of an ambiguous signature. MiniStack checks the rest of it."""
    if len(authorization) > 1 or any(not header.startswith(_SCHEME) for header in authorization):
        return errors.incomplete_signature()  # another scheme would make its sender root
    credentials = [
        text.partition(",")[0].strip()
        for value in authorization
        for text in value.decode("latin-1").split("Credential=")[1:]
    ]
    for name, values in query.items():
        credentials += [text for text in values if text and name.lower() == "x-amz-credential"]
    scopes = [_CREDENTIAL.fullmatch(credential) for credential in credentials]
    if None in scopes or len(scopes) > 1 or len(scopes) < len(authorization):
        return errors.incomplete_signature()
    # MiniStack goes by the signature's service, and not by the host.
    if any(scope and scope[1] != host.signing_name for scope in scopes):
        return errors.scope_of_another_service(host.signing_name)
    return None


def _is_json_call(scope: Scope, headers: Headers, host: Host) -> bool:
    """Return True if a request with a target is what an SDK sends to the target's service only.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html
    """
    targets = headers[b"x-amz-target"]
    return (
        len(targets) == 1
        and targets[0].startswith(_TARGETS.get(host.service, b"\n"))
        and headers[b"content-type"] == [b"application/x-amz-json-1.1"]
        and (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/", b"")
    )


def _host(headers: Headers) -> str:
    """The host that the request names, at AWS's port; empty for any other."""
    named = [value.decode("latin-1") for value in headers[b"host"]]
    name, _, port = named[0].partition(":") if len(named) == 1 else ("", "", "")
    return name if port in ("", str(PORT)) else ""


async def _answer(receive: Receive, send: Send, response: Response) -> None:
    # Hypercorn closes a connection on which a request has not ended, and the next one is lost.
    while (await receive()).get("more_body"):
        pass
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
