"""Admission reviews, the API server being played. The real one calls in tests/sandbox."""

import base64
import json
from typing import Any

import httpx2
import pytest

from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.webhook.server import WebhookServer, patch
from tests.support.fake_kubernetes import client_of, status

ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/s3-app"}
POD = {"metadata": {}, "spec": {"serviceAccountName": "s3-app", "containers": [{"name": "app"}]}}


def review_with(tmp_path, answer: httpx2.Response) -> dict[str, Any]:
    """The answer to a review of a Pod of `dev/s3-app`, the API server's answer being given."""
    requests: list[str] = []

    def api(request: httpx2.Request) -> httpx2.Response:
        requests.append(f"{request.method} {request.url.path}")
        return answer

    authority = Authority.create(tmp_path)
    server = WebhookServer(authority=authority, client=client_of(api), region="us-east-1")
    asked = {"uid": "u-1", "namespace": "dev", "object": POD}
    kind = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    try:
        reviewed = server.review({**kind, "request": asked})
    finally:
        server.stop()
    assert requests == ["GET /api/v1/namespaces/dev/serviceaccounts/s3-app"]
    return reviewed


def test_a_review_reads_the_service_account_afresh(tmp_path):
    found = {"metadata": {"name": "s3-app", "annotations": ROLE}}
    reviewed = review_with(tmp_path, httpx2.Response(200, json=found))
    operations = json.loads(base64.b64decode(reviewed["response"].pop("patch")))
    assert reviewed["response"] == {"uid": "u-1", "allowed": True, "patchType": "JSONPatch"}
    assert operations == patch(
        POD, ROLE, region="us-east-1", regional_sts=True, token_expiration=86400
    )


@pytest.mark.parametrize("metadata", [None, {"name": "s3-app"}, {"annotations": {}}])
def test_a_pod_without_a_role_is_allowed_and_not_patched(tmp_path, metadata):
    found = httpx2.Response(200, json={"metadata": metadata})
    answer = found if metadata else status(404, "not found")
    assert review_with(tmp_path, answer) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u-1", "allowed": True},
    }


def test_an_api_server_that_does_not_answer_fails_the_review(tmp_path):
    with pytest.raises(httpx2.HTTPError, match="etcd is away"):
        review_with(tmp_path, status(500, "etcd is away"))
