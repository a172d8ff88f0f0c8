"""Workload with a chain or with an access key: the environment of its pods."""

import base64
from dataclasses import replace
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from botocore.configloader import load_config
from pulumi.output import Unknown

from irsa_components import (
    AccessKeyArgs,
    PodIdentityArgs,
    RoleChainArgs,
    ServiceAccount,
    TargetRoleArgs,
    TokenArgs,
    Workload,
    WorkloadArgs,
)
from tests.support.engine import Engine, deploy, secret
from tests.support.refusal import refusal

SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ROLE_A = "arn:aws:iam::111122223333:role/s3-app-A"
ROLE_B = "arn:aws:iam::444455556666:role/s3-app-B"
WEBHOOK_TOKEN = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"
OWN_TOKEN = "/var/run/secrets/irsa/token"
ROLE_C = "arn:aws:iam::555566667777:role/s3-app-C"
TARGET = TargetRoleArgs(role_arn=ROLE_B)
CHAIN = RoleChainArgs(targets=[TARGET], region="us-east-1")
AGENCY = TargetRoleArgs(role_arn=ROLE_C, profile="C", external_id="t-42", duration_seconds=1800)
THREE = replace(CHAIN, targets=[TARGET, AGENCY, TargetRoleArgs(role_arn=ROLE_A, profile="own")])
CONFIG = f"""\
[profile A]
role_arn = {ROLE_A}
web_identity_token_file = {{}}
role_session_name = xactarget
region = us-east-1
sts_regional_endpoints = regional

[profile B]
role_arn = {ROLE_B}
source_profile = A
role_session_name = xactarget
region = us-east-1
sts_regional_endpoints = regional
"""
PROFILE_ONLY = replace(CHAIN, profile_only=True)
KEY = AccessKeyArgs(
    access_key_id="AKIAEXAMPLE", secret_access_key="very-secret", region="us-east-1"
)
POD_IDENTITY = PodIdentityArgs(association_id="a-1", kubeconfig="{}")
ARGS = {
    "service_account": ServiceAccount(namespace="dev", name="s3-app"),
    "pod_spec": {"containers": [{"name": "app", "image": "app"}]},
}
HOME = {"name": "HOME", "value": "/tmp"}
SCRATCH = {"name": "irsa-home", "emptyDir": {}}
SCRATCH_MOUNT = {"name": "irsa-home", "mountPath": "/tmp"}


def workload(engine: Engine | None = None, **changes) -> Engine:
    return deploy(lambda: Workload("s3-app", WorkloadArgs(**{**ARGS, **changes})), engine)


def pod(engine: Engine) -> dict:
    return engine.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]


def container(engine: Engine) -> dict:
    (found,) = pod(engine)["containers"]
    return found


def config_file(engine: Engine) -> str:
    return engine.one(CONFIG_MAP).inputs["data"]["config"]


def identity_hash(engine: Engine) -> str:
    template = engine.one(DEPLOYMENT).inputs["spec"]["template"]
    return template["metadata"]["annotations"]["irsa/identity-hash"]


