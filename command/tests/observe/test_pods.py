"""Facts of Pods, their controllers and the webhook; no secret is kept."""

import base64
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from irsa.observe.facts import Owner
from irsa.observe.kubernetes import KubernetesCluster
from irsa.observe.pod_spec import Reference
from irsa.observe.pods import annotated_at, can_run, kept, read_workloads
from tests.support.fake_kubernetes import client_of, status

TEMPLATE = {"spec": {"containers": [{"name": "app", "image": "i"}]}}


def cluster(*single: dict[str, Any], **lists: list[Any]):
    """A client of a cluster that holds single objects, and these lists."""
    lists = {"deployments": [], "replicasets": [], "pods": [], **lists}
    objects = {manifest["metadata"]["name"]: manifest for manifest in single}

    def answer(request: httpx2.Request) -> httpx2.Response:
        last = request.url.path.rpartition("/")[2]
        if last in lists:
            return httpx2.Response(200, json={"items": lists[last], "metadata": {}})
        return httpx2.Response(200, json=objects[last]) if last in objects else status(403, "no")

    return client_of(answer)


def controlled_by(kind, name, uid):
    api = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid}
    return {"ownerReferences": [{**api, "controller": True}]}


def replica_set(revision):
    annotations, name = {"deployment.kubernetes.io/revision": str(revision)}, f"r{revision}"
    metadata = {"name": name, "uid": name, "annotations": annotations}
    metadata |= controlled_by("Deployment", "app", "d")
    return {"metadata": metadata, "spec": {"selector": {}, "replicas": 1}}


def pod(name, minute, owner, labels=None, **fields):
    created = f"2026-11-24T23:{minute:02}:00Z"
    metadata = {"name": name, "creationTimestamp": created, "labels": labels or {}, **owner}
    return {
        "metadata": {**metadata, **fields.pop("metadata", {})},
        "spec": {**TEMPLATE["spec"], "serviceAccountName": "s3-app"},
        "status": {"phase": "Running", **fields},
    }


def deployment(*conditions):
    return {
        "metadata": {"name": "app", "uid": "d"},
        "spec": {"selector": {}, "template": TEMPLATE, "paused": True},
        "status": {"conditions": [{"status": "True", **each} for each in conditions]},
    }


ROLLED_OUT = "2026-11-24T23:00:00Z"


@pytest.mark.cases(("reason", "moment"), {
    "complete": ("NewReplicaSetAvailable", ROLLED_OUT), "in progress": ("Updated", ""),
})  # fmt: skip
def test_a_rollout_has_an_end_and_the_newest_revision_by_its_number(reason, moment):
    progress = {"type": "Progressing", "reason": reason, "lastUpdateTime": ROLLED_OUT}
    failure = {"type": "ReplicaFailure", "message": "quota\nexceeded"}
    owners = [controlled_by("ReplicaSet", name, name) for name in ("r9", "r10")]
    pods = [pod("old", 1, owners[0]), pod("new", 2, owners[1])]
    lists = {"replicasets": [replica_set(9), replica_set(10)], "pods": pods}
    deployments = [deployment(progress, failure)]
    workloads = read_workloads(cluster(deployments=deployments, **lists), "dev")

    new, old = workloads.pods
    assert (new.name, new.outdated, new.deployment) == ("new", False, "app")
    assert (old.name, old.outdated, old.deployment) == ("old", True, "app")
    [owner] = workloads.owners
    assert (owner.trouble, owner.paused, owner.target) == ("quota exceeded", True, "deployment/app")
    assert (owner.rolled_out, new.template) == (moment, TEMPLATE)


def test_other_owners_are_read_once_and_may_stay_unread():
    spec = {"selector": {}, "template": TEMPLATE}
    stateful = {"metadata": {"name": "db", "uid": "s"}, "spec": {**spec, "serviceName": "db"}}
    stateful["status"] = {"replicas": 1, "updateRevision": "db-2"}
    generation = {"deprecated.daemonset.template.generation": "2"}
    daemon = {"metadata": {"name": "log", "annotations": generation}}
    daemon["spec"] = {**spec, "updateStrategy": {"type": "OnDelete"}}
    of_log = controlled_by("DaemonSet", "log", "l")
    of_db = controlled_by("StatefulSet", "db", "s")
    pods = [
        pod("log-0", 6, of_log, {"pod-template-generation": "1"}),
        pod("log-1", 5, of_log, {"pod-template-generation": "2"}),
        pod("db-0", 4, of_db, {"controller-revision-hash": "db-1"}),
        pod("db-1", 3, of_db, {"controller-revision-hash": "db-2"}),
        pod("task", 2, controlled_by("Job", "task", "j")),
        pod("odd", 1, controlled_by("Rollout", "odd", "o")),
        pod("bare", 0, {}),
    ]
    workloads = read_workloads(cluster(stateful, daemon, pods=pods), "dev")

    db = Owner("statefulset", "db", TEMPLATE)
    log = Owner("daemonset", "log", TEMPLATE, on_delete=True)
    assert [(facts.name, facts.owner, facts.outdated) for facts in workloads.pods] == [
        ("log-0", log, True),
        ("log-1", log, False),
        ("db-0", db, True),
        ("db-1", db, False),
        ("task", Owner("job", "task"), False),
        ("odd", Owner("rollout", "odd"), False),
        ("bare", None, False),
    ]
    assert workloads.pods[0].owner.rolls
    assert not workloads.pods[4].owner.rolls


