"""Admission reviews and associations, the API server and EKS being played."""

from typing import Any
from unittest.mock import Mock

import httpx2
import pytest

from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.serving.certificates import Authority
from irsa_sandbox.webhook.identities import associated, held_back
from irsa_sandbox.webhook.server import WebhookServer
from tests.support.fake_kubernetes import client_of, status


def test_a_pod_is_left_alone_without_account_and_refused_without_answer(tmp_path):
    kind = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    spec = {"serviceAccountName": "s3-app", "containers": [{"name": "app"}]}
    pod = {"metadata": {}, "spec": spec}
    review = {**kind, "request": {"uid": "u-1", "namespace": "dev", "object": pod}}
    answers = [status(404, "not found"), status(500, "etcd is away")]
    authority, client = Authority.create(tmp_path), client_of(lambda _: answers.pop(0))
    server = WebhookServer(authority=authority, client=client, region="us-east-1")
    try:
        assert server.review(review) == {**kind, "response": {"uid": "u-1", "allowed": True}}
        with pytest.raises(httpx2.HTTPError, match="etcd is away"):
            server.review(review)
    finally:
        server.stop()


def test_the_associations_of_every_cluster_count_until_they_are_held_back(tmp_path):
    made = {"a": ["reader"], "b": ["writer", "late"]}

    def pages(**cluster: str) -> list[dict[str, Any]]:
        names = made[cluster["clusterName"]]
        return [{"associations": [{"namespace": "dev", "serviceAccount": n}]} for n in names]

    def refs(*names: str) -> frozenset[ServiceAccountRef]:
        return frozenset(ServiceAccountRef("dev", name) for name in names)

    eks = Mock()
    eks.list_clusters.side_effect = lambda: {"clusters": [*made]}
    eks.get_paginator.return_value.paginate.side_effect = pages
    before = refs("reader", "writer", "late")
    assert associated(eks, tmp_path) == before
    with held_back(eks, tmp_path):
        made.update(a=["new"], b=[])
        assert associated(eks, tmp_path) == before
    assert associated(eks, tmp_path) == refs("new")