def test_the_chain_is_a_config_file_beside_what_the_webhook_injects():
    engine = workload(role_arn=ROLE_A, chain=CHAIN)

    assert engine.one(CONFIG_MAP).inputs == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "s3-app", "namespace": "dev"},
        "data": {"config": CONFIG.format(WEBHOOK_TOKEN)},
    }
    assert pod(engine)["volumes"] == [
        SCRATCH,
        {"name": "irsa-aws-config", "configMap": {"name": "s3-app"}},
    ]
    assert container(engine)["volumeMounts"] == [
        SCRATCH_MOUNT,
        {"name": "irsa-aws-config", "mountPath": "/etc/aws", "readOnly": True},
    ]
    assert container(engine)["env"] == [
        HOME,
        {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"},
    ]


def test_profile_only_injects_nothing_and_mounts_its_own_token():
    engine = workload(role_arn=ROLE_A, chain=PROFILE_ONLY)

    assert engine.one(SERVICE_ACCOUNT).inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    token = {"audience": "sts.amazonaws.com", "expirationSeconds": 86_400, "path": "token"}
    assert pod(engine)["volumes"] == [
        SCRATCH,
        {"name": "irsa-aws-config", "configMap": {"name": "s3-app"}},
        {
            "name": "irsa-token",
            "projected": {"sources": [{"serviceAccountToken": token}]},
        },
    ]
    assert container(engine)["volumeMounts"] == [
        SCRATCH_MOUNT,
        {"name": "irsa-aws-config", "mountPath": "/etc/aws", "readOnly": True},
        {"name": "irsa-token", "mountPath": "/var/run/secrets/irsa", "readOnly": True},
    ]
    assert container(engine)["env"] == [
        HOME,
        {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"},
        {"name": "AWS_PROFILE", "value": "B"},
    ]
    assert config_file(engine) == CONFIG.format(OWN_TOKEN)


def test_profile_only_asks_for_the_token_that_was_specified():
    token = TokenArgs(audience="vault", expiration=3600)
    engine = workload(role_arn=ROLE_A, chain=PROFILE_ONLY, token=token)

    (source,) = pod(engine)["volumes"][2]["projected"]["sources"]
    assert source["serviceAccountToken"] == {
        "audience": "vault",
        "expirationSeconds": 3600,
        "path": "token",
    }


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
        replace(CHAIN, targets=[replace(TARGET, role_arn=f"{ROLE_B}-2")]),
        replace(CHAIN, region="eu-west-1"),
        replace(CHAIN, targets=[replace(TARGET, external_id="tenant-42")]),
        THREE,
        PROFILE_ONLY,
    ],
    ids=["role", "region", "external-id", "targets", "profile-only"],
)
def test_pods_are_restarted_when_the_config_file_changes(chain):
    before = workload(role_arn=ROLE_A, chain=CHAIN)

    assert identity_hash(workload(role_arn=ROLE_A, chain=chain)) != identity_hash(before)


def test_access_key_stand_in_a_secret_and_are_referred_to():
    engine = workload(access_key=KEY)

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


def test_a_pod_with_an_access_key_has_no_role():
    engine = workload(access_key=KEY)

    assert engine.one(SERVICE_ACCOUNT).inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    assert engine.of(CONFIG_MAP) == []
    assert pod(engine)["volumes"] == [SCRATCH]


def test_the_key_is_in_no_other_object():
    engine = workload(access_key=KEY)

    for resource in engine.registered:
        if resource.typ != SECRET:
            assert "very-secret" not in str(resource.inputs)
            assert base64.b64encode(b"very-secret").decode() not in str(resource.inputs)


def test_pods_are_restarted_for_the_next_key_after_the_secret_was_changed():
    second = AccessKeyArgs(access_key_id="AKIASECOND", secret_access_key="x", region="us-east-1")
    engine = workload(access_key=second)

    assert identity_hash(engine) != identity_hash(workload(access_key=KEY))
    assert engine.waits_for(DEPLOYMENT, SECRET)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"role_arn": ROLE_A, "access_key": KEY},
            "role_arn and access_key are both given, and every SDK uses the key",
        ),
        ({}, "the pods have no AWS identity; give role_arn, pod_identity or access_key"),
        ({"chain": CHAIN}, "the pods have no AWS identity"),
        ({"access_key": KEY, "chain": CHAIN}, "chain starts from a role, not from access_key"),
        ({"pod_identity": POD_IDENTITY, "access_key": KEY}, "pod_identity and access_key are both"),
    ],
    ids=["both", "neither", "chain", "key-and-chain", "association-and-key"],
)
def test_an_identity_that_contradicts_itself_is_refused(changes, message):
    assert message in refusal(WorkloadArgs, **{**ARGS, **changes})


