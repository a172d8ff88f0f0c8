"""`make demo`, as a newcomer runs it, and what docs/walkthrough.md quotes of it."""

import json

import pytest

from sandbox import lifecycle
from tests.sandbox.support.command import sandbox
from tests.support.transcripts import normalised
from tools.docs.generated import TRANSCRIPT, with_transcripts

pytestmark = pytest.mark.sandbox

WALK = lifecycle.ROOT / "docs" / "walkthrough.md"


@pytest.fixture(scope="module")
def checks(tmp_path_factory):
    """The demo's checks by key, from a sandbox of its own, which leaves nothing."""
    temporary = tmp_path_factory.mktemp("demo")
    done = sandbox("demo", "--output", "json", env={"TMPDIR": str(temporary)})
    assert list(temporary.glob("irsa-demo-*")) == []
    assert done.returncode == 0, done.stderr
    return {check["key"]: check for check in json.loads(done.stdout)}


def test_every_check_of_the_demo_passes(checks):
    assert [key for key, check in checks.items() if not check["passed"]] == []
    assert len(checks) == 34


def test_the_walk_quotes_what_the_demo_prints(checks):
    text = WALK.read_text()

    assert len(TRANSCRIPT.findall(text)) >= 4
    assert normalised(with_transcripts(text, checks)) == normalised(text)
