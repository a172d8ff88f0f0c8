"""The objects behind the pytest fixtures: a cluster, its issuer, the two accounts, and Pods.

The sandbox is started for the test session, or one that runs already and is given back. A Pod is
made in the API server, changed by the webhook, and run by the kubelet.
"""

import json
import os
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3.session
import lightkube
from lightkube.resources.core_v1 import ConfigMap, ServiceAccount

from irsa_core.identity.arns import provider_arn_for
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa_core.identity.policies import irsa_trust_policy, service_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef, parse_account

from .. import environment_variables, lifecycle
from ..aws.accounts import ACCOUNT_A, ACCOUNT_B, ADMINISTRATOR
from ..aws.clients import AccessKeys, AwsClients, new_administrator, session_in
from ..errors import SandboxError
from ..pods.process import PodProcess, find_object
from ..session import Session, create_pod, create_service_account
from ..snapshots import Snapshots
from ..state import SandboxState
from ..waiting import wait_until
from ..webhook.identities import held_back

if TYPE_CHECKING:
    from ..engine.stack import SandboxStack

__tracebackhide__ = methodcaller("errisinstance", SandboxError)  # pytest shows the caller's line
CLUSTER = "sandbox"
"""Name of the cluster in account A's EKS."""


class Account(AwsClients):
    """One account: its administrator, an IAM user, has a boto3 `session`. Nothing of the process's
    own AWS configuration is looked at."""

    def __init__(self, state: SandboxState, account_id: str, credentials: AccessKeys) -> None:
        super().__init__(credentials, state.aws_proxy, Path(state.aws_ca_bundle))
        self.id = account_id
        """Twelve digits."""

    def client(self, service: str) -> Any:
        """The administrator's boto3 client of a service."""
        return self(service)

    def __repr__(self) -> str:  # without the keys: pytest prints what a failed test had
        return f"<account {self.id}>"


class Accounts(NamedTuple):
    """Both."""

    a: Account
    """The cluster's: its OIDC provider is registered here."""

    b: Account
    """Another one."""


