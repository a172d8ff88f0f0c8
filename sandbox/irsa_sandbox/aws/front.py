"""Requests in front of MiniStack's handlers, authenticated and authorised, and those made again."""

import json
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from . import errors
from .errors import AwsError, Response

Query = Mapping[str, list[str]]
Handler = Callable[[str, str, Mapping[str, str], bytes, Query], Awaitable[Response]]


class AwsRequest(NamedTuple):
    """A request, in the order of a handler's parameters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Query

    @property
    def document(self) -> dict[str, Any]:
        """Its body in the REST-JSON protocol."""
        return json.loads(self.body or b"{}")


Answer = Callable[[AwsRequest], Awaitable[Response]]


def handler(answer: Answer, service: str) -> Handler:
    """Return a handler that answers requests, or as the service does with an `AwsError`."""

    async def handle(*request: Any) -> Response:
        try:
            return await answer(AwsRequest(*request))
        except AwsError as error:
            return errors.as_response(error, service)

    return handle


# https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
TOKENS = ("clientRequestToken", "ClientToken")

Call = tuple[str, str, Mapping[str, str]]
made: dict[Hashable, tuple[Call, Response]] = {}
"""The first call with each token, and its answer: a part of what a snapshot holds."""


def idempotent(
    caller: Callable[[], Hashable], refused: Callable[[str], AwsError], answer: Answer
) -> Answer:
    """Let ``answer`` make a call with a token once, and then give its first answer.

    ``caller`` is the account and region of the request that is handled; ``refused`` is the error,
    with these words, of a token that comes again with other inputs.
    """

    async def answer_once(request: AwsRequest) -> Response:
        inputs = _inputs(request.body)
        token = next((inputs.pop(name) for name in TOKENS if inputs.get(name)), None)
        if token is None:
            return await answer(request)
        key, call = (caller(), token), (request.method, request.path, inputs)
        if key in made:
            first, answered = made[key]
            if first != call:
                raise refused(f"The token {token} was used with other parameters")
            return answered
        answered = await answer(request)
        if answered[0] < 300:
            made[key] = call, answered
        return answered

    return answer_once


def _inputs(body: bytes) -> dict[str, str]:
    try:
        return json.loads(body) if body.startswith(b"{") else dict(parse_qsl(body.decode()))
    except ValueError:
        return {}  # the handler says so