def test_a_preview_before_the_key_exists_shows_every_resource():
    def program() -> None:
        key = aws.iam.AccessKey("key", user="s3-manager")
        secret_access_key = pulumi.Output.secret(key.secret)
        access_key = AccessKeyArgs(
            access_key_id=key.id, secret_access_key=secret_access_key, region="us-east-1"
        )
        Workload("s3-app", WorkloadArgs(**ARGS, access_key=access_key))

    engine = deploy(program, Engine(preview=True))
    assert engine.one(SECRET).inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    assert engine.one(DEPLOYMENT)


def test_the_outputs_of_a_chained_workload_name_each_target(registered_outputs):
    chain = replace(CHAIN, targets=[TARGET, AGENCY])
    workload(role_arn=pulumi.Output.from_input(ROLE_A), chain=chain)

    assert registered_outputs("irsa:index:Workload") == {
        "namespace": "dev",
        "service_account_name": "s3-app",
        "deployment_name": "s3-app",
        "role_arn": ROLE_A,
        "targets": [
            {"role_arn": ROLE_B, "profile": "B", "external_id": None},
            {"role_arn": ROLE_C, "profile": "C", "external_id": "t-42"},
        ],
    }


def test_an_sdk_reads_every_option_of_the_chain(tmp_path: Path):
    target = TargetRoleArgs(
        role_arn=ROLE_B, profile="data", external_id="tenant-42", duration_seconds=3600
    )
    chain = RoleChainArgs(
        targets=[target, replace(AGENCY, duration_seconds=901)],
        region="us-east-1",
        own_profile="web",
        session_name="s3-app",
    )
    file = tmp_path / "config"
    file.write_text(config_file(workload(role_arn=ROLE_A, chain=chain)))

    shared = {
        "role_session_name": "s3-app",
        "region": "us-east-1",
        "sts_regional_endpoints": "regional",
    }
    assert load_config(str(file))["profiles"] == {
        "web": {"role_arn": ROLE_A, "web_identity_token_file": WEBHOOK_TOKEN, **shared},
        "data": {
            "role_arn": ROLE_B,
            "source_profile": "web",
            "external_id": "tenant-42",
            "duration_seconds": "3600",
            **shared,
        },
        "C": {
            "role_arn": ROLE_C,
            "source_profile": "web",
            "external_id": "t-42",
            "duration_seconds": "901",
            **shared,
        },
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": []}, "chain has no targets; give at least one, or leave chain out"),
        ({"targets": [TARGET, TARGET]}, "profile 'B' is given to two targets; rename one"),
        ({"own_profile": "default"}, "profile name 'default' would change requests without a"),
        ({"own_profile": "B"}, "own_profile and a target's are both 'B'; rename one"),
        ({"own_profile": "a]"}, "profile name 'a]' may have letters"),
        ({"session_name": "x"}, "session name 'x' must be 2 to 64"),
        ({"session_name": "system:serviceaccount:dev:s3-app"}, "a subject has colons"),
        ({"profile_only": "yes"}, "profile_only is the text 'yes'; give True or False"),
    ],
)
def test_a_chain_that_would_misbehave_is_refused(options, message):
    assert message in refusal(replace, CHAIN, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration_seconds": 3601}, "duration_seconds: 3601 is above 3600: a chained session"),
        ({"duration_seconds": 900}, "duration_seconds: 900 is not above 900: SDKs would assume"),
        ({"duration_seconds": 0}, "duration_seconds: 0 is not above 900"),
        ({"profile": "DEFAULT"}, "profile name 'DEFAULT' would change requests without a"),
        ({"profile": ""}, "profile name '' may have letters"),
        ({"role_arn": "s3-app-B"}, "'s3-app-B' is not the ARN of a role; expected"),
        ({"external_id": "x"}, "external id 'x' must be 2 to 1224"),
        ({"external_id": "a\nrole_arn = x"}, "must be 2 to 1224"),
    ],
)
def test_a_target_that_would_misbehave_is_refused(options, message):
    assert message in refusal(replace, TARGET, **options)


