"""The query protocol of IAM and STS, from inside the server.

A handler of MiniStack's takes a request that is authenticated and authorised already.
https://docs.aws.amazon.com/IAM/latest/APIReference/programming.html
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.session import get_session

from .errors import constraints_violated, unreadable_request
from .front import AwsRequest

Parameters = dict[str, str]


@cache
def service_model(service: str) -> Any:
    """botocore's model of a service."""
    return get_session().get_service_model(service)


def check(service: str, parameters: Parameters) -> None:
    """Raise `AwsError` for parameters outside the limits of the API's own model."""
    model, action = service_model(service), parameters.get("Action", "")
    is_operation = action in model.operation_names
    if not is_operation or (shape := model.operation_model(action).input_shape) is None:
        return
    problems = [
        f"Value {_quoted(value)} at '{name[0].lower()}{name[1:]}' failed to satisfy "
        f"constraint: Member must {constraint}"
        for name, member in shape.members.items()
        if member.type_name in ("string", "integer")
        for value in [parameters.get(name)]
        for constraint in _violated(member, value, required=name in shape.required_members)
    ]
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise constraints_violated(f"{count}: {'; '.join(problems)}")


def _violated(member: Any, value: str | None, *, required: bool) -> Iterator[str]:
    if value is None:
        if required:
            yield "not be null"
        return
    limits = member.metadata
    measure, size = "length", len(value)
    if member.type_name == "integer":
        if not re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
            raise unreadable_request(f"{value!r} is not a whole number")
        measure, size = "value", int(value)
    if size < limits.get("min", size):
        yield f"have {measure} greater than or equal to {limits['min']}"
    if size > limits.get("max", size):
        yield f"have {measure} less than or equal to {limits['max']}"
    pattern = limits.get("pattern")
    if pattern and not re.fullmatch(pattern, value, re.ASCII):
        yield f"satisfy regular expression pattern: {pattern}"


def _quoted(value: str | None) -> str:
    return "null" if value is None else f"'{value}'"


def form(parameters: Parameters, headers: Mapping[str, str] | None = None) -> AwsRequest:
    """Return a request with these parameters; of a body's, MiniStack drops the empty ones."""
    query = {name: [value] for name, value in parameters.items()}
    return AwsRequest("GET", "/", headers or {}, b"", query)


def query_parameters(request: AwsRequest) -> Parameters:
    """The parameters of a query-protocol request; raises `AwsError`.

    MiniStack authorises the action of the query string and performs the one in the body; a request
    with both must not lead around the checks.
    """
    try:
        body = request.body.decode() if request.method == "POST" else ""
        pairs = parse_qsl(body, keep_blank_values=True)
    except UnicodeDecodeError as error:
        raise unreadable_request("The request body is not UTF-8") from error
    pairs += [(name, value) for name, values in request.query.items() for value in values]
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise unreadable_request("A parameter is given twice")
    return parameters


def numbered(parameters: Mapping[str, str], name: str, field: str = "") -> dict[int, str]:
    """The values of a list parameter, such as ``NAME.1FIELD``, by their numbers and in order."""
    form = re.compile(rf"{re.escape(name)}\.(\d+){re.escape(field)}")
    values = {
        int(match[1]): value for key, value in parameters.items() if (match := form.fullmatch(key))
    }
    return dict(sorted(values.items()))
