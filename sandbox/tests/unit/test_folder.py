"""A sandbox takes folders of its user alone."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from irsa_sandbox import folder as folders
from irsa_sandbox.errors import SandboxError
from irsa_sandbox.folder import LOCK_FILE, MARK, clear, is_held, take
from irsa_sandbox.state import STATE_FILE, load
from tests.support.refusal import refusal

OTHERS = "holds something that is not a sandbox's"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_taken_made_private_and_cleared_of_what_a_sandbox_left(tmp_path):
    folder = tmp_path / "parent" / "folder"
    for mode_before in (None, 0o755):  # new, and left by a sandbox
        if mode_before:
            (folder / "pulumi" / "stacks").mkdir(parents=True)
            (folder / STATE_FILE).touch()
            folder.chmod(mode_before)
        with take(folder) as lock:
            assert is_held(folder)
            assert take(folder) is None
            clear(folder)
        assert not is_held(folder)
        assert lock.closed
        assert (mode(folder), mode(folder / LOCK_FILE)) == (0o700, 0o600)
        assert [entry.name for entry in folder.iterdir()] == [LOCK_FILE]


def with_lock(folder: Path, text: str) -> None:
    """Fill a folder: a lock with this text, and another file."""
    (folder / LOCK_FILE).write_text(text)
    (folder / "thesis.txt").write_text("data")


def with_linked_lock(folder: Path) -> None:
    with_lock(folder, MARK.decode())
    (folder / LOCK_FILE).rename(folder.parent / "real-lock")
    (folder / LOCK_FILE).symlink_to(folder.parent / "real-lock")


def written(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return the times that a change of an entry changes, and reading it does not."""
    found = {entry.name: entry.lstat() for entry in folder.iterdir()}
    return {name: (each.st_ino, each.st_mode, each.st_mtime_ns) for name, each in found.items()}


FILLED = {
    "a file": lambda folder: (folder / "thesis.txt").write_text("data"),
    "a lock file alone": lambda folder: (folder / LOCK_FILE).write_text("4711"),
    "an empty lock": lambda folder: with_lock(folder, ""),
    "a lock without our mark": lambda folder: with_lock(folder, "4711"),
    "more than our mark": lambda folder: with_lock(folder, MARK.decode() + "and more"),
    "a linked lock": with_linked_lock,
    "a folder as lock": lambda folder: (folder / LOCK_FILE).mkdir(),
    "a link to nowhere": lambda folder: (folder / LOCK_FILE).symlink_to("/nowhere"),
}


@pytest.mark.cases("fill", FILLED)
def test_a_folder_with_something_else_in_it_is_refused_untouched(tmp_path, fill):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    fill(folder)
    before = written(folder)
    assert f"{folder} {OTHERS}" in refusal(take, folder, raised=SandboxError)
    assert (written(folder), mode(folder)) == (before, 0o755)


def test_a_mark_in_a_folder_that_others_may_write_to_does_not_count(tmp_path):
    with_lock(tmp_path, MARK.decode())
    tmp_path.chmod(0o1777)
    assert OTHERS in refusal(take, tmp_path, raised=SandboxError)
    assert (tmp_path / "thesis.txt").read_text() == "data"
    tmp_path.chmod(0o755)
    take(tmp_path).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
def test_neither_a_mark_nor_a_state_of_another_user_counts(tmp_path):
    """A state lies there if the folder was theirs to change after its owner was checked."""
    with take(tmp_path):
        (tmp_path / STATE_FILE).write_text("{}")
        os.chown(tmp_path / STATE_FILE, 1001, 1001)
        assert "belongs to " in refusal(load, tmp_path, raised=SandboxError)
    with_lock(tmp_path, MARK.decode())
    os.chown(tmp_path / LOCK_FILE, 1001, 1001)
    assert OTHERS in refusal(take, tmp_path, raised=SandboxError)


def test_an_empty_lock_alone_is_a_start_that_was_cut_short(tmp_path):
    (tmp_path / LOCK_FILE).touch()
    take(tmp_path).close()
    assert (tmp_path / LOCK_FILE).read_bytes() == MARK


def test_clearing_follows_no_link(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("data")
    with take(ours):
        (ours / "inner").mkdir()
        for link in ("folder-link", "inner/link"):
            (ours / link).symlink_to(theirs)
        (ours / "file-link").symlink_to(theirs / "thesis.txt")
        clear(ours)
    assert [entry.name for entry in ours.iterdir()] == [LOCK_FILE]
    assert (theirs / "thesis.txt").read_text() == "data"


def test_another_users_folder_is_refused(tmp_path, monkeypatch):
    take(tmp_path).close()
    # Not of `os` itself, by which the ports of a running sandbox know their owner.
    stranger = SimpleNamespace(**{**vars(os), "geteuid": lambda: os.getuid() + 1})
    monkeypatch.setattr(folders, "os", stranger)
    for use in (take, is_held, load):
        line = refusal(use, tmp_path, raised=SandboxError)
        assert "belongs to " in line
        assert line.endswith("; name a folder of your own")


def test_a_place_that_is_no_folder_is_named_in_one_line(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for use in (take, is_held, load):
        line = refusal(use, file, raised=SandboxError)
        assert line == f"{file} is not a folder; name another one"
    if Path("/proc/self").exists():  # which takes no new folders
        line = refusal(take, Path("/proc/typo"), raised=SandboxError)
        assert line.startswith("the folder /proc/typo cannot be used: ")
