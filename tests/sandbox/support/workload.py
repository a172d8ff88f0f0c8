"""Workloads that the tests of `python -m irsa` break, and repair by the remedies as printed."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3.session
import botocore.session
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, ServiceAccount

from core.tests.decide.policies import document
from irsa_core.identity.arns import bucket_arn, role_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.session import Session
from irsa_sandbox.testing.sandbox import CLUSTER
from tests.sandbox.support.cluster import apply, available, eventually
from tests.sandbox.support.in_process import RegisteredCluster, Result, loader
from tests.sandbox.support.pod_identity import arn_of_cluster, associate

NAME = "app"
CLUSTER_ARN = arn_of_cluster(CLUSTER)


@dataclass
class Workload:
    """A namespace, a service account, a role of its name with a policy, a bucket, a Deployment.

    The sandbox's reset removes it: after the module for a fixture of one, after the test otherwise.
    """

    world: RegisteredCluster
    namespace: str
    profiles: str = ""
    """An AWS config file whose profile b is of account B."""

    @property
    def session(self) -> Session:
        return self.world.session

    @property
    def account(self) -> ServiceAccountRef:
        return ServiceAccountRef(self.namespace, NAME)

    @property
    def role_arn(self) -> str:
        return role_arn(ACCOUNT_A, self.namespace)

    @property
    def session_arn(self) -> str:
        """Beginning of the ARN of its Pods' callers."""
        return f"arn:aws:sts::{ACCOUNT_A}:assumed-role/{self.namespace}/"

    @property
    def bucket(self) -> str:
        return f"{self.namespace}-data"

    @property
    def trust_policy(self) -> Json:
        return irsa_trust_policy([self.world.provider_arn], [self.account])

    def create(self) -> "Workload":
        """Create all of it."""
        self.create_identity()
        self.deploy()
        return self

    def create_identity(self, annotations: dict[str, str] | None = None) -> None:
        """Create all but the Deployment; the annotation names the role unless others are given."""
        apply(self.session.cluster, Namespace, "", self.namespace)
        given = {ROLE_ARN_ANNOTATION: self.role_arn} if annotations is None else annotations
        self.service_account(given)
        trust = json.dumps(self.trust_policy)
        self.session.aws("iam").create_role(RoleName=self.namespace, AssumeRolePolicyDocument=trust)
        self.put_policy(bucket_permissions_policy(bucket_arn(self.bucket)))
        self.session.aws("s3").create_bucket(Bucket=self.bucket)

    def service_account(self, annotations: dict[str, str]) -> None:
        """Create the service account, or replace its annotations."""
        apply(self.session.cluster, ServiceAccount, *self.account, annotations=annotations)

    def config_map(self, name: str, data: dict[str, str]) -> None:
        apply(self.session.cluster, ConfigMap, self.namespace, name, data=data)

    def put_policy(self, policy: Json, name: str = "data") -> None:
        own = {"RoleName": self.namespace, "PolicyName": name, "PolicyDocument": json.dumps(policy)}
        self.session.aws("iam").put_role_policy(**own)

    def delete_role(self) -> None:
        iam, role = self.session.aws("iam"), self.namespace
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        iam.delete_role(RoleName=role)

    def set_trust(self, policy: Json) -> None:
        own = {"RoleName": self.namespace, "PolicyDocument": json.dumps(policy)}
        self.session.aws("iam").update_assume_role_policy(**own)

    def deploy(
        self,
        name: str = NAME,
        *,
        metadata: Json | None = None,
        container: Json | None = None,
        **spec: Any,
    ) -> None:
        """Create or change a Deployment, and wait until its Pods have been replaced."""
        more, labels = metadata or {}, {"app": name}
        pod_spec = {"containers": [{"name": NAME, "image": "app", **(container or {})}], **spec}
        metadata = {**more, "labels": {**labels, **more.get("labels", {})}}
        template = {"metadata": metadata, "spec": {"serviceAccountName": NAME, **pod_spec}}
        content = {"selector": {"matchLabels": labels}, "template": template}
        apply(self.session.cluster, Deployment, self.namespace, name, spec=content)
        wait_for_pods(self.session, self.namespace, name)

    def restart(self) -> None:
        """Replace the Pods."""
        self.deploy(metadata={"annotations": {"restarted": str(time.monotonic())}})

    def irsa(self, command: str, *more: str, **environment: str) -> Result:
        """Ask one of the commands about the service account; the answer is JSON."""
        return self.world.irsa(
            command, "--namespace", self.namespace, "--service-account", NAME,
            "--output", "json", *more, **environment,
        )  # fmt: skip

    def verify(self, *more: str, deployment: str = NAME) -> Result:
        """Verify one Deployment, or with an empty name whatever runs as the service account."""
        named = ("--deployment", deployment) if deployment else ()
        stated = () if "--role-arn" in more else ("--role-arn", self.role_arn)
        more = () if more == ("--role-arn", "") else more  # a reader who knows no role
        return self.irsa("verify", *named, *stated, "--bucket", self.bucket, "--wait", "0", *more)

    def verify_in_b(self, *more: str) -> Result:
        """Verify a way to account B, where the bucket is."""
        named = ("--bucket", self.bucket, "--trusting-profile", "b", "--wait", "0")
        return self.irsa("verify", *named, *more, AWS_CONFIG_FILE=self.profiles)

    def user_with(self, *actions: str) -> dict[str, str]:
        """Create a user who may do this and no more; return its keys as environment variables."""
        iam, name = self.session.aws("iam"), f"user-{time.monotonic_ns()}"
        iam.create_user(UserName=name)
        policy = json.dumps(document({"Effect": "Allow", "Action": actions, "Resource": "*"}))
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        secret = {"AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], **secret}

    def administer_b(self, folder: Path) -> None:
        """Write the AWS config file: profile b is account B's root."""
        file, secret = folder / "profiles", self.session.state.root_secret
        keys = f"aws_access_key_id = {ACCOUNT_B}\naws_secret_access_key = {secret}\n"
        file.write_text(f"[profile b]\n{keys}")
        self.profiles = str(file)

    def create_role_b(self, name: str, trust: Json) -> None:
        """Create a role in account B that may list a bucket there, which bears its name."""
        iam = self.session.aws("iam", ACCOUNT_B)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        data = json.dumps(bucket_permissions_policy(bucket_arn(name)))
        iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=data)
        self.session.aws("s3").delete_bucket(Bucket=self.bucket)  # not in account A
        self.session.aws("s3", ACCOUNT_B).create_bucket(Bucket=name)

    def sdk(self, deployment: str = NAME, container: str | None = None, **env: str) -> str:
        """Return the caller ARN of boto3 in a Deployment's Pod, after it has listed the bucket.

        Raises as boto3 does, and `LookupError` when no Pod runs.
        """
        with sdk_in(self.session, self.namespace, deployment, container, **env) as sdk:
            sdk.client("s3").list_objects_v2(Bucket=self.bucket)
            return sdk.client("sts").get_caller_identity()["Arn"]


