"""Obtaining tools: found, made once, and nothing half-made."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from irsa_sandbox import toolchain
from irsa_sandbox.toolchain import PULUMI_VERSION, SOURCES, NotDownloaded, ToolError
from irsa_sandbox.toolchain.cached_build import key
from tests.support.refusal import refusal
from tools import environment


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """An empty cache, nothing on PATH, and no host to download from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(toolchain, "download", refuse)


def refuse(*_: object) -> None:
    raise NotDownloaded("no host answers")


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("version", "is_taken"), [("v3.274.1", True), ("v3.199.0", False)])
def test_a_recent_pulumi_on_path_is_taken_and_writes_into_the_cache_only(
    tmp_path, monkeypatch, version, is_taken
):
    monkeypatch.setattr(toolchain, "_build_pulumi", make_pulumi)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    record = f'echo "$PULUMI_HOME" > {tmp_path}/home; echo {version}'
    program = write_program(tmp_path / "bin" / "pulumi", record)

    found = toolchain.obtain_pulumi(print)

    cache = tmp_path / "cache" / "irsa-sandbox"
    assert (found == program, found.is_relative_to(cache)) == (is_taken, not is_taken)
    assert (tmp_path / "home").read_text() == f"{cache / 'pulumi-home'}\n"


def make_pulumi(folder: Path, on_progress) -> None:
    write_program(folder / "bin" / "pulumi", "echo made")


def test_a_tool_that_cannot_be_had_names_the_ways_in_one_line(monkeypatch):
    def refuse(folder: Path, on_progress) -> None:
        raise ToolError("go build: no route to host")

    monkeypatch.setattr(toolchain, "_build_pulumi", refuse)

    assert refusal(toolchain.obtain_pulumi, print, raised=ToolError) == (
        "no Pulumi CLI: go build: no route to host. Put pulumi 3.274.1 on PATH, or give Go a "
        "module proxy (GOPROXY) to build it from"
    )


def test_two_set_ups_at_the_same_time_make_a_tool_once(monkeypatch):
    made: list[int] = []
    together = threading.Barrier(2)

    def make(folder: Path, on_progress) -> None:
        made.append(threading.get_ident())
        make_pulumi(folder, on_progress)

    monkeypatch.setattr(toolchain, "_build_pulumi", make)

    def set_up(_: int) -> Path:
        together.wait()
        return toolchain.obtain_pulumi(print)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(set_up, range(2))

    assert first == second
    assert len(made) == 1


def test_nothing_half_made_is_taken_for_a_tool(tmp_path, monkeypatch):
    cache = tmp_path / "cache" / "irsa-sandbox"
    left_over = cache / f"{key(SOURCES / 'pulumi', PULUMI_VERSION)}.unfinished-x"
    write_program(left_over / "bin" / "pulumi", "echo half")  # by a killed build

    def fail(folder: Path, on_progress) -> None:
        make_pulumi(folder, on_progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "_build_pulumi", fail)
    with pytest.raises(KeyboardInterrupt):
        toolchain.obtain_pulumi(print)
    assert [p.suffix for p in cache.iterdir()] == [".lock"]

    monkeypatch.setattr(toolchain, "_build_pulumi", make_pulumi)
    assert toolchain.obtain_pulumi(print).read_text() == "#!/bin/sh\necho made\n"


def test_other_sources_are_another_tool(tmp_path):
    (tmp_path / "tool").mkdir()
    names: list[str] = []
    for text in ("one", "two", "one"):
        (tmp_path / "tool" / "go.sum").write_text(text)
        names.append(key(tmp_path / "tool", "1.0"))

    assert names[0].startswith("tool-1.0-")
    assert (names[0] == names[1], names[0] == names[2]) == (False, True)


def test_a_control_plane_is_taken_only_whole(tmp_path, monkeypatch):
    assets = tmp_path / "assets"
    for name in ("etcd", "kube-apiserver"):  # as envtest ships it
        write_program(assets / name, "exit 0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))

    def make(folder: Path, on_progress) -> None:
        write_program(folder / "kube-apiserver", "exit 0")

    monkeypatch.setattr(toolchain, "_build_control_plane", make)
    assert toolchain.obtain_control_plane(print).is_relative_to(tmp_path / "cache")

    write_program(assets / "kube-controller-manager", "exit 0")
    assert toolchain.obtain_control_plane(print) == assets


def test_a_build_reports_the_compilers_last_words(tmp_path, monkeypatch):
    write_program(
        tmp_path / "bin" / "go",
        'test "$1" = version && echo go version go1.27.3 || { echo "no such module" >&2; exit 1; }',
    )
    told: list[str] = []

    with pytest.raises(ToolError, match="go list: no such module"):
        toolchain.obtain_pulumi(told.append)

    assert told[0] == "pulumi: not downloaded, as no host answers"
    assert told[1].startswith("pulumi: building with ")


def test_the_python_that_is_too_old_is_named(monkeypatch, capsys):
    monkeypatch.setattr(environment, "OLDEST", (4, 0))

    assert environment.main() == 2
    assert f"{sys.executable} is {sys.version.split()[0]}" in capsys.readouterr().err
