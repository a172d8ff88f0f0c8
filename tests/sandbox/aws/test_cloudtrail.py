"""CloudTrail in the sandbox: what STS was asked for with a token, and who may read it."""

import json
from collections.abc import Iterator
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
    running_aws,
    token,
)

pytestmark = pytest.mark.sandbox

BY_NAME = [{"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}]


@pytest.fixture
def aws(tmp_path) -> Iterator[Aws]:
    with running_aws(tmp_path) as aws:
        yield aws


def events(aws: Aws, account: str = ACCOUNT_A, **request: Any) -> list[dict[str, Any]]:
    """The records, the newest first."""
    trail = aws.emulator.client("cloudtrail", account)
    found = trail.lookup_events(LookupAttributes=BY_NAME, **request)["Events"]
    return [json.loads(each["CloudTrailEvent"]) for each in found]


def test_a_granted_and_a_refused_call_are_noted_with_the_token_s_subject(aws):
    other = SUBJECT.replace("s3-app", "other")
    aws.assume()
    refusal(lambda: aws.assume(token(sub=other)))
    refusal(lambda: aws.assume(token(STRANGER)))

    noted = events(aws)

    assert [
        (
            each.get("errorCode"),
            each["userIdentity"].get("userName"),
            each["userIdentity"].get("identityProvider"),
            each["requestParameters"]["roleArn"],
        )
        for each in noted
    ] == [
        ("InvalidIdentityToken", None, None, ROLE_ARN),
        ("AccessDenied", other, PROVIDER_ARN, ROLE_ARN),
        (None, SUBJECT, PROVIDER_ARN, ROLE_ARN),
    ]
    assert events(aws, ACCOUNT_B) == []


def test_they_come_in_pages_and_by_time(aws):
    for _ in range(3):
        aws.assume()
    trail = aws.emulator.client("cloudtrail", ACCOUNT_A)
    pages = trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 2})

    assert [len(page["Events"]) for page in pages] == [2, 1]
    now, hour = datetime.now(UTC), timedelta(hours=1)
    assert events(aws, StartTime=now + hour, EndTime=now + 2 * hour) == []
    assert len(events(aws, StartTime=now - hour)) == 3


def test_only_who_is_allowed_reads_them(aws):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    iam.put_role_policy(RoleName="s3-app", PolicyName="s3-app", PolicyDocument=allow("s3:*", "*"))
    denied = refusal(lambda: aws.session()("cloudtrail").lookup_events())
    iam.put_role_policy(
        RoleName="s3-app", PolicyName="s3-app", PolicyDocument=allow("cloudtrail:LookupEvents", "*")
    )

    assert denied[1] == "AccessDeniedException"
    assert len(aws.session()("cloudtrail").lookup_events()["Events"]) == 2


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"NextToken": "x"}, "InvalidNextTokenException"),
        ({"LookupAttributes": BY_NAME * 2}, "InvalidLookupAttributesException"),
        (
            {
                "StartTime": datetime(2026, 1, 2, tzinfo=UTC),
                "EndTime": datetime(2026, 1, 1, tzinfo=UTC),
            },
            "InvalidTimeRangeException",
        ),
    ],
)
def test_what_cloudtrail_refuses_is_refused(aws, request_, code):
    trail = aws.emulator.client("cloudtrail", ACCOUNT_A)

    assert refusal(lambda: trail.lookup_events(**request_))[:2] == (400, code)


def test_other_operations_of_cloudtrail_do_not_reach_ministack(aws):
    trail = aws.emulator.client("cloudtrail", ACCOUNT_A)

    assert refusal(lambda: trail.describe_trails())[0] == 400
