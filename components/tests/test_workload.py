"""Workload and Namespace: objects in the cluster, their order, and the pods' AWS identity."""

import base64
from dataclasses import replace
from functools import partial

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from botocore.configloader import load_config
from pulumi import ResourceOptions
from pulumi.output import Unknown

import irsa_components as irsa
from tests.support.engine import Engine, create, deploy, secret
from tests.support.refusal import refusal
from tests.support.world import ROLE_A_ARN as ROLE_A
from tests.support.world import ROLE_B_ARN as ROLE_B

ROLE_C = "arn:aws:iam::555566667777:role/s3-app-C"
TARGET = irsa.TargetRoleArgs(role_arn=ROLE_B)
CHAIN = irsa.RoleChainArgs(targets=[TARGET], region="us-east-1")
AGENCY = irsa.TargetRoleArgs(
    role_arn=ROLE_C, profile="C", external_id="t-42", duration_seconds=1800
)
TWO = replace(CHAIN, targets=[TARGET, AGENCY])
PROFILE_ONLY = replace(CHAIN, profile_only=True)
KEY = irsa.AccessKeyArgs(access_key_id="AKIA", secret_access_key="very-secret", region="us-east-1")
POD_IDENTITY = irsa.PodIdentityArgs(association_id="a-1", kubeconfig="{}")
ASSOCIATED = {"pod_identity": POD_IDENTITY}
VAULT = irsa.TokenArgs(audience="vault", expiration=3600)
ARGS = {
    "service_account": irsa.ServiceAccount(namespace="dev", name="s3-app"),
    "pod_spec": {"containers": [{"name": "app", "image": "app"}]},
}
HOME = {"name": "HOME", "value": "/tmp"}
SCRATCH = {"name": "irsa-home", "emptyDir": {}}
CONFIG_VOLUME = {"name": "irsa-aws-config", "configMap": {"name": "s3-app"}}
CONFIG_FILE = {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}
EXISTING = {"existing_service_account": True}
TARGETS = [
    {"role_arn": ROLE_B, "profile": "B", "external_id": None},
    {"role_arn": ROLE_C, "profile": "C", "external_id": "t-42"},
]


def workload(**changes) -> Engine:
    identity = {} if {"access_key", "pod_identity"} & changes.keys() else {"role_arn": ROLE_A}
    return create("Workload", "s3-app", **ARGS, **identity | changes)


def pod(engine: Engine) -> dict:
    return engine.one("Deployment").inputs["spec"]["template"]


def container(engine: Engine) -> dict:
    (found,) = pod(engine)["spec"]["containers"]
    return found


def identity_hash(engine: Engine) -> str:
    return pod(engine)["metadata"]["annotations"]["irsa/identity-hash"]


@pytest.mark.cases(("changes", "annotations"), {
    "role": ({}, {"role-arn": ROLE_A}),
    "token": ({"token": VAULT}, {"role-arn": ROLE_A, "audience": "vault",
        "token-expiration": "3600"}),
    "both": ({"pod_identity": POD_IDENTITY, "role_arn": ROLE_A}, {"role-arn": ROLE_A}),
    "association": ({"pod_identity": POD_IDENTITY}, {}),
    "key": ({"access_key": KEY}, {}),
    "profile-only": ({"chain": PROFILE_ONLY}, {}),
})  # fmt: skip
@pytest.mark.cases("existing", {"new account": False, "existing account": True})
def test_the_service_account_is_annotated_for_the_webhook(changes, annotations, existing):
    """An existing one is read, and patched if it gets annotations."""
    engine = workload(**changes, existing_service_account=existing)

    metadata = {"name": "s3-app", "namespace": "dev"}
    if annotations:
        spelled = {f"eks.amazonaws.com/{key}": value for key, value in annotations.items()}
        metadata["annotations"] = spelled
    account = engine.one("ServiceAccount")
    patches = [patch.inputs for patch in engine.of("ServiceAccountPatch")]
    assert account.resource_id == ("dev/s3-app" if existing else "")
    bound = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    written = patches if existing else [account.inputs]
    assert written == ([bound] if annotations or not existing else [])
    assert pod(engine)["spec"]["serviceAccountName"] == "s3-app"


