"""The pod identity webhook's patch. What is not tested: that EKS still runs this version."""

import pytest

from irsa_core.identity.eks import CREDENTIALS_URI, POD_IDENTITY_TOKEN_FILE
from irsa_sandbox.webhook.server import patch
from tests.support.world import ROLE_ARN

FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
POD_IDENTITY_FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
MOUNT = {"name": "aws-iam-token", "readOnly": True, "mountPath": FOLDER}
AGENT_MOUNT = {"name": "eks-pod-identity-token", "readOnly": True, "mountPath": POD_IDENTITY_FOLDER}
JITTERED = 80_000
TOKEN = {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}
VOLUME = {"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": TOKEN}]}}
THEIRS = {"name": "data", "mountPath": "/data"}
NAMED_SO = [{"name": "aws-iam-token", "mountPath": "/elsewhere"}]
LIMITS = {"limits": {"cpu": "1"}}
FROM_MAP = [{"configMapRef": {"name": "aws-env"}}]  # says nothing of its variables
SECRET = {"name": "AWS_ROLE_ARN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
TRUE, FALSE = ["1", "t", "T", "true", "TRUE", "True"], ["0", "f", "F", "false", "FALSE", "False"]
OTHERS = ["", "yes", "no", "tRUE", " true", "true ", "2", "on"]
NOTHING = ["", "\n\n", 'a"b', 'a,b"', '"a', 'a,"b', '"a"b', 'a, "b"', '"a" ,b', "'a'", "A", "a;b"]


def env(**variables: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def annotations(**given: str | None) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
    return {f"eks.amazonaws.com/{name}": value for name, value in named.items()}


def account(**given: str | None) -> dict[str, str]:
    return annotations(**{"role_arn": ROLE_ARN, **given})


ACCOUNT = account()
REGIONAL = env(AWS_STS_REGIONAL_ENDPOINTS="regional")
REGIONS = env(AWS_DEFAULT_REGION="us-east-1", AWS_REGION="us-east-1")
IDENTITY = env(AWS_ROLE_ARN=ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE=f"{FOLDER}/token")
AGENT = [
    *env(AWS_CONTAINER_CREDENTIALS_FULL_URI=CREDENTIALS_URI),
    *env(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=POD_IDENTITY_TOKEN_FILE),
]
EVERYTHING = [*REGIONAL, *REGIONS, *IDENTITY]
ADDED = {"resources": {}, "env": EVERYTHING, "volumeMounts": [MOUNT]}
MINE = env(A="a")
ALL_PRESET = env(AWS_STS_REGIONAL_ENDPOINTS="legacy", AWS_REGION="x", AWS_ROLE_ARN="mine")


def patch_of(*containers, of_account=ACCOUNT, of_pod=None, jittered=None, **spec):
    """The patch of a Pod; of one with a container `app` if none is given."""
    spec = {"containers": [*containers] or [{"name": "app"}], **spec}
    pod = {"metadata": {"name": "p", "annotations": of_pod}, "spec": spec}
    return patch(pod, of_account, "us-east-1", jittered)


def containers_of(operations):
    return next(each["value"] for each in operations if each["path"] == "/spec/containers")


def token_of(operations):
    value = next(each["value"] for each in operations if each["path"].startswith("/spec/volumes"))
    [added] = value if isinstance(value, list) else [value]
    return added["projected"]["sources"][0]["serviceAccountToken"]


@pytest.mark.cases(("given", "changed", "skipped"), {
    "nothing given": ({"image": "busybox"}, ADDED, ""),
    "variables and mounts given": ({"env": MINE, "envFrom": FROM_MAP, "volumeMounts": [THEIRS],
        "resources": LIMITS}, {"env": [*MINE, *EVERYTHING], "volumeMounts": [THEIRS, MOUNT]}, ""),
    "mount of that name": ({"volumeMounts": NAMED_SO}, {**ADDED, "volumeMounts": NAMED_SO}, ""),
    "all variables given": ({"env": ALL_PRESET}, {"resources": {}}, ""),
    "label that skips": ({}, {"resources": {}}, "app"),
})  # fmt: skip
def test_every_container_but_ephemeral_ones_is_patched(given, changed, skipped):
    containers = [{"name": "app", **given}]
    pods = {"initContainers": containers, "ephemeralContainers": containers}
    patched = [{"name": "app", **given, **changed}]
    assert patch_of(*containers, of_pod=annotations(skip_containers=skipped), **pods) == [
        {"op": "add", "path": "/spec/volumes", "value": [VOLUME]},
        {"op": "add", "path": "/spec/containers", "value": patched},
        {"op": "add", "path": "/spec/initContainers", "value": patched},
    ]


@pytest.mark.cases(("volumes", "added"), {
    "no list": (None, {"path": "/spec/volumes", "value": [VOLUME]}),
    "empty list": ([], {"path": "/spec/volumes/0", "value": VOLUME}),
    "another volume": ([{"name": "data"}], {"path": "/spec/volumes/0", "value": VOLUME}),
    "volume of its name": ([{"name": "aws-iam-token", "emptyDir": {}}], {}),
})  # fmt: skip
def test_the_volume_goes_first_or_makes_the_list_unless_there_is_one(volumes, added):
    assert patch_of(volumes=volumes)[:-1] == ([{"op": "add", **added}] if added else [])


@pytest.mark.cases(("preset", "added", "jittered"), {
    "role": (env(AWS_ROLE_ARN="mine"), [*REGIONAL, *REGIONS], None),
    "role from a Secret": ([SECRET], [*REGIONAL, *REGIONS], None),
    "token file": (env(AWS_WEB_IDENTITY_TOKEN_FILE=""), [*REGIONAL, *REGIONS], None),
    "region": (env(AWS_REGION="mine"), [*REGIONAL, *IDENTITY], None),
    "default region": (env(AWS_DEFAULT_REGION="mine"), [*REGIONAL, *IDENTITY], None),
    "STS endpoints": (env(AWS_STS_REGIONAL_ENDPOINTS="x"), [*REGIONS, *IDENTITY], None),
    "region in small letters": (env(aws_region="mine"), EVERYTHING, None),
    "agent's URI": (AGENT[:1], [*REGIONAL, *REGIONS], JITTERED),
    "agent's token": (AGENT[1:], [*REGIONAL, *REGIONS], JITTERED),
    "role, Pod of the agent": (IDENTITY[:1], [*REGIONAL, *REGIONS, *AGENT], JITTERED),
})  # fmt: skip
def test_one_preset_variable_keeps_its_pair_away(preset, added, jittered):
    container = {"name": "app", "env": preset}
    [container] = containers_of(patch_of(container, jittered=jittered))
    assert container["env"] == [*preset, *added]
    assert container["volumeMounts"] == [AGENT_MOUNT if jittered else MOUNT]


@pytest.mark.cases("service_account", {
    "empty": account(role_arn=""),
    "underscore": {"eks.amazonaws.com/role_arn": ROLE_ARN},
    "no-prefix": {"role-arn": ROLE_ARN},
    "others-only": account(role_arn=None, audience="sts.amazonaws.com"),
    "missing": None,
})  # fmt: skip
def test_a_service_account_without_a_role_leaves_the_pod_alone(service_account):
    of_pod = annotations(token_expiration="3600", role_arn=ROLE_ARN)
    assert patch_of(of_account=service_account, of_pod=of_pod) == []


@pytest.mark.cases(("audience", "token"), {
    "audience": ("vault", {"audience": "vault"}),
    "no audience, the API server's": ("", {}),
})  # fmt: skip
def test_annotations_are_used_as_they_are(audience, token):
    operations = patch_of(of_account=account(role_arn="s3-app ", audience=audience))
    assert token_of(operations) == {**token, "expirationSeconds": 86400, "path": "token"}
    [container] = containers_of(operations)
    assert container["env"][-2] == {"name": "AWS_ROLE_ARN", "value": "s3-app "}


@pytest.mark.parametrize("value", [*TRUE, *FALSE, *OTHERS])
def test_regional_sts_is_switched_by_what_go_reads_as_a_boolean(value):
    [container] = containers_of(patch_of(of_account=account(sts_regional_endpoints=value)))
    assert container["env"] == (EVERYTHING[1:] if value in FALSE else EVERYTHING)


@pytest.mark.parametrize(
    ("on_account", "on_pod", "seconds"),
    [
        (None, None, 86400),
        *((text, None, 3600) for text in ("3600", "+3600", "0" * 30 + "3600")),
        *((text, None, 600) for text in ("600", "599", "-1")),
        ("3600", "7200", 7200),
        ("7200", "3600", 3600),
        ("7200", "86400", 86400),
        ("86400", "90000", 90000),
        (None, "3600", 3600),
        ("3600", "1", 600),
        ("9223372036854775807", None, 9223372036854775807),
        *((text, None, 86400) for text in ("9223372036854775808", "-9223372036854775809")),
        *((text, None, 86400) for text in ("9" * 5000, "1h", "3600.0", "3_600", " 3600")),
        *((text, None, 86400) for text in ("3600\n", "0x1000", "٣٦٠٠", "")),
        *(("3600", text, 3600) for text in ("soon", "")),
    ],
)
def test_the_default_expiration_of_an_association_is_jittered(on_account, on_pod, seconds):
    given = {
        "of_account": account(token_expiration=on_account),
        "of_pod": annotations(token_expiration=on_pod),
    }
    assert token_of(patch_of(**given))["expirationSeconds"] == seconds
    jittered = token_of(patch_of(**given, jittered=JITTERED))["expirationSeconds"]
    assert jittered == (JITTERED if seconds == 86400 else seconds)


@pytest.mark.parametrize(
    ("annotation", "skipped"),
    [
        ("a", ["a"]),
        ("a, b", ["a", " b"]),
        ("b ,a", ["a", "b "]),
        ("a,,b", ["a", "b", ""]),
        ("a,", ["a", ""]),
        *((text, [""]) for text in (",", '""')),
        *((text, ["a", "b"]) for text in ('"a","b"', 'a,"b"\n')),
        ('"a,b"', []),
        ('"a""b"', ['a"b']),
        *((text, ["a"]) for text in ("a\nb", "a\r\nb", "a\r", "\n\r\n\na\n")),
        ('"a\nb"', ["a\nb"]),
        ('"a\r\nb",c', ["a\nb", "c"]),
        *((text, []) for text in NOTHING),
    ],
)
def test_skip_containers_is_one_csv_record(annotation, skipped):
    names = ["a", "b", "c", " b", "b ", 'a"b', "a\nb", "a b", ""]
    containers = [{"name": name} for name in names]
    operations = patch_of(*containers, of_pod=annotations(skip_containers=annotation))
    patched = {each["name"] for each in containers_of(operations) if "env" in each}
    assert patched == set(names) - set(skipped)


@pytest.mark.parametrize(
    ("selector", "is_windows"),
    [
        ({"kubernetes.io/os": "windows"}, True),
        ({"beta.kubernetes.io/os": "windows"}, True),
        ({"kubernetes.io/os": "Windows"}, False),
        (None, False),
    ],
)
def test_windows_is_known_by_the_node_selector_alone(selector, is_windows):
    spec = {"nodeSelector": selector, "os": {"name": "windows"}}
    for jittered, file, mount in (
        (None, f"{FOLDER}/token", MOUNT),
        (JITTERED, POD_IDENTITY_TOKEN_FILE, AGENT_MOUNT),
    ):
        [container] = containers_of(patch_of(jittered=jittered, **spec))
        path = "C:" + file.replace("/", "\\") if is_windows else file
        assert container["env"][-1]["value"] == path
        assert container["volumeMounts"] == [mount]


@pytest.mark.cases("skipped", {"patched container": "", "skipped container": "app"})
def test_null_counts_as_absent(skipped):
    of_pod = annotations(skip_containers=skipped)
    fields = dict.fromkeys(("env", "volumeMounts", "resources", "args"))
    null = patch_of({"name": "app", **fields}, initContainers=None, of_pod=of_pod)
    assert null == patch_of(of_pod=of_pod)


@pytest.mark.cases(("labels", "operation"), {
    "no labels": (None, {"path": "", "value": {"eks.amazonaws.com/pod-identity": "enabled"}}),
    "empty labels": ({}, {"path": "/eks.amazonaws.com~1pod-identity", "value": "enabled"}),
})  # fmt: skip
def test_an_association_precedes_the_annotation_of_a_role_and_labels_the_pod(labels, operation):
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app"}]}}
    label, volumes, containers = operations = patch(pod, ACCOUNT, "us-east-1", JITTERED)
    assert label == {"op": "add", **operation, "path": f"/metadata/labels{operation['path']}"}
    assert (volumes["path"], containers["path"]) == ("/spec/volumes", "/spec/containers")
    assert token_of(operations) == {
        "audience": "pods.eks.amazonaws.com",
        "expirationSeconds": JITTERED,
        "path": "eks-pod-identity-token",
    }
    [container] = containers["value"]
    added, mounts = [*REGIONAL, *REGIONS, *AGENT], [AGENT_MOUNT]
    assert container == {"name": "app", "resources": {}, "env": added, "volumeMounts": mounts}
    # An account that does not exist yet has no regional endpoints.
    [container] = containers_of(patch_of(of_account=None, jittered=JITTERED))
    assert container["env"] == [*REGIONS, *AGENT]
