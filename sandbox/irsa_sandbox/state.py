"""State of a running sandbox: one file in its folder, for the processes that use it."""

import json
import os
import shlex
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from . import COMMAND
from .aws.accounts import REGION
from .environment_variables import NO_AWS_FILES, no_proxy
from .errors import SandboxError
from .folder import is_held, read_own
from .serving.files import JAVA_TRUST_STORE, write_private
from .waiting import waiting_for

if TYPE_CHECKING:
    import lightkube

FOLDER = Path(".sandbox")
NODE_PROXY = Path(__file__).parent / "pods" / "node_proxy.cjs"
STATE_FILE = "state.json"
LOG_FILE = "sandbox.log"
PULUMI_HOME = "pulumi-home"
PULUMI_BACKEND = "pulumi"
TOOLS = "bin"
"""Folder with the sandbox's own AWS CLI and Pulumi CLI."""
STAND_INS = "stand-ins"
"""Provider of the stand-ins of packages that the sandbox lacks."""
ENDED_FILE = "ended"
"""Has the reason if a sandbox ended without `down`; the next one removes it."""
FORMAT = 7
PASSPHRASE = "sandbox"  # noqa: S105 - guards nothing that outlives the sandbox
"""Encrypts the secrets in every sandbox's Pulumi state, which end with the sandbox. The same one
always: the plain CLI keeps its salt in the project, and the next sandbox must accept that."""
FAILED = "error: "
"""Starts the line in which a supervisor says why it did not start."""


