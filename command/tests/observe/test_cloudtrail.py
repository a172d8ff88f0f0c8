"""CloudTrail's event history: read slowly, so many pages at most, and only what it says."""

import json
from datetime import UTC, datetime, timedelta

from irsa.observe.cloudtrail import PodIdentityFailure, WebIdentityCall, read_trail
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
    """Answers with so many pages of the same events to each call's lookup."""

    def __init__(self, pages, *events):
        self.pages, self.events, self.requests = pages, events or (event(), event()), []

    def lookup_events(self, **request):
        self.requests.append(request)
        number = int(request.get("NextToken", 0)) + 1
        more = {"NextToken": str(number)} if number < self.pages else {}
        return {"Events": self.events, **more}


def trail_of(*events):
    return read_trail(Client(1, *events), "us-east-1", 1, lambda _: None)


def test_pages_are_read_at_two_a_second_until_there_are_no_more():
    client, pauses = Client(3), []

    trail = read_trail(client, "us-east-1", 20, pauses.append)

    assert (len(trail.calls), trail.complete, pauses) == (6, True, [0.5] * 5)
    first, second, third, for_pods, *_ = client.requests
    assert for_pods["LookupAttributes"][0]["AttributeValue"] == "AssumeRoleForPodIdentity"
    assert first["LookupAttributes"] == [
        {"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}
    ]
    assert (first["MaxResults"], "NextToken" in first) == (50, False)
    assert datetime.now(UTC) - first["StartTime"] - timedelta(hours=12) < timedelta(minutes=1)
    assert (second["NextToken"], third["NextToken"]) == ("1", "2")


def test_more_pages_than_are_wanted_are_not_read():
    client = Client(100)

    trail = read_trail(client, "us-east-1", 2, lambda _: None)

    assert (len(client.requests), trail.complete) == (4, False)
    assert trail.reaches_back == "2026-11-26T09:12:00Z"


def test_a_refused_call_has_its_error():
    refused = event(errorCode="AccessDenied", errorMessage="An unknown\nerror occurred")

    assert list(trail_of(refused).calls) == [
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

    assert [(each.subject, each.role_arn) for each in trail_of(lost, nothing).calls] == [
        ("", ROLE),
        ("", ""),
    ]


def test_what_is_no_such_event_is_left_out():
    odd = [{}, {"CloudTrailEvent": "x"}, {"CloudTrailEvent": "[]"}, event(eventName="AssumeRole")]

    assert trail_of(*odd, {"CloudTrailEvent": "[" * 200_000}).calls == ()


def test_a_failure_of_pod_identity_has_its_cluster_and_its_message():
    """As a public workshop shows the event."""
    message = "Unauthorized Exception! EKS does not have permissions to assume the associated role."
    asked = {"clusterName": "dev", "token": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    granted = event(eventName="AssumeRoleForPodIdentity", requestParameters=asked)
    refused = event(
        eventName="AssumeRoleForPodIdentity",
        requestParameters=asked,
        errorCode="AccessDenied",
        errorMessage=message,
    )

    trail = trail_of(granted, refused)

    at = "2026-11-26T09:12:00Z"
    assert trail.calls == ()
    assert trail.pod_identity == (PodIdentityFailure(at, "dev", "AccessDenied", message),)


def test_associations_come_with_the_role_of_each():
    class Eks:
        def get_paginator(self, _):
            return self

        def paginate(self, **of):
            listed = {"namespace": "dev", "serviceAccount": "app", "associationId": "a-1"}
            return [{"associations": [{**listed, **of}]}, {"associations": []}]

        def describe_pod_identity_association(self, **of):
            arn = f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/{'/'.join(of.values())}"
            names = {"namespace": "dev", "serviceAccount": "app"}
            return {"association": {**names, "roleArn": ROLE, "associationArn": arn}}

    [association] = read_associations(Eks(), ["prod"]).values()

    assert (association.account, association.role_arn) == (("dev", "app"), ROLE)
    assert association.cluster_arn == f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/prod"
