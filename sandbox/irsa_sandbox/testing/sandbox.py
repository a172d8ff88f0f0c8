"""The fixtures `irsa_sandbox` and `accounts`: a cluster, its issuer, and the two accounts.

The sandbox is started for the test session, or one that runs already and is given back.
"""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import lightkube

from irsa.identity.arns import provider_arn_for
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policies import irsa_trust_policy, service_trust_policy

from .. import environment_variables, lifecycle
from ..aws.accounts import ACCOUNT_A, ACCOUNT_B, ADMINISTRATOR
from ..aws.clients import AwsClients, Credentials, new_administrator
from ..snapshots import Snapshots
from ..state import SandboxState, cluster_client
from ..webhook.identities import held_back
from .pods import Pod, parse, running_pod

if TYPE_CHECKING:
    from ..engine.stack import SandboxStack

CLUSTER = "sandbox"
"""Name of the cluster in account A's EKS."""


class Account(AwsClients):
    """One account: its administrator, an IAM user, has a boto3 `session`. Nothing of the process's
    own AWS configuration is looked at."""

    def __init__(self, state: SandboxState, account_id: str, credentials: Credentials) -> None:
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


class Sandbox:
    """A running sandbox in which the cluster is registered in account A."""

    cluster_name = CLUSTER

    def __init__(
        self,
        state: SandboxState,
        snapshots: Snapshots,
        accounts: Accounts,
        kubernetes: lightkube.Client,
    ) -> None:
        self._state = state
        self._snapshots = snapshots
        self.accounts = accounts
        self.kubernetes = kubernetes
        """A lightkube client with the rights of the cluster's administrator."""

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
            **self._state.environment(),
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        }

    def pod(self, service_account: str, role_arn: str | None = None) -> AbstractContextManager[Pod]:
        """A running Pod of a service account, for the time of the context; see `running_pod`."""
        return running_pod(self.kubernetes, self._state, service_account, role_arn)

    def stack(
        self, project: str | Path, *, config: Mapping[str, Any] | None = None, name: str = "dev"
    ) -> "SandboxStack":
        """Bring up a stack of the Pulumi program in a folder; the reset after the test forgets it.

        ``config`` replaces values of Pulumi.<name>.yaml by key (``aws:region``). What comes back
        has `outputs()`, `preview()`, `up()` and `destroy()`. Raises `SandboxError` for a program
        that fails.
        """
        from ..engine.stack import SandboxStack  # Pulumi takes a second

        opened = SandboxStack(self._state, Path(project), stack=name, config=config)
        with warnings.catch_warnings():
            # pulumi-aws has some when it is imported, and pytest may make errors of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            opened.up()
        return opened

    def hold_back_associations(self) -> AbstractContextManager[None]:
        """Hide changes of EKS Pod Identity associations from the webhook for the time of the
        context, as in EKS they are for some seconds."""
        return held_back(self.accounts.a.client("eks"), self.folder)

    def take_snapshot(self) -> None:
        """Take a snapshot of everything."""
        self._snapshots.take()

    def restore(self) -> None:
        """Restore the snapshot."""
        self._snapshots.restore()

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
    with closing(Snapshots(state.path, state.snapshots)) as snapshots:
        if ends:
            snapshots.ends()
        a = Account(state, ACCOUNT_A, Credentials(state.access_key_id, state.secret_access_key))
        _register_cluster(a, state.issuer_url)
        b = Account(state, ACCOUNT_B, _administrator_of_b(state))
        with cluster_client(state) as kubernetes:
            yield Sandbox(state, snapshots, Accounts(a, b), kubernetes)


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


def _administrator_of_b(state: SandboxState) -> Credentials:
    """A user like account A's, as AWS lets no root assume a role."""
    root = Account(state, ACCOUNT_B, Credentials(ACCOUNT_B, state.root_secret))
    return new_administrator(root.client("iam"), ADMINISTRATOR)
