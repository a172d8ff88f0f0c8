"""The AWS identity of real SDKs in a pod with a role chain, by the final ARN.

The table is the one of docs/two-accounts.md. A call that succeeds proves nothing here: in several
rows it succeeds with the wrong identity.
"""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.engine.stack import ROOT
from sandbox.pods.exec import find_pod
from sandbox.pods.process import pod_process
from sandbox.session import Done, Session
from tests.sandbox.support import sdk_programs
from tests.sandbox.support.chain import (
    APP,
    NAMESPACE,
    PROFILE_ONLY,
    SESSION_A,
    SESSION_B,
    Chain,
)
from tests.sandbox.support.sdk_programs import Program
from tests.sandbox.support.world import world

pytestmark = pytest.mark.sandbox

PROGRAMS: dict[str, Callable[[], Program]] = {
    "cli": sdk_programs.cli,
    "boto3": sdk_programs.boto3,
    "js": sdk_programs.javascript,
    "go": sdk_programs.go,
    "java": sdk_programs.java,
}
NO_SUCH_ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/no-such-role"

# Identities, as the start of the final ARN. Sessions of the profiles have a name of our own; those
# of injected credentials have one that the SDK makes up.
PROFILE_A = f"{SESSION_A}xactarget"
PROFILE_B = SESSION_B
INJECTED = f"{SESSION_A} (a session name of the SDK's own)"
STATIC_KEYS = f"arn:aws:iam::{ACCOUNT_B}:root"
REFUSED = "AccessDenied"
NONE = "no credentials, so that on EC2 the SDK would use the node's role"


_NO_CREDENTIALS = re.compile(
    "Unable to (locate|load) credentials|no EC2 IMDS role found|file contained no credentials"
)


class Setup(NamedTuple):
    """Environment and configuration of a process in the pod."""

    env: Mapping[str, str] = {}
    profile: str | None = None
    config: Callable[[str], str] | None = None
    """Another AWS config file, made from the pod's."""


KEYS = {"AWS_ACCESS_KEY_ID": ACCOUNT_B, "AWS_SECRET_ACCESS_KEY": "(root's)"}
SETUPS = {
    "nothing": Setup(),
    "profile-b": Setup(profile="B"),
    "AWS_PROFILE=B": Setup({"AWS_PROFILE": "B"}),
    "AWS_PROFILE=A": Setup({"AWS_PROFILE": "A"}),
    "default-is-b": Setup(config=lambda text: text.replace("[profile B]", "[default]")),
    "keys": Setup(KEYS),
    "keys-and-AWS_PROFILE=B": Setup({**KEYS, "AWS_PROFILE": "B"}),
    "empty-profile": Setup(
        profile="empty", config=lambda _: "[profile empty]\nregion = us-east-1\n"
    ),
    # Whether the profile or the injected variables say which role, where both name role A.
    "AWS_PROFILE=A-other-role-injected": Setup({"AWS_PROFILE": "A", "AWS_ROLE_ARN": NO_SUCH_ROLE}),
}
EXPECTED = {  # in the order of PROGRAMS
    "nothing": (INJECTED, INJECTED, INJECTED, INJECTED, INJECTED),
    "profile-b": (PROFILE_B, PROFILE_B, PROFILE_B, PROFILE_B, PROFILE_B),
    "AWS_PROFILE=B": (PROFILE_B, PROFILE_B, PROFILE_B, INJECTED, INJECTED),
    # botocore takes the role from the injected variables and the session's name from the profile.
    "AWS_PROFILE=A": (PROFILE_A, PROFILE_A, PROFILE_A, INJECTED, INJECTED),
    "default-is-b": (PROFILE_B, PROFILE_B, PROFILE_B, INJECTED, INJECTED),
    "keys": (STATIC_KEYS, STATIC_KEYS, STATIC_KEYS, STATIC_KEYS, STATIC_KEYS),
    "keys-and-AWS_PROFILE=B": (STATIC_KEYS, STATIC_KEYS, PROFILE_B, STATIC_KEYS, STATIC_KEYS),
    "empty-profile": (NONE, NONE, INJECTED, NONE, NONE),
    # Java goes on to the next place when one refuses.
    "AWS_PROFILE=A-other-role-injected": (REFUSED, REFUSED, PROFILE_A, REFUSED, PROFILE_A),
}


