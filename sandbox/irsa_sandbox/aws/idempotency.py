"""Calls that a client makes again with their idempotency token, after an answer that was lost.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

import json
from collections.abc import Callable, Hashable, Mapping
from urllib.parse import parse_qsl

from .errors import Response
from .query_protocol import Handler, Query

TOKENS = ("clientRequestToken", "ClientToken")

Call = tuple[str, str, Mapping[str, str]]
made: dict[Hashable, tuple[Call, Response]] = {}
"""The first call with each token, and its answer: a part of what a snapshot holds."""


def idempotent(
    handler: Handler,
    caller: Callable[[], Hashable],
    refused: Callable[[str], Response],
) -> Handler:
    """Return a handler that makes a call with a token once, and then gives its first answer.

    ``caller`` is the account and region of the request that is handled; ``refused`` is the answer,
    with these words, to a token that comes again with other inputs.
    """

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        inputs = _inputs(body)
        token = next((inputs.pop(each) for each in TOKENS if inputs.get(each)), None)
        if token is None:
            return await handler(method, path, headers, body, query)
        key, call = (caller(), token), (method, path, inputs)
        if key in made:
            first, answer = made[key]
            if first != call:
                return refused(f"The token {token} was used with other parameters")
            return answer
        answer = await handler(method, path, headers, body, query)
        if answer[0] < 300:
            made[key] = call, answer
        return answer

    return handle


def _inputs(body: bytes) -> dict[str, str]:
    try:
        return json.loads(body) if body.startswith(b"{") else dict(parse_qsl(body.decode()))
    except ValueError:
        return {}  # the handler says so