class AssociatedWorkload(Workload):
    """With an association of EKS Pod Identity and the trust policy that it needs, and without an
    annotation."""

    @property
    def trust_policy(self) -> Json:
        return pod_identity_trust_policy([CLUSTER_ARN], [self.account])

    def create_identity(self, annotations: dict[str, str] | None = None) -> None:
        super().create_identity(annotations or {})
        self.associate()

    @property
    def association(self) -> dict[str, str]:
        """The association as parameters name it; empty when there is none."""
        where = {"clusterName": CLUSTER, "namespace": self.namespace, "serviceAccount": NAME}
        listed = self.session.aws("eks").list_pod_identity_associations(**where)
        ids = [each["associationId"] for each in listed["associations"]]
        return {"clusterName": CLUSTER, "associationId": ids[0]} if ids else {}

    def associate(self, **more: Any) -> None:
        """Create the association, or replace it."""
        self.dissociate()
        associate(self.session.aws("eks"), CLUSTER, self.account, self.role_arn, **more)

    def dissociate(self) -> None:
        if found := self.association:
            self.session.aws("eks").delete_pod_identity_association(**found)


@contextmanager
def sdk_in(session: Session, namespace: str, *pod: str | None, **env: str) -> Iterator[Any]:
    """A boto3 session of a Deployment's Pod, as boto3 there makes one; its clients are closed."""
    with (
        session.pod_process(namespace, *pod) as process,
        mock.patch.dict(os.environ, process.env | env, clear=True),
        ExitStack() as clients,
    ):
        core = botocore.session.Session()
        core.register_component("data_loader", loader(None))
        sdk = boto3.session.Session(botocore_session=core)
        sdk.client("eks").close()  # S3 and STS have global hosts; this one needs a region

        def client(name: str) -> Any:
            return clients.enter_context(closing(sdk.client(name)))

        yield SimpleNamespace(client=client)


def wait_for_pods(session: Session, namespace: str, name: str = NAME) -> None:
    """Wait until a Deployment's only Pod is of its newest revision."""
    eventually(lambda: available(session.cluster, namespace, name) == 1)


def environment(variables: dict[str, str]) -> list[dict[str, str]]:
    """Variables as a container lists them."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def link_of(result: Json, key: str) -> Json:
    return next(each for each in result["links"] if each["link"] == key)


def troubles(result: Json) -> list[str]:
    """The links of a result of `verify` that did not pass, for a failing test to show."""
    return [
        f"{link['link']}: {link['status']}, {link['found']}"
        for link in result["links"]
        if link["status"] != "passed"
    ]
