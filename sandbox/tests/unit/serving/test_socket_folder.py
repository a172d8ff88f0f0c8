"""The providers' folder for sockets: what a killed sandbox left goes with the next start."""

import os
import subprocess
import sys

import pytest

from irsa_sandbox.serving import socket_folder
from irsa_sandbox.serving.socket_folder import PREFIX, SocketFolder

LONG_AGO = 1_700_000_000


@pytest.fixture(autouse=True)
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(socket_folder, "PARENT", tmp_path)
    return tmp_path


def aged(folder):
    os.utime(folder, (LONG_AGO, LONG_AGO))
    return folder


def test_it_is_the_owners_alone_and_goes(parent):
    folder = SocketFolder()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    for _ in range(2):
        folder.remove()
    assert list(parent.iterdir()) == []


def test_what_a_killed_process_left_is_removed(parent):
    program = (
        "import os, pathlib; from irsa_sandbox.serving import socket_folder as s; "
        f"s.PARENT = pathlib.Path({str(parent)!r}); f = s.SocketFolder(); "
        "(f.path / 'server').touch(); print(f.path, flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    left = aged(parent / done.stdout.strip())
    assert (left / "server").exists()
    folder = SocketFolder()
    assert list(parent.iterdir()) == [folder.path]


def test_what_is_held_about_to_be_held_or_no_folder_of_ours_stays(parent):
    held = SocketFolder()
    aged(held.path)
    making, target = parent / f"{PREFIX}making", parent / "data"
    making.mkdir()
    target.mkdir()
    (link := parent / f"{PREFIX}link").symlink_to(target)
    (file := parent / f"{PREFIX}file").touch()
    os.utime(link, (LONG_AGO, LONG_AGO), follow_symlinks=False)
    aged(file)

    ours = SocketFolder()

    assert set(parent.iterdir()) == {held.path, making, target, link, file, ours.path}
