"""The link `webhook`: how the pod identity webhook is registered, and whether it answers."""

from copy import deepcopy
from dataclasses import replace

import pytest

from command.tests.verify.chains import GOOD, REGISTERED, UNREAD, links
from command.tests.verify.commands import RESTART
from command.tests.verify.pods import container, pod, spec
from irsa.identity.eks import SKIP_LABEL
from irsa.observe.facts import Webhook
from irsa.verify.link import Status

AT, LATER = "2026-11-24T23:40:00Z", "2026-11-24T23:40:01Z"
ACCOUNT = replace(GOOD.service_account, annotated_at=AT)
MUTATED = pod(spec(container()))
ALONE = pod({"containers": [container(bare=True)], "volumes": []}, "alone", created=LATER)
DEAD = 'failed calling webhook "iam-for-pods.amazonaws.com": connection refused'


def registered(**changes):
    return Webhook("pod-identity-webhook", {**deepcopy(REGISTERED), **changes})


def link(found, *pods, **changes):
    return links(webhook=found, pods=pods, service_account=ACCOUNT, **changes)["webhook"]


@pytest.mark.parametrize("found", [UNREAD, None])
def test_a_mutated_pod_shows_the_webhook_that_is_not_seen(found):
    assert link(found, MUTATED).status is Status.PASSED
    assert link(found, ALONE, next_pod=MUTATED.spec).status is Status.PASSED
    assert link(found, ALONE, next_pod=ALONE.spec).status is Status.FAILED
    alone = link(found, ALONE)
    assert (alone.status, alone.remedy.shell) == (Status.UNKNOWN if found else Status.FAILED, ())
    assert not found or alone.remedy.text == "grant a permission"


@pytest.mark.parametrize(
    ("tried", "status", "text"),
    [
        (None, Status.FAILED, "created after the annotation, and not mutated"),
        (UNREAD, Status.FAILED, "created after the annotation, and not mutated"),
        (replace(UNREAD, reason=DEAD), Status.FAILED, f"no Pod can be made now ({DEAD})"),
        (ALONE.spec, Status.FAILED, "a Pod that is made now is not mutated"),
        (MUTATED.spec, Status.PASSED, "pod-identity-webhook is registered; failurePolicy Ignore"),
    ],
)
def test_a_webhook_that_does_not_mutate_gets_no_restart_until_it_does(tried, status, text):
    found = links(ALONE, webhook=registered(), next_pod=tried, service_account=ACCOUNT)
    own, later = found["webhook"], found["injection"]
    assert (own.status, text in own.found, own.remedy.shell) == (status, True, ())
    assert later.remedy.shell == (() if status is Status.FAILED else (RESTART,))


@pytest.mark.parametrize(
    "other",
    [
        replace(ALONE, created=AT),
        replace(ALONE, created=""),
        replace(ALONE, service_account="default"),
        replace(ALONE, labels={SKIP_LABEL: "true"}),
        replace(ALONE, spec={**ALONE.spec, "volumes": [{"name": "aws-iam-token"}]}),
        replace(ALONE, spec={**ALONE.spec, "volumes": [{"name": "eks-pod-identity-token"}]}),
    ],
    ids=["as-old", "unknown", "other-account", "skipped", "all-containers-skipped", "pod-identity"],
)
def test_what_may_have_another_cause_is_not_put_down_to_the_webhook(other):
    assert link(registered(), other).status is Status.PASSED
