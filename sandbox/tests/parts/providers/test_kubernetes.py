"""The `kubernetes` provider alone, on a real API server: what it does to what is there already.

Expected is what pulumi-kubernetes 4.29 and later does, from its source: pkg/await/await.go.
"""

import re
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import ReplicaSet
from lightkube.resources.core_v1 import ConfigMap, Namespace, ServiceAccount

from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.providers.kubernetes import ready
from irsa_sandbox.providers.kubernetes.provider import FIELD_MANAGER, package
from irsa_sandbox.providers.kubernetes.rules import TIMEOUT_ANNOTATION
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.provider_harness import NOTHING, InvalidInput, refused, serving

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
SERVICE_ACCOUNT_PATCH = "kubernetes:core/v1:ServiceAccountPatch"


@pytest.fixture(scope="module")
def provider(cluster):
    with serving(package({"KUBECONFIG": str(cluster.control_plane.kubeconfig_file)})) as running:
        yield running


@pytest.fixture(scope="module")
def engine(cluster, provider):
    kubeconfig = cluster.control_plane.kubeconfig()
    return provider.configured(kubeconfig=kubeconfig, enableConfigMapMutable=True)


def named(namespace: str, name: str = "app", **more: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, **more}}


def account(namespace: str, role: str) -> dict[str, Any]:
    return named(namespace, annotations={ROLE_ARN_ANNOTATION: role})


def config(namespace: str, **data: str) -> dict[str, Any]:
    return {**named(namespace), "data": data}


def data_of(cluster, namespace):
    return cluster.client.get(ConfigMap, "app", namespace=namespace).data


def annotations_of(cluster, namespace):
    return cluster.client.get(ServiceAccount, "app", namespace=namespace).metadata.annotations


def test_what_exists_is_taken_over_on_request(cluster, provider, engine, namespace):
    """Nothing else is deleted later: tests/sandbox/systems/test_what_exists.py."""
    metadata = ObjectMeta(name="app", namespace=namespace)
    cluster.client.create(ConfigMap(metadata=metadata, data={"theirs": "1"}))
    assert refused(engine.create, CONFIG_MAP, config(namespace, ours="2")) == (
        'configmaps "app" already exists; bring it in with the resource option `import_`, or '
        "change what it has with a …Patch resource, which leaves it when it goes"
    )
    assert data_of(cluster, namespace) == {"theirs": "1"}
    kubeconfig = cluster.control_plane.kubeconfig()
    taking = provider.configured(kubeconfig=kubeconfig, upsertExistingObjects="true")
    made = taking.create(CONFIG_MAP, config(namespace, ours="2"))
    assert data_of(cluster, namespace) == {"theirs": "1", "ours": "2"}
    assert re.fullmatch("pulumi-kubernetes-[0-9a-f]{8}", made.state[FIELD_MANAGER])


def test_a_patch_gives_back_what_it_changed_and_keeps_the_object(cluster, engine, namespace):
    """One that does not exist is made, and made again at the end, as by the published provider:
    it gives up its fields without looking whether there are any."""
    assert engine.preview(SERVICE_ACCOUNT_PATCH, account(namespace, "r"))
    made = engine.create(SERVICE_ACCOUNT_PATCH, account(namespace, "r"))
    assert annotations_of(cluster, namespace) == {ROLE_ARN_ANNOTATION: "r"}
    engine.delete(made)
    assert annotations_of(cluster, namespace) is None
    cluster.service_account(namespace, "app", {"team": "theirs"})
    made = engine.create(SERVICE_ACCOUNT_PATCH, account(namespace, "r"))
    engine.delete(made)
    assert annotations_of(cluster, namespace) == {"team": "theirs"}
    cluster.client.delete(ServiceAccount, "app", namespace=namespace)
    engine.delete(made)
    assert annotations_of(cluster, namespace) is None


def test_a_deployment_without_pods_fails_with_the_reason(engine, namespace):
    labels = {"app": "app"}
    pods = {"serviceAccountName": "absent", "containers": [{"name": "app", "image": "app"}]}
    template = {"metadata": {"labels": labels}, "spec": pods}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    deployment = {**named(namespace, annotations={TIMEOUT_ANNOTATION: "1"}), "spec": spec}
    reason = refused(engine.create, "kubernetes:apps/v1:Deployment", deployment)
    assert reason.startswith(f"Deployment {namespace}/app is not available after 1 s: ")
    assert 'serviceaccount "absent" not found' in reason


