"""Programs that tidy up after a process, however it ends. They work on Linux and macOS alike."""

import subprocess


def at_end(script: str, argument: str, *descriptors: int) -> "subprocess.Popen[bytes]":
    """Start a shell that runs a line, whose ``$0`` is the argument, when its input is closed.

    The kernel closes that with this process, however it ends. As a context manager it runs the line
    with the end of the context. The descriptors stay open until the line has run.
    """
    return subprocess.Popen(
        ["sh", "-c", f"cat >/dev/null; {script}", argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=descriptors,
    )


def reaper(group: int, *descriptors: int) -> "subprocess.Popen[bytes]":
    """Kill a group of processes at the end."""
    return at_end('kill -s KILL -- "-$0"', str(group), *descriptors)