def test_the_deployment_selects_its_own_pods():
    engine = workload(replicas=3)
    labels = {"app.kubernetes.io/name": "s3-app"}

    inputs = engine.one("Deployment").inputs
    assert inputs["metadata"] == {"name": "s3-app", "namespace": "dev", "labels": labels}
    assert inputs["spec"]["replicas"] == 3
    assert inputs["spec"]["selector"] == {"matchLabels": labels}
    assert pod(engine)["metadata"]["labels"] == labels
    assert "replicas" not in workload().one("Deployment").inputs["spec"], "left to autoscalers"


@pytest.mark.cases("force_destroy", {"retained": False, "force_destroy": True})
def test_a_namespace_is_retained_unless_force_destroy_or_only_read(force_destroy):
    made = partial(create, "Namespace", "acme", namespace="acme")
    engine = made(force_destroy=force_destroy)
    assert engine.one("Namespace").inputs["metadata"] == {"name": "acme"}
    assert engine.options("Namespace", "acme").retainOnDelete is not force_destroy
    assert made(existing=True).one("Namespace").resource_id == "acme"


@pytest.mark.cases(("before", "after"), {
    "role": ({}, {"role_arn": f"{ROLE_A}-2"}),
    "token": ({}, {"token": VAULT}),
    **{f"chain, {change}": ({"chain": CHAIN}, {"chain": chain}) for change, chain in {
        "another role": replace(CHAIN, targets=[replace(TARGET, role_arn=f"{ROLE_B}-2")]),
        "external id": replace(CHAIN, targets=[replace(TARGET, external_id="tenant-42")]),
        "region": replace(CHAIN, region="eu-west-1"), "target": TWO, "profile": PROFILE_ONLY,
    }.items()},
    "access key": ({"access_key": KEY}, {"access_key": replace(KEY, access_key_id="AKIASECOND")}),
    "association": (ASSOCIATED, {"pod_identity": replace(POD_IDENTITY, association_id="a-2")}),
})  # fmt: skip
def test_pods_are_restarted_when_their_identity_changes_and_for_nothing_else(before, after):
    first = identity_hash(workload(**before))
    assert first != identity_hash(workload(**after))
    assert first == identity_hash(workload(**before, replicas=2))


@pytest.mark.cases(("changes", "later", "earlier"), {
    "service account": ({}, "Deployment", "ServiceAccount"),
    "existing service account": (EXISTING, "ServiceAccountPatch", "ServiceAccount"),
    "patch of a service account": (EXISTING, "Deployment", "ServiceAccountPatch"),
    "chain": ({"chain": CHAIN}, "Deployment", "ConfigMap"),
    "access key": ({"access_key": KEY}, "Deployment", "Secret"),
})  # fmt: skip
def test_pods_wait_for_what_their_identity_is_made_of(changes, later, earlier):
    assert workload(**changes).waits_for(later, earlier)


@pytest.mark.cases("changes", {"chain": {"chain": CHAIN}, "access key": {"access_key": KEY}})
def test_a_workload_is_previewed_before_what_it_depends_on_exists(changes):
    def program() -> None:
        namespace = irsa.Namespace("dev", irsa.NamespaceArgs(namespace="dev"))
        role = aws.iam.Role("role", assume_role_policy="{}")
        key = aws.iam.AccessKey("key", user="s3-manager")
        args = {"role_arn": role.arn}
        if "access_key" in changes:
            secret_key = pulumi.Output.secret(key.secret)
            args = {"access_key": replace(KEY, access_key_id=key.id, secret_access_key=secret_key)}
        providers = [k8s.Provider("cluster", kubeconfig="{}")]
        options = ResourceOptions(depends_on=[namespace], providers=providers)
        irsa.Workload("s3-app", irsa.WorkloadArgs(**{**ARGS, **changes, **args}), options)

    preview, up = (deploy(program, Engine(preview=is_preview)) for is_preview in (True, False))
    assert preview.tree() == up.tree()
    assert preview.waits_for("Deployment", "AccessKey" if "access_key" in changes else "Role")
    for child in ("ServiceAccount", "ConfigMap", "Secret", "Deployment"):
        for made in up.of(child):
            assert up.waits_for(child, "Namespace")
            assert "kubernetes::cluster::" in made.provider