def test_two_patches_of_one_object_are_rivals(cluster, engine, namespace):
    """Each resource is a manager of its own."""
    for annotation in ({"a": "1"}, {"b": "1"}):
        engine.create(SERVICE_ACCOUNT_PATCH, named(namespace, annotations=annotation))
    assert annotations_of(cluster, namespace) == {"a": "1", "b": "1"}
    conflict = named(namespace, annotations={"a": "2"})
    assert "conflict" in refused(engine.create, SERVICE_ACCOUNT_PATCH, conflict)


def test_a_name_is_checked_in_the_preview_and_replaces_when_it_leaves(engine, namespace):
    """Even if the stack's rules would make the same one, as in the published provider."""
    unnamed, role = (
        {"metadata": {"namespace": namespace}},
        "kubernetes:rbac.authorization.k8s.io/v1:Role",
    )
    fix = "; set metadata.name, or change the logical name or pulumi:autonaming"
    for kind, name in ((SERVICE_ACCOUNT, "default/web"), (CONFIG_MAP, "Web"), (role, "a/b")):
        with pytest.raises(InvalidInput, match=f"metadata.name: .* '{name}-0102030' is not.*{fix}"):
            engine.check(kind, unnamed, name=name)
    with pytest.raises(InvalidInput, match=r"metadata\.name: a patch must name the object"):
        engine.check(SERVICE_ACCOUNT_PATCH, unnamed)
    assert engine.check(role, named(namespace, "system:A"))["metadata"]["name"] == "system:A"
    made = engine.create(SERVICE_ACCOUNT, named(namespace))
    assert "name" not in engine.check(SERVICE_ACCOUNT, unnamed, made.inputs)["metadata"]
    assert engine.diff(made, unnamed).replacing == ["metadata.name"]
    assert engine.diff(made, named("other")).replacing == ["metadata.namespace"]
    assert engine.diff(engine.create(SERVICE_ACCOUNT, unnamed, name="own"), unnamed) == NOTHING


@pytest.mark.parametrize("kind", [SERVICE_ACCOUNT, SERVICE_ACCOUNT_PATCH])
def test_an_update_takes_over_what_kubectl_set_but_no_preview_and_no_patch(
    cluster, engine, namespace, kind
):
    def kubectl_annotate(role: str | None) -> None:
        body = {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: role}}}
        where = {"namespace": namespace, "field_manager": "kubectl-annotate"}
        cluster.client.patch(ServiceAccount, "app", body, **where)

    made, change = engine.create(kind, account(namespace, "r")), account(namespace, "r2")
    kubectl_annotate("theirs")
    line = refused(engine.update, made, change, preview=True)
    assert 'conflict with "kubectl-annotate"' in line
    assert "; let its manager remove the field, or annotate the object with" in line
    if kind == SERVICE_ACCOUNT_PATCH:
        assert refused(engine.update, made, change) == line
        assert refused(engine.create, kind, change) == line
        kubectl_annotate(None)
    engine.update(made, change)
    assert annotations_of(cluster, namespace) == {ROLE_ARN_ANNOTATION: "r2"}


