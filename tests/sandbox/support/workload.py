"""Workloads that the tests of `python -m irsa` break, and repair by the remedies as printed."""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import boto3.session
from botocore.exceptions import ClientError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Secret, ServiceAccount
from lightkube.types import PatchType

from irsa.identity.arns import bucket_arn, role_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.json_types import Json
from irsa_sandbox.session import Session
from tests.sandbox.support.in_process import Result
from tests.sandbox.support.kubectl import NAME, Kubectl, wait_for_pods
from tests.sandbox.support.world import RegisteredCluster

_numbers = itertools.count(1)


@dataclass
class Workload:
    """A namespace, a service account, a role with a policy, a bucket, and a Deployment."""

    world: RegisteredCluster
    namespace: str
    container: Json = field(default_factory=dict)
    template: Json = field(default_factory=dict)
    """Further fields of the Pod template's spec."""
    annotated: bool = True
    stated: bool = True
    """True if `verify` is told which role it should be."""

    @property
    def role_name(self) -> str:
        return self.namespace

    @property
    def role_arn(self) -> str:
        return role_arn(ACCOUNT_A, self.role_name)

    @property
    def bucket(self) -> str:
        return f"{self.namespace}-data"

    @property
    def session(self) -> Session:
        return self.world.session

    @property
    def trust_policy(self) -> Json:
        return irsa_trust_policy(
            [self.world.provider_arn], [ServiceAccountRef(self.namespace, NAME)]
        )

    def create(self) -> None:
        self.session.cluster.apply(
            Namespace(metadata=ObjectMeta(name=self.namespace)), field_manager="tests", force=True
        )
        annotations = {ROLE_ARN_ANNOTATION: self.role_arn} if self.annotated else {}
        self.service_account(annotations)
        self.create_role()
        self.session.aws("s3").create_bucket(Bucket=self.bucket)
        self.deploy()

    def service_account(self, annotations: dict[str, str]) -> None:
        """Create the service account, or replace its annotations."""
        self.session.cluster.apply(
            ServiceAccount(
                metadata=ObjectMeta(name=NAME, namespace=self.namespace, annotations=annotations)
            ),
            field_manager="tests",
            force=True,
        )

    def create_role(self) -> None:
        iam = self.session.aws("iam")
        iam.create_role(
            RoleName=self.role_name,
            AssumeRolePolicyDocument=json.dumps(self.trust_policy),
        )
        self.put_policy(bucket_permissions_policy(bucket_arn(self.bucket)))

    def put_policy(self, document: Json, name: str = "data") -> None:
        self.session.aws("iam").put_role_policy(
            RoleName=self.role_name, PolicyName=name, PolicyDocument=json.dumps(document)
        )

    def delete_role(self, name: str | None = None, account: str = ACCOUNT_A) -> None:
        iam, role = self.session.aws("iam", account), name or self.role_name
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=role)

    def trust(self, **changes: Any) -> None:
        """Change the only statement of the role's trust policy."""
        document = self.trust_policy
        document["Statement"][0].update(changes)
        self.set_trust(document)

    def condition(self, *lines: tuple[str, str, Any]) -> None:
        """Give the trust policy other conditions; keys are spelt without the issuer."""
        block: Json = {}
        for operator, key, value in lines:
            block.setdefault(operator, {})[f"{self.world.issuer}:{key}"] = value
        self.trust(Condition=block)

    def set_trust(self, document: Json) -> None:
        self.session.aws("iam").update_assume_role_policy(
            RoleName=self.role_name, PolicyDocument=json.dumps(document)
        )

    def deploy(self, name: str = NAME, *, wait: bool = True, **template: Any) -> None:
        """Create or change a Deployment, and wait until its Pods have been replaced."""
        metadata = template.pop("metadata", {})
        labels = {"app": name, **metadata.pop("labels", {})}
        container = {
            "name": NAME,
            "image": "app",
            **self.container,
            **template.pop("container", {}),
        }
        spec = {"serviceAccountName": NAME, "containers": [container], **self.template, **template}
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": labels, **metadata}, "spec": spec},
            },
        }
        self.session.cluster.patch(
            Deployment, name, body, namespace=self.namespace,
            patch_type=PatchType.APPLY, field_manager="tests", force=True,
        )  # fmt: skip
        if wait:
            wait_for_pods(self.session, self.namespace, name)

    def restart(self) -> None:
        Kubectl(self.session).run(
            ["rollout", "restart", f"deployment/{NAME}", "--namespace", self.namespace]
        )

    def verify(self, *more: str, deployment: str = NAME) -> Result:
        """Verify one Deployment, or with an empty name whatever runs as the service account."""
        stated = ("--role-arn", self.role_arn) if self.stated else ()
        named = ("--deployment", deployment) if deployment else ()
        return self.world.irsa(
            "verify", "--namespace", self.namespace, "--service-account", NAME,
            *named, *stated, "--bucket", self.bucket,
            "--wait", "0", "--output", "json", *more,
        )  # fmt: skip

    def sdk(
        self,
        bucket: str = "",
        *,
        deployment: str = NAME,
        container: str | None = None,
        profile: str | None = None,
    ) -> str:
        """Return the caller ARN of boto3 in a Deployment's Pod, after it has listed the bucket.

        Raises as boto3 does, and `LookupError` when no Pod runs.
        """
        with (
            self.session.pod_process(self.namespace, deployment, container) as process,
            mock.patch.dict(os.environ, process.env, clear=True),
            contextlib.ExitStack() as opened,
        ):
            sdk = boto3.session.Session(profile_name=profile)
            sdk.client("eks").close()  # S3 and STS have global hosts; this one needs a region
            s3, sts = sdk.client("s3"), sdk.client("sts")
            opened.callback(s3.close)
            opened.callback(sts.close)
            s3.list_objects_v2(Bucket=bucket or self.bucket)
            return sts.get_caller_identity()["Arn"]

    def restore(self) -> None:
        """Make everything in AWS as it was at first; the Pods run on."""
        self.remove_from_aws()
        self.create_role()
        self.session.aws("s3").create_bucket(Bucket=self.bucket)

    def remove(self) -> None:
        self.session.cluster.delete(Namespace, self.namespace)
        self.remove_from_aws()

    def remove_from_aws(self) -> None:
        with contextlib.suppress(ClientError):
            self.delete_role()
        with contextlib.suppress(ClientError):
            self.session.aws("s3").delete_bucket(Bucket=self.bucket)
        with contextlib.suppress(ClientError):
            self.delete_role(f"{self.namespace}-b", ACCOUNT_B)
        with contextlib.suppress(ClientError):
            self.session.aws("s3", ACCOUNT_B).delete_bucket(Bucket=f"{self.namespace}-b")
        iam = self.session.aws("iam")
        for policy in iam.list_policies(Scope="Local")["Policies"]:
            if policy["PolicyName"].startswith(f"{self.namespace}-"):
                for version in iam.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]:
                    if not version["IsDefaultVersion"]:
                        iam.delete_policy_version(
                            PolicyArn=policy["Arn"], VersionId=version["VersionId"]
                        )
                iam.delete_policy(PolicyArn=policy["Arn"])


@contextlib.contextmanager
def temporary_workload(world: RegisteredCluster, **options: Any) -> Iterator[Workload]:
    """A new workload in a namespace of its own, and nothing of it afterwards."""
    workload = Workload(world, f"verify-{next(_numbers)}", **options)
    try:
        workload.create()
        yield workload
    finally:
        workload.remove()


def new_workload(world: RegisteredCluster, **options: Any) -> Workload:
    """A workload that lasts as long as its world."""
    return world.clean_up.enter_context(temporary_workload(world, **options))


def troubles(result: Json) -> list[str]:
    """The links of a result of `verify` that did not pass, for a failing test to show."""
    return [
        f"{link['link']}: {link['status']}, {link['found']}"
        for link in result["links"]
        if link["status"] != "passed"
    ]


def secret(session: Session, namespace: str, name: str, data: dict[str, str]) -> None:
    session.cluster.create(
        Secret(metadata=ObjectMeta(name=name, namespace=namespace), stringData=data)
    )


def config_map(session: Session, namespace: str, name: str, data: dict[str, str]) -> None:
    session.cluster.create(
        ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data)
    )
