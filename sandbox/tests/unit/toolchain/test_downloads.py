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
from tests.support.refusal import refusal

PROGRAM = b"a program"
PUBLISHED = {"path": "programs", "url": "/release.tar.gz", "checksums": "/sums.txt"}


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


def downloaded(folder: Path, *tables: dict[str, str], host: str = "") -> dict[str, bytes]:
    """Download what is wanted from the host into the folder; return the files."""
    folder.mkdir()
    sources = folder.with_suffix(".tool")
    sources.mkdir()
    lines: list[str] = []
    for table in tables:
        full = {k: host + v if v.startswith("/") else v for k, v in table.items()}
        lines += ["[[linux-amd64]]", *(f'{name} = "{value}"' for name, value in full.items())]
    (sources / "downloads.toml").write_text("\n".join(lines))
    download(sources, folder, print)
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert {oct((folder / name).stat().st_mode & 0o777) for name in files} <= {"0o700", "0o755"}
    return files


TOOL = {"path": "tool", "url": "/tool", "sha256": sha256(PROGRAM)}
RELEASE = {"path": "x", "url": "/release.tar.gz", "sha256": sha256(ARCHIVE)}


def test_a_program_and_parts_of_archives_are_put_in_their_places(server, tmp_path):
    file, part = {**RELEASE, "member": "release/binary"}, {**PUBLISHED, "member": "release/bin"}
    found = downloaded(tmp_path / "made", TOOL, file, part, host=server)
    assert found == dict.fromkeys(("tool", "x", "programs/tool", "programs/host"), PROGRAM)


@pytest.mark.cases(("given", "why"), {
    "another hash": ({"sha256": "0" * 64},
        f"/tool has SHA-256 {sha256(PROGRAM)} instead of {'0' * 64}"),
    "no hash": ({"sha256": ""}, "instead of "),
    "not in the checksums": ({"checksums": "/sums.txt"}, "/sums.txt does not list tool"),
    "no checksums": ({"checksums": "/gone.txt"}, "/gone.txt answers 404"),
    "no file": ({"url": "/gone"}, "/gone answers 404"),
    "not in the archive": ({**RELEASE, "member": "release/lib"},
        "/release.tar.gz has no release/lib"),
})  # fmt: skip
def test_what_is_not_as_written_is_refused_and_nothing_of_it_is_kept(server, tmp_path, given, why):
    tables = (TOOL, {**TOOL, "path": "x", **given})
    line = refusal(downloaded, tmp_path / "made", *tables, host=server, raised=NotDownloaded)
    assert line.endswith(why)
    assert list((tmp_path / "made").iterdir()) == []


def test_a_host_that_cannot_be_reached_is_named_once(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"https://127.0.0.1:{unused.getsockname()[1]}/a"
    with pytest.raises(NotDownloaded, match=r"^127\.0\.0\.1 cannot be reached: [^\n]*$"):
        downloaded(tmp_path / "made", *({"path": path, "url": url} for path in "ab"))
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(NotDownloaded, match=r"^nothing is published for linux on riscv64$"):
        downloaded(tmp_path / "other")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_what_is_downloaded_is_what_would_be_built(machine, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: machine)
    module = (SOURCES / "kubernetes" / "go.mod").read_text().split()
    etcd = module[module.index("go.etcd.io/etcd/server/v3") + 1]
    versions = {"etcd": etcd, "bin": f"v{PULUMI_VERSION}"}
    control_plane = entries(SOURCES / "kubernetes")
    assert sorted(entry.path for entry in control_plane) == sorted(CONTROL_PLANE)
    for entry in [*control_plane, *entries(SOURCES / "pulumi")]:
        assert versions.get(entry.path, f"v{KUBERNETES_VERSION}") in entry.url
        assert entry.url.startswith("https://")
        assert len(entry.sha256) == 64 or entry.checksums.startswith("https://github.com/")
