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
from typing import Any, NamedTuple
from uuid import uuid4

from irsa.identity.arns import account_of, provider_arn_for
from irsa.identity.errors import AwsError
from irsa.identity.policy_json import Json

from . import errors
from .accounts import REGION
from .errors import Response
from .query_protocol import Parameters, Query

TARGET = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
"""X-Amz-Target of the operation."""
CALL = "AssumeRoleWithWebIdentity"
KEPT = 10_000
"""Events that an account keeps."""
PAGE_MAX = 50


class _Call(NamedTuple):
    """A call, and how it ended."""

    id: str
    when: float
    """Seconds since the epoch."""
    role_arn: str
    session_name: str
    claims: Json | None
    error: AwsError | None

    @property
    def account(self) -> str:
        return account_of(self.role_arn)

    def event(self) -> dict[str, Any]:
        """Return it as LookupEvents shows it, with the record as text."""
        record: dict[str, Any] = {
            "eventVersion": "1.08",
            "userIdentity": self._identity(),
            "eventTime": datetime.fromtimestamp(self.when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "sts.amazonaws.com",
            "eventName": CALL,
            "awsRegion": REGION,
            "requestParameters": {
                "roleArn": self.role_arn,
                "roleSessionName": self.session_name,
            },
            "eventID": self.id,
            "recipientAccountId": self.account,
        }
        if self.error is not None:
            record |= {"errorCode": self.error.code, "errorMessage": self.error.message}
        return {
            "EventId": self.id,
            "EventName": CALL,
            "EventTime": self.when,
            "EventSource": record["eventSource"],
            "CloudTrailEvent": json.dumps(record),
        }

    def _identity(self) -> dict[str, str]:
        identity = {"type": "WebIdentityUser"}
        if self.claims is None:
            return identity
        provider = provider_arn_for(self.claims["iss"], self.account)
        return {
            **identity,
            "principalId": f"{provider}:{self.claims['sub']}",
            "userName": self.claims["sub"],
            "identityProvider": provider,
        }


class CloudTrail:
    """Notes calls, and answers LookupEvents."""

    def __init__(self, account: Callable[[], str]) -> None:
        """``account`` says the account of a request's caller."""
        self._account = account
        self.events: dict[str, deque[_Call]] = {}
        """By account, the newest first."""

    def note(self, parameters: Parameters, claims: Json | None, error: AwsError | None) -> None:
        """Note a call of AssumeRoleWithWebIdentity in the role's account.

        ``claims`` are the token's, once STS has checked it and so knows whose it is.
        """
        role, session = (parameters.get(name, "") for name in ("RoleArn", "RoleSessionName"))
        call = _Call(str(uuid4()), time.time(), role, session, claims, error)
        self.events.setdefault(call.account, deque(maxlen=KEPT)).appendleft(call)

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
        page = found[first : first + size]
        answer: dict[str, Any] = {"Events": [call.event() for call in page]}
        if first + size < len(found):
            answer["NextToken"] = str(first + size)
        return json.dumps(answer).encode()

    def _matching(self, asked: Mapping[str, Any]) -> Iterator[_Call]:
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
        for call in self.events.get(self._account(), ()):
            named = all(a["AttributeValue"] == CALL for a in attributes)
            if named and start <= call.when <= end:
                yield call
