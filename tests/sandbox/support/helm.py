"""A service account and a Deployment as of a Helm chart, in no stack."""

from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Pod, ServiceAccount

from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa_sandbox.session import Session
from tests.sandbox.support.cluster import apply, eventually

OWNER = "helm"


def release(session: Session, namespace: str, name: str, role_arn: str) -> None:
    """Both under one name, with the role's ARN among the values; returns when Pods run."""
    cluster, labels = session.cluster, {"app.kubernetes.io/name": name}
    apply(cluster, Namespace, "", namespace, manager=OWNER)
    annotations = {ROLE_ARN_ANNOTATION: role_arn}
    apply(cluster, ServiceAccount, namespace, name, manager=OWNER, annotations=annotations)
    pods = {"serviceAccountName": name, "containers": [{"name": "app", "image": "app"}]}
    template = {"metadata": {"labels": labels}, "spec": pods}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    apply(cluster, Deployment, namespace, name, manager=OWNER, spec=spec)

    def runs() -> bool:
        found = cluster.list(Pod, namespace=namespace, labels=labels)
        return [pod.status.phase for pod in found if pod.status] == ["Running"]

    eventually(runs)