@dataclass(frozen=True, kw_only=True)
class SandboxState:
    """A running sandbox: where everything listens and lies. Paths are absolute."""

    format: int
    """Version of this file's form."""

    pid: int
    """Process id of the supervisor."""

    folder: str
    aws_proxy: str
    """``http://127.0.0.1:PORT``: the HTTPS proxy behind which AWS's host names are the emulator."""

    aws_ca_bundle: str
    """The CA of their certificates."""

    access_key_id: str
    """Key of account A's administrator, an IAM user."""

    secret_access_key: str
    root_secret: str
    """Secret key of every account's root, whose access key id is the account's id."""

    kubernetes_server: str
    kubeconfig: str
    issuer_url: str
    pod_identity_agent: str
    """``http://127.0.0.1:PORT``: the node's EKS Pod Identity Agent."""

    pulumi: str
    """The Pulumi CLI."""

    providers: dict[str, int]
    """Port of each attached resource provider."""

    plugins: list[str]
    """The other providers, whose plugins the engine starts by itself."""

    snapshots: str
    """The socket of `irsa_sandbox.snapshots`."""

    @property
    def path(self) -> Path:
        """The sandbox's folder."""
        return Path(self.folder)

    def aws_environment(self, root_of: str | None = None) -> dict[str, str]:
        """Variables of an AWS SDK for account A's administrator, or the root of an account."""
        return {
            **self.proxy_environment(),
            "AWS_ACCESS_KEY_ID": root_of or self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.root_secret if root_of else self.secret_access_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def proxy_environment(self) -> dict[str, str]:
        """Variables that lead AWS's host names to the emulator, without credentials.

        Programs differ in which spelling they prefer, so both are there.
        """
        proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), self.aws_proxy)
        return {**proxies, **no_proxy({}), "AWS_CA_BUNDLE": self.aws_ca_bundle}

    def pod_environment(self) -> dict[str, str]:
        """Variables of a Pod, for SDKs in any language. Paths may have spaces."""
        return {
            **self.proxy_environment(),
            "SSL_CERT_FILE": self.aws_ca_bundle,
            "JAVA_TOOL_OPTIONS": " ".join(
                f'-D{name}="{value}"' for name, value in self._java_properties().items()
            ),
            "NODE_EXTRA_CA_CERTS": self.aws_ca_bundle,
            "NODE_OPTIONS": f'--require="{NODE_PROXY}"',
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def pods(self) -> dict[str, Any]:
        """Arguments of `irsa_sandbox.pods.process.pod_process` for a Pod of this sandbox."""
        own = {"extra_env": self.pod_environment(), "agent": self.pod_identity_agent}
        return {"folder": self.path / "pods", **own}

    def _java_properties(self) -> dict[str, str | int | None]:
        """Java's networking looks at no variable of the environment, and leaves loopback out.

        AWS's SDK goes by the properties of the proxy's own scheme, all else by those of the URL's.
        https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/net/doc-files/net-properties.html
        """
        proxy, trusted = urlsplit(self.aws_proxy), Path(self.aws_ca_bundle)
        hosts = {f"{scheme}.proxyHost": proxy.hostname for scheme in ("http", "https")}
        ports = {f"{scheme}.proxyPort": proxy.port for scheme in ("http", "https")}
        store = {"javax.net.ssl.trustStore": str(trusted.with_name(JAVA_TRUST_STORE))}
        return {**hosts, **ports, **store}

    def search_path(self) -> dict[str, str]:
        """``PATH`` with the sandbox's own tools first, for every program that it starts.

        A kubeconfig of EKS runs `aws`, which the user's machine need not have.
        """
        tools, given = str(self.path / TOOLS), os.environ.get("PATH", os.defpath)
        return {"PATH": f"{tools}{os.pathsep}{given.removeprefix(f'{tools}{os.pathsep}')}"}

    def engine_environment(self, packages: Iterable[str] = ()) -> dict[str, str]:
        """Variables of the Pulumi engine. ``packages`` are those with stand-ins."""
        ports = {**dict.fromkeys(packages, self.providers.get(STAND_INS)), **self.providers}
        attached = ",".join(f"{name}:{port}" for name, port in ports.items())
        return {
            **self.search_path(),
            # The user's own is not touched: even `pulumi version` would write a log there.
            "PULUMI_HOME": str(self.path / PULUMI_HOME),
            # Without side files for metadata, which a killed engine can leave empty: it then
            # refuses the whole stack ("failed to load checkpoint: EOF").
            "PULUMI_BACKEND_URL": f"file://{self.path / PULUMI_BACKEND}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            # The engine takes no empty list.
            **({"PULUMI_DEBUG_PROVIDERS": attached} if attached else {}),
            # One version of a plugin serves requests for an older one, as pulumi-eks makes.
            "PULUMI_ENABLE_LEGACY_PLUGIN_SEARCH": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def environment(self) -> dict[str, str]:
        """Everything for a shell: engine, AWS as account A's administrator, kubectl."""
        return {
            **self.engine_environment(),
            **self.aws_environment(),
            **NO_AWS_FILES,
            "KUBECONFIG": self.kubeconfig,
        }


def cluster_client(state: SandboxState) -> "lightkube.Client":
    """A client with the cluster administrator's rights."""
    import lightkube  # takes 0.3 s
    from lightkube.config.kubeconfig import KubeConfig

    return lightkube.Client(KubeConfig.from_file(state.kubeconfig), trust_env=False)


def save(state: SandboxState) -> None:
    """Publish the state; a reader never sees half of it."""
    write_private(state.path / STATE_FILE, json.dumps(asdict(state), indent=1).encode())


def load(folder: Path) -> SandboxState:
    """The sandbox that runs in ``folder``. Makes nothing; raises `SandboxError` when none does."""
    held = is_held(folder)
    how, up = _ended(folder), command("up", folder)
    if how is not None:
        raise SandboxError(f"the sandbox in {folder} ended: {how}; `{up}` starts a new one")
    if not held:
        fix = f"start it with `{up}`"
        with suppress(SandboxError, StopIteration):  # another user's, or none
            above = next(e for e in folder.absolute().parents[1:] if is_held(e / folder.name))
            fix = f"one runs in {above}: `cd {shlex.quote(str(above))}` first"
        raise SandboxError(f"no sandbox runs in {folder.absolute()}; {fix}")
    return _state(folder, _facts(folder) or _still_starting(folder))


def wait_for_start(folder: Path) -> SandboxState | None:
    """The sandbox that runs in ``folder``, when it has started; None when none runs (any more)."""
    with waiting_for(lambda: f"the sandbox in {folder}, which starts or ends (`down` ends it)"):
        while is_held(folder):
            facts = _facts(folder)
            if facts is not None and _ended(folder) is None:
                return _state(folder, facts)
            time.sleep(0.1)
    return None


def running_pid(folder: Path) -> int:
    """The supervisor's process id, whichever version of this program it is of."""
    return (_facts(folder) or _still_starting(folder))["pid"]


def _facts(folder: Path) -> dict[str, Any] | None:
    with suppress(FileNotFoundError):
        return json.loads(read_own(folder / STATE_FILE))
    return None


def _state(folder: Path, facts: Mapping[str, Any]) -> SandboxState:
    if facts["format"] != FORMAT:
        raise SandboxError(
            f"another version of this program started the sandbox in {folder}; stop it with "
            f"`{command('down', folder)}`"
        )
    return SandboxState(**facts)


def _still_starting(folder: Path) -> NoReturn:
    raise SandboxError(f"the sandbox in {folder} is still starting; try again in a moment")


def _ended(folder: Path) -> str | None:
    """Return the reason for the sandbox's end; parts of it may still be stopping."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return (folder / ENDED_FILE).read_text()
    return None


def command(name: str, folder: Path) -> str:
    """Return the command line of that command for the sandbox in ``folder``."""
    options = (
        "" if folder.resolve() == FOLDER.resolve() else f" --folder {shlex.quote(str(folder))}"
    )
    return f"{COMMAND} {name}{options}"
