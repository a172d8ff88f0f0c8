"""Makes the virtual environment: `python3 -m tools.environment`, as the Makefile calls it.

Runs on the system's Python, so it imports the standard library only. The environment lies in the
user's cache folder, under a hash of what is in it, so that further clones are ready at once;
`.venv` is a link to it.
"""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback: the next set-up begins anew

import hashlib
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = (
    "requirements.txt",
    "irsa/requirements.txt",
    "sandbox/requirements.txt",
    "policy_pack/requirements.txt",
    "requirements-dev.txt",
)
FILES = (*REQUIREMENTS, "constraints.txt", "policy_pack/locked.txt")
LINK = ROOT / ".venv"


def main() -> int:
    """Make the environment unless it is there; the exit code is pip's."""
    if sys.version_info < OLDEST:
        print(
            f"Python {'.'.join(map(str, OLDEST))} or newer is needed, and {sys.executable} is "
            f"{sys.version.split()[0]}; name another one: make PYTHON=python3.12 ...",
            file=sys.stderr,
        )
        return 2
    if LINK.exists() and not LINK.is_symlink():
        return _check_own()
    from sandbox.cache import NotPrivate, lock, private_umask

    try:
        folder = environment_folder()
    except NotPrivate as error:
        print(error, file=sys.stderr)
        return 2
    with private_umask(), lock(folder):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a killed set-up: the lock is ours
            print(f"installing Python packages into {folder} (a minute or two, once)", flush=True)
            code = _install(folder)
            if code:
                return code
            (folder / "complete").touch()
    _link(folder)
    return 0


def environment_folder() -> Path:
    """Where the environment for this Python and these requirements lies.

    Raises `sandbox.cache.NotPrivate`.
    """
    from sandbox.cache import entry

    content = b"".join((ROOT / name).read_bytes() for name in FILES)
    # The base prefix: when it is activated, `python3` is its own and must lead to it again.
    facts = f"{sys.version} {sys.base_prefix} {sys.platform}".encode()
    return entry(f"python-{hashlib.sha256(content + facts).hexdigest()[:16]}")


def _install(folder: Path) -> int:
    venv.create(folder, with_pip=True, symlinks=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    # Wheels alone: building a package would run code of packages without a hash.
    checked = [*pip, "--quiet", "--require-hashes", "--only-binary", ":all:", "-r"]
    # pulumi-policy wants an older protobuf than all others; the newer runtime reads its messages.
    for locked in (["constraints.txt"], ["policy_pack/locked.txt", "--no-deps"]):
        if code := subprocess.run([*checked, *locked], cwd=ROOT, check=False).returncode:
            return code
    return 0


def _check_own() -> int:
    """Use a `.venv` of the user's as it is, if it has everything.

    The Pulumi CLI makes one without the packages for the sandbox and the tests, when it runs the
    project before set-up.
    """
    missing = _missing_from_own()
    if missing:
        print(
            f"{LINK} is your own and lacks {missing}; remove it and set up again, or complete it: "
            ".venv/bin/python -m pip install -r constraints.txt, and then --no-deps -r "
            "policy_pack/locked.txt",
            file=sys.stderr,
        )
        return 2
    print(f"{LINK} is your own and is used as it is", file=sys.stderr)
    return 0


def _missing_from_own() -> str:
    """Required packages that it lacks; empty when it lacks none."""
    lines = "\n".join((ROOT / name).read_text() for name in REQUIREMENTS)
    names = re.findall(r"^\w[\w.-]*", lines, re.MULTILINE)
    code = (
        "import sys; from importlib.metadata import distributions as d; "
        "plain = lambda n: n.lower().replace('_', '-'); have = {plain(x.name) for x in d()}; "
        "print(', '.join(n for n in sys.argv[1:] if plain(n) not in have))"
    )
    try:
        done = subprocess.run(
            [LINK / "bin" / "python", "-c", code, *names],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "a Python that runs"
    return done.stdout.strip()


def _link(folder: Path) -> None:
    if LINK.is_symlink():
        if LINK.readlink() == folder:
            return
        LINK.unlink()
    LINK.symlink_to(folder)


if __name__ == "__main__":
    sys.exit(main())
