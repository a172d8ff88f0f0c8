"""Requests in front of MiniStack's handlers: authenticated and authorised already."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from . import errors
from .errors import AwsError, Response

Query = Mapping[str, list[str]]
Handler = Callable[[str, str, Mapping[str, str], bytes, Query], Awaitable[Response]]


class Request(NamedTuple):
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


Answer = Callable[[Request], Awaitable[Response]]


def handler(answer: Answer, service: str) -> Handler:
    """Return a handler that answers requests, or as the service does with an `AwsError`."""

    async def handle(*request: Any) -> Response:
        try:
            return await answer(Request(*request))
        except AwsError as error:
            return errors.as_response(error, service)

    return handle
