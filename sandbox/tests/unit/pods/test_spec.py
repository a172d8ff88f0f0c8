"""Contents of volumes and variables, as Kubernetes documents them."""

import base64
from typing import Any

import pytest

from irsa_sandbox.pods.spec import (
    PodNotReady,
    ProjectedToken,
    VolumeFile,
    environment,
    expand,
    volume_files,
)

POD = {
    "metadata": {
        "name": "s3-app-1",
        "namespace": "dev",
        "uid": "u-1",
        "labels": {"tier": 'a "b"', "app": "s3-app"},
        "annotations": {"example.com/hash": "abc"},
    },
    "spec": {"nodeName": "sandbox", "serviceAccountName": "s3-app"},
    "status": {"hostIP": "127.0.0.1", "podIP": "10.1.2.3"},
}
TEXTS = {"config": "[default]", "region": "us-east-1"}
BLOB = {"blob": base64.b64encode(b"\xff\x00").decode()}
KEYS = {name: base64.b64encode(name.encode()).decode() for name in ("id", "secret")}
OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    ("ConfigMap", "aws"): {"data": TEXTS, "binaryData": BLOB},
    ("Secret", "keys"): {"data": KEYS},
    ("Secret", "empty"): {},
}
AWS = {"config": b"[default]", "region": b"us-east-1", "blob": b"\xff\x00"}
ITEMS = [{"key": "config", "path": "sub/aws"}, {"key": "region", "path": "r", "mode": 0o400}]
NO_KEY = [{"key": "Config", "path": "c"}]
LABELS = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
SHOWN_LABELS = b'app="s3-app"\ntier="a \\"b\\""'
FIELDS = {
    "metadata.name": "s3-app-1",
    "metadata.namespace": "dev",
    "metadata.uid": "u-1",
    "metadata.labels['app']": "s3-app",
    "metadata.annotations['example.com/hash']": "abc",
    "metadata.annotations['none']": "",
    "spec.nodeName": "sandbox",
    "spec.serviceAccountName": "s3-app",
    "status.hostIP": "127.0.0.1",
    "status.podIP": "10.1.2.3",
}
NO_CONFIG = 'configmap "aws" references non-existent key: Config'


def files_of(**volume: Any) -> dict[str, VolumeFile]:
    return volume_files({"name": "v", **volume}, POD, lambda *key: OBJECTS.get(key))


def env_of(**container: Any) -> dict[str, str]:
    return environment(container, POD, lambda *key: OBJECTS.get(key))


@pytest.mark.cases(("volume", "files"), {
    "ConfigMap": ({"configMap": {"name": "aws"}},
        {k: VolumeFile(v, 0o644, True) for k, v in AWS.items()}),
    "items of a ConfigMap": ({"configMap": {"name": "aws", "items": ITEMS, "defaultMode": 0o600}},
        {"sub/aws": VolumeFile(b"[default]", 0o600, True),
        "r": VolumeFile(b"us-east-1", 0o400, True)}),
    "Secret": ({"secret": {"secretName": "keys", "defaultMode": 0o400}},
        {"id": VolumeFile(b"id", 0o400), "secret": VolumeFile(b"secret", 0o400)}),
    "labels": ({"downwardAPI": {"items": LABELS}}, {"labels": VolumeFile(SHOWN_LABELS, 0o644)}),
    "emptyDir": ({"emptyDir": {}}, {}),
    "no source": ({}, {}),
    "optional ConfigMap": ({"configMap": {"name": "gone", "optional": True}}, {}),
    "optional Secret": ({"secret": {"secretName": "gone", "optional": True}}, {}),
    "optional key": ({"configMap": {"name": "aws", "items": NO_KEY, "optional": True}}, {}),
    "empty Secret": ({"secret": {"secretName": "empty"}}, {}),
})  # fmt: skip
def test_a_volume_holds_the_keys_that_it_names(volume, files):
    assert files_of(**volume) == files


