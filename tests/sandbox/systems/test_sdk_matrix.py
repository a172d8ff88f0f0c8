"""Who a process is in the chain's pod, by SDK and by how it asks: real SDKs, the final ARN.

The table is the one of docs/two-accounts.md. Success proves nothing here: in several rows a call
succeeds as the wrong identity.
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
from sandbox.session import Done
from tests.sandbox.support import sdk_programs
from tests.sandbox.support.sdk_programs import Program
from tests.sandbox.support.two_accounts import CHAIN, NAMESPACE, Pair

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
PROFILE_A = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/xactarget"
PROFILE_B = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"
INJECTED = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/ (name of the SDK's own)"
STATIC_KEYS = f"arn:aws:iam::{ACCOUNT_B}:root"
REFUSED = "AccessDenied"
NOBODY = "no credentials, so that a pod would be its node"


_NO_CREDENTIALS = re.compile(
    "Unable to (locate|load) credentials|no EC2 IMDS role found|file contained no credentials"
)


class Way(NamedTuple):
    """How a process in the pod is told whom to be."""

    env: Mapping[str, str] = {}
    profile: str | None = None
    config: Callable[[str], str] | None = None
    """Another AWS config file, made from the pod's."""


KEYS = {"AWS_ACCESS_KEY_ID": ACCOUNT_B, "AWS_SECRET_ACCESS_KEY": "(root's)"}
WAYS = {
    "nothing": Way(),
    "profile-b": Way(profile="B"),
    "AWS_PROFILE=B": Way({"AWS_PROFILE": "B"}),
    "AWS_PROFILE=A": Way({"AWS_PROFILE": "A"}),
    "default-is-b": Way(config=lambda text: text.replace("[profile B]", "[default]")),
    "keys": Way(KEYS),
    "keys-and-AWS_PROFILE=B": Way({**KEYS, "AWS_PROFILE": "B"}),
    "empty-profile": Way(profile="empty", config=lambda _: "[profile empty]\nregion = us-east-1\n"),
    # Whether the profile or the injected variables say which role, where both name role A.
    "AWS_PROFILE=A-other-role-injected": Way({"AWS_PROFILE": "A", "AWS_ROLE_ARN": NO_SUCH_ROLE}),
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
    "empty-profile": (NOBODY, NOBODY, INJECTED, NOBODY, NOBODY),
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
    NOBODY: "**nobody**",
}


def table() -> str:
    """The table of the document."""
    lines = [["in the pod", *NAMES.values()], ["---"] * (len(NAMES) + 1)]
    lines += [[text, *(CELLS[cell] for cell in EXPECTED[way])] for way, text in ROWS.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class ChainPod:
    """Runs commands as the chain's container, whose files lie below a private folder."""

    def __init__(self, env: Mapping[str, str], secret: str) -> None:
        self._env = env
        self._secret = secret

    def who(self, program: Program, way: Way) -> str:
        """The identity that a process ends up with, or the error code that it ends with."""
        env = {**self._env, **way.env}
        if "AWS_SECRET_ACCESS_KEY" in way.env:
            env["AWS_SECRET_ACCESS_KEY"] = self._secret
        if way.config is not None:
            text = Path(env["AWS_CONFIG_FILE"]).read_text()
            file = Path(env["HOME"]) / "config"
            file.write_text(way.config(text))
            env["AWS_CONFIG_FILE"] = str(file)
        command = program.with_profile(way.profile) if way.profile else program.command
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
    return NOBODY if _NO_CREDENTIALS.search(done.output) else done.output


@contextmanager
def chain_pod(pair: Pair) -> Iterator[ChainPod]:
    state = pair.session.state
    pod = find_pod(pair.session.cluster, NAMESPACE, CHAIN)
    folder = state.path / "pods"
    with pod_process(
        pair.session.cluster,
        folder,
        pod,
        extra_env=state.pod_environment(),
        on_note=lambda _: None,
    ) as process:
        yield ChainPod(process.env, state.root_secret)


@pytest.fixture(scope="module")
def pod(pair: Pair) -> Iterator[ChainPod]:
    pair.up()
    with chain_pod(pair) as running:
        yield running


def test_the_document_has_this_table():
    assert list(NAMES) == list(PROGRAMS)
    assert ROWS.keys() == EXPECTED.keys() == WAYS.keys()
    shown = DOCUMENT.read_text().split("<!-- begin: sdk matrix -->\n")[1]
    assert shown.split("\n<!-- end: sdk matrix -->")[0] == table()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sdk", PROGRAMS)
def test_an_sdk_in_the_pod_is(pod: ChainPod, sdk, way):
    assert pod.who(PROGRAMS[sdk](), WAYS[way]) == EXPECTED[way][[*PROGRAMS].index(sdk)]


@pytest.fixture(scope="module")
def profile_only_pod(pair: Pair, pod: ChainPod) -> Iterator[ChainPod]:
    """After the tests of the mission's layout, whose stack it changes."""
    pair.up(a={"crossAccount": {"profiles": {"layout": "profile-only"}}})
    with chain_pod(pair) as running:
        yield running


@pytest.mark.parametrize("sdk", PROGRAMS)
def test_with_the_profile_only_layout_every_sdk_is_role_b_without_being_asked(
    profile_only_pod: ChainPod, sdk
):
    assert profile_only_pod.who(PROGRAMS[sdk](), Way()) == PROFILE_B
