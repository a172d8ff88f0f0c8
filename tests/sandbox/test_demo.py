"""`make demo`, as a newcomer runs it, and what docs/walkthrough.md quotes of it.

It runs in a network of its own where that is possible, so that every packet that leaves the machine
is counted.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from irsa_sandbox import lifecycle
from tests.support.transcripts import normalised
from tools.docs.generated import TRANSCRIPT, with_transcripts

pytestmark = pytest.mark.sandbox

WALK = lifecycle.ROOT / "docs" / "walkthrough.md"
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


class Demo(NamedTuple):
    """A demo that ran."""

    checks: dict[str, Any]
    lines: int
    """Printed beside the table of checks."""

    sent: int | None
    """Packets to other machines; None where no network of its own can be had."""


def shell(script: str, *, network: bool, **environment: str) -> subprocess.CompletedProcess[str]:
    own = ["unshare", "--map-root-user", "--net"] if network else []
    return subprocess.run(
        [*own, "sh", "-ec", (NETWORK if network else "") + script, "sh", sys.executable],
        cwd=lifecycle.ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def has_network() -> bool:
    """Return whether a network of its own can be had, and counts a packet that leaves."""
    try:
        done = shell(f'{SENT}; "$1" -c "{ASK}"; {SENT}', network=True)
    except FileNotFoundError:
        return False
    return done.stdout.split() == ["0", "1"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    """The demo, in a sandbox of its own, which leaves nothing."""
    temporary = tmp_path_factory.mktemp("demo")
    network = has_network()
    # As on a machine without an AWS CLI, which the kubeconfigs of EKS run.
    kept = [each for each in os.get_exec_path() if not (Path(each) / "aws").exists()]
    script = f'PATH={shlex.quote(os.pathsep.join(kept))} "$1" -m irsa_sandbox demo --output json'
    script += f"; {SENT}" if network else ""
    done = shell(script, network=network, TMPDIR=str(temporary))
    assert list(temporary.glob("irsa-demo-*")) == []
    assert done.returncode == 0, done.stderr
    checks, end = json.JSONDecoder().raw_decode(done.stdout)
    sent = int(done.stdout[end:]) if network else None
    shown = len(done.stderr.splitlines())
    return Demo({check["key"]: check for check in checks}, shown, sent)


def test_every_check_of_the_demo_passes(demo):
    assert [key for key, check in demo.checks.items() if not check["passed"]] == []
    assert len(demo.checks) == 58
    assert len({check["title"] for check in demo.checks.values()}) == 58
    assert demo.lines < 170


def test_the_demo_sends_no_packet_to_another_machine(demo):
    if demo.sent is None:
        pytest.skip("no network of its own here: unshare and ip, or the right to use them, lack")
    assert demo.sent == 0


def test_the_walk_quotes_what_the_demo_prints(demo):
    text = WALK.read_text()

    assert len(TRANSCRIPT.findall(text)) >= 4
    assert normalised(with_transcripts(text, demo.checks)) == normalised(text)
