"""A Pod with every kind of volume, and an API server that has what is in them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from irsa_core.identity.eks import DEFAULT_TOKEN_EXPIRATION, STS_AUDIENCE
from irsa_core.identity.eks import TOKEN_FOLDER as TOKEN_PATH
from tests.support.fake_kubernetes import status

CONFIG = f"[profile A]\nweb_identity_token_file = {TOKEN_PATH}/token\n"


def pod_of(container: dict[str, Any], volumes: list[dict[str, Any]]) -> dict[str, Any]:
    metadata = {"name": "s3-app-1", "namespace": "dev", "uid": "u-1"}
    containers = [{"name": "app", **container}, {"name": "sidecar"}]
    spec = {"serviceAccountName": "s3-app", "containers": containers, "volumes": volumes}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


TOKEN = {"audience": STS_AUDIENCE, "expirationSeconds": DEFAULT_TOKEN_EXPIRATION, "path": "token"}
POD = pod_of(
    {
        "env": [
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{TOKEN_PATH}/token"},
            {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"},
            {"name": "PLAIN", "value": "/etc/passwd"},
        ],
        "volumeMounts": [
            {"name": "aws-iam-token", "mountPath": TOKEN_PATH, "readOnly": True},
            {"name": "aws", "mountPath": "/etc/aws"},
            {"name": "keys", "mountPath": "/keys/"},
            {"name": "scratch", "mountPath": "/tmp"},
            {"name": "scratch", "mountPath": "/var/cache"},
            {"name": "host", "mountPath": "/host"},
        ],
    },
    [
        {"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": TOKEN}]}},
        {"name": "aws", "configMap": {"name": "aws"}},
        {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o444}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "host", "hostPath": {"path": "/"}},
    ],
)


class Api:
    """Plays the API server; counts the tokens that it has issued."""

    def __init__(self, lifetime: float = DEFAULT_TOKEN_EXPIRATION) -> None:
        self.lifetime = lifetime
        self.requests: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/api/v1/namespaces/dev/")
        if path == "serviceaccounts/s3-app/token":
            self.requests.append(json.loads(request.content)["spec"])
            expires = datetime.now(UTC) + timedelta(seconds=self.lifetime)
            issued = {"token": f"token-{len(self.requests)}"}
            issued["expirationTimestamp"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
            return httpx2.Response(201, json={"metadata": {}, "spec": {}, "status": issued})
        objects: dict[str, dict[str, Any]] = {
            "configmaps/aws": {"data": {"config": CONFIG}},
            "secrets/keys": {"data": {"config": base64.b64encode(CONFIG.encode()).decode()}},
        }
        if path in objects:
            return httpx2.Response(200, json={"metadata": {}, **objects[path]})
        return status(404, f"{path} not found")
