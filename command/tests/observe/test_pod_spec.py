"""Pod specs and AWS config files."""

import pytest

from irsa.observe import pod_spec
from irsa.observe.aws_config import Profile, profiles
from irsa.observe.facts import ConfigFile
from irsa.observe.pod_spec import Reference, TokenMount, Variable, config_file, containers
from irsa_core.identity.eks import TOKEN_FILE
from irsa_core.identity.profiles import aws_config
from tests.support.refusal import refusal
from tests.support.world import ROLE_A_ARN, ROLE_B_ARN


def test_the_components_config_file_is_read_back():
    own = {"role_arn": ROLE_A_ARN, "web_identity_token_file": TOKEN_FILE}
    target = {"role_arn": ROLE_B_ARN, "external_id": "t-42", "duration_seconds": 1800}
    both = {"region": "us-east-1", "role_session_name": "xactarget"}
    more = {"own_profile": "A", "region": "us-east-1", "session_name": "xactarget"}
    by_target = {"source_profile": "A", "external_id": "t-42", "duration_seconds": 1800}
    assert profiles(aws_config(own, {"B": target}, **more)) == {
        "A": Profile("A", ROLE_A_ARN, web_identity_token_file=TOKEN_FILE, **both),
        "B": Profile("B", ROLE_B_ARN, **by_target, **both),
    }


def test_default_keys_and_foreign_sections():
    text = "[default]\naws_access_key_id = AKIA\n[sso-session x]\na = b\n[profile]\n[B]\n"
    assert profiles(text) == {"default": Profile("default", has_keys=True)}


