"""CloudTrail in the sandbox: which calls with a token STS received, and who may read them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.aws_harness import (
    PROVIDER_ARN,
    ROLE_ARN,
    STRANGER,
    SUBJECT,
    Aws,
    allow,
    refusal,
    token,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

BY_NAME = [{"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}]
FIRST, SECOND = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def events(aws: Aws, account: str = ACCOUNT_A, **request: Any) -> list[dict[str, Any]]:
    """The records, the newest first."""
    trail = aws.emulator.client("cloudtrail", account)
    found = trail.lookup_events(LookupAttributes=BY_NAME, **request)["Events"]
    return [json.loads(each["CloudTrailEvent"]) for each in found]


def test_granted_and_refused_calls_are_recorded_with_the_token_s_subject(aws):
    other = SUBJECT.replace("s3-app", "other")
    aws.assume()
    refusal(lambda: aws.assume(token(sub=other)))
    refusal(lambda: aws.assume(token(STRANGER)))

    recorded = [
        (
            each.get("errorCode"),
            each["userIdentity"].get("userName"),
            each["userIdentity"].get("identityProvider"),
            each["requestParameters"]["roleArn"],
        )
        for each in events(aws)
    ]

    assert recorded == [
        ("InvalidIdentityToken", None, None, ROLE_ARN),
        ("AccessDenied", other, PROVIDER_ARN, ROLE_ARN),
        (None, SUBJECT, PROVIDER_ARN, ROLE_ARN),
    ]
    assert events(aws, ACCOUNT_B) == []


def test_events_come_in_pages_and_by_time(aws):
    for _ in range(3):
        aws.assume()
    trail = aws.emulator.client("cloudtrail", ACCOUNT_A)
    pages = trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 2})

    assert [len(page["Events"]) for page in pages] == [2, 1]
    now, hour = datetime.now(UTC), timedelta(hours=1)
    assert events(aws, StartTime=now + hour, EndTime=now + 2 * hour) == []
    assert len(events(aws, StartTime=now - hour)) == 3


def test_reading_events_needs_a_permission(aws):
    def trail(action: str) -> Any:
        aws.emulator.client("iam", ACCOUNT_A).put_role_policy(
            RoleName="s3-app", PolicyName="s3-app", PolicyDocument=allow(action, "*")
        )
        return aws.session()("cloudtrail")

    assert refusal(trail("s3:*").lookup_events)[1] == "AccessDeniedException"
    assert len(trail("cloudtrail:LookupEvents").lookup_events()["Events"]) == 2


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"NextToken": "x"}, "InvalidNextTokenException"),
        ({"LookupAttributes": BY_NAME * 2}, "InvalidLookupAttributesException"),
        ({"StartTime": SECOND, "EndTime": FIRST}, "InvalidTimeRangeException"),
    ],
)
def test_invalid_requests_get_cloudtrail_s_own_errors(aws, request_, code):
    trail = aws.emulator.client("cloudtrail", ACCOUNT_A)

    assert refusal(trail.lookup_events, **request_)[:2] == (400, code)
    assert refusal(trail.describe_trails)[0] == 400, "and no other operation reaches MiniStack"
