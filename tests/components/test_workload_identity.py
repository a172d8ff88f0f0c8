"""Workload with a chain or with static credentials: what the pods find."""

import base64
import re

import pulumi
import pulumi_aws as aws
import pytest

from components.aws_profiles import ProfilesSpec, aws_config
from components.pod_credentials import ChainArgs, StaticCredentialsArgs
from components.specs import ContainerSpec, TokenSpec
from components.workload import Workload, WorkloadArgs
from tests.support.engine import Engine, deploy, secret

SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ROLE_A = "arn:aws:iam::111122223333:role/s3-app-A"
ROLE_B = "arn:aws:iam::444455556666:role/s3-app-B"
WEBHOOK_TOKEN = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"
OWN_TOKEN = "/var/run/secrets/irsa/token"
CHAIN = ChainArgs(role_b_arn=ROLE_B, region="us-east-1")
PROFILE_ONLY = ChainArgs(
    role_b_arn=ROLE_B, region="us-east-1", profiles=ProfilesSpec(layout="profile-only")
)
KEY = StaticCredentialsArgs(
    access_key_id="AKIAEXAMPLE", secret_access_key="very-secret", region="us-east-1"
)
ARGS = {
    "namespace": "dev",
    "service_account_name": "s3-app",
    "container": ContainerSpec(image="app"),
}
HOME = {"name": "HOME", "value": "/tmp"}
SCRATCH = {"name": "scratch", "emptyDir": {}}
SCRATCH_MOUNT = {"name": "scratch", "mountPath": "/tmp"}


def workload(engine: Engine | None = None, **changes) -> Engine:
    return deploy(lambda: Workload("s3-app", WorkloadArgs(**{**ARGS, **changes})), engine)


def pod(engine: Engine) -> dict:
    return engine.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]


def container(engine: Engine) -> dict:
    (found,) = pod(engine)["containers"]
    return found


def identity_hash(engine: Engine) -> str:
    template = engine.one(DEPLOYMENT).inputs["spec"]["template"]
    return template["metadata"]["annotations"]["irsa/identity-hash"]


def config_file(token_file: str, profiles: ProfilesSpec) -> str:
    return aws_config(
        profiles, role_a_arn=ROLE_A, role_b_arn=ROLE_B, token_file=token_file, region="us-east-1"
    )


