"""The pod identity webhook's patch. What is not tested: that EKS still runs this version."""

from typing import Any

import pytest

from irsa.identity.eks import CREDENTIALS_URI, POD_IDENTITY_TOKEN_FILE
from irsa_sandbox.webhook.server import patch
from tests.support.world import ROLE_ARN

TOKEN_FILE = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"
MOUNT = {
    "name": "aws-iam-token",
    "readOnly": True,
    "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount",
}
REGIONAL = [{"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"}]
REGIONS = [
    {"name": "AWS_DEFAULT_REGION", "value": "us-east-1"},
    {"name": "AWS_REGION", "value": "us-east-1"},
]
IDENTITY = [
    {"name": "AWS_ROLE_ARN", "value": ROLE_ARN},
    {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": TOKEN_FILE},
]
EVERYTHING = [*REGIONAL, *REGIONS, *IDENTITY]


def volume(audience: str = "sts.amazonaws.com", seconds: int = 86400) -> dict[str, Any]:
    token = {"audience": audience, "expirationSeconds": seconds, "path": "token"}
    return {"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": token}]}}


def pod_of(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": list(containers), **spec}}


def annotated(pod: dict[str, Any], **annotations: str) -> dict[str, Any]:
    keys = {f"eks.amazonaws.com/{name.replace('_', '-')}": v for name, v in annotations.items()}
    return {**pod, "metadata": {**pod["metadata"], "annotations": keys}}


def account(role_arn: str | None = ROLE_ARN, **annotations: str) -> dict[str, str]:
    given = {"role-arn": role_arn, **{k.replace("_", "-"): v for k, v in annotations.items()}}
    return {f"eks.amazonaws.com/{name}": v for name, v in given.items() if v is not None}


def patch_of(pod: dict[str, Any], service_account: dict[str, str] | None = None, **more: Any):
    service_account = account() if service_account is None else service_account
    return patch(pod, service_account, "us-east-1", **more)


def containers_in(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return next(o["value"] for o in operations if o["path"] == "/spec/containers")


def env_after(*env: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    [container] = containers_in(patch_of(pod_of({"name": "app", "env": list(env)}), **more))
    return container["env"][len(env) :]


def token_in(operations: list[dict[str, Any]]) -> dict[str, Any]:
    value = next(o["value"] for o in operations if o["path"].startswith("/spec/volumes"))
    [added] = value if isinstance(value, list) else [value]
    return added["projected"]["sources"][0]["serviceAccountToken"]


ADDED = {"resources": {}, "env": EVERYTHING, "volumeMounts": [MOUNT]}


def test_every_container_gets_mount_and_environment_but_ephemeral_ones():
    pod = pod_of(
        {"name": "app", "image": "busybox"},
        initContainers=[{"name": "init"}],
        ephemeralContainers=[{"name": "debug"}],
    )
    app = {"name": "app", "image": "busybox", **ADDED}
    assert patch_of(pod) == [
        {"op": "add", "path": "/spec/volumes", "value": [volume()]},
        {"op": "add", "path": "/spec/containers", "value": [app]},
        {"op": "add", "path": "/spec/initContainers", "value": [{"name": "init", **ADDED}]},
    ]


@pytest.mark.parametrize(
    ("spec", "path", "value"),
    [
        ({"volumes": None}, "/spec/volumes", [volume()]),
        ({"volumes": []}, "/spec/volumes/0", volume()),
        ({"volumes": [{"name": "data"}]}, "/spec/volumes/0", volume()),
    ],
    ids=["null", "empty", "one"],
)
def test_the_volume_goes_first_or_makes_the_list(spec, path, value):
    operation = patch_of(pod_of({"name": "app"}, **spec))[0]
    assert operation == {"op": "add", "path": path, "value": value}


def test_a_volume_or_mount_of_that_name_is_kept():
    pod = pod_of({"name": "app"}, volumes=[{"name": "aws-iam-token", "emptyDir": {}}])
    assert [operation["path"] for operation in patch_of(pod)] == ["/spec/containers"]

    mounts = [{"name": "aws-iam-token", "mountPath": "/elsewhere"}]
    [container] = containers_in(patch_of(pod_of({"name": "app", "volumeMounts": mounts})))
    assert container == {"name": "app", **ADDED, "volumeMounts": mounts}


def test_existing_env_mounts_and_resources_stay_in_front():
    container = {
        "name": "app",
        "env": [{"name": "A", "value": "a"}],
        "envFrom": [{"configMapRef": {"name": "aws-env"}}],  # says nothing of its variables
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "resources": {"limits": {"cpu": "1"}},
    }
    [patched] = containers_in(patch_of(pod_of(container)))
    assert patched == {
        **container,
        "env": [*container["env"], *EVERYTHING],
        "volumeMounts": [*container["volumeMounts"], MOUNT],
    }


SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}


@pytest.mark.parametrize(
    ("preset", "added"),
    [
        ({"name": "AWS_ROLE_ARN", "value": "mine"}, [*REGIONAL, *REGIONS]),
        ({"name": "AWS_ROLE_ARN", "valueFrom": SECRET}, [*REGIONAL, *REGIONS]),
        ({"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": ""}, [*REGIONAL, *REGIONS]),
        ({"name": "AWS_REGION", "value": "mine"}, [*REGIONAL, *IDENTITY]),
        ({"name": "AWS_DEFAULT_REGION", "value": "mine"}, [*REGIONAL, *IDENTITY]),
        ({"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "x"}, [*REGIONS, *IDENTITY]),
        ({"name": "aws_region", "value": "mine"}, EVERYTHING),
    ],
)
def test_one_preset_variable_keeps_its_pair_away(preset, added):
    assert env_after(preset) == added


def test_a_container_with_everything_preset_stays_and_the_volume_comes():
    all_preset = [
        {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "legacy"},
        {"name": "AWS_REGION", "value": "eu-west-1"},
        {"name": "AWS_ROLE_ARN", "value": "mine"},
    ]
    container = {"name": "app", "env": all_preset}
    assert patch_of(pod_of(container)) == [
        {"op": "add", "path": "/spec/volumes", "value": [volume()]},
        {"op": "add", "path": "/spec/containers", "value": [{**container, "resources": {}}]},
    ]


@pytest.mark.parametrize(
    "service_account",
    [
        {},
        account(role_arn=""),
        {"eks.amazonaws.com/role_arn": ROLE_ARN},
        {"eks.amazonaws.com/Role-Arn": ROLE_ARN},
        {"role-arn": ROLE_ARN},
        account(role_arn=None, audience="sts.amazonaws.com"),
    ],
    ids=["none", "empty", "underscore", "upper-case", "no-prefix", "others-only"],
)
def test_a_service_account_without_a_role_leaves_the_pod_alone(service_account):
    pod = annotated(pod_of({"name": "app"}), token_expiration="3600", role_arn=ROLE_ARN)
    assert patch_of(pod, service_account) == []


@pytest.mark.parametrize(
    ("audience", "token"),
    [("vault", {"audience": "vault"}), ("", {})],  # without one it is the API server's own
)
def test_annotations_are_used_as_they_are(audience, token):
    operations = patch_of(pod_of({"name": "app"}), account(role_arn="s3-app ", audience=audience))
    assert token_in(operations) == {**token, "expirationSeconds": 86400, "path": "token"}
    [container] = containers_in(operations)
    assert container["env"][-2] == {"name": "AWS_ROLE_ARN", "value": "s3-app "}


TRUE, FALSE = ["1", "t", "T", "true", "TRUE", "True"], ["0", "f", "F", "false", "FALSE", "False"]
OTHERS = ["", "yes", "no", "tRUE", " true", "true ", "2", "on"]


@pytest.mark.parametrize("value", [*TRUE, *FALSE, *OTHERS])
def test_regional_sts_is_switched_by_what_go_reads_as_a_boolean(value):
    added = env_after(service_account=account(sts_regional_endpoints=value))
    assert added == (EVERYTHING[1:] if value in FALSE else EVERYTHING)


@pytest.mark.parametrize(
    ("on_account", "on_pod", "seconds"),
    [
        (None, None, 86400),
        ("3600", None, 3600),
        ("3600", "7200", 7200),
        ("7200", "3600", 3600),
        (None, "3600", 3600),
        ("600", None, 600),
        ("599", None, 600),
        ("-1", None, 600),
        ("3600", "1", 600),
        ("+3600", None, 3600),
        ("0" * 30 + "3600", None, 3600),
        ("9223372036854775807", None, 9223372036854775807),
        *((text, None, 86400) for text in ("9223372036854775808", "-9223372036854775809")),
        *((text, None, 86400) for text in ("9" * 5000, "1h", "3600.0", "3_600", " 3600")),
        *((text, None, 86400) for text in ("3600\n", "0x1000", "٣٦٠٠", "")),
        ("3600", "soon", 3600),
        ("3600", "", 3600),
    ],
)
def test_token_expiration(on_account, on_pod, seconds):
    service_account = account(**({} if on_account is None else {"token_expiration": on_account}))
    annotations = {} if on_pod is None else {"token_expiration": on_pod}
    operations = patch_of(annotated(pod_of({"name": "app"}), **annotations), service_account)
    assert token_in(operations)["expirationSeconds"] == seconds


NOTHING = ["", "\n\n", 'a"b', 'a,b"', '"a', 'a,"b', '"a"b', 'a, "b"', '"a" ,b', "'a'", "A", "a;b"]


@pytest.mark.parametrize(
    ("annotation", "skipped"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a, b", ["a", " b"]),
        ("b ,a", ["a", "b "]),
        ("a,,b", ["a", "b", ""]),
        ("a,", ["a", ""]),
        (",", [""]),
        ('"a","b"', ["a", "b"]),
        ('"a,b"', []),
        ('"a""b"', ['a"b']),
        ('""', [""]),
        ('a,"b"\n', ["a", "b"]),
        *((text, ["a"]) for text in ("a\nb", "a\r\nb", "a\r", "\n\r\n\na\n")),
        ('"a\nb"', ["a\nb"]),
        ('"a\r\nb",c', ["a\nb", "c"]),
        ("a b", ["a b"]),
        *((text, []) for text in NOTHING),
    ],
)
def test_skip_containers_is_one_csv_record(annotation, skipped):
    names = ["a", "b", "c", " b", "b ", 'a"b', "a\nb", "a b", ""]
    pod = annotated(pod_of(*({"name": name} for name in names)), skip_containers=annotation)
    patched = {c["name"] for c in containers_in(patch_of(pod)) if "env" in c}
    assert patched == set(names) - set(skipped)


def test_the_volume_is_added_even_if_every_container_is_skipped():
    pod = annotated(pod_of({"name": "app"}), skip_containers="app")
    assert patch_of(pod) == [
        {"op": "add", "path": "/spec/volumes", "value": [volume()]},
        {"op": "add", "path": "/spec/containers", "value": [{"name": "app", "resources": {}}]},
    ]


@pytest.mark.parametrize(
    ("selector", "is_windows"),
    [
        ({"kubernetes.io/os": "windows"}, True),
        ({"beta.kubernetes.io/os": "windows"}, True),
        ({"kubernetes.io/os": "linux"}, False),
        ({"kubernetes.io/os": "Windows"}, False),
        (None, False),
    ],
)
def test_windows_is_known_by_the_node_selector_alone(selector, is_windows):
    pod = pod_of({"name": "app"}, nodeSelector=selector, os={"name": "windows"})
    for operations, file, mount in (
        (patch_of(pod), TOKEN_FILE, MOUNT),
        (associated(pod), POD_IDENTITY_TOKEN_FILE, POD_IDENTITY_MOUNT),
    ):
        [container] = containers_in(operations)
        path = "C:" + file.replace("/", "\\") if is_windows else file
        assert container["env"][-1]["value"] == path
        assert container["volumeMounts"] == [mount]


@pytest.mark.parametrize("skipped", ["", "app"])
@pytest.mark.parametrize("field", ["env", "volumeMounts", "resources", "args"])
def test_null_counts_as_absent(field, skipped):
    absent = annotated(pod_of({"name": "app"}), skip_containers=skipped)
    null = annotated(
        pod_of({"name": "app", field: None}, initContainers=None), skip_containers=skipped
    )
    assert patch_of(null) == patch_of(absent)


POD_IDENTITY = [
    {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": CREDENTIALS_URI},
    {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": POD_IDENTITY_TOKEN_FILE},
]
POD_IDENTITY_MOUNT = {
    "name": "eks-pod-identity-token",
    "readOnly": True,
    "mountPath": "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
}


def associated(pod: dict[str, Any], service_account: dict[str, str] | None = None):
    return patch_of(pod, service_account, jittered_expiration=80_000)


def test_an_association_precedes_the_annotation_of_a_role():
    operations = associated(pod_of({"name": "app"}))

    assert [operation["path"] for operation in operations] == [
        "/metadata/labels",
        "/spec/volumes",
        "/spec/containers",
    ]
    assert operations[0]["value"] == {"eks.amazonaws.com/pod-identity": "enabled"}
    assert token_in(operations) == {
        "audience": "pods.eks.amazonaws.com",
        "expirationSeconds": 80_000,
        "path": "eks-pod-identity-token",
    }
    [container] = containers_in(operations)
    env, mounts = [*REGIONAL, *REGIONS, *POD_IDENTITY], [POD_IDENTITY_MOUNT]
    assert container == {"name": "app", "resources": {}, "env": env, "volumeMounts": mounts}


def test_a_pod_with_labels_keeps_them():
    path = "/metadata/labels/eks.amazonaws.com~1pod-identity"
    operations = associated({**pod_of({"name": "app"}), "metadata": {"labels": {}}})
    assert operations[0] == {"op": "add", "path": path, "value": "enabled"}


@pytest.mark.parametrize(
    ("of_account", "of_pod", "seconds"),
    [
        ({}, {}, 80_000),
        ({"token_expiration": "86400"}, {}, 80_000),
        ({"token_expiration": "7200"}, {}, 7200),
        ({"token_expiration": "7200"}, {"token_expiration": "86400"}, 80_000),
        ({"token_expiration": "86400"}, {"token_expiration": "90000"}, 90_000),
    ],
)
def test_the_default_lifetime_alone_is_jittered(of_account, of_pod, seconds):
    pod = annotated(pod_of({"name": "app"}), **of_pod)
    token = token_in(associated(pod, account(None, **of_account)))
    assert token["expirationSeconds"] == seconds


ROLE = [{"name": "AWS_ROLE_ARN", "value": ROLE_ARN}]
MINE = [[{"name": each["name"], "value": "mine"}] for each in POD_IDENTITY]


@pytest.mark.parametrize(("env", "added"), [*((each, []) for each in MINE), (ROLE, POD_IDENTITY)])
def test_one_variable_of_the_agents_keeps_the_other_out_and_a_role_does_not(env, added):
    [container] = containers_in(associated(pod_of({"name": "app", "env": env})))

    assert container["env"] == [*env, *REGIONAL, *REGIONS, *added]
    assert container["volumeMounts"] == [POD_IDENTITY_MOUNT]


def test_an_account_that_does_not_exist_yet_has_no_regional_endpoints():
    operations = patch(pod_of({"name": "app"}), None, "us-east-1", 80_000)

    assert containers_in(operations)[0]["env"] == [*REGIONS, *POD_IDENTITY]
    assert token_in(operations)["expirationSeconds"] == 80_000