def waiting(reason, **more):
    status = {"name": "app", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    return [{**status, "state": {"waiting": {"reason": reason, **more}}}]


NO_IMAGE, CRASHING = waiting("ErrImagePull", message="no\nsuch"), waiting("CrashLoopBackOff")
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
BEFORE = {"initContainerStatuses": CRASHING, "containerStatuses": waiting("PodInitializing")}
GONE = {"metadata": {"deletionTimestamp": "2026-11-24T23:59:00Z"}}


@pytest.mark.cases(("fields", "reason", "message"), {
    "not waiting": ({}, "", ""),
    "image missing": ({"containerStatuses": NO_IMAGE}, "ErrImagePull", "no such"),
    "init container crashes": (BEFORE, "CrashLoopBackOff", ""),
    "unschedulable": ({"conditions": [UNSCHEDULED]}, "Unschedulable", ""),
    "being deleted": (GONE, "", ""),
})  # fmt: skip
def test_why_a_pod_waits_and_that_it_lives_unless_it_is_being_deleted(fields, reason, message):
    [found] = read_workloads(cluster(pods=[pod("a", 1, {}, **fields)]), "dev").pods
    assert (found.reason, found.message, found.lives) == (reason, message, fields is not GONE)


def test_of_a_secret_the_names_and_what_is_no_secret_are_kept():
    config = "[a]\naws_access_key_id = AKIA\nAWS_SECRET_ACCESS_KEY=s3cr3t\nregion = x\n"
    values = {"PROFILE": "legacy", "SECRET_ACCESS_KEY": "s3cr3t", "config": config}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    references = [
        Reference("Secret", "s", "AWS_"),
        Reference("Secret", "s", key="config"),
        Reference("Secret", "s", key="SECRET_ACCESS_KEY", variable="AWS_SECRET_ACCESS_KEY"),
    ]
    text = config.replace("AKIA", "(not kept)").replace("=s3cr3t", "= (not kept)")

    secret = kept("Secret", data, references)
    assert secret == {"PROFILE": "legacy", "SECRET_ACCESS_KEY": None, "config": text}
    assert kept("ConfigMap", {"a": "b"}, []) == {"a": "b"}


def test_when_the_annotation_was_written_is_told_from_other_fields():
    annotation = {"f:annotations": {"f:eks.amazonaws.com/role-arn": {}}}
    own = {"time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:metadata": annotation}}
    other = {"time": "2026-02-01T00:00:00Z", "fieldsV1": {"f:metadata": {"f:labels": {}}}}
    assert annotated_at({"managedFields": [own, other, {}]}) == own["time"]
    assert annotated_at({}) == ""


@pytest.mark.parametrize(
    "name", ["iam-for-pods.amazonaws.com", "pod-identity-webhook.amazonaws.com", "sidecar.istio.io"]
)
def test_the_webhook_is_known_by_its_name_on_eks_and_elsewhere(name):
    client = {"sideEffects": "None", "clientConfig": {"url": "x"}}
    hook = {"admissionReviewVersions": ["v1"], "name": name, **client}
    configuration = {"metadata": {"name": "own"}, "webhooks": [hook]}
    client = cluster(mutatingwebhookconfigurations=[configuration])
    read = KubernetesCluster.webhook(SimpleNamespace(client=client))
    assert (read and read.configuration) == ("own" if name.endswith("amazonaws.com") else None)


def test_controllers_without_pods_are_listed_with_their_templates():
    template = {"spec": {"serviceAccountName": "s3-app", "containers": []}}
    spec = {"template": template, "selector": {}, "serviceName": "x"}
    daily = {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}
    lists = {"statefulsets": spec, "daemonsets": spec, "cronjobs": daily}
    lists = {kind: [{"metadata": {"name": "x"}, "spec": e}] for kind, e in lists.items()}

    controllers = KubernetesCluster.controllers(SimpleNamespace(client=cluster(**lists)), "dev")

    rolls = {"statefulset/x": True, "daemonset/x": True, "cronjob/x": False}
    assert {controller.target: controller.rolls for controller in controllers} == rolls
    assert [controller.pod_spec for controller in controllers] == [template["spec"]] * 3


OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
GPU, WINDOWS = {"key": "gpu", "effect": "NoSchedule"}, {"kubernetes.io/os": "windows"}


def near(operator):
    terms = [{"matchExpressions": [{"key": "zone", "operator": operator, "values": ["b"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"affinity": {"nodeAffinity": required}}


@pytest.mark.cases(("spec", "labels", "taint", "can"), {
    "taint that is a preference": ({}, {}, {**GPU, "effect": "PreferNoSchedule"}, True),
    "taint": ({}, {}, GPU, False),
    "taint tolerated": ({"tolerations": [{"key": "gpu", "operator": "Exists"}]}, {}, GPU, True),
    "all taints tolerated": ({"tolerations": [{"operator": "Exists"}]}, {}, GPU, True),
    "Windows node": ({}, WINDOWS, None, False),
    "Windows node selected": ({"nodeSelector": WINDOWS}, WINDOWS, None, True),
    **{f"zone {each}, node of a zone": (near(each), {"zone": "a"}, None,
        each in ("NotIn", "Exists")) for each in OPERATORS},
    **{f"zone {each}, node of no zone": (near(each), {}, None,
        each in ("NotIn", "DoesNotExist")) for each in OPERATORS},
})  # fmt: skip
def test_the_nodes_that_can_run_a_pod(spec, labels, taint, can):
    taints = [taint] if taint else []
    node = {"metadata": {"name": "n-1", "labels": labels}, "spec": {"taints": taints}}
    assert can_run(spec, node) is can
