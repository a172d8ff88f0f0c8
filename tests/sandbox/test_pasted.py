"""Every command of the documents, pasted one after the other into one shell, in a clone.

The shell has a network of its own where that is possible, so that every packet that leaves the
machine is counted.
"""

import json
import os
import re
import shlex
import sys
import sysconfig
from typing import NamedTuple

import pytest

from irsa_core import REPOSITORY, __version__
from irsa_sandbox import lifecycle
from irsa_sandbox.demo.checks import parts
from tests.live.answers import SANDBOX_ANSWERS, normalised
from tests.sandbox.support.clone import clone_in, newcomer
from tests.support.code_blocks import COMMANDS, blocks
from tests.support.processes import ran
from tests.support.requirements import COMMAND, CORE, SANDBOX
from tools.docs.generated import TRANSCRIPT

PARTS, PUBLISHED = "unit/test_parts.py::test_", "sandbox/test_published.py::test_the_"
EXAMPLES, AUDIT = "examples/test_examples.py::test_the_", "../command/tests/commands/test_audit.py"
PLAIN = "sandbox/engine/test_plain_pulumi.py::test_the_section_makes"
KILLED = "sandbox/engine/test_killed.py::test_a_killed_up_is_finished"
AWS_CLI = "sandbox/test_pasted.py::test_commands_for_a_real_account"
EXCUSED = {
    f"git clone {REPOSITORY}": "../.ci/run::make test",
    f"pip install '{CORE}'": f"{PARTS}a_release_says_what_it_is",
    "pip install 'irsa-components[eks] @ ": f"{PARTS}the_components_add_themselves",
    f"pip install '{COMMAND}'": f"{PARTS}a_release_says_what_it_is",
    f"pip install pytest '{SANDBOX}'": f"{PARTS}a_release_says_what_it_is",
    f"pulumi package add {REPOSITORY}/components@v{__version__}": f"{PUBLISHED}engine_gets",
    "python3 -m venv .venv": f"{PARTS}a_release_says_what_it_is",
    "IRSA_INDEX=1 pip wheel": f"{PARTS}the_last_part_of_an_index",
    "printf 'name: reports": f"{PARTS}readmes_program_runs",
    "pulumi package get-schema ": f"{EXAMPLES}engine_gets_the_schema",
    f"pulumi new {REPOSITORY}/tree/v{__version__}/components/template": f"{PUBLISHED}template_runs",
    "pulumi up --stack dev": PLAIN,
    "python -m irsa_sandbox up": PLAIN,
    "pulumi preview --stack dev --expect-no-changes": PLAIN,
    "pulumi destroy --stack dev --cwd account_b": PLAIN,
    "pulumi cancel --stack dev": KILLED,
    "pulumi refresh --stack dev --clear-pending-creates": KILLED,
    "python -m irsa_sandbox stack up --project examples/platform": f"{EXAMPLES}block_of_the_fleet",
    "make test-aws": "sandbox/test_live.py::test_every_check_passes",
    "aws eks update-cluster-config --name production": AWS_CLI,
    "key=$(aws kms create-key": AWS_CLI,
    "python -m irsa list --context blue --context green": f"{AUDIT}::test_an_account_whose_role",
    "pulumi preview --json --show-sames": f"{PARTS}the_lines_of_a_page",
    "$ pulumi preview --json --show-sames |": f"{PARTS}the_lines_of_a_page",
    "$ pulumi stack export |": "../command/tests/takeover/test_components.py::test_the_lines_of",
    "$ AWS_WEB_IDENTITY_TOKEN_FILE=<another service account>": (
        "sandbox/test_pasted.py::test_the_refusals_of_the_walk"
    ),
}
"""Blocks that need a language host, an index or a sandbox of their own, by the start of their first
line, and the test that runs them."""

VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|=\S+|\S+://\S+|cd \S+")
"""Parts of a command that its test may have from elsewhere."""

LAST = "make sandbox-down"
"""Ends the sandbox that all others need."""

