"""Every command of the documents, pasted one after the other into one shell, in a clone."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from irsa import REPOSITORY, __version__
from irsa_sandbox import lifecycle
from tests.sandbox.support.clone import clone_in, newcomer
from tests.support.code_blocks import COMMANDS, Block, blocks
from tests.support.requirements import COMMAND, COMPONENTS, SANDBOX
from tests.support.transcripts import normalised

pytestmark = pytest.mark.sandbox

KILLED = "needs a run that was killed, as in tests/sandbox/engine/test_killed.py"
INSTALLED = "needs an installed Pulumi, with its language host"
PLAIN = f"{INSTALLED}; tests/sandbox/engine/test_plain_pulumi.py pastes it where there is one"
PUBLISHED = "reaches the repository; tests/sandbox/test_published.py and test_parts.py do it"
INSTALL = f"pip install '{COMPONENTS}'"
EXCUSED = {
    ("README.md", f"git clone {REPOSITORY}"): (
        "takes minutes; test_demo runs the demo, and is part of the tests"
    ),
    ("README.md", INSTALL): PUBLISHED,
    ("components/README.md", INSTALL): PUBLISHED,
    ("command/README.md", f"pip install '{COMMAND}'"): PUBLISHED,
    ("sandbox/README.md", f"pip install pytest '{SANDBOX}'"): PUBLISHED,
    ("docs/components.md", INSTALL): PUBLISHED,
    ("docs/package.md", f"pulumi package add {REPOSITORY}/components@v{__version__}"): (PUBLISHED),
    ("docs/package.md", INSTALL): PUBLISHED,
    ("docs/package.md", f"pulumi new {REPOSITORY}/tree/v{__version__}/template"): PUBLISHED,
    ("docs/sandbox.md", f"pip install pytest '{SANDBOX}'"): PUBLISHED,
    ("README.md", "pulumi up --stack dev"): "is for real accounts",
    ("docs/sandbox.md", "python -m irsa_sandbox up"): PLAIN,
    ("docs/sandbox.md", "pulumi preview --stack dev --expect-no-changes"): PLAIN,
    ("docs/sandbox.md", "pulumi destroy --stack dev --cwd account_b"): PLAIN,
    ("docs/existing.md", "pulumi cancel --stack dev"): KILLED,
    ("docs/existing.md", "pulumi refresh --stack dev --clear-pending-creates"): KILLED,
    ("docs/fleet.md", "python -m irsa_sandbox stack up --project examples/platform"): (
        "wants a sandbox without other stacks; tests/examples runs it"
    ),
    ("docs/contributing.md", "make test-aws PROFILE_A=dev PROFILE_B=data"): "is for real accounts",
    (
        "docs/contributing.md",
        "make test-aws PROFILE_A=dev PROFILE_B=data REGION=us-east-1 CLEAN=k7m2p9qx",
    ): ("is for real accounts; tests/sandbox/test_live.py does it in the sandbox"),
    (
        "docs/cluster.md",
        "aws eks update-cluster-config --name production --compute-config enabled=false \\",
    ): "is for real accounts",
    (
        "docs/cluster.md",
        (
            'key=$(aws kms create-key --description "EKS production" '
            "--query KeyMetadata.Arn --output text)"
        ),
    ): "is for real accounts",
    ("docs/commands.md", "python -m irsa list --context blue --context green"): (
        "wants two clusters; tests/sandbox/irsa/test_contexts.py has them"
    ),
    ("docs/fleet.md", "python3 -m venv .irsa"): PUBLISHED,
    (
        "docs/fleet.md",
        "pulumi policy analyze --file state.json --policy-pack .irsa/bin/irsa-policies",
    ): "needs a CLI on PATH; tests/sandbox/irsa/test_own_stacks.py runs it",
    (
        "docs/walkthrough.md",
        (
            "$ AWS_WEB_IDENTITY_TOKEN_FILE=<another service account> aws s3 ls --recursive "
            "s3://bucket-s3-app"
        ),
    ): "needs tokens that the demo makes; test_demo compares the text",
}
"""Reasons why blocks are not pasted here, by document and first line."""

LAST = ("docs/walkthrough.md", "make sandbox-down")
"""Ends the sandbox that all others need."""

UPLOAD_B = """
from contextlib import closing
from pathlib import Path
from irsa_sandbox.aws.accounts import ACCOUNT_B
from irsa_sandbox.demo.checks import CONTENT_B, OBJECT_B
from irsa_sandbox.demo.systems import BUCKET_B
from irsa_sandbox.session import Session
from irsa_sandbox.state import load
with closing(Session(load(Path(".sandbox")))) as session:
    s3 = session.aws("s3", ACCOUNT_B)
    s3.put_object(Bucket=BUCKET_B, Key=OBJECT_B, Body=CONTENT_B)
