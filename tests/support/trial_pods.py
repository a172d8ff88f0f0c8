"""An API server for trial Pods, and kubeconfigs that lead to it."""

import json
from functools import partial
from typing import Any

import httpx2
import pytest
from lightkube.config import client_adapter

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE

TEMPLATE = {
    "metadata": {"labels": {"app": "s3-app"}, "annotations": {"example.com/inject": "true"}},
    "spec": {"serviceAccountName": "s3-app", "containers": [{"name": "app", "image": "app"}]},
}


def kubeconfig(**user: Any) -> str:
    context, cluster = {"cluster": "dev", "user": "deployer"}, {"server": "https://127.0.0.1:1"}
    config = {"current-context": "dev", "users": [{"name": "deployer", "user": user}]}
    config |= {"contexts": [{"name": "dev", "context": context}]}
    return json.dumps(config | {"clusters": [{"name": "dev", "cluster": cluster}]})


def command(*words: str) -> str:
    version = "client.authentication.k8s.io/v1beta1"
    return kubeconfig(exec={"apiVersion": version, "command": words[0], "args": [*words[1:]]})


def tried(monkeypatch: pytest.MonkeyPatch) -> list[httpx2.Request]:
    """Requests for Pods, all of which get the credentials."""
    requests: list[httpx2.Request] = []

    def api(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        pod = json.loads(request.content)
        variable = {"name": CREDENTIALS_URI_VARIABLE, "value": "http://169.254.170.23"}
        pod["spec"]["containers"][0]["env"] = [variable]
        return httpx2.Response(201, json=pod)

    parameters = partial(client_adapter.ConnectionParams, transport=httpx2.MockTransport(api))
    monkeypatch.setattr(client_adapter, "ConnectionParams", parameters)
    return requests
