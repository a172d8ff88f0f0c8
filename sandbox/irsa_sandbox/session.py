"""A running sandbox with its clients, to run commands in it."""

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import lightkube
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, ServiceAccount

from irsa_core.identity.arns import role_arn
from irsa_core.identity.eks import ROLE_ARN_VARIABLE, STS_AUDIENCE, TOKEN_FILE_VARIABLE
from irsa_core.identity.policy_json import Json
from irsa_core.identity.quotas import TOKEN_EXPIRATION
from irsa_core.identity.subjects import ServiceAccountRef

from .aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from .aws.clients import AccessKeys, AwsClients
from .aws_cli import AwsCli
from .pods.exec import find_pod
from .pods.process import PodProcess, find_object, pod_process
from .pods.spec import ProjectedToken
from .pods.token import request_token
from .providers.aws.s3 import delete_versions
from .state import SandboxState, cluster_client

TOKEN_SECONDS = TOKEN_EXPIRATION.start
HOUR = timedelta(hours=1).total_seconds()


class Done(NamedTuple):
    """A command that ended."""

    code: int
    output: str


class Session:
    """A running sandbox, as the demo and the tests drive it."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self._clients: dict[str | None, AwsClients] = {}
        self._open = ExitStack()

    @cached_property
    def cluster(self) -> lightkube.Client:
        """A client with the cluster administrator's rights."""
        return self._open.enter_context(cluster_client(self.state))

    def aws(self, service: str, root_of: str | None = None) -> Any:
        """A boto3 client as account A's administrator, or as the root of an account."""
        if root_of not in self._clients:
            state, ca_file = self.state, Path(self.state.aws_ca_bundle)
            administrator = AccessKeys(state.access_key_id, state.secret_access_key)
            keys = AccessKeys(root_of, state.root_secret) if root_of else administrator
            self._clients[root_of] = AwsClients(keys, state.aws_proxy, ca_file)
        return self._clients[root_of](service)

    def close(self) -> None:
        """Close every connection."""
        self._clients.clear()
        self._open.close()

    @cached_property
    def _aws_cli(self) -> AwsCli:
        return self._open.enter_context(closing(AwsCli()))

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> Done:
        """Run a local command with this environment, and AWS's host names in the emulator."""
        with tempfile.TemporaryDirectory() as home:
            base = {**self.state.search_path(), "HOME": home, "LANG": "C.UTF-8"}
            return self._run(command, {**base, **self.state.proxy_environment(), **environment})

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> Done:
        if command[0] == "aws":
            return Done(*self._aws_cli.run(command[1:], environment))
        done = subprocess.run(
            list(command), env=environment, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout + done.stderr)

    def in_pod(self, namespace: str, workload: str, command: Sequence[str]) -> Done:
        """Run a command with the environment and volumes of a workload's Pod."""
        with self.pod_process(namespace, workload) as process:
            done = self._run([process.local(argument) for argument in command], process.env)
        # The private folder that stands for the container's root means nothing to a reader.
        return Done(done.code, done.output.replace(str(process.root), ""))

    def pod_process(
        self, namespace: str, workload: str, container: str | None = None
    ) -> AbstractContextManager[PodProcess]:
        """Lay out a workload's Pod for the time of the context; its first container by default."""
        return pod_process(
            self.cluster,
            pod=find_pod(self.cluster, namespace, workload),
            container=container,
            on_note=lambda _: None,
            **self.state.pods(),
        )

    def empty_bucket(self, name: str, root_of: str | None = None) -> None:
        """Delete every version of every object, if the bucket is there."""
        s3 = self.aws("s3", root_of)
        if name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
            delete_versions(s3, name)

    def token(self, namespace: str, name: str, audience: str = STS_AUDIENCE) -> str:
        """Return a token of a service account, which is created unless it exists."""
        return new_token(self.cluster, namespace, name, audience)

    def expired(self, token: str) -> str:
        """The token an hour after its expiry, signed by the cluster's own key."""
        moment = int(time.time() - HOUR)
        times = {"iat": moment - TOKEN_SECONDS, "nbf": moment - TOKEN_SECONDS, "exp": moment}
        claims, headers = {**claims_of(token), **times}, jwt.get_unverified_header(token)
        key_file = self.state.path / "kubernetes" / "service-accounts-key.pem"
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)  # type: ignore[arg-type]

    def assume(self, token: str, role: str, command: Sequence[str]) -> Done:
        """Run an AWS command as a pod would whose token and role these are."""
        with tempfile.NamedTemporaryFile("w", prefix="token-") as file:  # mode 0600
            file.write(token)
            file.flush()
            environment = {
                ROLE_ARN_VARIABLE: role,
                TOKEN_FILE_VARIABLE: file.name,
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
            }
            return self.run(command, environment)


def create_service_account(
    client: lightkube.Client, namespace: str, name: str, labels: dict[str, str] | None = None
) -> None:
    """Create a service account, and its namespace, unless they exist."""
    for created in (
        Namespace(metadata=ObjectMeta(name=namespace, labels=labels)),
        ServiceAccount(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels)),
    ):
        try:
            client.create(created)
        except ApiError as error:
            if error.status.code != HTTPStatus.CONFLICT:
                raise


def create_pod(client: lightkube.Client, account: ServiceAccountRef, **name: Any) -> Json:
    """Create a Pod of a service account, with this name or ``generateName``."""
    metadata = ObjectMeta(namespace=account.namespace, **name)
    containers = [Container(name="app", image="app")]
    spec = PodSpec(serviceAccountName=account.name, containers=containers)
    return client.create(Pod(metadata=metadata, spec=spec)).to_dict()


def new_token(
    client: lightkube.Client,
    namespace: str,
    name: str,
    audience: str,
    labels: dict[str, str] | None = None,
) -> str:
    """Create a service account, unless it exists; return a token of it, by TokenRequest."""
    create_service_account(client, namespace, name, labels)
    return request_token(client, namespace, name, ProjectedToken(audience, TOKEN_SECONDS))["token"]


def left_overs(session: Session, account: str = ACCOUNT_A) -> list[str]:
    """Return the resources of an account and the cluster that a stack can have created."""
    from .aws.server import CROSS_ACCOUNT_ROLE, Emulator  # with a web server

    seeded = (Emulator.administrator_arn, role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE))
    iam, s3, eks, ec2 = (session.aws(name, account) for name in ("iam", "s3", "eks", "ec2"))
    providers = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    templates = ec2.describe_launch_templates()["LaunchTemplates"]
    lists = [iam.list_users()["Users"], iam.list_roles()["Roles"], providers]
    lists.append(iam.list_policies(Scope="Local")["Policies"])
    names = [
        *(entry["Arn"] for listed in lists for entry in listed if entry["Arn"] not in seeded),
        *(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]),
        *eks.list_clusters()["clusters"],
        *(template["LaunchTemplateName"] for template in templates),
    ]
    namespace = find_object(session.cluster, Namespace, "dev")
    return [*names, "namespace dev"] if namespace else names


def claims_of(token: str) -> dict[str, Any]:
    """A token's claims, unverified."""
    return jwt.decode(token, options={"verify_signature": False})


def with_claims(token: str, **claims: Any) -> str:
    """The token with other claims and its old signature, as of a forger."""
    header, _, signature = token.split(".")
    _, body, _ = jwt.encode({**claims_of(token), **claims}, "", algorithm="none").split(".")
    return f"{header}.{body}.{signature}"