PROFILE = "[profile A]\n"
REFUSED = [
    *("role_arn = x", PROFILE * 2, f"{PROFILE}role_arn = a\nrole_arn = b\n"),
    *(f"{PROFILE}duration_seconds = an hour\n", f"s3cr3t\n{PROFILE}", f"{PROFILE}s3cr3t\n"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_config_file_that_sdks_would_not_read_is_one_line_without_its_text(text):
    """A line that is no setting may be a secret."""
    message = refusal(profiles, text)
    assert message.startswith("AWS config file: ")
    assert "s3cr3t" not in message
    assert "s3cr3t" not in text or "is neither a header" in message


def spec(volumes, **fields):
    return {"volumes": volumes, "containers": [{"name": "app", **fields}]}


def projected(name, **token):
    return {"name": name, "projected": {"sources": [{"serviceAccountToken": token}]}}


def test_the_webhooks_token_comes_first_and_the_api_servers_not_at_all():
    volumes = [
        projected("kube-api-access", path="token", expirationSeconds=3607),
        projected("own", audience="vault", path="jwt", expirationSeconds=600),
        projected("aws-iam-token", audience="sts.amazonaws.com", path="token"),
    ]
    mounts = [{"name": v["name"], "mountPath": f"/{v['name']}/"} for v in volumes]
    pod = spec(volumes, volumeMounts=mounts)

    assert pod_spec.token_mounts(pod, pod["containers"][0]) == [
        TokenMount("aws-iam-token", "/aws-iam-token/token", "sts.amazonaws.com", 3600),
        TokenMount("own", "/own/jwt", "vault", 600),
    ]
    assert pod_spec.token_mounts(pod, {"name": "without-mounts"}) == []


def config_volume(**source):
    return [{"name": "aws", "configMap": {"name": "profiles", **source}}]


def mounted(path, **part):
    return [{"name": "aws", "mountPath": path, **part}]


FILE = [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}]
NO_FILE = [{"name": "AWS_CONFIG_FILE", "value": ""}]
FOLDER = mounted("/etc/aws")
SECRET = [{"name": "aws", "secret": {"secretName": "profiles"}}]
JOINED = [{"name": "aws", "projected": {"sources": [{"configMap": {"name": "profiles"}}]}}]
CONFIG, INI = ("ConfigMap", "profiles", "config"), ("ConfigMap", "profiles", "ini")


@pytest.mark.cases(("volumes", "env", "mounts", "expected"), {
    "key": (config_volume(), FILE, FOLDER, CONFIG),
    "item": (config_volume(items=[{"key": "ini", "path": "config"}]), FILE, FOLDER, INI),
    "sub-path": (config_volume(), FILE, mounted("/etc/aws/config", subPath="ini"), INI),
    "secret": (SECRET, FILE, FOLDER, ("Secret", "profiles", "config")),
    "projected": (JOINED, FILE, FOLDER, CONFIG),
    "home-folder": (config_volume(), [], mounted("/app/.aws"), CONFIG),
    "home-file": (config_volume(), NO_FILE, mounted("/app/.aws/config", subPath="ini"), INI),
})  # fmt: skip
def test_the_object_behind_the_aws_config_file(volumes, env, mounts, expected):
    found = spec(volumes, env=env, volumeMounts=mounts)
    kind, name, key = expected

    reference = pod_spec.references(found)[0]  # a whole folder may hold the credentials file, too
    assert (reference.kind, reference.name, reference.key) == expected
    [place] = containers(found)
    for values, text in (({key: "text"}, "text"), (None, None)):
        file = config_file(found, place, {(kind, name): values})
        assert file == ConfigFile(name, key, text, kind)


@pytest.mark.cases(("volumes", "env", "mounts"), {
    "mounted elsewhere": (config_volume(), FILE, mounted("/elsewhere")),
    "empty folder": ([{"name": "aws", "emptyDir": {}}], FILE, FOLDER),
    "no variable, no home folder": (config_volume(), [], FOLDER),
})  # fmt: skip
def test_a_config_file_that_is_in_no_object_is_unread_or_missing(volumes, env, mounts):
    found = spec(volumes, env=env, volumeMounts=mounts)
    file = config_file(found, containers(found)[0], {})
    assert (file and file.remedy) == ("ask inside the Pod, with --exec" if env else None)
    assert env or pod_spec.references(found) == []


def test_variables_and_what_they_are_taken_from():
    of_keys = {"secretRef": {"name": "keys"}, "prefix": "AWS_"}
    key = {"configMapKeyRef": {"name": "settings", "key": "p"}}
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "AWS_PROFILE", "valueFrom": key},
        {"name": "C", "value": "$(A)/$$(A)/$(none)"},
        {"name": "D", "value": "$(B)"},
        {"name": "E"},
        {"name": "F", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "gone"}}},
    ]
    pod = spec([], env=env, envFrom=[of_keys, {"configMapRef": {"name": "settings"}}])
    objects = {("ConfigMap", "settings"): {"p": "legacy", "A": "0"}}
    objects["Secret", "keys"] = {"ACCESS_KEY_ID": None}

    assert pod_spec.variables(pod["containers"][0])["B"] is None
    assert pod_spec.environment(pod["containers"][0], objects) == {
        "AWS_ACCESS_KEY_ID": Variable(None, "Secret", "keys", "ACCESS_KEY_ID", whole=True),
        "p": Variable("legacy", "ConfigMap", "settings", "p", whole=True),
        "A": Variable("1"),
        "B": Variable(None),
        "AWS_PROFILE": Variable("legacy", "ConfigMap", "settings", "p"),
        "C": Variable("1/$(A)/$(none)"),
        "D": Variable(None),
        "E": Variable(""),
    }
    assert pod_spec.references(pod) == [
        Reference("Secret", "keys", "AWS_"),
        Reference("ConfigMap", "settings", ""),
        Reference("ConfigMap", "settings", key="p", variable="AWS_PROFILE"),
    ]


def test_what_a_pod_waits_for_is_all_that_is_not_optional():
    volumes = [
        {"name": "a", "secret": {"secretName": "certificate"}},
        {"name": "b", "configMap": {"name": "maybe", "optional": True}},
        {"name": "c", "projected": {"sources": [{"configMap": {"name": "page"}}]}},
    ]
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "password", "key": "p"}}}]
    maybe = {"secretRef": {"name": "x", "optional": True}}
    pod = spec(volumes, env=env, envFrom=[{"configMapRef": {"name": "settings"}}, maybe])

    needed = [f"{reference.kind} {reference.name}" for reference in pod_spec.needed(pod)]
    assert needed[:2] == ["Secret certificate", "ConfigMap page"]
    assert needed[2:] == ["ConfigMap settings", "Secret password"]
