"""Workload: its objects in the cluster, and their order."""

import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from pulumi import ResourceOptions

from irsa_components import (
    Namespace,
    NamespaceArgs,
    ServiceAccount,
    TokenArgs,
    Workload,
    WorkloadArgs,
)
from tests.support.engine import Engine, deploy
from tests.support.refusal import refusal

NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
PATCH = "kubernetes:core/v1:ServiceAccountPatch"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ROLE_ARN = "arn:aws:iam::111122223333:role/s3-app"
IMAGE = f"app@sha256:{'0' * 64}"
ARGS = {
    "service_account": ServiceAccount(namespace="dev", name="s3-app"),
    "role_arn": ROLE_ARN,
    "pod_spec": {"containers": [{"name": "app", "image": IMAGE}]},
}


def workload(engine: Engine | None = None, **changes) -> Engine:
    args = WorkloadArgs(**{**ARGS, **changes})
    return deploy(lambda: Workload("s3-app", args), engine)


def pod(engine: Engine) -> dict:
    return engine.one(DEPLOYMENT).inputs["spec"]["template"]


def identity_hash(engine: Engine) -> str:
    return pod(engine)["metadata"]["annotations"]["irsa/identity-hash"]


BOUND = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {
        "name": "s3-app",
        "namespace": "dev",
        "annotations": {"eks.amazonaws.com/role-arn": ROLE_ARN},
    },
}


def test_the_service_account_is_bound_to_the_role():
    assert workload().one(SERVICE_ACCOUNT).inputs == BOUND


def test_the_webhooks_options_are_annotations():
    token = TokenArgs(audience="vault", expiration=3600)

    metadata = workload(token=token).one(SERVICE_ACCOUNT).inputs["metadata"]
    assert metadata["annotations"] == {
        "eks.amazonaws.com/role-arn": ROLE_ARN,
        "eks.amazonaws.com/audience": "vault",
        "eks.amazonaws.com/token-expiration": "3600",
    }


def test_an_existing_service_account_is_patched_and_not_created():
    engine = workload(existing_service_account=True)

    assert engine.one(SERVICE_ACCOUNT).resource_id == "dev/s3-app", "it is read, not created"
    assert engine.waits_for(PATCH, SERVICE_ACCOUNT)
    assert engine.one(PATCH).inputs == BOUND
    assert pod(engine)["spec"]["serviceAccountName"] == "s3-app"
    assert engine.waits_for(DEPLOYMENT, PATCH)


def test_the_pod_runs_as_the_service_account():
    assert pod(workload())["spec"]["serviceAccountName"] == "s3-app"


def test_the_deployment_selects_its_own_pods():
    engine = workload(replicas=3)
    labels = {"app.kubernetes.io/name": "s3-app"}

    inputs = engine.one(DEPLOYMENT).inputs
    assert inputs["metadata"] == {"name": "s3-app", "namespace": "dev", "labels": labels}
    assert inputs["spec"]["replicas"] == 3
    assert inputs["spec"]["selector"] == {"matchLabels": labels}
    assert pod(engine)["metadata"]["labels"] == labels


@pytest.mark.parametrize(
    "changes",
    [{"role_arn": f"{ROLE_ARN}-2"}, {"token": TokenArgs(audience="vault")}],
    ids=["role", "token"],
)
def test_pods_are_restarted_when_their_identity_changes(changes):
    assert identity_hash(workload(**changes)) != identity_hash(workload())


@pytest.mark.parametrize("changes", [{}, {"replicas": 2}], ids=["nothing", "replicas"])
def test_pods_are_not_restarted_for_anything_else(changes):
    assert identity_hash(workload(**changes)) == identity_hash(workload())


def test_everything_waits_for_the_namespace_that_the_workload_depends_on():
    def program() -> None:
        namespace = Namespace("dev", NamespaceArgs(namespace="dev"))
        opts = ResourceOptions(depends_on=[namespace])
        Workload("s3-app", WorkloadArgs(**ARGS), opts)

    engine = deploy(program)
    assert engine.waits_for(SERVICE_ACCOUNT, NAMESPACE)
    assert engine.waits_for(DEPLOYMENT, NAMESPACE)


def test_the_service_accounts_urn_survives_that_the_workload_is_renamed():
    def urns(name: str) -> set[str]:
        engine = deploy(lambda: Workload(name, WorkloadArgs(**ARGS)))
        return {urn for urn in engine.monitor.depends_on if SERVICE_ACCOUNT in urn}

    assert urns("a") == urns("b") != set()


def test_the_account_is_annotated_before_a_pod_exists():
    assert workload().waits_for(DEPLOYMENT, SERVICE_ACCOUNT)


def test_the_callers_provider_reaches_every_child():
    def program() -> None:
        provider = k8s.Provider("cluster", kubeconfig="{}")
        Workload("s3-app", WorkloadArgs(**ARGS), ResourceOptions(providers=[provider]))

    engine = deploy(program)
    for typ in (SERVICE_ACCOUNT, DEPLOYMENT):
        assert "kubernetes::cluster::" in engine.one(typ).provider


def test_a_preview_before_the_role_exists_shows_every_resource():
    def program() -> None:
        role = aws.iam.Role("role", assume_role_policy="{}")
        Workload("s3-app", WorkloadArgs(**{**ARGS, "role_arn": role.arn}))

    engine = deploy(program, Engine(preview=True))

    assert "replicas" not in engine.one(DEPLOYMENT).inputs["spec"], "left to autoscalers"
    assert engine.one(SERVICE_ACCOUNT).inputs["metadata"]["name"] == "s3-app"


def test_the_outputs_describe_the_workload(registered_outputs):
    workload()

    assert registered_outputs("irsa:index:Workload") == {
        "namespace": "dev",
        "service_account_name": "s3-app",
        "deployment_name": "s3-app",
        "role_arn": ROLE_ARN,
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"audience": ""}, "audience: '' is not 1 to 255 characters"),
        ({"expiration": 599}, "expiration: 599 is outside of 600 to 86400"),
        ({"expiration": 86401}, "expiration: 86401 is outside of"),
    ],
)
def test_a_token_that_the_api_server_refuses_is_refused(settings, message):
    assert message in refusal(TokenArgs, **settings)


def test_a_name_that_is_no_label_is_refused():
    with pytest.raises(ValueError, match="workload name 'S3_app' is not a DNS-1123 label"):
        deploy(lambda: Workload("S3_app", WorkloadArgs(**ARGS)))