def test_a_target_that_is_known_later_is_refused_in_one_line():
    target = replace(TARGET, external_id=pulumi.Output.from_input("a\nrole_arn = x"))

    with pytest.raises(pulumi.RunError, match=r"TargetRoleArgs.external_id: .* must be 2 to 1224"):
        workload(role_arn=ROLE_A, chain=replace(CHAIN, targets=[target]))


def test_profile_only_leaves_an_existing_service_account_untouched():
    engine = workload(role_arn=ROLE_A, chain=PROFILE_ONLY, existing_service_account=True)

    assert engine.one(SERVICE_ACCOUNT).resource_id == "dev/s3-app", "it is read, not created"
    assert engine.of("kubernetes:core/v1:ServiceAccountPatch") == []
    assert pod(engine)["serviceAccountName"] == "s3-app"


def test_pods_with_an_association_have_no_annotation_and_wait_for_it():
    engine = workload(pod_identity=POD_IDENTITY)

    assert "annotations" not in engine.one(SERVICE_ACCOUNT).inputs["metadata"]
    hooks = engine.options(DEPLOYMENT, "s3-app").hooks
    assert list(hooks.before_create) == list(hooks.before_update) != []
    other = replace(POD_IDENTITY, association_id="a-2")
    assert identity_hash(engine) != identity_hash(workload(pod_identity=other))


@pytest.mark.parametrize("preview", [False, True])
def test_a_replaced_association_leaves_the_deployment_in_place(preview):
    """It is deleted first, and the engine would delete what has a property that depends on it."""

    def program() -> None:
        association = aws.eks.PodIdentityAssociation(
            "s3-app", cluster_name="dev", namespace="dev", service_account="s3-app", role_arn=ROLE_A
        )
        pod_identity = replace(POD_IDENTITY, association_id=association.association_id)
        Workload("s3-app", WorkloadArgs(**ARGS, pod_identity=pod_identity))

    engine = deploy(program, Engine(preview=preview))

    assert engine.waits_for(DEPLOYMENT, ASSOCIATION)
    dependencies = engine.options(DEPLOYMENT, "s3-app").propertyDependencies
    assert ASSOCIATION not in str(dependencies)
    assert isinstance(identity_hash(engine), Unknown) == preview


@pytest.mark.parametrize("also", [{}, {"role_arn": ROLE_A}], ids=["alone", "both-mechanisms"])
@pytest.mark.parametrize("profile_only", [False, True])
def test_targets_of_an_association_start_from_the_agent(profile_only, also):
    chain = replace(CHAIN, targets=[TARGET, AGENCY], profile_only=profile_only)
    engine = workload(pod_identity=POD_IDENTITY, chain=chain, **also)

    shared = (
        "role_session_name = xactarget\nregion = us-east-1\nsts_regional_endpoints = regional\n"
    )
    assert engine.one(CONFIG_MAP).inputs["data"]["config"] == (
        f"[profile B]\nrole_arn = {ROLE_B}\ncredential_source = EcsContainer\n{shared}\n"
        f"[profile C]\nrole_arn = {ROLE_C}\ncredential_source = EcsContainer\n"
        f"external_id = t-42\nduration_seconds = 1800\n{shared}"
    )
    chosen = [{"name": "AWS_PROFILE", "value": "B"}] if profile_only else []
    file = {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}
    assert container(engine)["env"] == [HOME, file, *chosen]
    assert [each["name"] for each in pod(engine)["volumes"]] == ["irsa-home", "irsa-aws-config"]


def test_without_a_kubeconfig_nothing_waits():
    engine = workload(pod_identity=replace(POD_IDENTITY, kubeconfig=None))

    hooks = engine.options(DEPLOYMENT, "s3-app").hooks
    assert [*hooks.before_create, *hooks.before_update] == []


def test_both_mechanisms_can_be_given_to_one_service_account():
    engine = workload(pod_identity=POD_IDENTITY, role_arn=ROLE_A)

    annotations = engine.one(SERVICE_ACCOUNT).inputs["metadata"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": ROLE_A}
