"""The sandbox's pod identity webhook patches as the real one does, wherever that is on PATH.

It is built from https://github.com/aws/amazon-eks-pod-identity-webhook at v0.6.17 (`go build -o
pod-identity-webhook .`), which answers reviews of v1beta1 alone, or later, where it answers v1.
"""

import base64
import itertools
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from irsa_core.identity.eks import CONTAINER_CREDENTIALS_VARIABLES, ROLE_ARN_ANNOTATION
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.webhook.json_patch import JITTERED_EXPIRATION
from irsa_sandbox.webhook.server import WebhookServer
from tests.sandbox.support.cached_builds import needed
from tests.sandbox.support.cluster import Cluster, eventually
from tests.support.world import ROLE_ARN

pytestmark = pytest.mark.published

Review = Callable[[dict[str, Any]], dict[str, Any]]

EKS = "eks.amazonaws.com"
ACCOUNTS: dict[str, dict[str, str]] = {
    "role": {},
    "no-role": {ROLE_ARN_ANNOTATION: ""},
    "not-an-arn": {ROLE_ARN_ANNOTATION: "s3-app"},
    "audience": {f"{EKS}/audience": "vault"},
    "no-audience": {f"{EKS}/audience": ""},
    **{
        f"regional-{name}": {f"{EKS}/sts-regional-endpoints": value}
        for name, value in {"true": "true", "false": "false", "capital": "F", "no": "no"}.items()
    },
    **{
        f"expiration-{value}": {f"{EKS}/token-expiration": value}
        for value in ("60", "600", "3600", "86400", "90000", "1h")
    },
    "no-regional": {f"{EKS}/sts-regional-endpoints": ""},
    "no-expiration": {f"{EKS}/token-expiration": ""},
    "expiration-below-zero": {f"{EKS}/token-expiration": "-5"},
    "expiration-with-sign": {f"{EKS}/token-expiration": "+3600"},
    "expiration-with-underscore": {f"{EKS}/token-expiration": "3_600"},
    "expiration-too-large": {f"{EKS}/token-expiration": "9" * 30},
}
"""Annotations of service accounts, beside the one that names a role."""
ASSOCIATED = "associated"
"""Accounts whose names begin so have an EKS Pod Identity association; otherwise they are alike."""
Asked = tuple[dict[str, Any], dict[str, Any]]
LEGACY = {"AWS_REGION": "x", "AWS_STS_REGIONAL_ENDPOINTS": "legacy"}
FROM_FIELD = {"name": "AWS_REGION", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
SIDECAR = {"name": "proxy", "image": "app", "restartPolicy": "Always"}
NAMES = ("aws-iam-token", "eks-pod-identity-token", "x")
VARIABLES = (
    *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_STS_REGIONAL_ENDPOINTS", "AWS_PROFILE", "aws_region", *CONTAINER_CREDENTIALS_VARIABLES),
)
SKIPPED = ("app", "app,other", " app , other ", '"app",other', "app\nother", "", "stranger", '"')
ANNOTATIONS = [
    *(("token-expiration", value) for value in ("7200", "86400", "x")),
    ("sts-regional-endpoints", "false"),
    ("audience", "vault"),
    ("role-arn", "arn:aws:iam::111122223333:role/other"),
]
_LIFETIME = re.compile(r'"expirationSeconds": ?(\d+)')


def pod(*names: str, annotations: Any = (), labels: Any = None, **content: Any) -> Asked:
    """The spec and the metadata of a Pod with containers of one content; `spec` has more."""
    spec = content.pop("spec", {})
    named = [{"name": name, "image": "app", **content} for name in names or ("app",)]
    annotations = {f"{EKS}/{key}": value for key, value in dict(annotations).items()}
    return {"containers": named, **spec}, {"annotations": annotations, "labels": labels}


def preset(**values: str) -> Asked:
    return pod(env=[{"name": name, "value": value} for name, value in values.items()])


PODS: dict[str, Asked] = {
    "plain": pod(),
    "two": pod("app", "other"),
    "init": pod(spec={"initContainers": [{"name": "first", "image": "app"}]}),
    "sidecar": pod(spec={"initContainers": [SIDECAR]}),
    "windows": pod(spec={"nodeSelector": {"kubernetes.io/os": "windows"}}),
    "value-from": pod(env=[FROM_FIELD]),
    "agent-preset": preset(AWS_CONTAINER_CREDENTIALS_FULL_URI="x", **LEGACY),
    "all-preset": preset(AWS_ROLE_ARN="x", **LEGACY),
    **{f"volume-{name}": pod(spec={"volumes": [{"name": name, "emptyDir": {}}]}) for name in NAMES},
    **{f"mount-{name}": pod(volumeMounts=[{"name": name, "mountPath": "/x"}]) for name in NAMES},
    **{f"preset-{name}": preset(**{name: "mine"}) for name in VARIABLES},
    **{f"labels-{len(each)}": pod(labels=each) for each in ({}, {"app": "x"})},
    **{
        f"skip-{value!r}": pod("app", "other", annotations={"skip-containers": value})
        for value in SKIPPED
    },
    **{f"pod-{key}-{value}": pod(annotations={key: value}) for key, value in ANNOTATIONS},
}
"""Specs and metadata of Pods."""


@pytest.fixture(scope="module")
def accounts(cluster: Cluster) -> str:
    """A namespace with all the service accounts."""
    namespace = cluster.new_namespace()
    for name, annotations in ACCOUNTS.items():
        for account in (f"{ASSOCIATED}-{name}", name):
            everything = {ROLE_ARN_ANNOTATION: ROLE_ARN, **annotations}
            cluster.service_account(namespace, account, everything)
    return namespace


def names(*more: str) -> list[str]:
    """Every service account of the comparison."""
    return [f"{prefix}{name}" for prefix in ("", f"{ASSOCIATED}-") for name in (*ACCOUNTS, *more)]


@pytest.fixture(scope="module")
def real(cluster: Cluster, accounts: str, tmp_path_factory) -> Iterator[Review]:
    """The real webhook, once it knows the service accounts."""
    program = needed("pod-identity-webhook")
    folder: Path = tmp_path_factory.mktemp("webhook")
    pair = cluster.authority.issue("real-webhook", "127.0.0.1")
    port, metrics = (_free_port() for _ in range(2))
    identities = folder / "identities.json"
    associated = [
        {"namespace": accounts, "serviceAccount": name}
        for name in names("missing")
        if name.startswith(ASSOCIATED)
    ]
    identities.write_text(json.dumps({"identities": associated}))
    flags = {
        "watch-container-credentials-config": identities,
        "in-cluster": "false",
        "kubeconfig": cluster.control_plane.kubeconfig_file,
        "kube-api": cluster.control_plane.server_url,
        "tls-key": pair.key_file,
        "tls-cert": pair.cert_file,
        "port": port,
        "metrics-port": metrics,
        "aws-default-region": "us-east-1",
        "sts-regional-endpoint": "true",
    }
    command = [program, *(f"--{name}={value}" for name, value in flags.items())]
    context = ssl.create_default_context(cafile=cluster.authority.ca_file)
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
        httpx2.Client(verify=context, trust_env=False) as http,
    ):

        def review(asked: dict[str, Any]) -> dict[str, Any]:
            answer = http.post(f"https://127.0.0.1:{port}/mutate", json=asked)
            return answer.raise_for_status().json()

        try:
            *_, last = ACCOUNTS
            asked = asked_for(accounts, last, pod())
            version = eventually(lambda: _version(review, asked))
            yield lambda asked: review({**asked, "apiVersion": version})
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _version(review: Review, asked: dict[str, Any]) -> str | None:
    """The newest form of reviews that it answers, as an API server takes the answer."""
    with suppress(httpx2.TransportError):  # it does not listen yet
        for version in ("admission.k8s.io/v1", "admission.k8s.io/v1beta1"):
            answer = review({**asked, "apiVersion": version})
            if answer.get("apiVersion", "admission.k8s.io/v1beta1") == version and (
                answer["response"].get("patch")
            ):
                return version
    return None


