"""The query protocol of IAM and STS, from inside the server.

A handler of MiniStack's takes a request that is authenticated and authorised already.
https://docs.aws.amazon.com/IAM/latest/APIReference/programming.html
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session

from sandbox.accounts import REGION
from sandbox.errors import AwsError, Response, unreadable_request

FORM = {"content-type": "application/x-www-form-urlencoded"}

Query = Mapping[str, list[str]]
Handler = Callable[[str, str, Mapping[str, str], bytes, Query], Awaitable[Response]]


class QueryApi:
    """A service of the query protocol, asked from inside the server as an account's root."""

    def __init__(self, service: str, handler: Handler) -> None:
        self._model = get_session().get_service_model(service)
        self._serializer = create_serializer("query")
        self._parser = create_parser("query")
        self._handler = handler

    async def call(self, account: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The operation's result as boto3 shapes it; raises `AwsError`."""
        from ministack.core.responses import request_scope

        model = self._model.operation_model(operation)
        form = self._serializer.serialize_to_request(parameters, model)["body"]
        with request_scope(account, REGION):
            response = await self._handler("POST", "/", FORM, urlencode(form).encode(), {})
        return self.parse(response, operation)

    def parse(self, response: Response, operation: str) -> dict[str, Any]:
        """A handler's answer to the operation as boto3 shapes it; raises `AwsError`."""
        status, headers, body = response
        shape = self._model.operation_model(operation).output_shape
        result = self._parser.parse(
            {"status_code": status, "headers": headers, "body": body}, shape
        )
        if status >= 300:
            error = result["Error"]
            raise AwsError(error["Code"], status, error["Message"])
        return result


def query_parameters(method: str, body: bytes, query: Query) -> dict[str, str]:
    """The parameters of a query-protocol request; raises `AwsError`.

    MiniStack authorises the action of the query string and performs the one in the body; a request
    with both must not lead around the checks.
    """
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True) if method == "POST" else []
    except UnicodeDecodeError as error:
        raise unreadable_request("The request body is not UTF-8") from error
    pairs += [(name, value) for name, values in query.items() for value in values]
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise unreadable_request("A parameter is given twice")
    return parameters
