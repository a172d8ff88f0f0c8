"""Owner of the process at the other end of a loopback TCP connection.

Linux lists every connection with its socket's owner; macOS has `lsof`, which without root lists the
caller's own processes alone. Where the peer cannot be determined, there is no answer and no guess.
https://docs.kernel.org/networking/proc_net_tcp.html, https://lsof.readthedocs.io/en/latest/manpage/
"""

import re
import socket
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

LINUX_TABLES = {Path("/proc/net/tcp"): b"", Path("/proc/net/tcp6"): bytes(10) + b"\xff\xff"}
"""With the bytes before an IPv4 address in each: gRPC's C core speaks IPv4 through IPv6 sockets."""
ATTEMPTS = 3
"""A table that changes while it is read can miss a row."""

LSOF = "/usr/sbin/lsof"  # macOS's own, whatever PATH says
LSOF_TIMEOUT = 10.0  # seconds

Address = tuple[str, int]


def uid_of_peer(connection: socket.socket) -> int | None:
    """The user id of the process that made an accepted IPv4 loopback connection; None: unknown.

    Keep ``connection`` open: while it is established, no other socket can have the peer's address.
    """
    try:
        peer, server = connection.getpeername(), connection.getsockname()
        owner_of = _owner_on_linux if sys.platform == "linux" else _owner_by_lsof
        # Twice: the row of a socket that is closed while it is read can show root as its owner.
        # The second reading finds no such row any more.
        first, second = owner_of(peer, server), owner_of(peer, server)
        connection.getpeername()  # fails when the connection was reset: the rows may be another's
    except OSError:
        return None
    return first if first == second else None


def _owner_on_linux(local: Address, remote: Address) -> int | None:
    for _ in range(ATTEMPTS):
        for table, prefix in LINUX_TABLES.items():
            ours, theirs = (_hexadecimal(prefix, address) for address in (local, remote))
            # number, addresses, state 01 (established), three queues, uid, timeout, inode (0 for a
            # socket that no process has any more)
            row = re.compile(rf"^ *\d+: {ours} {theirs} 01 \S+ \S+ \S+ +(\d+) +\d+ [1-9]", re.M)
            if table.exists() and (match := row.search(table.read_text())):
                return int(match[1])
    return None


def _owner_by_lsof(local: Address, remote: Address) -> int | None:
    socket_name = f"n{local[0]}:{local[1]}->{remote[0]}:{remote[1]}"
    command = [LSOF, "-nP", f"-iTCP@{local[0]}:{local[1]}", "-sTCP:ESTABLISHED", "-Fun"]
    try:
        listed = subprocess.run(
            command, capture_output=True, text=True, timeout=LSOF_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    uid = None
    for line in listed.stdout.splitlines():
        if line.startswith("u"):  # of the process whose sockets follow
            uid = int(line[1:])
        elif line == socket_name:
            return uid
    return None


def _hexadecimal(prefix: bytes, address: Address) -> str:
    packed, port = prefix + IPv4Address(address[0]).packed, address[1]
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))  # in the machine's byte order
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"
