"""Obtaining tools: found, made once, and nothing half-made."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from irsa_sandbox import toolchain
from irsa_sandbox.toolchain import PULUMI_VERSION, SOURCES, NotDownloaded, ToolError
from irsa_sandbox.toolchain.cached_build import key
from tests.support.fake_pulumi import homes, write_cli
from tests.support.refusal import refusal


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


def test_a_recent_pulumi_on_path_is_taken(tmp_path):
    program = write_program(tmp_path / "bin" / "pulumi", "echo v3.274.1")

    assert toolchain.obtain_pulumi(print) == program


def test_an_old_pulumi_on_path_is_not_taken(tmp_path, monkeypatch):
    write_program(tmp_path / "bin" / "pulumi", "echo v3.199.0")
    monkeypatch.setattr(toolchain, "_build_pulumi", make_pulumi)

    assert toolchain.obtain_pulumi(print).is_relative_to(tmp_path / "cache")


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


def test_what_a_killed_build_left_is_not_taken_for_a_tool(tmp_path, monkeypatch):
    name = key(SOURCES / "pulumi", PULUMI_VERSION)
    left_over = tmp_path / "cache" / "irsa-sandbox" / f"{name}.unfinished-x" / "bin"
    write_program(left_over / "pulumi", "echo half")
    monkeypatch.setattr(toolchain, "_build_pulumi", make_pulumi)

    made = toolchain.obtain_pulumi(print)

    assert made.read_text() == "#!/bin/sh\necho made\n"
    assert not left_over.exists()


def test_a_failing_build_leaves_nothing(tmp_path, monkeypatch):
    def fail(folder: Path, on_progress) -> None:
        make_pulumi(folder, on_progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "_build_pulumi", fail)

    with pytest.raises(KeyboardInterrupt):
        toolchain.obtain_pulumi(print)

    assert [p.suffix for p in (tmp_path / "cache" / "irsa-sandbox").iterdir()] == [".lock"]


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
    from tools import environment

    monkeypatch.setattr(environment, "OLDEST", (4, 0))

    assert environment.main() == 2
    assert f"{sys.executable} is {sys.version.split()[0]}" in capsys.readouterr().err


def test_looking_for_the_cli_makes_it_write_into_the_cache_only(tmp_path, monkeypatch):
    cli = write_cli(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{cli.parent}:/usr/bin:/bin")

    assert toolchain.obtain_pulumi(print) == cli

    assert homes(cli) == [str(tmp_path / "cache" / "irsa-sandbox" / "pulumi-home")]