UPLOAD = """
from pathlib import Path
from irsa_sandbox.demo.systems import SandboxSystems
from irsa_sandbox.state import load
systems = SandboxSystems(load(Path(".sandbox")))
systems.read_names()
systems.prepare()
"""
"""Fills the buckets as the demo does, whose transcripts list them."""

LEFT_OUT = re.compile(r"^(AWS_CA_BUNDLE=|AWS_EC2_METADATA_DISABLED=|sandbox: |$)")
"""Lines that the README says are longer, and the note about mount paths."""


# The default route is one end of a cable whose other end drops everything. Without IPv6, which
# sends by itself.
NETWORK = """
ip link set lo up
ip link add out type veth peer name end
for each in out end; do
  echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6
  ip link set $each arp off up
done
ip address add 192.0.2.1/24 dev out
ip route add default via 192.0.2.2
"""
SENT = "awk '$1 == \"out:\" {print $11}' /proc/net/dev"
ASK = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('198.51.100.7', 53))"
OWN_NETWORK = ("unshare", "--map-root-user", "--net")


class Pasted(NamedTuple):
    """A command and its result."""

    where: str
    command: str
    shown: str
    """The output in the document."""
    output: str
    failed: list[str]
    """The parts of it that ended with another code than 0."""


def script(commands, results):
    lines = [f"trap 'echo \"$BASH_COMMAND\" >>{results}/$step.failed' ERR"]
    for step, command in enumerate(commands):
        lines += [f"step={step}", "{", command, f"}} >{results}/{step}.output 2>&1 </dev/null"]
    return "\n".join(lines)


def has_network() -> bool:
    """Return whether a network of its own can be had, and counts a packet that leaves."""
    script = f"{NETWORK}{SENT}; {shlex.join([sys.executable, '-c', ASK])}; {SENT}"
    try:
        done = ran(*OWN_NETWORK, "sh", "-ec", script)
    except FileNotFoundError:
        return False
    return done.stdout.split() == ["0", "1"]


@pytest.fixture(scope="module")
def session_of_all(tmp_path_factory) -> tuple[list[Pasted], int | None]:
    """All commands, run in order by one bash, and the packets that they sent to other machines;
    None where no network of its own can be had."""
    folder = tmp_path_factory.mktemp("pasted")
    clone = clone_in(folder)
    for name in ("home", "results"):
        (folder / name).mkdir()
    listed = [block for block in blocks() if block.language in COMMANDS]
    listed = [block for block in listed if not block.first_line.startswith((*EXCUSED,))]
    listed.sort(key=lambda block: block.first_line == LAST)  # stable but for the last
    steps = [(b.where, c, shown) for b in listed for c, shown in b.commands()]
    first_of_b = next(n for n, (_, command, _) in enumerate(steps) if "s3-app-chain" in command)
    steps.insert(first_of_b, ("account B's bucket", f"python -c {shlex.quote(UPLOAD)}", ""))
    text = script([command for _, command, _ in steps], folder / "results")
    shell = ["bash", "-c", text]
    if network := has_network():
        shell = [*OWN_NETWORK, "bash", "-c", f"{NETWORK}\n{text}\n{SENT}"]
    try:
        done = ran(*shell, cwd=clone, env=newcomer(folder / "home"))
    finally:
        still_up = lifecycle.down(clone / ".sandbox")
    assert not still_up, f"`{LAST}` left the sandbox running"
    commands = [
        Pasted(where, command.strip(), shown.strip("\n"), *result(folder / "results", number))
        for number, (where, command, shown) in enumerate(steps)
    ]
    return commands, int(done.stdout) if network else None


@pytest.fixture
def pasted(session_of_all) -> list[Pasted]:
    return session_of_all[0]


def result(results, step):
    failed = results / f"{step}.failed"
    output = (results / f"{step}.output").read_text()
    return output, failed.read_text().splitlines() if failed.exists() else []


