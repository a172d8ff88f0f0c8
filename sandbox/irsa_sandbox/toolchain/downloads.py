"""Downloads of a tool's `downloads.toml` for this machine; nothing unchecked is kept.

Each entry has a ``url``, the ``path`` to put it at, and its hash: ``sha256``, or ``checksums``, a
list that is published on another host, one `HASH  FILE` a line. Of an archive, ``member`` is the
file or the folder that is wanted.
"""

import hashlib
import platform
import shutil
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import SandboxError

CONNECT_TIMEOUT = 3.0  # seconds; who cannot be reached is not waited for
READ_TIMEOUT = 30.0

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


Progress = Callable[[str], None]


class ToolError(SandboxError):
    """A tool cannot be obtained; the text says the ways to supply it."""


class NotDownloaded(Exception):
    """Nothing was downloaded; the text is the reason, in one line."""


class Entry(NamedTuple):
    """One file to download."""

    path: str
    url: str
    sha256: str = ""
    checksums: str = ""
    member: str = ""

    @property
    def file(self) -> str:
        """The name of the file that is downloaded."""
        return PurePosixPath(urlsplit(self.url).path).name


def entries(tool: Path) -> list[Entry]:
    """Return the entries for this machine's system and processor."""
    machine = platform.machine()
    system = f"{sys.platform}-{_ARCHITECTURES.get(machine, machine)}"
    listed = tomllib.loads((tool / "downloads.toml").read_text())
    return [Entry(**each) for each in listed.get(system, [])]


def download(tool: Path, folder: Path, on_progress: Progress) -> None:
    """Put everything that is listed for this machine into ``folder``, or raise `NotDownloaded`."""
    downloads = entries(tool)
    if not downloads:
        raise NotDownloaded(f"nothing is published for {sys.platform} on {platform.machine()}")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        unchecked = Path(name)
        with ThreadPoolExecutor() as pool:
            files = pool.map(lambda entry: _fetch(entry, unchecked, on_progress), downloads)
            for entry, file in zip(downloads, files, strict=True):
                _unpack(entry, file, unchecked / "checked")
        for made in (unchecked / "checked").iterdir():
            made.rename(folder / made.name)


def _fetch(entry: Entry, folder: Path, on_progress: Progress) -> Path:
    """The file, whose hash is as it should be."""
    import httpx2  # takes 0.1 s

    timeout = httpx2.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
    # In a folder of its own: two entries may be parts of one archive.
    file = Path(tempfile.mkdtemp(dir=folder)) / entry.file
    digest = hashlib.sha256()
    try:
        # Without compression on the way, which would undo that of an archive.
        with httpx2.Client(
            timeout=timeout, follow_redirects=True, headers={"Accept-Encoding": "identity"}
        ) as client:
            sha256 = entry.sha256
            if entry.checksums:
                listed = client.get(entry.checksums).raise_for_status().text.splitlines()
                lines = (line.partition("  ") for line in listed)
                sha256 = next((sha256 for sha256, _, file in lines if file == entry.file), None)
                if sha256 is None:
                    raise NotDownloaded(f"{entry.checksums} does not list {entry.file}")
            with client.stream("GET", entry.url) as response, file.open("wb") as target:
                response.raise_for_status()
                on_progress(f"{entry.file}: downloading from {urlsplit(entry.url).hostname}")
                for chunk in response.iter_raw():
                    digest.update(chunk)
                    target.write(chunk)
    except httpx2.HTTPStatusError as error:
        raise NotDownloaded(f"{error.request.url} answers {error.response.status_code}") from error
    except httpx2.HTTPError as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise NotDownloaded(f"{error.request.url.host} cannot be reached: {why}") from error
    if digest.hexdigest() != sha256:
        raise NotDownloaded(f"{entry.url} has SHA-256 {digest.hexdigest()} instead of {sha256}")
    return file


def _unpack(entry: Entry, file: Path, folder: Path) -> None:
    target = folder / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not entry.member:
        file.rename(target)
        target.chmod(0o700)
        return
    # Of an archive whose hash is known. Python 3.11.2, Debian's, has no filters for extraction.
    with tarfile.open(file) as archive:
        for member in archive:
            if member.name == entry.member or member.name.startswith(f"{entry.member}/"):
                path = folder / (entry.path + member.name.removeprefix(entry.member))
                if (content := archive.extractfile(member)) is not None:  # a regular file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with content, path.open("wb") as unpacked:
                        shutil.copyfileobj(content, unpacked)
                    path.chmod(0o700 if member.mode & 0o100 else 0o600)
    if not target.exists():
        raise NotDownloaded(f"{entry.url} has no {entry.member}")
