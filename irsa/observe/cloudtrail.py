"""CloudTrail's events of AssumeRoleWithWebIdentity: the caller, the role and the error.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html: fifty events a
page, the newest first, and two calls a second for an account and region.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from irsa.identity.policy_json import Json
from irsa.observe.shapes import mapping

CALL = "AssumeRoleWithWebIdentity"
HOURS = 12
"""Hours to look back: Pods that run renew their sessions within an hour or so."""
PAGES = 20
"""Default number of pages to read."""
PAGE_SIZE = 50
PAUSE = 0.5  # seconds between two pages


@dataclass(frozen=True, slots=True)
class WebIdentityCall:
    """One call."""

    at: str
    """ISO 8601, in UTC."""
    subject: str
    """The token's ``sub``; empty where STS could not read the token."""
    issuer: str
    """The ARN of the OIDC provider, as CloudTrail has it; empty likewise."""
    role_arn: str
    error: str
    """STS's error code; empty when it granted a session."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Trail:
    """The calls of the last hours, or the newest of them."""

    calls: tuple[WebIdentityCall, ...]
    """The newest first."""
    region: str
    complete: bool
    """True if the pages that were read reach back all the `HOURS`."""

    @property
    def reaches_back(self) -> str:
        """Time of the oldest call that was read."""
        return self.calls[-1].at if self.calls else ""


def read_trail(
    client: Any, region: str, pages: int, sleep: Callable[[float], None] = time.sleep
) -> Trail:
    """Read so many pages at most, slowly enough not to be throttled."""
    request: dict[str, Any] = {
        "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": CALL}],
        "StartTime": datetime.now(UTC) - timedelta(hours=HOURS),
        "MaxResults": PAGE_SIZE,
    }
    calls: list[WebIdentityCall] = []
    for number in range(pages):
        if number:
            sleep(PAUSE)
        page: Json = client.lookup_events(**request)
        calls += calls_of(page.get("Events", ()))
        if not page.get("NextToken"):
            return Trail(tuple(calls), region, complete=True)
        request["NextToken"] = page["NextToken"]
    return Trail(tuple(calls), region, complete=False)


def calls_of(events: Iterable[Json]) -> Iterator[WebIdentityCall]:
    """The calls of LookupEvents' events; other events are left out."""
    for event in events:
        try:
            record = mapping(json.loads(event.get("CloudTrailEvent") or "{}"))
        except (ValueError, RecursionError):
            continue
        identity, asked = mapping(record.get("userIdentity")), record.get("requestParameters")
        if record.get("eventName") == CALL:
            yield WebIdentityCall(
                str(record.get("eventTime", "")),
                str(identity.get("userName") or ""),
                str(identity.get("identityProvider") or ""),
                str(mapping(asked).get("roleArn") or ""),
                str(record.get("errorCode") or ""),
                " ".join(str(record.get("errorMessage") or "").split()),
            )
