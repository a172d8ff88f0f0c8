"""The folder of a demo, which is removed with it."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox import demo
from sandbox.errors import SandboxError


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """The folders that the demo used, without a sandbox in them."""
    used: list[Path] = []

    def start(folder, programs, on_progress):
        assert programs == "tools"
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "state.json").touch()
        used.append(folder)
        return SimpleNamespace()

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo.lifecycle, "tools", lambda on_progress, providers: "tools")
    monkeypatch.setattr(demo.lifecycle, "start", start)
    monkeypatch.setattr(demo.lifecycle, "down", lambda folder: used.append(folder))
    monkeypatch.setattr(demo, "_story", lambda session, record: None)
    return used


def run(folder: Path | None = None) -> None:
    demo.run(folder, print, output="json")


def test_each_demo_has_a_folder_of_its_own_that_is_removed(folders):
    run()
    run()

    started, stopped, again, stopped_again = folders
    assert started == stopped != again == stopped_again
    assert not started.exists()
    assert not again.exists()


def test_a_given_folder_is_not_removed(folders, tmp_path):
    given = tmp_path / "given"
    given.mkdir(mode=0o700)

    run(given)

    assert folders == [given, given]
    assert given.exists()


def test_a_folder_with_a_running_sandbox_is_refused(folders, monkeypatch, tmp_path):
    monkeypatch.setattr(demo.lifecycle, "start", lambda *_: None)

    with pytest.raises(SandboxError, match=r"^a sandbox runs in .*; leave out --folder, or stop"):
        run(tmp_path)

    assert folders == []


@pytest.mark.parametrize(("how", "left"), [(KeyboardInterrupt, 0), (SandboxError, 1)])
def test_the_folder_is_kept_for_its_logs_after_an_error(folders, monkeypatch, how, left):
    def fail(session, record):
        raise how

    monkeypatch.setattr(demo, "_story", fail)
    with pytest.raises(how):
        run()

    assert sum(folder.exists() for folder in set(folders)) == left
    assert len(folders) == 2, "it was stopped"
