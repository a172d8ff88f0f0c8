"""CloudTrail's event history: read slowly, so many pages at most, and only what it says."""

import json
from datetime import UTC, datetime, timedelta

from irsa.observe.cloudtrail import WebIdentityCall, calls_of, read_trail
from irsa.observe.iam_calls import read_associations
from tests.support.fleet import ACCOUNT, ISSUER

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SUBJECT = "system:serviceaccount:dev:app"


def event(**changes):
    """As CloudTrail records a call, the inner record as text."""
    record = {
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "WebIdentityUser",
            "principalId": f"{PROVIDER}:sts.amazonaws.com:{SUBJECT}",
            "userName": SUBJECT,
            "identityProvider": PROVIDER,
        },
        "eventTime": "2026-11-26T09:12:00Z",
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRoleWithWebIdentity",
        "awsRegion": "us-east-1",
        "requestParameters": {"roleArn": ROLE, "roleSessionName": "app"},
        **changes,
    }
    return {"EventName": record["eventName"], "CloudTrailEvent": json.dumps(record)}


class Client:
    """Answers with so many pages of two events."""

    def __init__(self, pages):
        self.pages, self.requests = pages, []

    def lookup_events(self, **request):
        self.requests.append(request)
        more = {"NextToken": str(len(self.requests))} if len(self.requests) < self.pages else {}
        return {"Events": [event(), event()], **more}


def test_pages_are_read_at_two_a_second_until_there_are_no_more():
    client, pauses = Client(3), []

    trail = read_trail(client, "us-east-1", 20, pauses.append)

    assert (len(trail.calls), trail.complete, pauses) == (6, True, [0.5, 0.5])
    first, second, third = client.requests
    assert first["LookupAttributes"] == [
        {"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}
    ]
    assert (first["MaxResults"], "NextToken" in first) == (50, False)
    assert datetime.now(UTC) - first["StartTime"] - timedelta(hours=12) < timedelta(minutes=1)
    assert (second["NextToken"], third["NextToken"]) == ("1", "2")


def test_more_pages_than_are_wanted_are_not_read():
    client = Client(100)

    trail = read_trail(client, "us-east-1", 2, lambda _: None)

    assert (len(client.requests), trail.complete) == (2, False)
    assert trail.reaches_back == "2026-11-26T09:12:00Z"


def test_a_refused_call_has_its_error():
    refused = event(errorCode="AccessDenied", errorMessage="An unknown\nerror occurred")

    assert list(calls_of([refused])) == [
        WebIdentityCall(
            "2026-11-26T09:12:00Z",
            SUBJECT,
            PROVIDER,
            ROLE,
            "AccessDenied",
            "An unknown error occurred",
        )
    ]


def test_a_token_that_sts_could_not_read_has_no_subject():
    lost = event(userIdentity={"type": "Unknown"}, errorCode="InvalidIdentityToken")
    nothing = event(userIdentity=None, requestParameters=None, errorCode="ValidationError")

    assert [(each.subject, each.role_arn) for each in calls_of([lost, nothing])] == [
        ("", ROLE),
        ("", ""),
    ]


def test_what_is_no_such_event_is_left_out():
    odd = [{}, {"CloudTrailEvent": "x"}, {"CloudTrailEvent": "[]"}, event(eventName="AssumeRole")]

    assert list(calls_of([*odd, {"CloudTrailEvent": "[" * 200_000}])) == []


def test_associations_come_with_the_role_of_each():
    class Eks:
        def get_paginator(self, _):
            return self

        def paginate(self, **of):
            listed = {"namespace": "dev", "serviceAccount": "app", "associationId": "a-1"}
            return [{"associations": [{**listed, **of}]}, {"associations": []}]

        def describe_pod_identity_association(self, **of):
            return {"association": {"roleArn": " ".join(of.values())}}

    assert read_associations(Eks(), ["prod"]) == {("dev", "app"): "prod a-1"}
