"""The link `pod`, and which Pods the others judge: what runs, not what was made last."""

from dataclasses import replace

import pytest

from command.tests.verify.chains import links, statuses
from command.tests.verify.commands import RESTART
from command.tests.verify.pods import container, pod, spec, with_env
from irsa.observe.facts import Owner
from irsa.verify.link import Remedy, Status
from tests.support.world import ROLE_ARN

BEFORE = "2026-11-24T23:40:00Z"
OLD_ROLE = ROLE_ARN.replace("s3-app", "before")
NEW = pod(spec(container()), "new")
NOT_MUTATED = spec(container(bare=True))
RESUME = "kubectl rollout resume deployment/app --namespace dev"
DELETE = "kubectl delete pod old --namespace dev"


def test_a_stuck_rollout_is_named_with_what_serves_on():
    env_from = [{"configMapRef": {"name": "settings"}}]
    new = pod(spec(container(envFrom=env_from)), "new", phase="Pending")
    before = with_env(("AWS_ROLE_ARN", OLD_ROLE), name="old", outdated=True)
    absent = {("ConfigMap", "settings"): None}

    report = links(new, replace(before, owner=new.owner), objects=absent)

    assert (report["pod"].status, report["injection"].status) == (Status.FAILED, Status.FAILED)
    assert report["pod"].found == (
        "Pod new is Pending: there is no ConfigMap settings; the rollout is stuck, and Pod old "
        "still runs the older template"
    )
    assert report["injection"].found.startswith(f"Pod old: AWS_ROLE_ARN={OLD_ROLE}")


def test_pods_of_another_service_account_get_this_one():
    link = links(replace(NEW, service_account="default"), deployment="app")["pod"]
    command = "kubectl set serviceaccount deployment app s3-app --namespace dev"
    assert link.remedy.shell == (command,)


@pytest.mark.cases(("changes", "status", "found"), {
    "image missing": ({"reason": "ImagePullBackOff", "message": "no"}, Status.FAILED,
        "ImagePullBackOff: no"),
    "unschedulable": ({"reason": "Unschedulable"}, Status.FAILED, "Unschedulable"),
    "starting": ({}, Status.UNKNOWN, "Pod new is starting"),
    "starting for a day": ({"created": "2026-11-24T00:00:00Z"}, Status.FAILED, "starting for"),
    "init container fails": ({"reason": "CrashLoopBackOff"}, Status.UNKNOWN,
        "an init container keeps failing"),
})  # fmt: skip
def test_a_pending_pod_is_no_pod_that_runs(changes, status, found):
    link = links(pod(spec(container()), "new", phase="Pending", **changes))["pod"]
    assert (link.status, found in link.found, link.remedy.shell) == (status, True, ()), link.found


@pytest.mark.parametrize("gone", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"ending": True}])
def test_pods_that_have_ended_or_are_ending_are_not_judged(gone):
    over = pod(spec(container("app", ("AWS_ACCESS_KEY_ID", "AKIA"))), "over", **gone)
    assert statuses(links(pod(spec(container())), over)) == {}
    alone = links(over)
    assert (alone["pod"].status, alone["precedence"].status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert "Pod over" in alone["pod"].found


def test_a_rollout_is_waited_for_resumed_or_done_by_deletion():
    def link(**owner):
        controller = replace(NEW.owner, **owner)
        new, old = (replace(NEW, name=name, owner=controller) for name in ("new", "old"))
        return links(new, replace(old, outdated=True))["pod"]

    going = link()
    assert going.status is Status.UNKNOWN
    assert going.remedy == Remedy("ask again when it has finished")
    stopped = [link(paused=True), link(kind="statefulset", on_delete=True)]
    assert [result.status for result in stopped] == [Status.FAILED] * 2
    assert [result.remedy.shell for result in stopped] == [(RESUME,), (DELETE,)]


@pytest.mark.parametrize("change", [{"on_delete": True}, {"paused": True}])
def test_a_restart_that_would_replace_no_pod_is_a_deletion(change):
    bare = pod(NOT_MUTATED, "bare", created=BEFORE)
    link = links(replace(bare, owner=replace(bare.owner, **change)))["injection"]
    assert link.remedy.shell == ("kubectl delete pod bare --namespace dev",)


def test_a_deployment_that_is_not_there_or_may_not_make_pods_says_so():
    owner = Owner("deployment", "app", {"spec": {"serviceAccountName": "s3-app"}}, "quota")
    other = Owner("deployment", "x", {"spec": {"serviceAccountName": "other"}}, "other")

    refused = links(pods=(), owners=(other, owner))["pod"]
    missing = links(NEW, deployment="ap")["pod"]

    assert refused.found == "Deployment app cannot make Pods: quota"
    assert missing.found == "there is no Deployment ap"
    assert (refused.status, missing.status) == (Status.FAILED, Status.UNKNOWN)


def test_every_deployment_of_the_service_account_is_judged():
    well = pod(spec(container()), "well-1", owner="well")
    bad = [pod(NOT_MUTATED, f"bad-{n}", owner="bad", created=BEFORE) for n in range(5)]

    found = links(well, *bad)["injection"]

    named = "Pods bad-0, bad-1, bad-2 and 2 more: the Pod was not mutated"
    assert found.found.startswith(named)
    assert found.remedy.shell == (RESTART.replace("/app", "/bad"),)
    assert statuses(links(well, *bad, deployment="well")) == {}
