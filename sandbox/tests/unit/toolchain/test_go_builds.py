"""Builds of Go programs: stubs take the place of packages, and progress says what is left."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from irsa_sandbox.toolchain import SOURCES, ToolError, go_builds
from irsa_sandbox.toolchain.go_builds import build
from tests.sandbox.support.cluster import eventually
from tests.support.processes import program, ran
from tests.support.refusal import refusal

STUB = "example.com/cloud/driver"


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A module with a stub, and a Go that records its arguments and finds the stub's package."""
    tool = tmp_path / "tools" / "tool"
    (tool / "_stubs" / STUB).mkdir(parents=True)
    (tool / "_stubs" / STUB / "stub.go").write_text("package driver\n")
    (tool / "go.mod").write_text("module tool\n")
    (tool / "go.sum").touch()
    monkeypatch.setattr(go_builds, "SOURCES", tool.parent)
    monkeypatch.setattr(go_builds, "_find_go", lambda _: tmp_path / "go")
    downloaded = tmp_path / "a folder" / "cloud@v1"
    downloaded.mkdir(parents=True)
    listed = [STUB, "example.com/cloud", downloaded, downloaded / "driver", "driver.go", "open.go"]
    write_go(tmp_path, "\t".join(map(str, listed)))
    return tool


def write_go(folder: Path, listed: str, fails: str = "false") -> None:
    program(
        folder / "go",
        f"""\
echo "$@" >> {folder}/calls
case "$*" in
  "list -find "*) echo "{listed}" ;;
  "list -deps "*) printf 'x\\nx\\n' ;;
  *"-o "*) if {fails}; then echo "driver.go:1: undefined: driver.New" >&2; fi
    for flag; do case "$flag" in -overlay=*) cp "${{flag#-overlay=}}" {folder}/overlay; esac; done
    echo example.com/tool >&2; ! {fails} ;;
esac""",
    )


def test_a_stub_is_compiled_in_the_place_of_all_files_of_its_package(tool, tmp_path):
    build("tool", ".", tmp_path / "made", print, stamps={"a.b": "1"})
    replaced = json.loads((tmp_path / "overlay").read_text())["Replace"]
    link = Path(next(iter(replaced))).parents[1]
    assert {Path(file).relative_to(link).as_posix(): by for file, by in replaced.items()} == {
        "driver/driver.go": "",
        "driver/open.go": "",
        "driver/stub.go": str(tool / "_stubs" / STUB / "stub.go"),
    }
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call for call in calls if call.startswith("mod edit")] == [
        f"mod edit -replace=example.com/cloud={link} {link.parent / 'go.mod'}"
    ]
    for call in calls:
        if call.startswith(("build", "list -deps")):
            assert f"-modfile={link.parent / 'go.mod'}" in call
    assert not link.parent.exists()


def test_a_stub_that_does_not_fit_is_named_whatever_is_compiled_after_it(tool, tmp_path):
    arguments = ("tool", ".", tmp_path / "made", print)
    write_go(tmp_path, "\t".join([STUB, "m", str(tmp_path), str(tmp_path)]), fails="true")
    line = refusal(build, *arguments, stamps={}, raised=ToolError)
    assert line == "go build: driver.go:1: undefined: driver.New"
    missing = 'printf "no module has $5; to add it:\\n\\tgo get $5\\n" >&2'
    program(tmp_path / "go", f"{missing}\nexit 1")
    line = refusal(build, *arguments, stamps={}, raised=ToolError)
    assert line == f"go list: no module has {STUB}; to add it:"


def test_every_stub_is_of_a_module_that_is_pinned():
    for sources in SOURCES.iterdir():
        for stub in sources.glob("_stubs/**/*.go"):
            package = stub.parent.relative_to(sources / "_stubs").as_posix()
            modules = re.findall(r"^\t(\S+) v", (sources / "go.mod").read_text(), re.MULTILINE)
            pinned = any(f"{package}/".startswith(f"{module}/") for module in modules)
            assert (stub.name, pinned) == ("stub.go", True), package


def test_progress_is_reported_from_the_lines_of_a_build(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(go_builds, "PROGRESS_EVERY", -1.0)
    told: list[str] = []
    build("tool", ".", tmp_path / "made", told.append, stamps={})
    assert told[1] == "tool: 1 of 2 packages compiled, about 1 min left"


def test_a_build_ends_with_the_process_that_started_it(tmp_path):
    go = program(tmp_path / "go", "echo $$ >&2\nexec sleep 600")
    call = f"go_builds._go(go_builds.Path({str(go)!r}), 'pulumi', 'build', on_line=print)"
    code = f"from irsa_sandbox.toolchain import go_builds; {call}"
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as build:
        started = build.stdout.readline().strip()
        build.kill()
    assert eventually(lambda: ran("ps", "-p", started).returncode)
