"""A cluster and an account that refuse what a move needs."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import yaml
from lightkube.core.client import Client
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import CronJob
from lightkube.resources.core_v1 import ResourceQuota, ServiceAccount, ServiceAccountToken
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding
from lightkube.types import PatchType

from irsa_sandbox.session import Session
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.workload import config_map

LIMITED = "limited"
RULES = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
    {"nonResourceURLs": ["*"], "verbs": ["get"]},
]
READS = ["iam:Get*", "iam:List*", "iam:SimulatePrincipalPolicy", "eks:Describe*", "eks:List*"]


@contextlib.contextmanager
def limited(session: Session, namespace: str, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a user who may read all and change next to nothing."""
    iam, cluster = session.aws("iam"), session.cluster
    iam.create_user(UserName=LIMITED)
    statement = {"Effect": "Allow", "Action": READS, "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName=LIMITED, PolicyName="r", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=LIMITED)["AccessKey"]
    cluster.create(ServiceAccount(metadata=ObjectMeta(name=LIMITED, namespace=namespace)))
    cluster.create(ClusterRole.from_dict({"metadata": {"name": LIMITED}, "rules": RULES}))
    subject = {"kind": "ServiceAccount", "name": LIMITED, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": LIMITED}
    binding = {"metadata": {"name": LIMITED}, "subjects": [subject], "roleRef": role}
    cluster.create(ClusterRoleBinding.from_dict(binding))
    try:
        yield {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "KUBECONFIG": str(_kubeconfig(session, namespace, folder)),
        }
    finally:
        cluster.delete(ClusterRoleBinding, LIMITED)
        cluster.delete(ClusterRole, LIMITED)
        iam.delete_access_key(UserName=LIMITED, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=LIMITED, PolicyName="r")
        iam.delete_user(UserName=LIMITED)


def _kubeconfig(session: Session, namespace: str, folder: Path) -> Path:
    asked = ServiceAccountToken(
        metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[], expirationSeconds=600)
    )
    issued = session.cluster.create(asked, LIMITED, namespace=namespace).to_dict()
    document = yaml.safe_load(Path(session.state.kubeconfig).read_text())
    for user in document["users"]:
        user["user"] = {"token": issued["status"]["token"]}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def fill_quota(cluster: Client, namespace: str) -> None:
    """Leave no room for another Pod; no controller of the sandbox counts them."""
    spec = {"hard": {"pods": "1"}}
    quota = {"metadata": {"name": "full", "namespace": namespace}, "spec": spec}
    cluster.create(ResourceQuota.from_dict(quota))
    status = {"status": {**spec, "used": {"pods": "1"}}}
    cluster.patch(
        ResourceQuota.Status, "full", status, namespace=namespace, patch_type=PatchType.MERGE
    )


def create_cron_job(session: Session, namespace: str) -> None:
    """Create a CronJob without a Pod, whose AWS config file takes the web identity token."""
    file = "[profile b]\nweb_identity_token_file = /token\nrole_arn = arn:aws:iam::1:role/x\n"
    config_map(session, namespace, "aws", {"config": file})
    container = {
        "name": NAME,
        "image": "app",
        "env": [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}],
        "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}],
    }
    spec = {
        "serviceAccountName": NAME,
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "aws", "configMap": {"name": "aws"}}],
    }
    job = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": spec}}}}
    metadata = {"name": "nightly", "namespace": namespace}
    session.cluster.create(CronJob.from_dict({"metadata": metadata, "spec": job}))
