"""The identity of a service account on whatever runs its pods, under the real engine."""

import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
from lightkube.resources.apps_v1 import DaemonSet, Deployment, StatefulSet
from lightkube.resources.batch_v1 import CronJob
from pulumi import ComponentResource, ResourceOptions

import irsa_components as irsa
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from tests.sandbox.support import programs
from tests.sandbox.support.programs import POD_SPEC, in_cluster, in_namespace, stack_of
from tests.sandbox.support.with_plugin import either_session

session = either_session
NAMESPACE = "anything"
LABELS = {"app": "app"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD_SPEC}


def foreign(opts: ResourceOptions) -> None:
    """A component of others: it knows nothing of an identity."""
    child = ResourceOptions(parent=ComponentResource("others:index:Foreign", "foreign", {}, opts))
    settings = k8s.core.v1.Secret("settings", metadata=named("settings"), opts=child)
    env = {"name": "NAME", "value": settings.metadata.name}  # known by the `up` only
    secret = {"name": "SECRET", "value": pulumi.Output.secret("s3cret")}
    container = {"name": "app", "image": "app", "env": [env, secret]}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    spec = {"selector": {"match_labels": LABELS}, "template": template}
    k8s.apps.v1.Deployment("foreign", metadata=named("foreign"), spec=spec, opts=child)
    late = pulumi.Output.secret({"selector": {"matchLabels": LABELS}, "template": TEMPLATE})
    k8s.apps.v1.Deployment("secret", metadata=named("secret"), spec=late, opts=child)
    job = {"template": {"spec": {**POD_SPEC, "restart_policy": "Never"}}}
    spec = {"schedule": "0 6 * * *", "job_template": {"spec": job}}
    k8s.batch.v1.CronJob("foreign", metadata=named("foreign"), spec=spec, opts=child)


def chart(folder: Path, opts: ResourceOptions) -> None:
    """A chart of others, whose resources Kubernetes' plugin registers."""
    spec = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named("chart")}
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: chart, version: 1.0.0}")
    (folder / "templates/app.yaml").write_text(json.dumps({**manifest, "spec": spec}))
    k8s.helm.v4.Chart("chart", chart=str(folder), namespace=NAMESPACE, opts=opts)


def named(name):
    return {"name": name, "namespace": NAMESPACE}


def program(session, folder):
    opts = in_namespace(in_cluster(session), NAMESPACE, force_destroy=True)
    target = irsa.TargetRoleArgs(role_arn=irsa.role_arn(ACCOUNT_B, "b"))
    args = irsa.WorkloadIdentityArgs(
        service_account=irsa.ServiceAccount(namespace=NAMESPACE, name="app"),
        role_arn=irsa.role_arn(ACCOUNT_A, "a"),
        chain=irsa.RoleChainArgs(targets=[target], region=REGION),
    )
    identity = irsa.WorkloadIdentity("app", args, opts)
    spec = {"selector": {"match_labels": LABELS}, "template": identity.pod_template(TEMPLATE)}
    app_opts = identity.options(opts)
    k8s.apps.v1.DaemonSet("app", metadata=named("app"), spec=spec, opts=app_opts)
    spec = {**spec, "service_name": "app"}
    k8s.apps.v1.StatefulSet("app", metadata=named("app"), spec=spec, opts=app_opts)
    transformed = ResourceOptions.merge(opts, ResourceOptions(transforms=[identity.transform]))
    foreign(transformed)
    if session.state.plugins:
        chart(folder, transformed)


def test_every_kind_has_the_identity_and_what_others_wrote_stays(session, sandbox, tmp_path):
    stack = stack_of(session, NAMESPACE, lambda: program(session, tmp_path / "chart"))
    assert stack.preview().keys() == {"create"}
    stack.up()

    kinds = [(StatefulSet, "app"), (DaemonSet, "app")]
    kinds += [(Deployment, "foreign"), (Deployment, "secret"), (CronJob, "foreign")]
    kinds += [(Deployment, "chart")] if session.state.plugins else []
    for kind, name in kinds:
        spec = session.cluster.get(kind, name, namespace=NAMESPACE).to_dict()["spec"]
        template = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
        [container] = template["spec"]["containers"]
        assert template["spec"]["serviceAccountName"] == "app"
        assert template["metadata"]["annotations"]["irsa/identity-hash"]
        assert {"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"} in container["env"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        if (kind, name) == (Deployment, "foreign"):
            assert {"name": "NAME", "value": "settings"} in container["env"]
            assert {"name": "SECRET", "value": "s3cret"} in container["env"]
    by_urn = {resource["urn"]: resource for resource in stack.export()["resources"]}
    [inputs] = (by_urn[urn]["inputs"] for urn in by_urn if urn.endswith("Deployment::foreign"))
    text = json.dumps(inputs)
    assert text.count("s3cret") == text.count(r"\"s3cret\"") == 1, "only in JSON, as a secret is"
    programs.unchanged(stack)


def test_any_kind_waits_for_its_association(session, sandbox, monkeypatch):
    """By a transform; components/tests/test_start_gate.py has the options."""
    monkeypatch.setattr("irsa_core.polling.TIMEOUT", 1.0)
    gated = {"name": "app", "namespace": "gated"}

    def waiting() -> None:
        opts = in_namespace(in_cluster(session), "gated", force_destroy=True)
        kubeconfig = Path(session.state.kubeconfig).read_text()
        args = irsa.WorkloadIdentityArgs(
            service_account=irsa.ServiceAccount(**gated),
            pod_identity=irsa.PodIdentityArgs(association_id="a-none", kubeconfig=kubeconfig),
        )
        identity = irsa.WorkloadIdentity("app", args, opts)
        merged = ResourceOptions.merge(opts, ResourceOptions(transforms=[identity.transform]))
        parent = ComponentResource("others:index:Parent", "parent", {}, merged)
        selector = {"match_labels": LABELS}
        spec = {"service_name": "app", "selector": selector, "template": TEMPLATE}
        opts = ResourceOptions(parent=parent)
        k8s.apps.v1.StatefulSet("app", metadata=gated, spec=spec, opts=opts)

    assert programs.refusal(stack_of(session, "gated", waiting).up).partition(": ")[2] == (
        'before hook "gated/app: pods start with their credentials" failed: Pods of gated/app '
        "would start without the credentials of EKS Pod Identity: the webhook gives container "
        "app no credentials, after 1 s; run "
        "`irsa verify --namespace gated --service-account app`, in "
        'k8s.apps.v1.StatefulSet("app", metadata=gated, spec=spec, opts=opts)'
    )
