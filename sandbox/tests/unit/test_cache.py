"""No other user can put a program into the cache folder."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from irsa_sandbox import cache, toolchain
from irsa_sandbox.cache import CacheError, cache_folder, entry, key, private_umask
from irsa_sandbox.toolchain import KUBERNETES_VERSION, SOURCES
from tests.support.refusal import refusal
from tools import environment


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder for the cache, an umask that closes nothing, and nothing on PATH."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(toolchain, "download", lambda tool, folder, on_progress: make(folder))
    before = os.umask(0)
    yield tmp_path / "home"
    os.umask(before)


def make(folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "pulumi").write_text("a program")


def test_the_cache_and_its_new_parents_are_the_user_s_own(home):
    folder = cache_folder()
    made = (folder, folder.parent, home)
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * 3
    folder.chmod(0o755)  # others can only read it
    assert stat.S_IMODE(cache_folder().stat().st_mode) == 0o700


def test_a_cache_that_others_can_write_or_that_cannot_be_is_one_line(monkeypatch, tmp_path):
    folder = cache_folder()
    for bits in (0o777, 0o720):
        folder.chmod(bits)
        assert refusal(cache_folder, raised=CacheError) == (
            f"{folder} can be written by others (mode 0{bits:o}), whose programs would be run; "
            f"remove it, or trust what is in it: chmod -R go-w {folder}"
        )
    theirs = folder.stat().st_uid
    with monkeypatch.context() as stranger:
        stranger.setattr(os, "geteuid", lambda: theirs + 1)
        line = refusal(cache_folder, raised=CacheError)
    assert line.startswith(f"{folder} belongs to another user (uid {theirs}), whose programs")
    (tmp_path / "file").touch()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert refusal(cache_folder, raised=CacheError) == (
        f"{tmp_path}/file/.cache cannot be made: Not a directory; set XDG_CACHE_HOME to a folder "
        "that you can write to"
    )


def test_so_is_an_entry_of_it_and_a_set_up_says_so_in_one_line(capsys, monkeypatch):
    folder = entry(key(SOURCES / "kubernetes", KUBERNETES_VERSION))
    folder.mkdir(0o777)
    with pytest.raises(CacheError, match=rf"^\S+{folder.name} can be written by others"):
        toolchain.obtain(print)
    environment.environment_folder().mkdir(0o777)
    monkeypatch.setattr(environment, "LINK", folder / ".venv")
    assert environment.main() == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_made_under_an_open_umask_is_closed_and_the_umask_left(tmp_path, monkeypatch):
    """Tools, and the virtual environment."""
    monkeypatch.setattr(environment, "LINK", tmp_path / ".venv")
    monkeypatch.setattr(environment, "_install", lambda folder: folder.mkdir() or make(folder) or 0)
    assert toolchain.obtain(print).pulumi.exists()
    assert environment.main() == 0
    assert (tmp_path / ".venv" / "bin" / "pulumi").exists()
    written = [p for p in cache_folder().rglob("*") if p.lstat().st_mode & cache.OTHERS_WRITE]
    assert (written, os.umask(0)) == ([], 0)


def test_two_set_ups_in_one_process_leave_the_users_umask():
    entered, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with private_umask():
            entered.set()
            go_on.wait(0.2)  # the other one is about to enter

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(first)
        entered.wait()
        with private_umask():
            go_on.set()
            done.result()
    assert os.umask(0) == 0, "the caller's umask is another now"
