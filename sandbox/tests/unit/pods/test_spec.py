"""Contents of volumes and variables, as Kubernetes documents them."""

import base64
from typing import Any

import pytest

from irsa_sandbox.pods.spec import (
    PodNotReady,
    Token,
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
OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    ("ConfigMap", "aws"): {
        "data": {"config": "[default]", "region": "us-east-1"},
        "binaryData": {"blob": base64.b64encode(b"\xff\x00").decode()},
    },
    ("Secret", "keys"): {
        "data": {name: base64.b64encode(name.encode()).decode() for name in ("id", "secret")}
    },
    ("Secret", "empty"): {},
}


def lookup(kind: str, name: str) -> dict[str, Any] | None:
    return OBJECTS.get((kind, name))


def files_of(**volume: Any) -> dict[str, VolumeFile]:
    return volume_files({"name": "v", **volume}, POD, lookup)


def env_of(*variables: dict[str, Any], env_from: list[dict[str, Any]] | None = None):
    return environment({"env": list(variables), "envFrom": env_from}, POD, lookup)


ITEMS = [{"key": "config", "path": "sub/aws"}, {"key": "region", "path": "r", "mode": 0o400}]
LABELS = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]


@pytest.mark.parametrize(
    ("volume", "files"),
    [
        (
            {"configMap": {"name": "aws"}},
            {
                "config": VolumeFile(b"[default]", 0o644, True),
                "region": VolumeFile(b"us-east-1", 0o644, True),
                "blob": VolumeFile(b"\xff\x00", 0o644, True),
            },
        ),
        (
            {"configMap": {"name": "aws", "items": ITEMS, "defaultMode": 0o600}},
            {
                "sub/aws": VolumeFile(b"[default]", 0o600, True),
                "r": VolumeFile(b"us-east-1", 0o400, True),
            },
        ),
        (
            {"secret": {"secretName": "keys", "defaultMode": 0o400}},
            {"id": VolumeFile(b"id", 0o400), "secret": VolumeFile(b"secret", 0o400)},
        ),
        (
            {"downwardAPI": {"items": LABELS}},
            {"labels": VolumeFile(b'app="s3-app"\ntier="a \\"b\\""', 0o644)},
        ),
        ({"emptyDir": {}}, {}),
        ({"hostPath": {"path": "/"}}, {}),
        ({}, {}),
        ({"configMap": {"name": "gone", "optional": True}}, {}),
        ({"secret": {"secretName": "gone", "optional": True}}, {}),
        (
            {"configMap": {"name": "aws", "items": [{"key": "x", "path": "x"}], "optional": True}},
            {},
        ),
        ({"projected": {"sources": [{"secret": {"name": "gone", "optional": True}}]}}, {}),
        ({"secret": {"secretName": "empty"}}, {}),
    ],
)
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
        "token": VolumeFile(Token("sts.amazonaws.com", 3600), 0o440),
        "api/token": VolumeFile(Token(None, 3607), 0o440),
        "same": VolumeFile(Token(None, 3600), 0o440),
        "region": VolumeFile(b"us-east-1", 0o440, True),
        "id": VolumeFile(b"id", 0o440),
        "labels": VolumeFile(b'app="s3-app"\ntier="a \\"b\\""', 0o440),
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
        ("$(A )", "$(A )"),
        ("$()", "$()"),
        ("costs 5$", "costs 5$"),
        ("$(NESTED)", "$(A)"),
    ],
)
def test_references_are_expanded_once(text, expanded):
    assert expand(text, {"A": "a", "B": "b", "NESTED": "$(A)"}) == expanded


def test_a_variable_sees_only_those_before_it():
    variables = [
        {"name": "EARLY", "value": "$(LATE)"},
        {"name": "LATE", "value": "late"},
        {"name": "BOTH", "value": "$(EARLY) $(LATE)"},
        {"name": "NONE"},
    ]
    assert env_of(*variables) == {
        "EARLY": "$(LATE)",
        "LATE": "late",
        "BOTH": "$(LATE) late",
        "NONE": "",
    }


def test_env_from_comes_first_and_is_overridden():
    env_from = [
        {"configMapRef": {"name": "aws"}, "prefix": "P_"},
        {"secretRef": {"name": "keys"}},
        {"secretRef": {"name": "gone", "optional": True}},
    ]
    overriding = {"name": "id", "value": "mine, not $(secret)"}
    assert env_of(overriding, env_from=env_from) == {
        "P_config": "[default]",
        "P_region": "us-east-1",
        "id": "mine, not secret",
        "secret": "secret",
    }


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"secretKeyRef": {"name": "keys", "key": "id"}}, "id"),
        ({"configMapKeyRef": {"name": "aws", "key": "region"}}, "us-east-1"),
        *(
            ({"fieldRef": {"fieldPath": path}}, value)
            for path, value in (
                ("metadata.name", "s3-app-1"),
                ("metadata.namespace", "dev"),
                ("metadata.uid", "u-1"),
                ("metadata.labels['app']", "s3-app"),
                ("metadata.annotations['example.com/hash']", "abc"),
                ("metadata.annotations['none']", ""),
                ("spec.nodeName", "sandbox"),
                ("spec.serviceAccountName", "s3-app"),
                ("status.hostIP", "127.0.0.1"),
                ("status.podIP", "10.1.2.3"),
            )
        ),
        ({"secretKeyRef": {"name": "gone", "key": "id", "optional": True}}, None),
        ({"secretKeyRef": {"name": "keys", "key": "gone", "optional": True}}, None),
        ({"configMapKeyRef": {"name": "gone", "key": "id", "optional": True}}, None),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, None),
    ],
)
def test_a_value_is_taken_from_where_it_stands_or_left_out(source, value):
    expected = {} if value is None else {"V": value}
    assert env_of({"name": "V", "valueFrom": source}) == expected


def from_key(kind: str, name: str, key: str) -> dict[str, Any]:
    return {"env": [{"name": "V", "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key}}}]}


NO_KEY = {"name": "aws", "items": [{"key": "Config", "path": "c"}]}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"configMap": {"name": "keys"}}, 'configmap "keys" not found'),
        ({"secret": {"secretName": "gone"}}, 'secret "gone" not found'),
        ({"secret": {"secretName": "aws"}}, 'secret "aws" not found'),
        ({"configMap": NO_KEY}, 'configmap "aws" references non-existent key: Config'),
        ({"projected": {"sources": [{"secret": {"name": "gone"}}]}}, 'secret "gone" not found'),
        (from_key("secret", "gone", "k"), 'secret "gone" not found'),
        (from_key("secret", "keys", "k"), "couldn't find key k in Secret dev/keys"),
        (from_key("configMap", "aws", "k"), "couldn't find key k in ConfigMap dev/aws"),
        (from_key("configMap", "aws", "blob"), "couldn't find key blob in ConfigMap dev/aws"),
        ({"envFrom": [{"secretRef": {"name": "gone"}}]}, 'secret "gone" not found'),
        ({"envFrom": [{"configMapRef": {"name": "gone"}}]}, 'configmap "gone" not found'),
    ],
)
def test_a_missing_source_keeps_the_container_from_being_made(source, message):
    of_container = source.keys() & {"env", "envFrom"}
    with pytest.raises(PodNotReady) as refused:
        environment(source, POD, lookup) if of_container else files_of(**source)
    reason = "CreateContainerConfigError" if of_container else "ContainerCreating"
    assert (refused.value.reason, refused.value.message) == (reason, message)
