"""`make demo` in a network of its own, in which every packet that leaves loopback is counted."""

import re
import subprocess
import sys

import pytest

from sandbox import lifecycle
from tests.sandbox.support.made import needed

pytestmark = pytest.mark.sandbox

# The way out is one end of a cable whose other end nobody holds: what is sent there is counted and
# lost. Without IPv6, which sends by itself.
NETWORK = """
ip link set lo up
ip link add out type veth peer name nobody
for end in out nobody; do
  echo 1 > /proc/sys/net/ipv6/conf/$end/disable_ipv6
  ip link set $end arp off up
done
ip address add 192.0.2.1/24 dev out
ip route add default via 192.0.2.2
sent() { echo "sent: $(awk '$1 == "out:" {print $11}' /proc/net/dev)"; }
"""
ASK = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.sendto(b"x", ("198.51.100.7", 53))
"""


def in_network(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    unshare, _ = needed("unshare"), needed("ip")
    command = [unshare, "--map-root-user", "--net", "sh", "-ec", NETWORK + script, "sh"]
    done = subprocess.run(
        [*command, *arguments], cwd=lifecycle.ROOT, capture_output=True, text=True, check=False
    )
    if re.match(r"unshare: |RTNETLINK|ip: |Error: ", done.stderr):
        pytest.skip(f"no network of its own here: {done.stderr.splitlines()[0]}")
    return done


def sent(done: subprocess.CompletedProcess[str]) -> list[int]:
    return [int(number) for number in re.findall(r"^sent: (\d+)$", done.stdout, re.MULTILINE)]


def test_a_packet_that_leaves_is_counted():
    done = in_network('sent; "$1" -c "$2"; sent', sys.executable, ASK)

    assert sent(done) == [0, 1], done.stderr


def test_the_demo_sends_nothing_anywhere():
    demo = '"$1" -m sandbox demo --output json >/dev/null; sent'
    done = in_network(demo, sys.executable)

    assert done.returncode == 0, done.stderr
    assert sent(done) == [0]