def test_the_service_accounts_urn_survives_that_the_workload_is_renamed():
    def urns(name: str) -> set[str]:
        engine = create("Workload", name, **ARGS, role_arn=ROLE_A)
        return {urn for urn in engine.monitor.depends_on if "ServiceAccount" in urn}

    assert urns("a") == urns("b") != set()


@pytest.mark.cases(("changes", "further"), {
    "role": ({"role_arn": pulumi.Output.from_input(ROLE_A)}, {"role_arn": ROLE_A}),
    "two targets": ({"chain": TWO}, {"role_arn": ROLE_A, "targets": TARGETS}),
    "association": (ASSOCIATED, {"association_id": "a-1"}),
})  # fmt: skip
def test_the_outputs_describe_the_workload(changes, further):
    assert workload(**changes).outputs("Workload") == {
        "namespace": "dev",
        "service_account_name": "s3-app",
        "deployment_name": "s3-app",
        "pod_labels": {"app.kubernetes.io/name": "s3-app"},
        **further,
    }


@pytest.mark.cases("profile_only", {"default profile": False, "profile alone": True})
@pytest.mark.cases("identity", {
    "irsa": {"role_arn": ROLE_A},
    "association": ASSOCIATED,
    "both": {**ASSOCIATED, "role_arn": ROLE_A},
})  # fmt: skip
def test_an_sdk_reads_every_option_of_the_chain(tmp_path, identity, profile_only):
    """A file beside what the webhook injects, or alone: then it has a token of its own, and its
    first target is the default. Targets of an association start from the agent."""
    target = replace(TARGET, profile="data", external_id="t-1", duration_seconds=901)
    named = {"own_profile": "web", "session_name": "s3-app", "profile_only": profile_only}
    chain = replace(TWO, targets=[target, AGENCY], **named)
    engine = workload(chain=chain, token=VAULT, **identity)

    config, by_agent = engine.one("ConfigMap").inputs, "pod_identity" in identity
    (tmp_path / "config").write_text(config.pop("data")["config"])
    assert config["metadata"] == {"name": "s3-app", "namespace": "dev"}
    folder = "irsa" if profile_only else "eks.amazonaws.com/serviceaccount"
    token = f"/var/run/secrets/{folder}/token"
    source = {"credential_source": "EcsContainer"} if by_agent else {"source_profile": "web"}
    profiles = {} if by_agent else {"web": {"role_arn": ROLE_A, "web_identity_token_file": token}}
    for role in chain.targets:
        asked = {"external_id": role.external_id, "duration_seconds": str(role.duration_seconds)}
        profiles[role.profile] = {"role_arn": role.role_arn, **asked, **source}
    shared = {"role_session_name": "s3-app", "region": "us-east-1"}
    shared["sts_regional_endpoints"] = "regional"
    assert load_config(str(tmp_path / "config"))["profiles"] == {
        name: {**profile, **shared} for name, profile in profiles.items()
    }
    chosen = [{"name": "AWS_PROFILE", "value": "data"}] * profile_only
    assert container(engine)["env"] == [HOME, CONFIG_FILE, *chosen]
    tokens = [token_volume("vault", 3600)] * (profile_only and not by_agent)
    assert pod(engine)["spec"]["volumes"] == [SCRATCH, CONFIG_VOLUME, *tokens]
    mount = {"name": "irsa-token", "mountPath": "/var/run/secrets/irsa", "readOnly": True}
    assert container(engine)["volumeMounts"] == [
        {"name": "irsa-home", "mountPath": "/tmp"},
        {"name": "irsa-aws-config", "mountPath": "/etc/aws", "readOnly": True},
        *[mount] * len(tokens),
    ]


