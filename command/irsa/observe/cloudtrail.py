"""CloudTrail's events of AssumeRoleWithWebIdentity: the caller, the role and the error; and the
failures of AssumeRoleForPodIdentity, which have neither.

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

CALL, POD_IDENTITY_CALL = "AssumeRoleWithWebIdentity", "AssumeRoleForPodIdentity"
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
class PodIdentityFailure:
    """A call of a node for a Pod that EKS refused."""

    at: str
    cluster: str
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Trail:
    """The calls of the last hours, or the newest of them."""

    calls: tuple[WebIdentityCall, ...]
    """The newest first."""
    region: str
    complete: bool
    """True if the pages that were read reach back all the `HOURS`."""
    pod_identity: tuple[PodIdentityFailure, ...] = ()

    @property
    def reaches_back(self) -> str:
        """Time of the oldest call that was read."""
        return self.calls[-1].at if self.calls else ""


def read_trail(
    client: Any, region: str, pages: int, sleep: Callable[[float], None] = time.sleep
) -> Trail:
    """Read so many pages of each call at most, slowly enough not to be throttled."""
    records, complete = _records(client, CALL, pages, sleep)
    sleep(PAUSE)
    for_pods, _ = _records(client, POD_IDENTITY_CALL, pages, sleep)
    calls = tuple(map(_call, records))
    return Trail(calls, region, complete, tuple(_failures(for_pods)))


def _records(
    client: Any, name: str, pages: int, sleep: Callable[[float], None]
) -> tuple[list[Json], bool]:
    """The records of a call, and whether they are all of the `HOURS`."""
    request: dict[str, Any] = {
        "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}],
        "StartTime": datetime.now(UTC) - timedelta(hours=HOURS),
        "MaxResults": PAGE_SIZE,
    }
    records: list[Json] = []
    for number in range(pages):
        if number:
            sleep(PAUSE)
        page: Json = client.lookup_events(**request)
        records += records_of(page.get("Events", ()), name)
        if not page.get("NextToken"):
            return records, True
        request["NextToken"] = page["NextToken"]
    return records, False


def records_of(events: Iterable[Json], name: str) -> Iterator[Json]:
    """The records of a call in LookupEvents' events; other events are left out."""
    for event in events:
        try:
            record = mapping(json.loads(event.get("CloudTrailEvent") or "{}"))
        except (ValueError, RecursionError):
            continue
        if record.get("eventName") == name:
            yield record


def _call(record: Json) -> WebIdentityCall:
    identity = mapping(record.get("userIdentity"))
    return WebIdentityCall(
        str(record.get("eventTime", "")),
        str(identity.get("userName") or ""),
        str(identity.get("identityProvider") or ""),
        str(mapping(record.get("requestParameters")).get("roleArn") or ""),
        str(record.get("errorCode") or ""),
        _message(record),
    )


def _failures(records: Iterable[Json]) -> Iterator[PodIdentityFailure]:
    """The token, which names the service account, is hidden; so is the role."""
    for record in records:
        if record.get("errorCode"):
            yield PodIdentityFailure(
                str(record.get("eventTime", "")),
                str(mapping(record.get("requestParameters")).get("clusterName") or ""),
                str(record["errorCode"]),
                _message(record),
            )


def _message(record: Json) -> str:
    return " ".join(str(record.get("errorMessage") or "").split())
