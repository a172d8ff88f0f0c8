"""Obtaining tools and published plugins: found, made once, and nothing half-made."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

from irsa_sandbox import toolchain
from irsa_sandbox.cache import cached_build, key
from irsa_sandbox.folder import LOCK_FILE, MARK
from irsa_sandbox.toolchain import PULUMI_VERSION, SOURCES, NotDownloaded, ToolError, plugins
from irsa_sandbox.toolchain.plugins import MODULE_VERSION, PROVIDERS, Choice, link, obtain
from tests.support.processes import program, ran
from tests.support.refusal import refusal

NO_PULUMI = Path("/no/pulumi")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, nothing on PATH but system programs, and no host to download from."""

    def refuse(*_: object) -> None:
        raise NotDownloaded("no host answers")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(toolchain, "download", refuse)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setattr(plugins, "DOWNLOADS", f"http://127.0.0.1:{port}")
    return tmp_path / "cache" / "irsa-sandbox"


def make_pulumi(folder: Path, on_progress) -> None:
    program(folder / "bin" / "pulumi", "echo made")


@pytest.mark.cases(("which", "mark", "is_taken"), {
    "recent": ("v3.274.1", b"", True),
    "old": ("v3.199.0", b"", False),
    # After `env`, its folder comes first on PATH, and its `pulumi` would run itself.
    "a sandbox's own": ("v3.274.1", MARK, False),
})  # fmt: skip
def test_a_recent_pulumi_on_path_is_taken(tmp_path, monkeypatch, cache, which, mark, is_taken):
    """Even its version is asked for with a Pulumi folder in the cache."""
    monkeypatch.setattr(toolchain, "_build_pulumi", make_pulumi)
    (tmp_path / LOCK_FILE).write_bytes(mark)
    record = f'echo "$PULUMI_HOME" > {tmp_path}/home; echo {which}'
    on_path = program(tmp_path / "bin" / "pulumi", record)
    found = toolchain.obtain_pulumi(print)
    assert (found == on_path, found.is_relative_to(cache)) == (is_taken, not is_taken)
    assert mark or (tmp_path / "home").read_text() == f"{cache / 'pulumi-home'}\n"


def test_two_set_ups_at_the_same_time_make_a_tool_once(monkeypatch):
    made, together = [], threading.Barrier(2)

    def make(folder: Path, on_progress) -> None:
        made.append(folder)
        make_pulumi(folder, on_progress)

    def set_up(_: int) -> Path:
        together.wait()
        return toolchain.obtain_pulumi(print)

    monkeypatch.setattr(toolchain, "_build_pulumi", make)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(set_up, range(2))
    assert (first, len(made)) == (second, 1)


def test_nothing_half_made_is_taken_for_a_tool(cache, monkeypatch):
    left_over = cache / f"{key(SOURCES / 'pulumi', PULUMI_VERSION)}.unfinished-x"
    program(left_over / "bin" / "pulumi", "echo half")  # by a killed build
    for error in (KeyboardInterrupt(), ToolError("go build: no route to host")):

        def fail(folder: Path, on_progress, error: BaseException = error) -> None:
            make_pulumi(folder, on_progress)
            raise error

        monkeypatch.setattr(toolchain, "_build_pulumi", fail)
        with pytest.raises(type(error)) as raised:
            toolchain.obtain_pulumi(print)
        assert [p.suffix for p in cache.iterdir()] == [".lock"]
    assert str(raised.value) == (
        "no Pulumi CLI: go build: no route to host. Put pulumi 3.274.1 on PATH, or give Go a "
        "module proxy (GOPROXY) to build it from"
    )
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


def test_a_control_plane_is_taken_only_whole(tmp_path, monkeypatch, cache):
    assets = tmp_path / "assets"
    for name in ("etcd", "kube-apiserver"):  # as envtest ships it
        program(assets / name)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setattr(toolchain, "_build_control_plane", make_pulumi)  # or any program
    assert toolchain.obtain_control_plane(print).is_relative_to(cache)
    program(assets / "kube-controller-manager")
    assert toolchain.obtain_control_plane(print) == assets


def installed(home: Path, name: str, which: str | None = None) -> Path:
    which = which or version(f"pulumi-{name}")
    return program(home / "plugins" / f"resource-{name}-v{which}" / f"pulumi-resource-{name}")


def test_plugins_are_found_on_path_in_the_users_folder_and_in_the_cache(tmp_path):
    home, file, told = tmp_path / "theirs", "pulumi-resource-kubernetes", []
    on_path = program(tmp_path / "bin" / "pulumi-resource-aws")
    installed(home, "aws")
    eks = installed(home, "eks")
    name = key(SOURCES / "pulumi-kubernetes", MODULE_VERSION)  # as `make real-kubernetes` leaves it
    built = cached_build(name, lambda folder: program(folder / file)) / file
    programs = obtain(Choice(frozenset(PROVIDERS), home=home), NO_PULUMI, told.append)
    assert programs == {"aws": on_path, "eks": eks, "kubernetes": built}
    which = f"aws ({on_path}), eks ({eks}), kubernetes ({built})"
    assert told == [f"providers: published plugins of {which}"]


def test_a_plugin_that_cannot_be_had_is_one_line_and_attached_need_none(tmp_path):
    told: list[str] = []
    for names in (frozenset[str](), None):
        assert obtain(Choice(names, home=tmp_path), NO_PULUMI, told.append) == {}
    assert told == []
    installed(tmp_path, "aws", which="7.0.0")  # which is not what the program asks for
    for name, built in (("aws", ""), ("kubernetes", ", nor built by `make real-kubernetes`")):
        choice = Choice(frozenset({name}), home=tmp_path)
        assert refusal(obtain, choice, NO_PULUMI, print, raised=ToolError) == (
            f"no published plugin of {name}: it is neither pulumi-resource-{name} on PATH nor "
            f"{version(f'pulumi-{name}')} in {tmp_path}{built}, and {plugins.DOWNLOADS} does not "
            "answer"
        )


def test_what_is_missing_is_installed_once_into_the_cache_alone(tmp_path, cache, monkeypatch):
    choice = Choice(frozenset({"eks"}), home=tmp_path / "theirs")
    failing = 'echo "warning: slow" >&2; echo "error: 403 HTTP error" >&2; exit 255'
    broken = program(tmp_path / "broken", failing)
    installer = """\
test "$1 $2 $3" = "plugin install resource" || exit 9
echo "$PULUMI_HOME" >> "$0.homes"
plugin="$PULUMI_HOME/plugins/resource-$4-v$5"
mkdir -p "$plugin"; touch "$plugin/pulumi-resource-$4"
"""
    pulumi = program(tmp_path / "pulumi", installer)
    with (
        HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as host,
        ThreadPoolExecutor(1) as pool,
    ):
        monkeypatch.setattr(plugins, "DOWNLOADS", f"http://127.0.0.1:{host.server_port}")
        for _ in range(2):  # it is asked before each installation
            pool.submit(host.handle_request)
        with pytest.raises(ToolError, match=r"^no published plugin of eks: error: 403 HTTP error$"):
            obtain(choice, broken, print)
        assert [path.suffix for path in cache.iterdir()] == [".lock"]
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
    done = ran(folder / "pulumi-resource-kubernetes", "a b", "c", check=True)
    assert done.stdout == f"{real} a b c\n"
    assert not folder.is_symlink(), "the engine passes over links"