DOCUMENT = ROOT / "docs" / "two-accounts.md"
NAMES = {"cli": "AWS CLI", "boto3": "boto3", "js": "JS v3", "go": "Go v2", "java": "Java 2"}
ROWS = {
    "nothing": "nothing is said",
    "profile-b": "profile B on the command line or in code",
    "AWS_PROFILE=B": "`AWS_PROFILE=B`",
    "AWS_PROFILE=A": "`AWS_PROFILE=A`",
    "AWS_PROFILE=A-other-role-injected": "`AWS_PROFILE=A`, and a role that refuses is injected",
    "default-is-b": "a `[default]` profile like B",
    "keys": "keys in the environment",
    "keys-and-AWS_PROFILE=B": "keys in the environment and `AWS_PROFILE=B`",
    "empty-profile": "a profile without credentials, on the command line or in code",
}
CELLS = {
    INJECTED: "injected",
    PROFILE_A: "A",
    PROFILE_B: "A→B",
    STATIC_KEYS: "**the keys**",
    REFUSED: "AccessDenied",
    NONE: "**none**",
}


def table() -> str:
    """The table of the document."""
    lines = [["in the pod", *NAMES.values()], ["---"] * (len(NAMES) + 1)]
    lines += [[text, *(CELLS[cell] for cell in EXPECTED[setup])] for setup, text in ROWS.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class ChainPod:
    """Runs commands as the chain's container, whose files lie below a private folder."""

    def __init__(self, env: Mapping[str, str], secret: str) -> None:
        self._env = env
        self._secret = secret

    def who(self, program: Program, setup: Setup) -> str:
        """The identity that a process ends up with, or the error code that it ends with."""
        env = {**self._env, **setup.env}
        if "AWS_SECRET_ACCESS_KEY" in setup.env:
            env["AWS_SECRET_ACCESS_KEY"] = self._secret
        if setup.config is not None:
            text = Path(env["AWS_CONFIG_FILE"]).read_text()
            file = Path(env["HOME"]) / "config"
            file.write_text(setup.config(text))
            env["AWS_CONFIG_FILE"] = str(file)
        command = program.with_profile(setup.profile) if setup.profile else program.command
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return _identity(Done(done.returncode, done.stdout if not done.returncode else done.stderr))


def _identity(done: Done) -> str:
    lines = done.output.strip().splitlines()
    if done.code == 0 and lines[-1].startswith(INJECTED.partition(" ")[0]):
        return PROFILE_A if lines[-1] == PROFILE_A else INJECTED
    if done.code == 0:
        return lines[-1]
    if REFUSED in done.output:
        return REFUSED
    return NONE if _NO_CREDENTIALS.search(done.output) else done.output


@contextmanager
def chain_pod(session: Session, workload: str) -> Iterator[ChainPod]:
    state = session.state
    with pod_process(
        session.cluster,
        state.path / "pods",
        find_pod(session.cluster, NAMESPACE, workload),
        extra_env=state.pod_environment(),
        on_note=lambda _: None,
    ) as process:
        yield ChainPod(process.env, state.root_secret)


@pytest.fixture(scope="module")
def chain(session: Session) -> Iterator[Session]:
    with world(session) as own:
        found = Chain(own)
        found.up()
        yield session
        found.destroy()


@pytest.fixture(scope="module")
def pod(chain: Session) -> Iterator[ChainPod]:
    with chain_pod(chain, APP) as running:
        yield running


def test_the_document_has_this_table():
    assert list(NAMES) == list(PROGRAMS)
    assert ROWS.keys() == EXPECTED.keys() == SETUPS.keys()
    shown = DOCUMENT.read_text().split("<!-- begin: sdk matrix -->\n")[1]
    assert shown.split("\n<!-- end: sdk matrix -->")[0] == table()


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_in_the_pod_has_the_documented_identity(pod: ChainPod, sdk, setup):
    assert pod.who(PROGRAMS[sdk](), SETUPS[setup]) == EXPECTED[setup][[*PROGRAMS].index(sdk)]


@pytest.mark.parametrize("sdk", PROGRAMS)
def test_with_the_profile_only_layout_every_sdk_is_role_b(chain: Session, sdk):
    with chain_pod(chain, PROFILE_ONLY) as pod:
        assert pod.who(PROGRAMS[sdk](), Setup()) == PROFILE_B