def token_volume(audience: str, seconds: int) -> dict:
    token = {"audience": audience, "expirationSeconds": seconds, "path": "token"}
    return {"name": "irsa-token", "projected": {"sources": [{"serviceAccountToken": token}]}}


def test_a_token_of_profile_only_is_stss_for_a_day():
    volumes = pod(workload(chain=PROFILE_ONLY))["spec"]["volumes"]
    assert volumes[2:] == [token_volume("sts.amazonaws.com", 86400)]


def test_an_access_key_stands_in_a_secret_alone_and_is_referred_to():
    engine = workload(access_key=KEY)

    key_id, encoded = (base64.b64encode(text).decode() for text in (b"AKIA", b"very-secret"))
    (inputs,) = (child.inputs for child in engine.registered if encoded in str(child.inputs))
    assert inputs == engine.one("Secret").inputs
    assert inputs["metadata"] == {"name": "s3-app", "namespace": "dev"}
    data = {"aws_access_key_id": key_id, "aws_secret_access_key": encoded}
    assert inputs["data"] == secret(data)
    assert "very-secret" not in str([child.inputs for child in engine.registered])
    refers = {key.upper(): {"secretKeyRef": {"name": "s3-app", "key": key}} for key in data}
    keys = [{"name": name, "valueFrom": source} for name, source in refers.items()]
    region = [{"name": f"AWS_{part}REGION", "value": "us-east-1"} for part in ("DEFAULT_", "")]
    assert container(engine)["env"] == [HOME, *keys, *region]
    assert pod(engine)["spec"]["volumes"] == [SCRATCH]


@pytest.mark.cases("preview", {"up": False, "preview": True})
def test_a_replaced_association_leaves_the_deployment_in_place(preview):
    """It is deleted first, and the engine would delete what has a property that depends on it."""

    def program() -> None:
        association = aws.eks.PodIdentityAssociation(
            "s3-app", cluster_name="dev", namespace="dev", service_account="s3-app", role_arn=ROLE_A
        )
        pod_identity = replace(POD_IDENTITY, association_id=association.association_id)
        irsa.Workload("s3-app", irsa.WorkloadArgs(**ARGS, pod_identity=pod_identity))

    engine = deploy(program, Engine(preview=preview))

    assert engine.waits_for("Deployment", "PodIdentityAssociation")
    dependencies = engine.options("Deployment", "s3-app").propertyDependencies
    assert "PodIdentityAssociation" not in str(dependencies)
    assert isinstance(identity_hash(engine), Unknown) == preview


@pytest.mark.cases(("metadata", "line"), {
    "none": (lambda: None, ""),
    "a secret": (lambda: pulumi.Output.secret({"namespace": "prod"}), ""),
    "another namespace": (lambda: {"namespace": "prod"}, "app is in namespace 'prod', and"),
})  # fmt: skip
def test_a_transform_is_for_its_own_namespace_as_far_as_it_is_seen(metadata, line):
    def program() -> None:
        args = irsa.WorkloadIdentityArgs(service_account=ARGS["service_account"], role_arn=ROLE_A)
        props = {"metadata": metadata(), "spec": {"template": {"spec": ARGS["pod_spec"]}}}
        given = (True, "", "app", props, ResourceOptions())
        irsa.WorkloadIdentity("s3-app", args).transform(pulumi.ResourceTransformArgs(*given))

    assert (refusal(deploy, program) if line else str(deploy(program).logged)).startswith(line)


@pytest.mark.cases("kubeconfig", {"kubeconfig given": "{}", "no kubeconfig": None})
def test_pods_with_an_association_wait_for_it_by_a_kubeconfig(kubeconfig):
    engine = workload(pod_identity=replace(POD_IDENTITY, kubeconfig=kubeconfig))

    hooks = engine.options("Deployment", "s3-app").hooks
    assert len(hooks.before_create) == bool(kubeconfig)
    assert list(hooks.before_create) == list(hooks.before_update)
