"""CloudTrail's event history, of the one call that the sandbox notes: AssumeRoleWithWebIdentity.

CloudTrail shows an event within minutes, and keeps it for 90 days; here it is there at once, and as
long as there is room. Of other calls there are no events.
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from irsa.identity.arns import account_of, provider_arn_for
from irsa.identity.errors import AwsError
from irsa.identity.token import decode_unverified, issuer_url_of

from . import errors
from .accounts import REGION
from .errors import Response
from .query_protocol import Parameters, Query

TARGET = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
"""How a request names the operation."""
CALL = "AssumeRoleWithWebIdentity"
KEPT = 10_000
"""How many events an account keeps."""
PAGE_MAX = 50

_READABLE = ("", "AccessDenied")
"""What STS answers once it has checked the token, so that it knows whose it is."""


class CloudTrail:
    """Notes calls, and answers LookupEvents."""

    def __init__(self, account: Callable[[], str]) -> None:
        """``account`` says the account of a request's caller."""
        self._account = account
        self.events: dict[str, deque[dict[str, Any]]] = {}
        """By account, the newest first."""

    def note(self, parameters: Parameters, error: AwsError | None) -> None:
        """Note a call of AssumeRoleWithWebIdentity in the role's account."""
        role_arn = parameters.get("RoleArn", "")
        account, now = account_of(role_arn), time.time()
        record = {
            "eventVersion": "1.08",
            "userIdentity": _identity(parameters, account, error),
            "eventTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "sts.amazonaws.com",
            "eventName": CALL,
            "awsRegion": REGION,
            "requestParameters": {
                "roleArn": role_arn,
                "roleSessionName": parameters.get("RoleSessionName", ""),
            },
            "eventID": str(uuid4()),
            "recipientAccountId": account,
        }
        if error is not None:
            record |= {"errorCode": error.code, "errorMessage": error.message}
        event = {
            "EventId": record["eventID"],
            "EventName": CALL,
            "EventTime": now,
            "EventSource": record["eventSource"],
            "CloudTrailEvent": json.dumps(record),
        }
        self.events.setdefault(account, deque(maxlen=KEPT)).appendleft(event)

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer LookupEvents, the only operation that is let through to here."""
        del method, path, headers, query
        try:
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, self._page(body)
        except AwsError as error:
            return errors.as_json_1_1(error)

    def _page(self, body: bytes) -> bytes:
        try:
            asked: dict[str, Any] = json.loads(body or b"{}")
            size = int(asked.get("MaxResults", PAGE_MAX))
            first = int(asked.get("NextToken", 0))
        except (AttributeError, TypeError, ValueError) as error:
            raise errors.invalid_lookup("InvalidNextTokenException", str(error)) from error
        if not 1 <= size <= PAGE_MAX:
            raise errors.invalid_lookup(
                "InvalidMaxResultsException", f"MaxResults is {size}, not 1 to {PAGE_MAX}"
            )
        found = list(self._matching(asked))
        answer: dict[str, Any] = {"Events": found[first : first + size]}
        if first + size < len(found):
            answer["NextToken"] = str(first + size)
        return json.dumps(answer).encode()

    def _matching(self, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The events that are asked for, the newest first."""
        attributes: list[dict[str, str]] = asked.get("LookupAttributes", [])
        start, end = asked.get("StartTime", 0), asked.get("EndTime", time.time())
        if len(attributes) > 1 or any(a.get("AttributeKey") != "EventName" for a in attributes):
            raise errors.invalid_lookup(
                "InvalidLookupAttributesException", "The sandbox looks events up by EventName alone"
            )
        if start > end:
            raise errors.invalid_lookup(
                "InvalidTimeRangeException", "The start time is later than the end time"
            )
        for event in self.events.get(self._account(), ()):
            named = all(a["AttributeValue"] == event["EventName"] for a in attributes)
            if named and start <= event["EventTime"] <= end:
                yield event


def _identity(parameters: Parameters, account: str, error: AwsError | None) -> dict[str, str]:
    identity = {"type": "WebIdentityUser"}
    if (error.code if error else "") not in _READABLE:
        return identity
    try:
        claims = decode_unverified(parameters.get("WebIdentityToken", "")).claims
        issuer_url = issuer_url_of(claims)
    except AwsError:
        return identity
    provider = provider_arn_for(issuer_url, account)
    return {
        **identity,
        "principalId": f"{provider}:{claims['sub']}",
        "userName": claims["sub"],
        "identityProvider": provider,
    }
