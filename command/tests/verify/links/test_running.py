"""The link `pod`, and which Pods the others judge: what runs, not what was made last."""

from dataclasses import replace

import pytest

from command.tests.verify.links.pod_scenarios import (
    BEFORE,
    OLD_ROLE,
    container,
    links,
    old,
    pod,
    spec,
    statuses,
    with_owner,
)
from irsa.observe.facts import Owner
from irsa.verify.link import Status, failing_link


def test_a_stuck_rollout_is_named_with_what_serves_on():
    env_from = [{"configMapRef": {"name": "settings"}}]
    new = pod(spec(container(envFrom=env_from)), "new", phase="Pending")
    before = with_owner(old(), new.owner)

    found = links(new, before, objects={("ConfigMap", "settings"): None})

    assert found["pod"].status is Status.FAILED
    assert found["pod"].found == (
        "Pod new is Pending: there is no ConfigMap settings; the rollout is stuck, and Pod old "
        "still runs the older template"
    )
    assert found["injection"].status is Status.FAILED
    assert found["injection"].found.startswith(f"Pod old: AWS_ROLE_ARN={OLD_ROLE}")


@pytest.mark.parametrize(
    ("changes", "status", "found"),
    [
        ({"reason": "ImagePullBackOff", "message": "no"}, Status.FAILED, "ImagePullBackOff: no"),
        ({"reason": "Unschedulable"}, Status.FAILED, "Unschedulable"),
        ({}, Status.UNKNOWN, "Pod new is starting"),
        ({"created": "2026-11-24T00:00:00Z"}, Status.FAILED, "starting for"),
        ({"reason": "CrashLoopBackOff"}, Status.UNKNOWN, "an init container keeps failing"),
    ],
)
def test_a_pending_pod_is_no_pod_that_runs(changes, status, found):
    link = links(pod(spec(container()), "new", phase="Pending", **changes))["pod"]
    assert (link.status, found in link.found, link.remedy.shell) == (status, True, ())


@pytest.mark.parametrize("gone", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"ending": True}])
def test_pods_that_have_ended_or_are_ending_are_not_judged(gone):
    keys = container("app", ("AWS_ACCESS_KEY_ID", "AKIA"))
    over = pod(spec(keys), "over", **gone)

    assert statuses(links(pod(spec(container())), over)) == {}
    alone = links(over)
    assert (alone["pod"].status, alone["precedence"].status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert "Pod over" in alone["pod"].found


def test_a_rollout_under_way_is_asked_about_again():
    new = pod(spec(container()), "new")
    link = links(new, with_owner(replace(new, name="old", outdated=True), new.owner))["pod"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask again when it has finished")


def test_a_paused_rollout_is_resumed():
    new = pod(spec(container()), "new")
    owner = replace(new.owner, paused=True)
    link = links(with_owner(new, owner), with_owner(replace(new, outdated=True), owner))["pod"]
    assert link.remedy.shell == ("kubectl rollout resume deployment/app --namespace dev",)


def test_pods_that_only_a_deletion_replaces_are_deleted():
    new = pod(spec(container()), "new", kind="statefulset")
    owner = replace(new.owner, on_delete=True)
    old = with_owner(replace(new, name="old", outdated=True), owner)

    link = links(with_owner(new, owner), old)["pod"]

    assert link.status is Status.FAILED
    assert link.remedy.shell == ("kubectl delete pod old --namespace dev",)


@pytest.mark.parametrize("change", [{"on_delete": True}, {"paused": True}])
def test_a_restart_that_would_replace_no_pod_is_a_deletion(change):
    bare = pod(spec(container(bare=True)), "bare", created=BEFORE)
    link = links(with_owner(bare, replace(bare.owner, **change)))["injection"]
    assert link.remedy.shell == ("kubectl delete pod bare --namespace dev",)


def test_a_deployment_that_may_not_make_pods_says_why():
    owner = Owner("deployment", "app", {"spec": {"serviceAccountName": "s3-app"}}, "quota")
    other = Owner("deployment", "x", {"spec": {"serviceAccountName": "other"}}, "other")
    link = links(owners=(other, owner))["pod"]
    assert (link.status, link.found) == (
        Status.FAILED,
        "Deployment app cannot make Pods: quota",
    )


def test_a_deployment_that_is_not_there_is_no_pod_of_another():
    link = links(pod(spec(container())), deployment="ap")["pod"]
    assert (link.status, link.found) == (Status.UNKNOWN, "there is no Deployment ap")


def test_every_deployment_of_the_service_account_is_judged():
    well = pod(spec(container()), "well-1", owner="well")
    bad = [
        pod(spec(container(bare=True)), f"bad-{number}", owner="bad", created=BEFORE)
        for number in range(5)
    ]

    found = links(well, *bad)

    assert failing_link(list(found.values())).key == "injection"
    assert found["injection"].found.startswith(
        "Pods bad-0, bad-1, bad-2 and 2 more: the Pod was not mutated"
    )
    assert found["injection"].remedy.shell == (
        "kubectl rollout restart deployment/bad --namespace dev",
    )
    assert statuses(links(well, *bad, deployment="well")) == {}
