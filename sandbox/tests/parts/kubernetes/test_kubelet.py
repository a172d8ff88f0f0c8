"""Pods of real controllers, run by the sandbox's kubelet, and commands run as them."""

import re

import pytest
from lightkube.resources.core_v1 import ConfigMap, Endpoints, Node, Secret, Service
from lightkube.resources.discovery_v1 import EndpointSlice
from websockets.exceptions import InvalidStatus

from irsa_sandbox.kubernetes.control_plane import API_AUDIENCE
from irsa_sandbox.session import new_token
from tests.sandbox.support.cluster import ROLE_ANNOTATION, available, eventually
from tests.support.exec_client import through_api_server
from tests.support.world import ROLE_ARN

CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
ENV = {"env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "id"}}}]}


def addresses(cluster, namespace, kind) -> set[str]:
    listed = [each.to_dict() for each in cluster.client.list(kind, namespace=namespace)]
    return {*re.findall(r"'(10\.[\d.]+)'", str(listed))}


def test_a_deployments_pods_are_ready_and_their_service_has_endpoints(cluster, namespace):
    ports = [{"port": 80}]
    cluster.apply(Service, namespace, "web", spec={"selector": {"app": "web"}, "ports": ports})
    cluster.deployment(
        namespace,
        "web",
        {},
        replicas=3,
        initContainers=[
            {"name": "init", "image": "init"},
            {"name": "sidecar", "image": "sidecar", "restartPolicy": "Always"},
        ],
    )
    eventually(lambda: available(cluster.client, namespace, "web") == 3)

    [node] = [node.to_dict() for node in cluster.client.list(Node)]
    assert [(c["type"], c["status"]) for c in node["status"]["conditions"]] == [("Ready", "True")]
    pods = cluster.pods(namespace)
    ips = {pod["status"]["podIP"] for pod in pods}
    assert len(ips) == 3
    for kind in (Endpoints, EndpointSlice):
        eventually(lambda kind=kind: addresses(cluster, namespace, kind) == ips)
    for pod in pods:
        status = pod["status"]
        assert (status["phase"], pod["spec"]["nodeName"]) == ("Running", "sandbox")
        conditions = {c["type"]: c["status"] for c in status["conditions"]}
        assert conditions == dict.fromkeys(CONDITIONS, "True")
        containers = [*status["initContainerStatuses"], *status["containerStatuses"]]
        assert [(c["name"], c["ready"], [*c["state"]]) for c in containers] == [
            ("init", True, ["terminated"]),
            ("sidecar", True, ["running"]),
            ("app", True, ["running"]),
        ]


def test_exec_through_the_api_server_needs_create_on_pods_exec(cluster, namespace):
    cluster.service_account(namespace, "s3-app", ROLE_ANNOTATION)
    cluster.apply(Secret, namespace, "keys", stringData={"id": "AKIA"})
    env = [*ENV["env"], {"name": "WHO", "value": "$(KEY) of $(UNSET)"}]
    cluster.deployment(namespace, "s3-app", {"env": env}, serviceAccountName="s3-app")
    eventually(lambda: available(cluster.client, namespace, "s3-app") == 1)
    [pod] = cluster.pods(namespace)
    target = (cluster.control_plane.kubeconfig_file, namespace, pod["metadata"]["name"])
    done = through_api_server(*target, ["sh", "-c", "echo $AWS_ROLE_ARN $WHO; exit 3"])
    assert (done.output.decode(), done.code) == (f"{ROLE_ARN} AKIA of $(UNSET)\n", 3)
    token = new_token(cluster.client, namespace, "s3-app", API_AUDIENCE)
    with pytest.raises(InvalidStatus) as refused:
        through_api_server(*target, ["true"], token=token)
    assert refused.value.response.status_code == 403
    assert b"pods/exec" in refused.value.response.body


@pytest.mark.cases(("spec", "waiting"), {
    "ConfigMap of a volume": ({"volumes": [{"name": "aws", "configMap": {"name": "aws"}}]},
        {"reason": "ContainerCreating", "message": 'configmap "aws" not found'}),
    "Secret of a variable": ({"initContainers": [{"name": "init", "image": "init", **ENV}]},
        {"reason": "CreateContainerConfigError", "message": 'secret "keys" not found'}),
})  # fmt: skip
def test_a_pod_waits_for_what_it_is_made_of(cluster, namespace, spec, waiting):
    def first_waiting() -> object:
        states = [
            (pod["status"]["phase"], status["state"]["waiting"])
            for pod in cluster.pods(namespace)
            for status in pod["status"].get("containerStatuses", ())
            if "waiting" in status["state"]
        ]
        return states[0] if states else None

    cluster.deployment(namespace, "s3-app", {}, **spec)
    eventually(lambda: first_waiting() == ("Pending", waiting))
    assert available(cluster.client, namespace, "s3-app") == 0
    cluster.apply(ConfigMap, namespace, "aws", data={"config": "[profile A]"})
    cluster.apply(Secret, namespace, "keys", stringData={"id": "AKIA"})
    eventually(lambda: available(cluster.client, namespace, "s3-app") == 1)
