"""A service account and a Deployment as of a Helm chart, in no stack."""

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Pod, ServiceAccount
from lightkube.types import PatchType

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.session import Session
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.kubectl import wait_for_pods

OWNER = "helm"


def release(session: Session, namespace: str, name: str, role_arn: str) -> None:
    """Both under one name, with the role's ARN among the values; returns when Pods run."""
    cluster = session.cluster
    annotations = {ROLE_ARN_ANNOTATION: role_arn}
    metadata = ObjectMeta(name=name, namespace=namespace, annotations=annotations)
    cluster.apply(Namespace(metadata=ObjectMeta(name=namespace)), field_manager=OWNER)
    cluster.apply(ServiceAccount(metadata=metadata), field_manager=OWNER)
    labels = {"app.kubernetes.io/name": name}
    pods = {"serviceAccountName": name, "containers": [{"name": "app", "image": "app"}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pods},
        },
    }
    cluster.patch(
        Deployment, name, deployment, namespace=namespace,
        patch_type=PatchType.APPLY, field_manager=OWNER,
    )  # fmt: skip

    def runs() -> bool:
        pods = cluster.list(Pod, namespace=namespace, labels={"app.kubernetes.io/name": name})
        return [pod.status.phase for pod in pods if pod.status] == ["Running"]

    wait_for_pods(session, namespace, name)
    eventually(runs)
