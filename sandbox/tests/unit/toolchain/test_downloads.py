"""Downloads: what is kept has the hash that is written down; who cannot be had is no error."""

import hashlib
import io
import socket
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from irsa_sandbox.toolchain import CONTROL_PLANE, KUBERNETES_VERSION, PULUMI_VERSION, SOURCES
from irsa_sandbox.toolchain.downloads import NotDownloaded, download, entries

PROGRAM = b"a program"
SYSTEM = "linux-amd64"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive() -> bytes:
    """As a release is: everything in one folder, of which we want a part."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("release/README", "release/bin/tool", "release/bin/host", "release/binary"):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(PROGRAM), 0o755
            tar.addfile(info, io.BytesIO(PROGRAM))
    return buffer.getvalue()


ARCHIVE = archive()
SUMS = f"{'0' * 64}  other.tar.gz\n{sha256(ARCHIVE)}  release.tar.gz\n"
SERVED = {"tool": PROGRAM, "release.tar.gz": ARCHIVE, "sums.txt": SUMS.encode()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    for name, content in SERVED.items():
        (folder / name).write_bytes(content)
    files = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as running:
        thread = Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


@pytest.fixture
def tool(tmp_path):
    """Write what is to be downloaded, and download it; the folder it is put into."""

    def write(*wanted: dict[str, str]) -> Path:
        sources = tmp_path / "tool"
        sources.mkdir(exist_ok=True)
        lines: list[str] = []
        for each in wanted:
            lines += [f"[[{SYSTEM}]]", *(f'{name} = "{value}"' for name, value in each.items())]
        (sources / "downloads.toml").write_text("\n".join(lines))
        return sources

    return write


def into(folder: Path, sources: Path) -> dict[str, bytes]:
    folder.mkdir()
    download(sources, folder, print)
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert all((folder / name).stat().st_mode & 0o777 in (0o700, 0o755) for name in files)
    return files


def test_a_program_and_parts_of_archives_are_put_in_their_places(server, tool, tmp_path):
    whole = {"path": "tool", "url": f"{server}/tool", "sha256": sha256(PROGRAM)}
    released = {"url": f"{server}/release.tar.gz", "sha256": sha256(ARCHIVE)}
    published = {"url": f"{server}/release.tar.gz", "checksums": f"{server}/sums.txt"}
    part = {"path": "programs", "member": "release/bin", **published}
    file = {"path": "one", "member": "release/binary", **released}

    assert into(tmp_path / "file", tool(whole, file)) == {"tool": PROGRAM, "one": PROGRAM}
    found = into(tmp_path / "part", tool(part))
    assert found == {"programs/tool": PROGRAM, "programs/host": PROGRAM}


RELEASE = {"url": "/release.tar.gz", "sha256": sha256(ARCHIVE)}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"url": "/tool", "sha256": "0" * 64},
            f"/tool has SHA-256 {sha256(PROGRAM)} instead of {'0' * 64}",
        ),
        ({"url": "/tool"}, "instead of "),
        ({"url": "/tool", "checksums": "/sums.txt"}, "/sums.txt does not list tool"),
        ({"url": "/tool", "checksums": "/gone.txt"}, "/gone.txt answers 404"),
        ({"url": "/gone", "sha256": sha256(PROGRAM)}, "/gone answers 404"),
        ({**RELEASE, "member": "release/lib"}, "/release.tar.gz has no release/lib"),
    ],
)
def test_what_is_not_as_written_is_refused_and_nothing_of_it_is_kept(
    server, tool, tmp_path, given, why
):
    served = {name: f"{server}{v}" if v.startswith("/") else v for name, v in given.items()}
    right = {"path": "tool", "url": f"{server}/tool", "sha256": sha256(PROGRAM)}

    with pytest.raises(NotDownloaded) as refused:
        into(tmp_path / "made", tool(right, {"path": "x", **served}))

    assert str(refused.value).endswith(why)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "made").iterdir()) == []


def test_a_host_that_cannot_be_reached_is_named_once(tool, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"https://127.0.0.1:{unused.getsockname()[1]}/a"
    with pytest.raises(NotDownloaded, match=r"^127\.0\.0\.1 cannot be reached: ") as refused:
        into(tmp_path / "made", tool(*({"path": path, "url": url} for path in "ab")))
    assert "\n" not in str(refused.value)

    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(NotDownloaded, match=r"^nothing is published for linux on riscv64$"):
        into(tmp_path / "other", tool())


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_what_is_downloaded_is_what_would_be_built(machine, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: machine)
    module = (SOURCES / "kubernetes" / "go.mod").read_text().split()
    etcd = module[module.index("go.etcd.io/etcd/server/v3") + 1]
    versions = {"etcd": etcd, "bin": f"v{PULUMI_VERSION}"}

    control_plane = entries(SOURCES / "kubernetes")
    everything = [*control_plane, *entries(SOURCES / "pulumi")]

    assert sorted(each.path for each in control_plane) == sorted(CONTROL_PLANE)
    for each in everything:
        assert versions.get(each.path, f"v{KUBERNETES_VERSION}") in each.url
        assert each.url.startswith("https://")
        assert len(each.sha256) == 64 or each.checksums.startswith("https://github.com/")