def test_the_chain_is_a_config_file_beside_what_the_webhook_injects():
    engine = workload(role_arn=ROLE_A, chain=CHAIN)

    assert engine.one(CONFIG_MAP).inputs == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "s3-app", "namespace": "dev"},
        "data": {"config": config_file(WEBHOOK_TOKEN, ProfilesSpec())},
    }
    assert pod(engine)["volumes"] == [
        SCRATCH,
        {"name": "aws-config", "configMap": {"name": "s3-app"}},
    ]
    assert container(engine)["volumeMounts"] == [
        SCRATCH_MOUNT,
        {"name": "aws-config", "mountPath": "/etc/aws", "readOnly": True},
    ]
    assert container(engine)["env"] == [
        HOME,
        {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"},
    ]


def test_the_chain_begins_with_the_injected_role_a():
    engine = workload(role_arn=ROLE_A, chain=CHAIN)

    metadata = engine.one(SERVICE_ACCOUNT).inputs["metadata"]
    assert metadata["annotations"] == {"eks.amazonaws.com/role-arn": ROLE_A}


def test_the_chain_has_no_default_profile():
    config = workload(role_arn=ROLE_A, chain=CHAIN).one(CONFIG_MAP).inputs["data"]["config"]

    assert re.findall(r"\[.*\]", config) == ["[profile A]", "[profile B]"]


def test_profile_only_injects_nothing_and_mounts_its_own_token():
    engine = workload(role_arn=ROLE_A, chain=PROFILE_ONLY)

    assert engine.one(SERVICE_ACCOUNT).inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    token = {"audience": "sts.amazonaws.com", "expirationSeconds": 86_400, "path": "token"}
    assert pod(engine)["volumes"] == [
        SCRATCH,
        {"name": "aws-config", "configMap": {"name": "s3-app"}},
        {
            "name": "web-identity-token",
            "projected": {"sources": [{"serviceAccountToken": token}]},
        },
    ]
    assert container(engine)["volumeMounts"] == [
        SCRATCH_MOUNT,
        {"name": "aws-config", "mountPath": "/etc/aws", "readOnly": True},
        {"name": "web-identity-token", "mountPath": "/var/run/secrets/irsa", "readOnly": True},
    ]
    assert container(engine)["env"] == [
        HOME,
        {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"},
        {"name": "AWS_PROFILE", "value": "B"},
    ]
    assert engine.one(CONFIG_MAP).inputs["data"] == {
        "config": config_file(OWN_TOKEN, PROFILE_ONLY.profiles)
    }


def test_profile_only_asks_for_the_token_that_was_specified():
    token = TokenSpec(audience="vault", expiration=3600)
    engine = workload(role_arn=ROLE_A, chain=PROFILE_ONLY, token=token)

    (source,) = pod(engine)["volumes"][2]["projected"]["sources"]
    assert source["serviceAccountToken"] == {
        "audience": "vault",
        "expirationSeconds": 3600,
        "path": "token",
    }


def test_profile_only_leaves_an_existing_service_account_untouched():
    engine = workload(role_arn=ROLE_A, chain=PROFILE_ONLY, existing_service_account=True)

    assert engine.one(SERVICE_ACCOUNT).resource_id == "dev/s3-app", "it is read, not created"
    assert engine.of("kubernetes:core/v1:ServiceAccountPatch") == []
    assert pod(engine)["serviceAccountName"] == "s3-app"


@pytest.mark.parametrize("chain", [CHAIN, PROFILE_ONLY], ids=["injected", "profile-only"])
def test_pods_of_a_chain_wait_for_the_config_file_and_role_a(chain):
    def program() -> None:
        role = aws.iam.Role("role-a", assume_role_policy="{}")
        Workload("s3-app", WorkloadArgs(**ARGS, role_arn=role.arn, chain=chain))

    engine = deploy(program)
    assert engine.waits_for(DEPLOYMENT, CONFIG_MAP)
    assert engine.waits_for(DEPLOYMENT, "aws:iam/role:Role")


@pytest.mark.parametrize(
    "chain",
    [
        ChainArgs(role_b_arn=f"{ROLE_B}-2", region="us-east-1"),
        ChainArgs(role_b_arn=ROLE_B, region="eu-west-1"),
        ChainArgs(
            role_b_arn=ROLE_B, region="us-east-1", profiles=ProfilesSpec(external_id="tenant-42")
        ),
        PROFILE_ONLY,
    ],
    ids=["role", "region", "external-id", "layout"],
)
def test_pods_are_restarted_when_the_config_file_changes(chain):
    before = workload(role_arn=ROLE_A, chain=CHAIN)

    assert identity_hash(workload(role_arn=ROLE_A, chain=chain)) != identity_hash(before)


def test_static_credentials_stand_in_a_secret_and_are_referred_to():
    engine = workload(static_credentials=KEY)

    inputs = engine.one(SECRET).inputs
    assert inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    assert inputs["data"] == secret(
        {
            "aws_access_key_id": base64.b64encode(b"AKIAEXAMPLE").decode(),
            "aws_secret_access_key": base64.b64encode(b"very-secret").decode(),
        }
    )
    assert container(engine)["env"] == [
        HOME,
        {
            "name": "AWS_ACCESS_KEY_ID",
            "valueFrom": {"secretKeyRef": {"name": "s3-app", "key": "aws_access_key_id"}},
        },
        {
            "name": "AWS_SECRET_ACCESS_KEY",
            "valueFrom": {"secretKeyRef": {"name": "s3-app", "key": "aws_secret_access_key"}},
        },
        {"name": "AWS_DEFAULT_REGION", "value": "us-east-1"},
        {"name": "AWS_REGION", "value": "us-east-1"},
    ]


def test_a_pod_with_static_credentials_has_no_role():
    engine = workload(static_credentials=KEY)

    assert engine.one(SERVICE_ACCOUNT).inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    assert engine.of(CONFIG_MAP) == []
    assert pod(engine)["volumes"] == [SCRATCH]


def test_the_key_stands_in_no_other_object():
    engine = workload(static_credentials=KEY)

    for resource in engine.registered:
        if resource.typ != SECRET:
            assert "very-secret" not in str(resource.inputs)
            assert base64.b64encode(b"very-secret").decode() not in str(resource.inputs)


def test_pods_are_restarted_for_the_next_key_after_the_secret_was_changed():
    second = StaticCredentialsArgs(
        access_key_id="AKIASECOND", secret_access_key="x", region="us-east-1"
    )
    engine = workload(static_credentials=second)

    assert identity_hash(engine) != identity_hash(workload(static_credentials=KEY))
    assert engine.waits_for(DEPLOYMENT, SECRET)


@pytest.mark.parametrize(
    "changes",
    [{"role_arn": ROLE_A, "chain": CHAIN}, {"static_credentials": KEY}],
    ids=["chain", "key"],
)
def test_every_child_belongs_to_the_component(changes):
    for parentage in workload(**changes).tree() - {"pulumi:pulumi:Stack$irsa:index:Workload"}:
        assert parentage.startswith("irsa:index:Workload$kubernetes:")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"role_arn": ROLE_A, "static_credentials": KEY},
            "a pod with static credentials silently never uses its role",
        ),
        ({}, "the pods have no AWS identity; give role_arn or static_credentials"),
        ({"chain": CHAIN}, "the pods have no AWS identity"),
        ({"static_credentials": KEY, "chain": CHAIN}, "a chain begins with a role; give role_arn"),
    ],
    ids=["both", "neither", "chain", "key-and-chain"],
)
def test_an_identity_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        WorkloadArgs(**{**ARGS, **changes})


def test_a_preview_before_the_key_exists_shows_every_resource():
    def program() -> None:
        key = aws.iam.AccessKey("key", user="s3-manager")
        credentials = StaticCredentialsArgs(
            access_key_id=key.id,
            secret_access_key=pulumi.Output.secret(key.secret),
            region="us-east-1",
        )
        Workload("s3-app", WorkloadArgs(**ARGS, static_credentials=credentials))

    engine = deploy(program, Engine(preview=True))
    assert engine.one(SECRET).inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    assert engine.one(DEPLOYMENT)
