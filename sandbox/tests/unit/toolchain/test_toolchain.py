"""Obtaining tools and published plugins: found, made once, and nothing half-made."""

import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

from irsa_sandbox import toolchain
from irsa_sandbox.cache import cached_build, key
from irsa_sandbox.toolchain import PULUMI_VERSION, SOURCES, NotDownloaded, ToolError, plugins
from irsa_sandbox.toolchain.plugins import MODULE_VERSION, PROVIDERS, Choice, link, obtain
from tests.support.refusal import refusal
from tools import environment


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """An empty cache, nothing on PATH but system programs, and no host to download from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(toolchain, "download", refuse)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setattr(plugins, "DOWNLOADS", f"http://127.0.0.1:{port}")


def refuse(*_: object) -> None:
    raise NotDownloaded("no host answers")


def program(path: Path, text: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("which", "is_taken"), [("v3.274.1", True), ("v3.199.0", False)])
def test_a_recent_pulumi_on_path_is_taken_and_writes_into_the_cache_only(
    tmp_path, monkeypatch, which, is_taken
):
    monkeypatch.setattr(toolchain, "_build_pulumi", make_pulumi)
    record = f'echo "$PULUMI_HOME" > {tmp_path}/home; echo {which}'
    on_path = program(tmp_path / "bin" / "pulumi", record)

    found = toolchain.obtain_pulumi(print)

    cache = tmp_path / "cache" / "irsa-sandbox"
    assert (found == on_path, found.is_relative_to(cache)) == (is_taken, not is_taken)
    assert (tmp_path / "home").read_text() == f"{cache / 'pulumi-home'}\n"


def make_pulumi(folder: Path, on_progress) -> None:
    program(folder / "bin" / "pulumi", "echo made")


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
    program(left_over / "bin" / "pulumi", "echo half")  # by a killed build

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
        program(assets / name, "exit 0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))

    def make(folder: Path, on_progress) -> None:
        program(folder / "kube-apiserver", "exit 0")

    monkeypatch.setattr(toolchain, "_build_control_plane", make)
    assert toolchain.obtain_control_plane(print).is_relative_to(tmp_path / "cache")

    program(assets / "kube-controller-manager", "exit 0")
    assert toolchain.obtain_control_plane(print) == assets


def test_the_python_that_is_too_old_is_named(monkeypatch, capsys):
    monkeypatch.setattr(environment, "OLDEST", (4, 0))

    assert environment.main() == 2
    assert f"{sys.executable} is {sys.version.split()[0]}" in capsys.readouterr().err


ALL = frozenset(PROVIDERS)


@pytest.fixture
def downloads(monkeypatch):
    """A host to download from."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(plugins, "DOWNLOADS", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


def installed(home: Path, name: str, which: str | None = None) -> Path:
    which = which or version(f"pulumi-{name}")
    return program(home / "plugins" / f"resource-{name}-v{which}" / f"pulumi-resource-{name}")


def test_plugins_are_found_on_path_in_the_users_folder_and_in_the_cache(tmp_path):
    def build_kubernetes() -> Path:
        """Leave the files of `make real-kubernetes`."""
        file = "pulumi-resource-kubernetes"
        name = key(SOURCES / "pulumi-kubernetes", MODULE_VERSION)
        return cached_build(name, lambda folder: program(folder / file)) / file

    home = tmp_path / "theirs"
    on_path = program(tmp_path / "bin" / "pulumi-resource-aws")
    installed(home, "aws")
    eks = installed(home, "eks")
    built = build_kubernetes()
    told: list[str] = []

    found = obtain(Choice(ALL, home=home), Path("/no/pulumi"), told.append)

    assert found == {"aws": on_path, "eks": eks, "kubernetes": built}
    assert told == [
        f"providers: published plugins of aws ({on_path}), eks ({eks}), kubernetes ({built})"
    ]


def test_a_plugin_of_another_version_is_not_what_the_program_asks_for(tmp_path):
    installed(tmp_path, "aws", which="7.0.0")
    choice = Choice(frozenset({"aws"}), home=tmp_path)

    assert refusal(obtain, choice, Path("/no/pulumi"), print, raised=ToolError) == (
        "no published plugin of aws: it is neither pulumi-resource-aws on PATH nor "
        f"{version('pulumi-aws')} in {tmp_path}, and {plugins.DOWNLOADS} does not answer"
    )


def test_attached_providers_need_no_plugin_and_kubernetes_can_be_built(tmp_path):
    told: list[str] = []
    for names in (frozenset[str](), None):
        assert obtain(Choice(names, home=tmp_path), Path("/no/pulumi"), told.append) == {}
    assert told == []

    with pytest.raises(ToolError, match=", nor built by `make real-kubernetes`, and http"):
        obtain(Choice(frozenset({"kubernetes"}), home=tmp_path), Path("/no/pulumi"), print)


@pytest.mark.usefixtures("downloads")
def test_what_is_missing_is_installed_once_and_not_into_the_users_folder(tmp_path):
    cache, choice = tmp_path / "cache", Choice(frozenset({"eks"}), home=tmp_path / "theirs")
    failing = 'echo "warning: slow" >&2; echo "error: 403 HTTP error" >&2; exit 255'
    broken = program(tmp_path / "broken", failing)
    with pytest.raises(ToolError, match=r"^no published plugin of eks: error: 403 HTTP error$"):
        obtain(choice, broken, print)
    assert [path.suffix for path in (cache / "irsa-sandbox").iterdir()] == [".lock"]

    installer = """\
test "$1 $2 $3" = "plugin install resource" || exit 9
echo "$PULUMI_HOME" >> "$0.homes"
plugin="$PULUMI_HOME/plugins/resource-$4-v$5"
mkdir -p "$plugin"; touch "$plugin/pulumi-resource-$4"
"""
    pulumi = program(tmp_path / "pulumi", installer)
    first = obtain(choice, pulumi, print)
    assert obtain(choice, pulumi, print) == first

    assert first["eks"].is_relative_to(cache)
    (home,) = (tmp_path / "pulumi.homes").read_text().splitlines()
    assert Path(home).is_relative_to(cache)
    assert not (tmp_path / "theirs").exists()


def test_the_engine_finds_a_plugin_under_the_version_that_it_asks_for(tmp_path):
    real = program(tmp_path / "a folder" / "plugin", 'echo "$0" "$@"')

    link({"kubernetes": real}, tmp_path / "home")

    folder = tmp_path / "home" / "plugins" / f"resource-kubernetes-v{version('pulumi-kubernetes')}"
    done = subprocess.run(
        [folder / "pulumi-resource-kubernetes", "a b", "c"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{real} a b c\n"
    assert not folder.is_symlink(), "the engine passes over links"
