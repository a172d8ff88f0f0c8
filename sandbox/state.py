"""What a running sandbox tells the processes that use it: one file in its folder."""

import fcntl
import json
import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sandbox.accounts import REGION
from sandbox.files import write_private

if TYPE_CHECKING:
    import lightkube

FOLDER = Path(".sandbox")
STATE_FILE = "state.json"
LOCK_FILE = "lock"
LOG_FILE = "sandbox.log"
FORMAT = 2
PASSPHRASE = "sandbox"  # noqa: S105 - guards nothing that outlives the sandbox
"""Encrypts the secrets in every sandbox's Pulumi state, which end with the sandbox. The same one
always: the plain CLI keeps its salt in the project, and the next sandbox must accept that."""
FAILED = "error: "
"""Starts the line in which a supervisor says why it did not start."""


class SandboxError(Exception):
    """Something that the user can act on, in one line."""


@dataclass(frozen=True, kw_only=True)
class SandboxState:
    """A running sandbox: where everything listens and lies. Paths are absolute."""

    format: int
    """Version of this file's form."""

    pid: int
    """Process id of the supervisor."""

    folder: str
    aws_endpoint: str
    aws_ca_bundle: str
    access_key_id: str
    """Key of account A's administrator, an IAM user."""

    secret_access_key: str
    root_secret: str
    """Secret key of every account's root, whose access key id is the account's id."""

    kubernetes_server: str
    kubeconfig: str
    issuer_url: str
    pulumi: str
    """The Pulumi CLI."""

    providers: dict[str, int]
    """Port of each attached resource provider."""

    @property
    def path(self) -> Path:
        """The sandbox's folder."""
        return Path(self.folder)

    def aws_environment(self, root_of: str | None = None) -> dict[str, str]:
        """What an AWS SDK needs to reach the emulator as account A's administrator, or as the root
        of an account."""
        return {
            **self.endpoint_environment(),
            "AWS_ACCESS_KEY_ID": root_of or self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.root_secret if root_of else self.secret_access_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def endpoint_environment(self) -> dict[str, str]:
        """Where the emulator is, without credentials."""
        return {"AWS_ENDPOINT_URL": self.aws_endpoint, "AWS_CA_BUNDLE": self.aws_ca_bundle}

    def engine_environment(self, installed: frozenset[str] = frozenset()) -> dict[str, str]:
        """What the Pulumi engine needs to run against the sandbox.

        ``installed`` names providers that are left to installed plugins (decision D2).
        """
        unknown = sorted(installed - self.providers.keys())
        if unknown:
            raise SandboxError(
                f"--plugin {unknown[0]}: the sandbox attaches {', '.join(sorted(self.providers))}"
            )
        attached = [
            f"{name}:{port}" for name, port in self.providers.items() if name not in installed
        ]
        return {
            # Without side files for metadata, which a killed engine can leave empty: it then
            # refuses the whole stack ("failed to load checkpoint: EOF").
            "PULUMI_BACKEND_URL": f"file://{self.path / 'pulumi'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            "PULUMI_DEBUG_PROVIDERS": ",".join(attached),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def environment(self, installed: frozenset[str] = frozenset()) -> dict[str, str]:
        """Everything for a shell: engine, AWS as account A's administrator, kubectl."""
        return {
            **self.engine_environment(installed),
            **self.aws_environment(),
            "KUBECONFIG": self.kubeconfig,
        }


def cluster_client(state: SandboxState) -> "lightkube.Client":
    """A client with the cluster administrator's rights."""
    import lightkube  # takes 0.3 s
    from lightkube.config.kubeconfig import KubeConfig

    return lightkube.Client(KubeConfig.from_file(state.kubeconfig), trust_env=False)


def exports(environment: Mapping[str, str], programs: Path | None = None) -> str:
    """The environment as lines for a shell's `eval`, with ``programs`` last on its PATH."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    if programs is not None:
        lines.append(f'export PATH="$PATH":{shlex.quote(str(programs))}')
    # A profile or session token of the caller's would win over the keys above.
    return "\n".join([*lines, "unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ROLE_ARN"])


def save(state: SandboxState) -> None:
    """Publish the state; a reader never sees half of it."""
    write_private(state.path / STATE_FILE, json.dumps(asdict(state), indent=1).encode())


def load(folder: Path) -> SandboxState:
    """The sandbox that runs in ``folder``. Raises `SandboxError` when none does."""
    lock = take_lock(folder)
    if lock is not None:
        lock.close()
        raise SandboxError(f"no sandbox runs in {folder}; start it with `python -m sandbox up`")
    with suppress(OSError, ValueError, TypeError):
        state = SandboxState(**json.loads((folder / STATE_FILE).read_text()))
        if state.format == FORMAT:
            return state
    raise SandboxError(f"the sandbox in {folder} is still starting; try again in a moment")


def wait_until_loaded(folder: Path, timeout: float) -> SandboxState:
    """Like `load`, but gives a sandbox that is starting ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return load(folder)
        except SandboxError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def take_lock(folder: Path) -> IO[str] | None:
    """The lock of a sandbox's folder, or None when a running sandbox holds it.

    The kernel frees it with the process, so that neither a crash nor a reboot leaves it behind.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (folder / LOCK_FILE).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
