"""The pod identity webhook's patch. What is not tested: that EKS still runs this version."""

from typing import Any

import pytest

from irsa.identity.eks import CREDENTIALS_URI, POD_IDENTITY_TOKEN_FILE
from irsa_sandbox.webhook.server import patch

ROLE_ARN = "arn:aws:iam::111122223333:role/s3-app"
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


def patch_of(pod: dict[str, Any], service_account: dict[str, str] | None = None, **settings: Any):
    defaults = {"region": "us-east-1", "regional_sts": True, "token_expiration": 86400}
    service_account = account() if service_account is None else service_account
    return patch(pod, service_account, **{**defaults, **settings})


def containers_in(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return next(o["value"] for o in operations if o["path"] == "/spec/containers")


def env_after(*env: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    [container] = containers_in(patch_of(pod_of({"name": "app", "env": list(env)}), **settings))
    return container["env"][len(env) :]


def token_after(pod: dict[str, Any], *args: Any, **settings: Any) -> dict[str, Any]:
    [added] = patch_of(pod, *args, **settings)[0]["value"]
    return added["projected"]["sources"][0]["serviceAccountToken"]


def test_a_plain_pod_gets_volume_mount_and_environment():
    assert patch_of(pod_of({"name": "app", "image": "busybox"})) == [
        {"op": "add", "path": "/spec/volumes", "value": [volume()]},
        {
            "op": "add",
            "path": "/spec/containers",
            "value": [
                {
                    "name": "app",
                    "image": "busybox",
                    "resources": {},
                    "env": EVERYTHING,
                    "volumeMounts": [MOUNT],
                }
            ],
        },
    ]


def test_init_containers_are_patched_last_and_ephemeral_ones_never():
    pod = pod_of(
        {"name": "app"},
        initContainers=[{"name": "init"}],
        ephemeralContainers=[{"name": "debug"}],
        volumes=[{"name": "data", "emptyDir": {}}],
    )
    added = {"resources": {}, "env": EVERYTHING, "volumeMounts": [MOUNT]}
    assert patch_of(pod) == [
        {"op": "add", "path": "/spec/volumes/0", "value": volume()},
        {"op": "add", "path": "/spec/containers", "value": [{"name": "app", **added}]},
        {"op": "add", "path": "/spec/initContainers", "value": [{"name": "init", **added}]},
    ]


@pytest.mark.parametrize(
    ("spec", "operation"),
    [
        ({}, {"op": "add", "path": "/spec/volumes", "value": [volume()]}),
        ({"volumes": None}, {"op": "add", "path": "/spec/volumes", "value": [volume()]}),
        ({"volumes": []}, {"op": "add", "path": "/spec/volumes/0", "value": volume()}),
        (
            {"volumes": [{"name": "data"}]},
            {"op": "add", "path": "/spec/volumes/0", "value": volume()},
        ),
    ],
    ids=["absent", "null", "empty", "one"],
)
def test_the_volume_goes_first_or_makes_the_list(spec, operation):
    assert patch_of(pod_of({"name": "app"}, **spec))[0] == operation


def test_a_volume_or_mount_of_that_name_is_kept():
    pod = pod_of({"name": "app"}, volumes=[{"name": "aws-iam-token", "emptyDir": {}}])
    assert [operation["path"] for operation in patch_of(pod)] == ["/spec/containers"]

    elsewhere = {"name": "aws-iam-token", "mountPath": "/elsewhere"}
    operations = patch_of(pod_of({"name": "app", "volumeMounts": [elsewhere]}))
    assert containers_in(operations) == [
        {"name": "app", "resources": {}, "env": EVERYTHING, "volumeMounts": [elsewhere]}
    ]


def test_existing_env_mounts_and_resources_stay_in_front():
    container = {
        "name": "app",
        "env": [{"name": "A", "value": "a"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "resources": {"limits": {"cpu": "1"}},
    }
    assert containers_in(patch_of(pod_of(container))) == [
        {
            "name": "app",
            "env": [{"name": "A", "value": "a"}, *EVERYTHING],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, MOUNT],
            "resources": {"limits": {"cpu": "1"}},
        }
    ]


@pytest.mark.parametrize(
    ("preset", "added"),
    [
        ("AWS_ROLE_ARN", [*REGIONAL, *REGIONS]),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", [*REGIONAL, *REGIONS]),
        ("AWS_REGION", [*REGIONAL, *IDENTITY]),
        ("AWS_DEFAULT_REGION", [*REGIONAL, *IDENTITY]),
        ("AWS_STS_REGIONAL_ENDPOINTS", [*REGIONS, *IDENTITY]),
        ("aws_region", EVERYTHING),
    ],
)
def test_one_preset_variable_of_a_pair_keeps_the_pair_away(preset, added):
    assert env_after({"name": preset, "value": "mine"}) == added


def test_value_from_presets_a_variable_and_env_from_none():
    reference = {"secretKeyRef": {"name": "s", "key": "k"}}
    assert env_after({"name": "AWS_ROLE_ARN", "valueFrom": reference}) == [*REGIONAL, *REGIONS]

    container = {"name": "app", "envFrom": [{"configMapRef": {"name": "aws-env"}}]}
    assert containers_in(patch_of(pod_of(container)))[0]["env"] == EVERYTHING


@pytest.mark.parametrize(
    ("settings", "added"),
    [
        ({"region": None}, [*REGIONAL, *IDENTITY]),
        ({"region": ""}, [*REGIONAL, *IDENTITY]),
        ({"regional_sts": False}, [*REGIONS, *IDENTITY]),
        ({"region": None, "regional_sts": False}, IDENTITY),
    ],
)
def test_a_setting_that_is_off_adds_nothing(settings, added):
    assert env_after(**settings) == added


ALL_PRESET = [
    {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "legacy"},
    {"name": "AWS_REGION", "value": "eu-west-1"},
    {"name": "AWS_ROLE_ARN", "value": "mine"},
]


@pytest.mark.parametrize("settings", [{}, {"region": None, "regional_sts": False}])
def test_a_container_with_everything_preset_stays_and_the_volume_comes(settings):
    container = {"name": "app", "env": ALL_PRESET}
    assert patch_of(pod_of(container), **settings) == [
        {"op": "add", "path": "/spec/volumes", "value": [volume()]},
        {"op": "add", "path": "/spec/containers", "value": [{**container, "resources": {}}]},
    ]


def test_a_container_that_lacks_only_the_mount_gets_it():
    container = {"name": "app", "env": ALL_PRESET[1:]}  # STS is not preset, and is off
    assert containers_in(patch_of(pod_of(container), regional_sts=False)) == [
        {**container, "resources": {}, "volumeMounts": [MOUNT]}
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
    pod = annotated(pod_of({"name": "app"}), token_expiration="3600")
    assert patch_of(pod, service_account) == []


def test_a_role_annotation_on_the_pod_counts_for_nothing():
    assert patch_of(annotated(pod_of({"name": "app"}), role_arn=ROLE_ARN), {}) == []


def test_an_invalid_role_arn_is_injected_as_it_is():
    [container] = containers_in(patch_of(pod_of({"name": "app"}), account(role_arn="s3-app ")))
    assert container["env"][-2] == {"name": "AWS_ROLE_ARN", "value": "s3-app "}


@pytest.mark.parametrize("audience", ["vault", "sts.amazonaws.com.cn"])
def test_the_audience_annotation_is_used_as_it_is(audience):
    token = token_after(pod_of({"name": "app"}), account(audience=audience))
    assert token == {"audience": audience, "expirationSeconds": 86400, "path": "token"}


TRUE, FALSE = ["1", "t", "T", "true", "TRUE", "True"], ["0", "f", "F", "false", "FALSE", "False"]
OTHERS = ["", "yes", "no", "tRUE", " true", "true ", "2", "on"]


@pytest.mark.parametrize("setting", [True, False])
@pytest.mark.parametrize("value", [*TRUE, *FALSE, *OTHERS])
def test_regional_sts_is_switched_by_what_go_reads_as_a_boolean(value, setting):
    service_account = account(sts_regional_endpoints=value)
    is_on = setting if value in OTHERS else value in TRUE
    added = env_after(service_account=service_account, regional_sts=setting)
    assert added == (EVERYTHING if is_on else EVERYTHING[1:])


@pytest.mark.parametrize(
    ("on_account", "on_pod", "setting", "seconds"),
    [
        (None, None, 86400, 86400),
        (None, None, 60, 600),
        ("3600", None, 86400, 3600),
        ("3600", "7200", 86400, 7200),
        ("7200", "3600", 86400, 3600),
        (None, "3600", 86400, 3600),
        ("600", None, 86400, 600),
        ("599", None, 86400, 600),
        ("-1", None, 86400, 600),
        ("3600", "1", 86400, 600),
        ("+3600", None, 86400, 3600),
        ("0" * 30 + "3600", None, 86400, 3600),
        ("9223372036854775807", None, 86400, 9223372036854775807),
        ("9223372036854775808", None, 7200, 7200),
        *(
            (text, None, 7200, 7200)
            for text in ("-9223372036854775809", "9" * 5000, "1h", "3600.0")
        ),
        *((text, None, 7200, 7200) for text in ("3_600", " 3600", "3600\n", "0x1000", "٣٦٠٠", "")),
        ("3600", "soon", 86400, 3600),
        ("3600", "", 86400, 3600),
    ],
)
def test_token_expiration(on_account, on_pod, setting, seconds):
    service_account = account(**({} if on_account is None else {"token_expiration": on_account}))
    annotations = {} if on_pod is None else {"token_expiration": on_pod}
    pod = annotated(pod_of({"name": "app"}), **annotations)
    token = token_after(pod, service_account, token_expiration=setting)
    assert token["expirationSeconds"] == seconds


NAMES = ["a", "b", "c", " b", "b ", 'a"b', "a\nb", "a b", ""]
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
    pod = annotated(pod_of(*({"name": name} for name in NAMES)), skip_containers=annotation)
    patched = {c["name"] for c in containers_in(patch_of(pod)) if "env" in c}
    assert patched == set(NAMES) - set(skipped)


def test_the_volume_is_added_even_if_every_container_is_skipped():
    pod = pod_of({"name": "app"}, initContainers=[{"name": "init"}])
    assert patch_of(annotated(pod, skip_containers="app,init")) == [
        {"op": "add", "path": "/spec/volumes", "value": [volume()]},
        {"op": "add", "path": "/spec/containers", "value": [{"name": "app", "resources": {}}]},
        {"op": "add", "path": "/spec/initContainers", "value": [{"name": "init", "resources": {}}]},
    ]


@pytest.mark.parametrize(
    ("selector", "path"),
    [
        ({"kubernetes.io/os": "windows"}, TOKEN_FILE.replace("/", "\\")),
        ({"beta.kubernetes.io/os": "windows"}, TOKEN_FILE.replace("/", "\\")),
        ({"kubernetes.io/os": "linux"}, None),
        ({"kubernetes.io/os": "Windows"}, None),
        (None, None),
    ],
)
def test_windows_is_known_by_the_node_selector_alone(selector, path):
    pod = pod_of({"name": "app"}, nodeSelector=selector, os={"name": "windows"})
    [container] = containers_in(patch_of(pod))
    assert container["env"][-1]["value"] == (f"C:{path}" if path else TOKEN_FILE)
    assert container["volumeMounts"] == [MOUNT]


@pytest.mark.parametrize("skipped", ["", "app"])
@pytest.mark.parametrize("field", ["env", "volumeMounts", "resources", "args"])
def test_null_counts_as_absent(field, skipped):
    absent = annotated(pod_of({"name": "app"}), skip_containers=skipped)
    null = annotated(
        pod_of({"name": "app", field: None}, initContainers=None), skip_containers=skipped
    )
    assert patch_of(null) == patch_of(absent)


def test_an_empty_audience_is_left_out_and_means_the_api_servers_own():
    token = token_after(pod_of({"name": "app"}), account(audience=""))
    assert token == {"expirationSeconds": 86400, "path": "token"}


POD_IDENTITY = [
    {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": CREDENTIALS_URI},
    {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": POD_IDENTITY_TOKEN_FILE},
]
POD_IDENTITY_MOUNT = {
    "name": "eks-pod-identity-token",
    "readOnly": True,
    "mountPath": "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
}


def associated(pod: dict[str, Any], service_account: dict[str, str] | None = None, **settings: Any):
    return patch_of(pod, service_account, jittered_expiration=80_000, **settings)


def token_in(operations: list[dict[str, Any]]) -> dict[str, Any]:
    value = next(o["value"] for o in operations if o["path"].startswith("/spec/volumes"))
    volume = value[0] if isinstance(value, list) else value
    return volume["projected"]["sources"][0]["serviceAccountToken"]


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
    assert containers_in(operations) == [
        {
            "name": "app",
            "resources": {},
            "env": [*REGIONAL, *REGIONS, *POD_IDENTITY],
            "volumeMounts": [POD_IDENTITY_MOUNT],
        }
    ]


def test_a_pod_with_labels_keeps_them():
    pod = pod_of({"name": "app"})
    pod["metadata"]["labels"] = {}

    assert associated(pod)[0] == {
        "op": "add",
        "path": "/metadata/labels/eks.amazonaws.com~1pod-identity",
        "value": "enabled",
    }


@pytest.mark.parametrize(
    ("of_account", "of_pod", "seconds"),
    [
        (None, None, 80_000),
        ("86400", None, 80_000),
        ("7200", None, 7200),
        ("7200", "86400", 80_000),
        ("86400", "90000", 90_000),
    ],
)
def test_the_default_lifetime_alone_is_jittered(of_account, of_pod, seconds):
    given = {} if of_account is None else {"token_expiration": of_account}
    pod = pod_of({"name": "app"})
    if of_pod is not None:
        pod = annotated(pod, token_expiration=of_pod)

    assert token_in(associated(pod, account(None, **given)))["expirationSeconds"] == seconds


@pytest.mark.parametrize("name", [each["name"] for each in POD_IDENTITY])
def test_one_variable_of_the_agents_keeps_the_other_out_and_not_the_mount(name):
    [container] = containers_in(
        associated(pod_of({"name": "app", "env": [{"name": name, "value": "mine"}]}))
    )

    assert container["env"] == [{"name": name, "value": "mine"}, *REGIONAL, *REGIONS]
    assert container["volumeMounts"] == [POD_IDENTITY_MOUNT]


def test_a_role_set_by_hand_does_not_keep_the_agent_out():
    env = [{"name": "AWS_ROLE_ARN", "value": ROLE_ARN}]
    [container] = containers_in(associated(pod_of({"name": "app", "env": env})))

    assert container["env"] == [*env, *REGIONAL, *REGIONS, *POD_IDENTITY]


def test_on_windows_the_agents_token_has_a_windows_path():
    pod = pod_of({"name": "app"}, nodeSelector={"kubernetes.io/os": "windows"})
    [container] = containers_in(associated(pod))

    path = r"C:\var\run\secrets\pods.eks.amazonaws.com\serviceaccount\eks-pod-identity-token"
    assert container["env"][-1]["value"] == path
    assert container["volumeMounts"] == [POD_IDENTITY_MOUNT]


def test_an_account_that_does_not_exist_yet_has_the_webhooks_own_defaults():
    operations = patch(
        pod_of({"name": "app"}),
        None,
        region=None,
        regional_sts=True,
        token_expiration=3600,
        jittered_expiration=80_000,
    )

    assert containers_in(operations)[0]["env"] == POD_IDENTITY
    assert token_in(operations)["expirationSeconds"] == 80_000
