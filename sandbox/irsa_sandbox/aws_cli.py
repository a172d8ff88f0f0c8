"""The AWS CLI in processes that are forked from one which has imported it.

To import it is most of a command's work; each command still has a process and variables of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence

HERE = "."
"""Home of the process that imports: the paths of its caches are so below each command's folder."""

END = "\0"
"""Stands between a command's output and its exit code."""


class AwsCli:
    """A server of the AWS CLI's processes, which ends with this object's connection to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._server = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env={"HOME": HERE}, cwd="/"
            )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        """Run ``aws`` with these variables alone; return exit code and output."""
        client, theirs = socket.socketpair()
        with client:
            with theirs, self._lock:
                socket.send_fds(self._control, [b"1"], [theirs.fileno()])
            with client.makefile("rwb") as stream:
                stream.write(json.dumps([list(arguments), dict(environment)]).encode())
                stream.flush()
                client.shutdown(socket.SHUT_WR)
                text = stream.read().decode(errors="replace")
        output, end, code = text.rpartition(END)
        return (int(code), output) if end else (1, text)

    def close(self) -> None:
        """End the server."""
        self._control.close()
        self._server.wait()


def serve(control: socket.socket) -> None:
    """Fork a process for each connection that comes, until the client is gone."""
    import awscli.handlers  # noqa: F401 - with all that a command needs

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no process waits to be asked for its code
    while True:
        message, descriptors, *_ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            _run(descriptors[0])
        os.close(descriptors[0])


def _run(descriptor: int) -> None:
    from awscli import clidriver

    for number in (signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    with open(descriptor, "rb", closefd=False) as stream:
        arguments, environment = json.load(stream)
    data = os.environ["AWS_DATA_PATH"]  # from the import
    os.environ.clear()
    os.environ.update(environment, AWS_DATA_PATH=data)
    os.chdir(environment["HOME"])
    for output in (1, 2):
        os.dup2(descriptor, output)
    code: object = 255
    try:
        sys.argv = ["aws", *arguments]
        code = clidriver.main()
    except SystemExit as error:
        code = error.code
    except Exception:  # noqa: BLE001 - it is the output
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, f"{END}{code or 0}".encode())
    os._exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
