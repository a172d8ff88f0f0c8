"""The link `webhook`: how the pod identity webhook is registered, and whether it answers."""

from copy import deepcopy
from dataclasses import replace

import pytest

from irsa.observe.facts import Pod, ServiceAccount, Unread, Webhook
from irsa.verify.link import Status
from irsa.verify.links.webhook import selects, webhook
from tests.unit.irsa.verify.links.pod_scenarios import container, pod, spec
from tests.unit.irsa.verify.test_chain import GOOD, REGISTERED, ROLE_ARN

AT = "2026-11-24T23:40:00Z"
LATER = "2026-11-24T23:40:01Z"
UNREAD = Unread("it", "403 Forbidden", "a permission")
SERVICE = {"service": {"namespace": "kube-system", "name": "pod-identity-webhook"}}


def registered(**changes):
    return Webhook("pod-identity-webhook", {**deepcopy(REGISTERED), **changes})


def link(found, *pods: Pod, **changes):
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN}, AT)
    facts = replace(GOOD, webhook=found, pods=pods, service_account=account, **changes)
    return webhook(facts)


MUTATED = pod(spec(container()))
ALONE = replace(
    pod({"containers": [container(bare=True)], "volumes": []}), created=LATER, name="alone"
)


def test_the_one_of_eks_is_called_by_url():
    found = link(registered(), MUTATED)
    assert (found.status, found.found) == (
        Status.PASSED,
        "pod-identity-webhook calls it by URL, as EKS does; failurePolicy Ignore",
    )


@pytest.mark.parametrize("found", [UNREAD, None])
def test_what_is_not_seen_has_worked_where_a_pod_is_mutated(found):
    assert link(found, MUTATED).status is Status.PASSED


def test_unread_says_which_permission_it_needs_and_none_is_a_finding():
    assert (link(UNREAD, ALONE).status, link(UNREAD, ALONE).remedy.text) == (
        Status.UNKNOWN,
        "grant a permission",
    )
    assert (link(None, ALONE).status, link(None, ALONE).remedy.shell) == (Status.FAILED, ())


def test_a_newer_pod_that_is_not_mutated_shows_a_silent_webhook():
    found = link(registered(), ALONE)

    assert found.status is Status.FAILED
    assert "does not answer (failurePolicy Ignore)" in found.found
    assert found.remedy.shell == ("kubectl rollout restart deployment/app --namespace dev",)


@pytest.mark.parametrize(
    "other",
    [
        replace(ALONE, created=AT),
        replace(ALONE, created=""),
        replace(ALONE, service_account="default"),
        replace(ALONE, labels={"eks.amazonaws.com/skip-pod-identity-webhook": "true"}),
        replace(ALONE, spec={**ALONE.spec, "volumes": [{"name": "aws-iam-token"}]}),
        replace(ALONE, spec={**ALONE.spec, "volumes": [{"name": "eks-pod-identity-token"}]}),
    ],
    ids=["as-old", "unknown", "other-account", "skipped", "all-containers-skipped", "pod-identity"],
)
def test_what_may_have_another_cause_is_not_put_down_to_the_webhook(other):
    assert link(registered(), other).status is Status.PASSED


@pytest.mark.parametrize(
    ("endpoints", "policy", "status", "text"),
    [
        (0, "Ignore", Status.FAILED, "so Pods silently start without the role"),
        (0, "Fail", Status.FAILED, "no Pod can be created"),
        (2, "Ignore", Status.PASSED, "its Service is ready"),
        (UNREAD, "Ignore", Status.UNKNOWN, "needs a permission"),
    ],
)
def test_a_webhook_of_the_cluster_needs_endpoints(endpoints, policy, status, text):
    found = registered(clientConfig=SERVICE, failurePolicy=policy)
    given = link(replace(found, endpoints=endpoints))
    assert (given.status, text in given.found) == (status, True), given


def test_unread_endpoints_have_answered_where_a_pod_is_mutated():
    found = replace(registered(clientConfig=SERVICE), endpoints=UNREAD)
    assert link(found, MUTATED).status is Status.PASSED


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        ({"irsa": "yes"}, Status.PASSED),
        ({}, Status.FAILED),
        (UNREAD, Status.UNKNOWN),
        (None, Status.PASSED),
    ],
)
def test_a_selector_may_leave_the_namespace_out(labels, status):
    found = registered(namespaceSelector={"matchLabels": {"irsa": "yes"}})
    assert link(replace(found, namespace_labels=labels)).status is status


def test_a_selector_may_leave_the_pod_out():
    found = registered(objectSelector={"matchLabels": {"irsa": "yes"}})
    assert link(found, MUTATED).status is Status.FAILED
    assert link(found, replace(MUTATED, labels={"irsa": "yes"})).status is Status.PASSED


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["apps"], "operations": ["CREATE"], "resources": ["pods"]},
        {"apiGroups": [""], "operations": ["UPDATE"], "resources": ["pods"]},
        {"apiGroups": [""], "operations": ["CREATE"], "resources": ["services"]},
        {},
    ],
)
def test_a_rule_for_something_else_is_not_for_pods(rule):
    assert link(registered(rules=[rule]), MUTATED).status is Status.FAILED


@pytest.mark.parametrize(
    ("operator", "values", "with_label", "without"),
    [
        ("In", ["a"], True, False),
        ("NotIn", ["a"], False, True),
        ("Exists", None, True, False),
        ("DoesNotExist", None, False, True),
    ],
)
def test_selectors_choose_as_kubernetes_does(operator, values, with_label, without):
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert (selects(selector, {"k": "a"}), selects(selector, {})) == (with_label, without)
    assert selects({}, {})


def test_a_rule_for_everything_is_one_for_pods():
    rule = {"apiGroups": ["*"], "operations": ["*"], "resources": ["*/*"]}
    assert link(registered(rules=[rule]), MUTATED).status is Status.PASSED
