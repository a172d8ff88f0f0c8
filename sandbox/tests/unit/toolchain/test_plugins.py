"""The published plugins: found, installed, or a sandbox does without them."""

import socket
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import pytest

from irsa_sandbox.toolchain import SOURCES, ToolError, plugins
from irsa_sandbox.toolchain.cached_build import cached_build, key
from irsa_sandbox.toolchain.plugins import MODULE_VERSION, PROVIDERS, Choice, link, obtain
from tests.support.refusal import refusal

ALL = frozenset(PROVIDERS)
INSTALLER = """\
#!/bin/sh
test "$1 $2 $3" = "plugin install resource" || exit 9
echo "$PULUMI_HOME" >> "$0.homes"
plugin="$PULUMI_HOME/plugins/resource-$4-v$5"
mkdir -p "$plugin"; touch "$plugin/pulumi-resource-$4"
"""
BROKEN = """\
#!/bin/sh
echo "warning: slow" >&2; echo "error: 403 HTTP error" >&2; exit 255
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """An empty cache, nothing on PATH but system programs, and no host to download from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(plugins, "DOWNLOADS", f"http://127.0.0.1:{port}")


@pytest.fixture
def downloads(monkeypatch):
    """A host to download from."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(plugins, "DOWNLOADS", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def installed(home: Path, name: str, which: str | None = None) -> Path:
    which = which or version(f"pulumi-{name}")
    return program(home / "plugins" / f"resource-{name}-v{which}" / f"pulumi-resource-{name}")


def build_kubernetes() -> Path:
    """Leave the files of `make real-kubernetes`."""
    file = "pulumi-resource-kubernetes"
    name = key(SOURCES / "pulumi-kubernetes", MODULE_VERSION)
    return cached_build(name, lambda folder: program(folder / file)) / file


def test_the_providers_that_are_left_to_plugins():
    assert plugins.names("attached") == frozenset()
    assert plugins.names("published") == ALL
    assert plugins.names("kubernetes,eks") == {"eks", "kubernetes"}
    for wrong in ("", "gcp", "kubernetes,", "Published"):
        assert "is no provider; give attached, published, or some" in refusal(plugins.names, wrong)


def test_plugins_are_found_on_path_in_the_users_folder_and_in_the_cache(tmp_path):
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
    broken = program(tmp_path / "broken", BROKEN)
    with pytest.raises(ToolError, match=r"^no published plugin of eks: error: 403 HTTP error$"):
        obtain(choice, broken, print)
    assert [path.suffix for path in (cache / "irsa-sandbox").iterdir()] == [".lock"]

    pulumi = program(tmp_path / "pulumi", INSTALLER)
    first = obtain(choice, pulumi, print)
    assert obtain(choice, pulumi, print) == first

    assert first["eks"].is_relative_to(cache)
    (home,) = (tmp_path / "pulumi.homes").read_text().splitlines()
    assert Path(home).is_relative_to(cache)
    assert not (tmp_path / "theirs").exists()


def test_the_engine_finds_a_plugin_under_the_version_that_it_asks_for(tmp_path):
    real = program(tmp_path / "a folder" / "plugin", '#!/bin/sh\necho "$0" "$@"\n')

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