def test_a_projected_volume_joins_its_sources():
    sources = [
        {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}},
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "api/token"}},
        {"serviceAccountToken": {"audience": "", "path": "same"}},
        {"configMap": {"name": "aws", "items": [{"key": "region", "path": "region"}]}},
        {"secret": {"name": "keys", "items": [{"key": "id", "path": "id"}]}},
        {"downwardAPI": {"items": LABELS}},
    ]
    assert files_of(projected={"sources": sources, "defaultMode": 0o440}) == {
        "token": VolumeFile(ProjectedToken("sts.amazonaws.com", 3600), 0o440),
        "api/token": VolumeFile(ProjectedToken(None, 3607), 0o440),
        "same": VolumeFile(ProjectedToken(None, 3600), 0o440),
        "region": VolumeFile(b"us-east-1", 0o440, True),
        "id": VolumeFile(b"id", 0o440),
        "labels": VolumeFile(SHOWN_LABELS, 0o440),
    }


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "a"),
        ("x$(A)$(B)y", "xaby"),
        ("$(NONE)", "$(NONE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$A ${A} $(A", "$A ${A} $(A"),
        ("$()", "$()"),
        ("costs 5$", "costs 5$"),
        ("$(NESTED)", "$(A)"),
    ],
)
def test_references_are_expanded_once(text, expanded):
    assert expand(text, {"A": "a", "B": "b", "NESTED": "$(A)"}) == expanded


def test_env_from_comes_first_and_a_variable_sees_only_those_before_it():
    env_from = [
        {"configMapRef": {"name": "aws"}, "prefix": "P_"},
        {"secretRef": {"name": "keys"}},
        {"secretRef": {"name": "gone", "optional": True}},
    ]
    variables = {"id": "mine, not $(secret)", "EARLY": "$(LATE)", "LATE": "$(EARLY) late"}
    named = [{"name": name, "value": value} for name, value in variables.items()]
    assert env_of(env=[*named, {"name": "NONE"}], envFrom=env_from) == {
        "P_config": "[default]",
        "P_region": "us-east-1",
        "id": "mine, not secret",
        "secret": "secret",
        "EARLY": "$(LATE)",
        "LATE": "$(LATE) late",
        "NONE": "",
    }


def test_a_value_is_taken_from_where_it_stands_or_left_out():
    fields = [{"name": path, "valueFrom": {"fieldRef": {"fieldPath": path}}} for path in FIELDS]
    assert env_of(env=fields, envFrom=None) == FIELDS
    for source, value in (
        ({"secretKeyRef": {"name": "keys", "key": "id"}}, {"V": "id"}),
        ({"configMapKeyRef": {"name": "aws", "key": "region"}}, {"V": "us-east-1"}),
        ({"secretKeyRef": {"name": "gone", "key": "id", "optional": True}}, {}),
        ({"secretKeyRef": {"name": "keys", "key": "gone", "optional": True}}, {}),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, {}),
    ):
        assert env_of(env=[{"name": "V", "valueFrom": source}]) == value


def from_key(kind: str, name: str, key: str) -> dict[str, Any]:
    return {"env": [{"name": "V", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key}}}]}


@pytest.mark.cases(("source", "message"), {
    "ConfigMap of a Secret's name": ({"configMap": {"name": "keys"}}, 'configmap "keys" not found'),
    "projected Secret": ({"projected": {"sources": [{"secret": {"name": "gone"}}]}},
        'secret "gone" not found'),
    "key of a volume": ({"configMap": {"name": "aws", "items": NO_KEY}}, NO_CONFIG),
    "variable of a Secret": (from_key("secret", "gone", "k"), 'secret "gone" not found'),
    "variable, key of a Secret": (from_key("secret", "keys", "k"),
        "couldn't find key k in Secret dev/keys"),
    "variable, binary key": (from_key("configMap", "aws", "blob"),
        "couldn't find key blob in ConfigMap dev/aws"),
    "variables of a ConfigMap": ({"envFrom": [{"configMapRef": {"name": "gone"}}]},
        'configmap "gone" not found'),
})  # fmt: skip
def test_a_missing_source_keeps_the_container_from_being_made(source, message):
    of_container = source.keys() & {"env", "envFrom"}
    with pytest.raises(PodNotReady) as refused:
        (env_of if of_container else files_of)(**source)
    reason = "CreateContainerConfigError" if of_container else "ContainerCreating"
    assert (refused.value.reason, refused.value.message) == (reason, message)
