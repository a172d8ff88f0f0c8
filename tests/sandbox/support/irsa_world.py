"""Workloads that the tests of `python -m irsa` break, and mend by the remedies as printed."""

import contextlib
import io
import itertools
import json
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import awscli
import boto3.session
from awscli.clidriver import create_clidriver
from botocore.exceptions import ClientError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Secret, ServiceAccount
from lightkube.types import PatchType

from irsa.__main__ import main
from irsa.identity.policies import bucket_permissions_policy, irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.pods.exec import find_pod
from sandbox.pods.process import pod_process
from sandbox.session import Session
from tests.sandbox.support.hands import NAME, Hands, wait_for_pods

Json = dict[str, Any]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Result:
    """A command's exit code and output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


@dataclass
class World:
    """A sandbox with the cluster registered in account A, and what tests do to it."""

    session: Session
    made: list["Made"] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return self.session.state.issuer_url.removeprefix("https://")

    @property
    def provider_arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{self.issuer}"

    def irsa(self, *arguments: str, terminal: bool = False, **environment: str) -> Result:
        """Run `python -m irsa` in this process, with the sandbox's environment."""
        with self._process(environment, terminal=terminal) as (out, err):
            code = main(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def _process(
        self, environment: dict[str, str] | None = None, *, terminal: bool = False
    ) -> Iterator[tuple[io.StringIO, io.StringIO]]:
        """This process, as if it had been started with the sandbox's environment."""
        out, err = Terminal() if terminal else io.StringIO(), io.StringIO()
        everything = {**clean_environment(), **self.session.state.environment()}
        with (
            mock.patch.dict(os.environ, {**everything, **(environment or {})}, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            yield out, err

    def register(self, account: str = ACCOUNT_A) -> None:
        """Register the cluster in an account, if it is not."""
        iam = self.session.aws("iam", account)
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_open_id_connect_provider(
                Url=self.session.state.issuer_url, ClientIDList=["sts.amazonaws.com"]
            )
        arn = self.provider_arn.replace(ACCOUNT_A, account)
        iam.add_client_id_to_open_id_connect_provider(
            OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com"
        )

    def is_registered(self, account: str) -> bool:
        iam = self.session.aws("iam", account)
        listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        arn = self.provider_arn.replace(ACCOUNT_A, account)
        return arn in {provider["Arn"] for provider in listed}

    def unregister(self, account: str = ACCOUNT_A) -> None:
        arn = self.provider_arn.replace(ACCOUNT_A, account)
        self.session.aws("iam", account).delete_open_id_connect_provider(
            OpenIDConnectProviderArn=arn
        )

    def apply(self, commands: list[str], root_of: str | None = None) -> None:
        """Apply a remedy as it was printed, as account A's administrator or an account's root."""
        kubernetes = Hands(self.session)
        for command in commands:
            program, *arguments = shlex.split(command)
            if program == "kubectl":
                kubernetes.run(arguments)
            else:
                done = self._aws_cli(arguments, self.session.state.aws_environment(root_of))
                assert done.code == 0, f"{command}\n{done.out}{done.err}"

    def _aws_cli(self, arguments: list[str], environment: dict[str, str]) -> Result:
        """Run the AWS CLI in this process, which saves most of its second."""
        # What importing the CLI put into the environment that is not there now.
        data = {"AWS_DATA_PATH": str(Path(awscli.__file__).parent / "data")}
        with self._process({**environment, **data}) as (out, err):
            code = create_clidriver().main(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    def workload(self, **options: Any) -> "Made":
        """A new workload in a namespace of its own."""
        made = Made(self, f"verify-{next(_numbers)}", **options)
        self.made.append(made)
        made.create()
        return made

    def clear(self) -> None:
        """Remove everything that was made, and make the provider again if it is gone."""
        while self.made:
            self.made.pop().remove()


@contextlib.contextmanager
def world(session: Session) -> Iterator[World]:
    """A world for the tests of one module; afterwards the accounts are as they were."""
    found = World(session)
    registered = {account: found.is_registered(account) for account in (ACCOUNT_A, ACCOUNT_B)}
    found.register()
    try:
        yield found
    finally:
        found.clear()
        for account, was_registered in registered.items():
            if not was_registered and found.is_registered(account):
                found.unregister(account)


def troubles(result: Json) -> list[str]:
    """The links of a result that did not pass, for a failing test to show."""
    return [
        f"{link['link']}: {link['status']}, {link['found']}"
        for link in result["links"]
        if link["status"] != "passed"
    ]


def clean_environment() -> dict[str, str]:
    """This process's environment without what belongs to AWS or Kubernetes."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KUBE"))}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": programs, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass
class Made:
    """A namespace, a service account, a role with a policy, a bucket, and a Deployment."""

    world: World
    namespace: str
    container: Json = field(default_factory=dict)
    template: Json = field(default_factory=dict)
    """Further fields of the Pod template's spec."""
    annotated: bool = True
    stated: bool = True
    """Whether `verify` is told which role it should be."""

    @property
    def role_name(self) -> str:
        return self.namespace

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT_A}:role/{self.role_name}"

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
        annotations = {"eks.amazonaws.com/role-arn": self.role_arn} if self.annotated else {}
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
        self.put_policy(bucket_permissions_policy(f"arn:aws:s3:::{self.bucket}"))

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
        Hands(self.session).run(
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

    def session_as(self, account: str) -> bool:
        """Whether another service account of the namespace gets a session of the role."""
        self.session.service_account(self.namespace, account)
        token = self.session.token(self.namespace, account)
        sts = self.session.aws("sts")
        try:
            sts.assume_role_with_web_identity(
                RoleArn=self.role_arn, RoleSessionName="tests", WebIdentityToken=token
            )
        except ClientError as error:
            return error.response["Error"]["Code"] != "AccessDenied"
        return True

    def sdk(
        self,
        bucket: str = "",
        *,
        deployment: str = NAME,
        container: str | None = None,
        profile: str | None = None,
    ) -> str:
        """Who boto3 is in a container of a Deployment's Pod, after it has listed the bucket.

        Raises as boto3 does, and `LookupError` when no Pod runs.
        """
        pod = find_pod(self.session.cluster, self.namespace, deployment)
        extra = {**self.session.state.endpoint_environment(), "AWS_EC2_METADATA_DISABLED": "true"}
        with (
            pod_process(
                self.session.cluster,
                self.session.state.path / "pods",
                pod,
                container=container,
                extra_env=extra,
                on_note=lambda _: None,
            ) as process,
            mock.patch.dict(os.environ, process.env, clear=True),
            contextlib.ExitStack() as opened,
        ):
            sdk = boto3.session.Session(profile_name=profile)
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


def secret(session: Session, namespace: str, name: str, data: dict[str, str]) -> None:
    session.cluster.create(
        Secret(metadata=ObjectMeta(name=name, namespace=namespace), stringData=data)
    )


def config_map(session: Session, namespace: str, name: str, data: dict[str, str]) -> None:
    session.cluster.create(
        ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data)
    )