class Sandbox(Session):
    """A running sandbox in which the cluster is registered in account A."""

    cluster_name = CLUSTER
    accounts: Accounts

    def __init__(self, state: SandboxState, snapshots: Snapshots) -> None:
        super().__init__(state)
        self.snapshots = snapshots
        """Takes and restores a snapshot of everything."""

        self.kubernetes = self.cluster
        """A lightkube client with the rights of the cluster's administrator."""

        self.stand_ins: set[str] = set()
        """Types that tests have declared: IAM on them is not judged."""

        self.folder = state.path
        """The folder with its logs."""

        self.kubeconfig = Path(state.kubeconfig)
        """The administrator's, for kubectl, Helm and any other client."""

        self.issuer_url = state.issuer_url
        """With ``https://``, as the tokens' ``iss``."""

        self.issuer = state.issuer_url.removeprefix("https://")
        """Without, as condition keys spell it: ``<issuer>:sub``."""

        self.provider_arn = provider_arn_for(self.issuer, ACCOUNT_A)
        """The IAM OIDC provider's in account A."""

    def trust_policy(self, *service_accounts: str) -> str:
        """The trust policy, as JSON, of a role of account A that these may assume, each as
        ``NAMESPACE/NAME``."""
        document = irsa_trust_policy([self.provider_arn], map(parse, service_accounts))
        return json.dumps(document)

    def environment(self, account: Account | None = None) -> dict[str, str]:
        """A whole environment for a child process: this one's, with what leads to a cluster, an
        account or a stack replaced. It is the administrator of account A unless another is named.
        `aws` and `pulumi` are the sandbox's.
        """
        variables = dict(os.environ)
        environment_variables.clean(variables)
        credentials = (account or self.accounts.a).credentials
        return {
            **variables,
            **self.state.environment(),
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        }

    @contextmanager
    def pod(self, service_account: str, role_arn: str | None = None) -> "Iterator[RunningPod]":
        """Run a Pod of a service account, ``NAMESPACE/NAME``, for the time of the context.

        With ``role_arn`` the namespace and the service account are made where they are missing, and
        it is annotated with the role. Raises `SandboxError`, one line, when there is no such
        account.
        """
        client, account = self.kubernetes, parse(service_account)
        if role_arn is not None:
            create_service_account(client, *account)
            annotated = {"metadata": {"annotations": {ROLE_ARN_ANNOTATION: role_arn}}}
            client.patch(ServiceAccount, account.name, annotated, namespace=account.namespace)
        else:
            _check_exists(client, account)
        root_ca = {"name": ROOT_CA, "namespace": account.namespace}
        # In vain, the Pod names the missing part.
        wait_until(lambda: find_object(client, ConfigMap, **root_ca), PATIENCE, POLL)
        made = create_pod(client, account, generateName=f"{account.name}-")
        namespace, name = account.namespace, made["metadata"]["name"]
        with self._when_running(namespace, name) as process:
            yield RunningPod(f"{namespace}/{name}", process, self.state)

    def _when_running(self, namespace: str, name: str) -> AbstractContextManager[PodProcess]:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.pod_process(namespace, name)
            except LookupError as error:
                if time.monotonic() > deadline:
                    raise SandboxError(str(error)) from error
            time.sleep(POLL)

    def stack(
        self,
        project: str | Path,
        *,
        config: Mapping[str, Any] | None = None,
        name: str = "dev",
        stand_ins: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> "SandboxStack":
        """Bring up a stack of the Pulumi program in a folder; the reset after the test forgets it.

        ``config`` replaces values of Pulumi.<name>.yaml by key (``aws:region``); ``stand_ins`` has
        the outputs of types that the sandbox lacks, by type token. What comes back has `outputs()`,
        `preview()`, `up()` and `destroy()`. Raises `SandboxError` for a program that fails.
        """
        from ..engine.stack import SandboxStack  # Pulumi takes a second

        settings = {"config": config, "stand_ins": stand_ins}
        with warnings.catch_warnings():
            # pulumi-aws has some when it is imported, and pytest may make errors of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            opened = SandboxStack(self.state, Path(project), stack=name, **settings)
            self.stand_ins.update(stand_ins or ())
            opened.up()
        return opened

    def hold_back_associations(self) -> AbstractContextManager[None]:
        """Hide changes of EKS Pod Identity associations from the webhook for the time of the
        context, as in EKS they are for some seconds."""
        return held_back(self.accounts.a.client("eks"), self.folder)

    def __repr__(self) -> str:  # without secrets: pytest prints what a failed test had
        return f"<irsa sandbox in {self.folder}>"


@contextmanager
def running(folder: Path | None, on_progress: Callable[[str], None]) -> Iterator[Sandbox]:
    """The sandbox in ``folder``, or a new one in a temporary folder.

    One that ran before runs on afterwards, and is what it was; any other is stopped. Raises
    `SandboxError`, one line, when there can be none, or another process tests in it.
    """
    with ExitStack() as after:
        if folder is None:
            folder = after.enter_context(lifecycle.temporary_folder("irsa-pytest-"))
        state, is_ours = lifecycle.find_or_start(folder, on_progress)
        if is_ours:
            after.callback(lifecycle.down, state.path)
        yield after.enter_context(held(state, ends=is_ours))


@contextmanager
def held(state: SandboxState, *, ends: bool) -> Iterator[Sandbox]:
    """A sandbox that runs, made ready for tests. However this process ends, it is then what it was
    before, or ends with it.

    Raises `SandboxError` when another process holds it.
    """
    with (
        closing(Snapshots(state.path, state.snapshots)) as snapshots,
        closing(Sandbox(state, snapshots)) as sandbox,
    ):
        if ends:
            snapshots.ends()
        a = Account(state, ACCOUNT_A, AccessKeys(state.access_key_id, state.secret_access_key))
        _register_cluster(a, state.issuer_url)
        # A user like account A's, as AWS lets no root assume a role.
        keys = new_administrator(sandbox.aws("iam", ACCOUNT_B), ADMINISTRATOR)
        sandbox.accounts = Accounts(a, Account(state, ACCOUNT_B, keys))
        yield sandbox


def _register_cluster(account: Account, issuer_url: str) -> None:
    """Let the account have the cluster, and trust its tokens."""
    iam, eks = account.client("iam"), account.client("eks")
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_open_id_connect_provider(Url=issuer_url, ClientIDList=[STS_AUDIENCE])
    if CLUSTER in eks.list_clusters()["clusters"]:
        return
    role = iam.create_role(
        RoleName=f"{CLUSTER}-cluster",
        AssumeRolePolicyDocument=json.dumps(service_trust_policy("eks.amazonaws.com")),
    )["Role"]
    subnets = account.client("ec2").describe_subnets()["Subnets"]
    eks.create_cluster(
        name=CLUSTER,
        roleArn=role["Arn"],
        resourcesVpcConfig={"subnetIds": [subnet["SubnetId"] for subnet in subnets[:2]]},
    )


ROOT_CA = "kube-root-ca.crt"
"""In every namespace, a moment after it is made; a Pod's own token volume needs it."""

PATIENCE = 120.0  # seconds
POLL = 0.01  # seconds


class RunningPod:
    """A container of a running Pod, as a place to be in: its environment, files and tokens."""

    def __init__(self, name: str, process: PodProcess, state: SandboxState) -> None:
        self.name = name
        """NAMESPACE/NAME."""

        self._process = process
        self._state = state

    @property
    def environment(self) -> dict[str, str]:
        """The container's variables as the webhook left them, and the way to the emulator. Nothing
        of this process's environment but PATH and LANG."""
        return dict(self._process.env)

    def boto3(self) -> boto3.session.Session:
        """A session with what boto3's own search for credentials finds in the container."""
        state = self._state
        return session_in(self._process.env, state.aws_proxy, Path(state.aws_ca_bundle))

    def run(
        self,
        command: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002 - subprocess's name
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of this machine in that environment. Paths of the container's volumes are
        mapped to where they are here."""
        return subprocess.run(
            [self._process.local(argument) for argument in command],
            env=self._process.env,
            input=input,
            capture_output=True,
            text=True,
            check=False,
        )

    def __repr__(self) -> str:
        return f"<pod {self.name}>"


def parse(text: str) -> ServiceAccountRef:
    """NAMESPACE/NAME as a reference; raises `SandboxError`."""
    try:
        return parse_account(text)
    except ValueError as error:
        raise SandboxError(str(error)) from error


def _check_exists(client: lightkube.Client, account: ServiceAccountRef) -> None:
    if find_object(client, ServiceAccount, account.name, namespace=account.namespace):
        return
    listed = client.list(ServiceAccount, namespace=account.namespace)
    there = [each.to_dict()["metadata"]["name"] for each in listed]
    raise SandboxError(
        f"namespace {account.namespace} has no service account {account.name}; it has "
        f"{', '.join(there) or 'none'}; make it, or give `pod` the role_arn to make it with"
    )