def test_an_update_takes_over_nothing_that_a_controller_or_a_subresource_set(
    cluster, engine, namespace
):
    def replica_set(replicas: int) -> dict[str, Any]:
        labels = {"app": "app"}
        pod = {"containers": [{"name": "app", "image": "app"}]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        return {**named(namespace), "spec": spec}

    made = engine.create("kubernetes:apps/v1:ReplicaSet", replica_set(0))
    scale, path = {"spec": {"replicas": 1}}, ReplicaSet.Scale
    cluster.client.patch(path, "app", scale, namespace=namespace, field_manager="kubectl")
    line = refused(engine.update, made, replica_set(2))
    assert 'conflict with "kubectl" with subresource "scale"' in line
    made, theirs = engine.create(SERVICE_ACCOUNT, account(namespace, "r")), account(namespace, "x")
    cluster.client.patch(ServiceAccount, "app", theirs, namespace=namespace, field_manager="flux")
    line = refused(engine.update, made, account(namespace, "r2"))
    assert 'conflict with "flux"' in line
    assert 'annotate the object with pulumi.com/patchForce: "true"' in line


def test_a_change_removes_what_leaves_the_program_and_needs_the_object(cluster, engine, namespace):
    made = engine.create(CONFIG_MAP, config(namespace, a="1"))
    assert engine.refresh(made).state[FIELD_MANAGER] == made.state[FIELD_MANAGER]
    changed = engine.update(made, config(namespace, b="2"))
    assert data_of(cluster, namespace) == {"b": "2"}
    assert engine.diff(changed, config(namespace, b="2")) == NOTHING
    cluster.client.delete(ConfigMap, "app", namespace=namespace)
    assert refused(engine.update, changed, config(namespace, a="2")) == (
        f"ConfigMap {namespace}/app is gone, so it cannot be changed; run a refresh, after which "
        "the next up creates it again"
    )
    assert engine.refresh(changed) is None


def test_an_import_leaves_out_what_the_cluster_writes(cluster, engine, namespace):
    content = ConfigMap(metadata=ObjectMeta(name="app", namespace=namespace), data={"a": "1"})
    cluster.client.create(content, field_manager="kubectl-create")
    found = engine.read(CONFIG_MAP, f"{namespace}/app")
    assert found.inputs == {"apiVersion": "v1", "kind": "ConfigMap", **config(namespace, a="1")}
    assert engine.diff(found, config(namespace, a="1")) == NOTHING
    changed = engine.update(found, config(namespace, a="2"))
    assert data_of(cluster, namespace) == {"a": "2"}
    engine.delete(changed)


def test_the_sandbox_s_cluster_and_the_provider_s_namespace_are_the_defaults(
    cluster, provider, namespace, monkeypatch
):
    monkeypatch.setenv("KUBECONFIG", "/theirs")  # of the caller, and ~/.kube/config
    configured = provider.configured(namespace=namespace)
    configured.create(CONFIG_MAP, {"metadata": {"name": "app"}, "data": {"key": "x"}})
    assert data_of(cluster, namespace) == {"key": "x"}


def test_what_the_sandbox_does_not_know_is_refused_by_name(provider, engine):
    for annotation in ("pulumi.com/waitFor", "pulumi.com/deletionPropagationPolicy"):
        with pytest.raises(InvalidInput, match=f"does not know {annotation}; it knows "):
            engine.check(CONFIG_MAP, named("x", annotations={annotation: "x"}))
    line = refused(provider.configured, renderYamlToDirectory="x")
    assert line.startswith("the sandbox does not know 'renderYamlToDirectory' in a kubernetes")
    group, release = "kubernetes:yaml/v2:ConfigGroup", "kubernetes:helm.sh/v3:Release"
    assert refused(engine.construct, group) == f"the sandbox has no component {group}"
    line = refused(engine.create, release, {"metadata": {"name": "x"}})
    assert line.startswith(f"{release} is no type of the sandbox; leave it out here by a setting")
    assert refused(engine.invoke, "kubernetes:yaml:decode") == "the sandbox has no such function"


def test_what_holds_a_deletion_up_is_said_and_there(cluster, engine, monkeypatch):
    made = engine.create("kubernetes:core/v1:Namespace", {"metadata": {"name": "leaving"}})
    engine.create(CONFIG_MAP, named("leaving"))
    cluster.client.delete(Namespace, "leaving")
    assert engine.refresh(made) is None, "what is on its way out is gone"
    monkeypatch.setattr(ready, "DELETION_UNDER_WAY", 0.5)
    namespace = {"name": "held", "annotations": {"pulumi.com/timeoutSeconds": "1"}}
    made = engine.create("kubernetes:core/v1:Namespace", {"metadata": namespace})
    blocked = {"finalizers": ["example.com/hold"], "annotations": namespace["annotations"]}
    config_map = engine.create(CONFIG_MAP, named("held", **blocked))
    assert "finalizer example.com/hold" in refused(engine.delete, config_map)
    assert refused(engine.delete, made).startswith("Namespace held is still being deleted; it is ")
    held = "example.com/hold in 1 resource instances"
    eventually(lambda: held in refused(engine.delete, made))
    assert engine.refresh(made) is not None, "what is held up is there"
    cluster.client.patch(ConfigMap, "app", {"metadata": {"finalizers": None}}, namespace="held")
