"""The folder of a demo, which is removed with it."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from irsa_sandbox import demo
from irsa_sandbox.demo.record import Row
from irsa_sandbox.errors import SandboxError


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """The folders that the demo used, without a sandbox in them."""
    used: list[Path] = []

    def start(folder, programs, on_progress):
        assert (programs, folder.stat().st_mode & 0o777) == ("tools", 0o700)
        (folder / "state.json").touch()
        used.append(folder)
        return SimpleNamespace(search_path=dict, aws_environment=dict)

    monkeypatch.setattr(demo, "PROJECT_B", tmp_path)  # which an installed sandbox has not
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, fake in (("tools", lambda *_: "tools"), ("start", start), ("down", used.append)):
        monkeypatch.setattr(demo.lifecycle, name, fake)
    monkeypatch.setattr(demo, "_story", lambda systems, record: None)
    return used


def run(folder: Path | None = None) -> int:
    return demo.run(folder, lambda _: None, output="json")


def test_each_demo_has_a_folder_of_its_own_that_is_removed(folders, tmp_path, monkeypatch):
    run()
    run()
    given = tmp_path / "given"
    given.mkdir(mode=0o700)
    run(given)

    started, stopped, again, stopped_again, *last = folders
    assert started == stopped != again == stopped_again
    assert last == [given, given]
    assert [each.exists() for each in (started, again, given)] == [False, False, True]
    monkeypatch.setattr(demo.lifecycle, "start", lambda *_: None)
    with pytest.raises(SandboxError, match=r"^a sandbox runs in .*; leave out --folder, or stop"):
        run(tmp_path / "running")


@pytest.mark.parametrize("error", [SandboxError, ValueError, KeyboardInterrupt])
def test_a_part_that_fails_is_a_failed_check_of_the_table(folders, monkeypatch, capsys, error):
    def fail(systems, record):
        def no_deployment():
            raise error("no Deployment")

        up = Row("up", "the stack comes up", "pulumi up", "5 create", passed=True)
        record.announce(record.start(lambda: up), lambda row: row)
        record.announce(record.start(no_deployment), lambda row: row, "the forms: pulumi up")

    monkeypatch.setattr(demo, "_story", fail)

    if error is KeyboardInterrupt:
        with pytest.raises(error):
            run()
    else:
        assert run() == 1
        passed, failed = json.loads(capsys.readouterr().out)
        assert (passed["passed"], failed["passed"]) == (True, False)
        assert failed["title"] == "the forms: pulumi up: no error"
        assert failed["output"].endswith("no Deployment")
    assert (len(folders), folders[0].exists()) == (2, False), "it was stopped"
