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
from irsa.verify.links.webhook import unmet

AT, LATER = "2026-11-24T23:40:00Z", "2026-11-24T23:40:01Z"
ACCOUNT = replace(GOOD.service_account, annotated_at=AT)
SERVICE = {"service": {"namespace": "kube-system", "name": "pod-identity-webhook"}}
MUTATED = pod(spec(container()))
ALONE = pod({"containers": [container(bare=True)], "volumes": []}, "alone", created=LATER)
DEAD = 'failed calling webhook "iam-for-pods.amazonaws.com": connection refused'
LATE = "created after the annotation, and not mutated"


def registered(**changes):
    return Webhook("pod-identity-webhook", {**deepcopy(REGISTERED), **changes})


def link(found, *pods, **changes):
    return links(webhook=found, pods=pods, service_account=ACCOUNT, **changes)["webhook"]


def test_the_one_of_eks_is_called_by_url():
    found = link(registered(), MUTATED)
    assert found.status is Status.PASSED
    assert found.found == (
        "pod-identity-webhook calls it by URL, as EKS does; failurePolicy Ignore"
    )


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
        (None, Status.FAILED, LATE),
        (UNREAD, Status.FAILED, LATE),
        (replace(UNREAD, reason=DEAD), Status.FAILED, f"no Pod can be made now ({DEAD})"),
        (ALONE.spec, Status.FAILED, "a Pod that is made now is not mutated"),
        (MUTATED.spec, Status.PASSED, "calls it by URL"),
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


@pytest.mark.parametrize(
    ("endpoints", "policy", "pods", "status", "text"),
    [
        (0, "Ignore", (), Status.FAILED, "so Pods silently start without the role"),
        (0, "Fail", (), Status.FAILED, "no Pod can be created"),
        (2, "Ignore", (), Status.PASSED, "its Service is ready"),
        (UNREAD, "Ignore", (), Status.UNKNOWN, "needs a permission"),
        (UNREAD, "Ignore", (MUTATED,), Status.PASSED, ""),
    ],
)
def test_a_webhook_of_the_cluster_needs_endpoints(endpoints, policy, pods, status, text):
    found = registered(clientConfig=SERVICE, failurePolicy=policy)
    given = link(replace(found, endpoints=endpoints), *pods)
    assert (given.status, text in given.found) == (status, True), given


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        ({"irsa": "yes"}, Status.PASSED),
        ({}, Status.FAILED),
        (UNREAD, Status.UNKNOWN),
        (None, Status.PASSED),
    ],
)
def test_a_selector_may_leave_the_namespace_or_the_pod_out(labels, status):
    selector = {"matchLabels": {"irsa": "yes"}}
    found = registered(namespaceSelector=selector)
    assert link(replace(found, namespace_labels=labels)).status is status
    of_pods = registered(objectSelector=selector)
    assert link(of_pods, MUTATED).remedy.text == "set label irsa=yes on the Pod template"
    assert link(of_pods, replace(MUTATED, labels={"irsa": "yes"})).status is Status.PASSED


def test_the_name_of_a_namespace_is_no_label_to_change():
    rule = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["dev"]}
    found = registered(namespaceSelector={"matchExpressions": [rule]})
    given = link(replace(found, namespace_labels={rule["key"]: "dev"}), ALONE)
    assert (given.status, given.remedy.shell) == (Status.FAILED, ())


@pytest.mark.parametrize(
    ("groups", "operation", "resource", "status"),
    [
        ("apps", "CREATE", "pods", Status.FAILED),
        ("", "UPDATE", "pods", Status.FAILED),
        ("", "CREATE", "services", Status.FAILED),
        ("*", "*", "*/*", Status.PASSED),
    ],
)
def test_a_rule_is_for_the_creation_of_pods(groups, operation, resource, status):
    rule = {"apiGroups": [groups], "operations": [operation], "resources": [resource]}
    assert link(registered(rules=[rule]), MUTATED).status is status


@pytest.mark.parametrize(
    ("operator", "values", "with_label", "without"),
    [
        ("In", ["a"], [], ["k=a"]),
        ("NotIn", ["a"], ["k-"], []),
        ("Exists", None, [], ["k=true"]),
        ("DoesNotExist", None, ["k-"], []),
    ],
)
def test_selectors_choose_as_kubernetes_does(operator, values, with_label, without):
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert (unmet(selector, {"k": "a"}), unmet(selector, {})) == (with_label, without)
    assert unmet({}, {}) == []
    assert unmet({"matchLabels": {"k": "a"}}, {"k": "b"}) == ["k=a"]