"""
"""Fills account B's bucket as the demo does, whose transcripts list it."""

LEFT_OUT = re.compile(r"^(AWS_CA_BUNDLE=|AWS_EC2_METADATA_DISABLED=|sandbox: |$)")
"""Lines that the README says are longer, and the note about mount paths."""


class Pasted(NamedTuple):
    """A command and its result."""

    where: str
    command: str
    shown: str
    """The output in the document."""
    output: str
    failed: list[str]
    """The parts of it that ended with another code than 0."""


def key(block: Block) -> tuple[str, str]:
    return (block.document, block.first_line)


def pasteable() -> list[Block]:
    found = [b for b in blocks() if b.language in COMMANDS and key(b) not in EXCUSED]
    return sorted(found, key=lambda block: key(block) == LAST)  # stable but for the last


def script(commands: list[str], results: Path) -> str:
    lines = [f"trap 'echo \"$BASH_COMMAND\" >>{results}/$step.failed' ERR"]
    for step, command in enumerate(commands):
        lines += [f"step={step}", "{", command, f"}} >{results}/{step}.output 2>&1 </dev/null"]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def pasted(tmp_path_factory) -> list[Pasted]:
    """All commands, run in order by one bash."""
    folder = tmp_path_factory.mktemp("pasted")
    clone = clone_in(folder)
    for name in ("home", "results"):
        (folder / name).mkdir()
    steps = [(b.where, c, shown) for b in pasteable() for c, shown in b.commands()]
    first_of_b = next(n for n, (_, command, _) in enumerate(steps) if "s3-app-chain" in command)
    steps.insert(first_of_b, ("account B's bucket", f"python -c {shlex.quote(UPLOAD_B)}", ""))
    text = script([command for _, command, _ in steps], folder / "results")
    try:
        subprocess.run(["bash", "-c", text], cwd=clone, env=newcomer(folder / "home"), check=False)
    finally:
        still_up = lifecycle.down(clone / ".sandbox")
    assert not still_up, f"`{LAST[1]}` left the sandbox running"
    return [
        Pasted(where, command.strip(), shown.strip("\n"), *result(folder / "results", number))
        for number, (where, command, shown) in enumerate(steps)
    ]


def result(results: Path, step: int) -> tuple[str, list[str]]:
    failed = results / f"{step}.failed"
    output = (results / f"{step}.output").read_text()
    return output, failed.read_text().splitlines() if failed.exists() else []


def as_shown(output: str) -> str:
    """Return the output without lines that the README leaves out, and without made-up values."""
    output = re.sub(r"/\S*/pods/exec-\w+/root(?=/)", "", output)
    output = re.sub(r"(?m)^(AWS_SECRET_ACCESS_KEY)=.*$", r"\1=(not shown)", output)
    lines = [line for line in output.splitlines() if not LEFT_OUT.match(line)]
    return normalised("\n".join(lines))


def test_every_command_works_as_it_stands(pasted):
    problems = [
        f"{each.where}: `{each.failed[0]}` failed: {each.output.strip().rpartition(chr(10))[2]}; "
        "fix it, or say in EXCUSED why it cannot run here"
        for each in pasted
        if each.failed and "An error occurred" not in each.shown
    ]
    assert not problems, problems[0]


def test_every_transcript_is_the_output_of_its_command(pasted):
    transcripts = [each for each in pasted if each.shown]

    assert transcripts
    for each in transcripts:
        assert as_shown(each.output) == normalised(each.shown), f"{each.where}: {each.command}"


def test_the_first_listing_shows_an_object(pasted):
    block = next(each for each in pasted if "sandbox exec" in each.command and not each.shown)

    assert re.search(r"\d \S+\.csv$", block.output, re.MULTILINE), block.output


def test_every_excuse_is_for_an_existing_block():
    assert {*EXCUSED, LAST} <= {key(block) for block in blocks()}