def asked_for(namespace: str, account: str, pod: Asked) -> dict[str, Any]:
    """The review of a Pod that is being created."""
    spec, metadata = pod
    created = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app", "namespace": namespace, **metadata},
        "spec": {**spec, "serviceAccountName": account},
    }
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {"uid": "1", "namespace": namespace, "operation": "CREATE", "object": created},
    }


def patch_of(answer: dict[str, Any]) -> list[Any]:
    """The patch of an answer, in which a lifetime that may be jittered is the default."""
    response = answer["response"]
    assert response["allowed"]
    patch = base64.b64decode(response.get("patch") or base64.b64encode(b"[]")).decode()
    for seconds in set(_LIFETIME.findall(patch)):
        if int(seconds) in JITTERED_EXPIRATION:
            patch = patch.replace(seconds, str(JITTERED_EXPIRATION[-1]))
    return json.loads(patch)


@pytest.mark.parametrize("account", names("missing"))
def test_both_patch_every_pod_alike(cluster: Cluster, real: Review, accounts: str, account: str):
    ours = WebhookServer(
        authority=cluster.authority,
        client=cluster.client,
        region="us-east-1",
        associated=lambda: (
            [ServiceAccountRef(accounts, account)] if account.startswith(ASSOCIATED) else []
        ),
    )
    different = {
        name: (patch_of(ours.review(asked)), patch_of(real(asked)))
        for name, pod in PODS.items()
        for asked in [asked_for(accounts, account, pod)]
        if patch_of(ours.review(asked)) != patch_of(real(asked))
    }
    ours.stop()

    assert different == {}


def test_the_cases_are_told_apart(real: Review, accounts: str):
    """Else the comparison would say nothing."""
    patches = {
        json.dumps(patch_of(real(asked_for(accounts, account, each))))
        for account, each in itertools.product(names(), PODS.values())
    }
    assert len(patches) > 2 * len(PODS)
