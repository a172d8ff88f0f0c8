"""The AWS identity of real SDKs in a pod with a role chain, by the final ARN.

The table is the one of docs/forms.md. A call that succeeds proves nothing here: in several
rows it succeeds with the wrong identity.
"""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.engine.stack import ROOT
from irsa_sandbox.session import Done, Session
from tests.sandbox.support.chain import APP, NAMESPACE, PROFILE_ONLY, SESSION_A, SESSION_B, Chain
from tests.sandbox.support.sdk_programs import PROGRAMS, Program
from tests.sandbox.support.world import world

pytestmark = pytest.mark.sandbox

NO_SUCH_ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/no-such-role"

# Identities, as the start of the final ARN. Sessions of the profiles have a name of our own; those
# of injected credentials have one that the SDK makes up.
PROFILE_A = f"{SESSION_A}xactarget"
PROFILE_B = SESSION_B
INJECTED = f"{SESSION_A} (a session name of the SDK's own)"
STATIC_KEYS = f"arn:aws:iam::{ACCOUNT_B}:root"
REFUSED = "AccessDenied"
NONE = "no credentials, so that on EC2 the SDK would use the node's role"
CELLS = {
    "injected": INJECTED,
    "A": PROFILE_A,
    "A→B": PROFILE_B,
    "**the keys**": STATIC_KEYS,
    "AccessDenied": REFUSED,
    "**none**": NONE,
}
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
    "nothing is said": Setup(),
    "profile B on the command line or in code": Setup(profile="B"),
    "`AWS_PROFILE=B`": Setup({"AWS_PROFILE": "B"}),
    # botocore takes the role from the injected variables and the session's name from the profile.
    "`AWS_PROFILE=A`": Setup({"AWS_PROFILE": "A"}),
    # Shows whether the profile or the injected variables decide, where both name role A.
    "`AWS_PROFILE=A`, and a role that refuses is injected": Setup(
        {"AWS_PROFILE": "A", "AWS_ROLE_ARN": NO_SUCH_ROLE}
    ),
    "a `[default]` profile like B": Setup(
        config=lambda text: text.replace("[profile B]", "[default]")
    ),
    "keys in the environment": Setup(KEYS),
    "keys in the environment and `AWS_PROFILE=B`": Setup({**KEYS, "AWS_PROFILE": "B"}),
    "a profile without credentials, on the command line or in code": Setup(
        profile="empty", config=lambda _: "[profile empty]\nregion = us-east-1\n"
    ),
}
"""By the first column of the document's table."""


def documented() -> dict[str, dict[str, str]]:
    """Return the document's table: setup to SDK to cell."""
    text = (ROOT / "docs" / "forms.md").read_text()
    table = text.split("<!-- begin: sdk matrix -->\n")[1].split("\n<!-- end: sdk matrix -->")[0]
    (_, *sdks), _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()
    )
    return {setup: dict(zip(sdks, cells, strict=True)) for setup, *cells in rows}


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
    with session.pod_process(NAMESPACE, workload) as process:
        yield ChainPod(process.env, session.state.root_secret)


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


def test_the_document_has_each_setup_and_sdk():
    assert documented().keys() == SETUPS.keys()
    assert all([*cells] == [*PROGRAMS] for cells in documented().values())


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_in_the_pod_has_the_documented_identity(pod: ChainPod, sdk: str, setup: str):
    assert pod.who(PROGRAMS[sdk](), SETUPS[setup]) == CELLS[documented()[setup][sdk]]


@pytest.mark.parametrize("sdk", PROGRAMS)
def test_with_the_profile_only_layout_every_sdk_is_role_b(chain: Session, sdk):
    with chain_pod(chain, PROFILE_ONLY) as pod:
        assert pod.who(PROGRAMS[sdk](), Setup()) == PROFILE_B
