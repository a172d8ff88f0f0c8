"""What is taken from the cache is what was made."""

import os
from pathlib import Path

import pytest

from sandbox.toolchain.making import LIST, key, made


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def make(folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "tool").write_text("a program")
    (folder / "link").symlink_to("bin/tool")


@pytest.fixture
def taken():
    """Take a tool from the cache, and what is said while it is."""

    def take() -> tuple[Path, list[str]]:
        told: list[str] = []
        return made("tool-1", make, told.append), told

    return take


def test_it_is_made_once(taken):
    first, _ = taken()
    (first / LIST).chmod(0o400)

    second, told = taken()

    assert (second, told) == (first, [])
    assert (first / LIST).stat().st_mode & 0o777 == 0o400, "it was made again"


def same_size_and_time(file: Path) -> None:
    before = file.stat()
    file.write_text("b program")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (lambda folder: same_size_and_time(folder / "bin" / "tool"), "bin/tool"),
        (lambda folder: (folder / "bin" / "tool").unlink(), "bin/tool"),
        (lambda folder: (folder / "bin" / "another").touch(), "bin/another"),
        (lambda folder: (folder / "link").unlink() or (folder / "link").symlink_to("/x"), "link"),
        (lambda folder: (folder / LIST).unlink(), LIST),
        (lambda folder: (folder / LIST).write_text("{"), LIST),
    ],
    ids=["bytes", "gone", "new", "link", "no-list", "half-a-list"],
)
def test_what_has_changed_since_is_made_anew_and_named(taken, change, file):
    folder, _ = taken()
    change(folder)

    again, told = taken()

    assert told == [f"{folder / file} is not what was made; making tool-1 anew"]
    assert again == folder
    assert (again / "bin" / "tool").read_text() == "a program"
    assert taken()[1] == []


def test_other_sources_are_another_tool(tmp_path):
    (tmp_path / "tool").mkdir()
    sources = tmp_path / "tool"
    (sources / "go.sum").write_text("one")
    before = key(sources, "1.0")

    (sources / "go.sum").write_text("two")

    assert before.startswith("tool-1.0-")
    assert key(sources, "1.0") != before
    (sources / "go.sum").write_text("one")
    assert key(sources, "1.0") == before
