"""Namespace: created or used, and retained."""

import pytest

from irsa_components.namespace import Namespace, NamespaceArgs
from tests.support.engine import Engine, deploy

NAMESPACE = "kubernetes:core/v1:Namespace"


def namespace(**args) -> Engine:
    return deploy(lambda: Namespace("acme", NamespaceArgs(namespace="acme", **args)))


@pytest.mark.parametrize("force_destroy", [False, True])
def test_a_namespace_is_retained_unless_force_destroy(force_destroy):
    engine = namespace(force_destroy=force_destroy)

    assert engine.one(NAMESPACE).inputs["metadata"] == {"name": "acme"}
    assert engine.options(NAMESPACE, "acme").retainOnDelete is not force_destroy


def test_an_existing_namespace_is_read():
    assert namespace(existing=True).one(NAMESPACE).resource_id == "acme"