def as_shown(output: str) -> str:
    """Return the output without lines that the README leaves out, and without made-up values."""
    output = re.sub(r"(?m)^(AWS_SECRET_ACCESS_KEY)=.*$", r"\1=(not shown)", output)
    lines = [line for line in output.splitlines() if not LEFT_OUT.match(line)]
    return normalised("\n".join(lines))


def test_every_command_works_as_it_stands(pasted):
    problems = [
        f"{each.where}: `{each.failed[0]}` failed: {each.output.strip().rpartition(chr(10))[2]}; "
        "fix it, or name in EXCUSED the test that runs it"
        for each in pasted
        if each.failed and "An error occurred" not in each.shown
    ]
    assert not problems, problems[0]


def test_every_transcript_is_the_output_of_its_command(pasted):
    transcripts = [each for each in pasted if each.shown]

    assert transcripts
    listing = next(each for each in pasted if "sandbox exec" in each.command and not each.shown)
    assert re.search(r"\d \S+\.csv$", listing.output, re.MULTILINE), listing.output
    for each in transcripts:
        assert as_shown(each.output) == normalised(each.shown), f"{each.where}: {each.command}"


def test_no_packet_goes_to_another_machine(session_of_all):
    _, sent = session_of_all
    if sent is None:
        pytest.skip("no network of its own here: unshare and ip, or the right to use them, lack")
    assert sent == 0


def test_the_refusals_of_the_walk_are_those_of_the_checks():
    walk = (lifecycle.ROOT / "docs/walkthrough.md").read_text()
    recorded = json.loads(SANDBOX_ANSWERS.read_text())
    codes = {check.key: check.code for *_, checks in parts("demo") for check in checks}
    [block] = [each for each in TRANSCRIPT.finditer(walk) if "irsa-refused" in each["keys"]]
    errors = re.findall(r"^An error .*", block["content"], re.MULTILINE)
    for key, error in zip(block["keys"].split(), errors, strict=True):
        assert f"({codes[key]})" in error
        if key in recorded:  # test-aws does not wait until a token has expired
            assert " ".join(error.split()).endswith(f": {recorded[key]['text']}")


def test_commands_for_a_real_account_are_ones_of_the_aws_cli():
    """Options and values come to the request, which goes to a closed port."""
    names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "MAX_ATTEMPTS")
    closed = {f"AWS_{name}": "1" for name in names}
    closed |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": "us-east-1"}
    closed["PATH"] = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    asked = "aws() { command aws \"$@\" 2>&1 | grep 'Could not connect'; }"
    starts = tuple(start for start, test in EXCUSED.items() if test == AWS_CLI)
    for block in filter(lambda block: block.first_line.startswith(starts), blocks()):
        done = ran("bash", "-ec", f"{asked}\n{block.content}", env={**os.environ, **closed})
        assert done.returncode == 0, block.where


@pytest.mark.parametrize("start", EXCUSED)
def test_the_test_of_an_excuse_reads_the_page_or_has_the_blocks_words(start):
    path, _, name = EXCUSED[start].partition("::")
    source = (lifecycle.ROOT / "tests" / path).read_text()
    excused = [block for block in blocks() if block.first_line.startswith(start)]
    assert (name in source, excused != []) == (True, True), source
    spelled = source.casefold().replace("_", "-")
    for block in (block for block in excused if block.document not in source):
        commands = VALUES.sub(" ", "\n".join(command for command, _ in block.commands()))
        words = re.findall(r"(?<![\w/.:-])-*([a-z][a-z-]{2,})(?![\w/:.])", commands.casefold())
        missing = {word for word in words if word not in spelled}
        assert not missing or EXCUSED[start] == AWS_CLI, f"{block.where}: {path} lacks {missing}"


def test_a_prompt_is_in_blocks_that_are_pasted_alone():
    others = [block for block in blocks() if block.language not in COMMANDS]
    assert [block.where for block in others if block.content.startswith("$ ")] == []
