"""Service accounts with associations, EKS being played. It answers in tests/sandbox/systems."""

from typing import Any

from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.webhook.identities import associated, held_back


class Eks:
    """Two clusters with associations, in pages of one."""

    def __init__(self) -> None:
        self.made = {"a": ["reader"], "b": ["writer", "late"]}

    def list_clusters(self) -> dict[str, Any]:
        return {"clusters": [*self.made]}

    def get_paginator(self, _: str) -> "Eks":
        return self

    def paginate(self, *, clusterName: str) -> list[dict[str, Any]]:  # noqa: N803 - EKS's name
        return [
            {"associations": [{"namespace": "dev", "serviceAccount": name}]}
            for name in self.made[clusterName]
        ]


def refs(*names: str) -> frozenset[ServiceAccountRef]:
    return frozenset(ServiceAccountRef("dev", name) for name in names)


def test_the_associations_of_every_cluster_count(tmp_path):
    assert associated(Eks(), tmp_path) == refs("reader", "writer", "late")


def test_changes_are_hidden_while_they_are_held_back(tmp_path):
    eks = Eks()
    with held_back(eks, tmp_path):
        eks.made = {"a": ["new"], "b": []}
        assert associated(eks, tmp_path) == refs("reader", "writer", "late")

    assert associated(eks, tmp_path) == refs("new")
