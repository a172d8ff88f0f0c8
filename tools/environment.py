"""Make the virtual environment: `python3 -m tools.environment`, as the Makefile calls it.

Runs on the system's Python, so it imports the standard library only. The environment lies in the
user's cache folder, under a hash of what is in it, so that further clones are ready at once;
`.venv` is a link to it.
"""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback: the next set-up starts over

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = "tests/constraints.txt"
LINK = ROOT / ".venv"
# The environment is one for several clones. `.venv/bin/python` tells which one it was started from;
# a program such as `pytest` has the shared Python, and is of the activated one, or of its folder.
OWN_CLONE = (
    "import os, sys; own = 'components/irsa_components'; dirname = os.path.dirname; "
    "above, beside = dirname(sys.prefix), dirname(os.environ.get('VIRTUAL_ENV', '')); "
    "found = os.path.isdir(f'{above}/{own}') and above or "
    "os.path.isdir(f'{beside}/{own}') and beside or os.path.isdir(own) and os.getcwd(); "
    "found and sys.path.extend([found, f'{found}/components', f'{found}/command', "
    "f'{found}/core', f'{found}/sandbox'])\n"
)
"""Line of a .pth file that has Python import the packages of the clone."""
OWN_PATH = """
# Other clones share the folder: `python` is that of the `.venv` of this one.
_irsa="$(cd "$(dirname "${BASH_SOURCE:-$0}")/.." 2>/dev/null && pwd -L)"
if [ "$_irsa" -ef "$VIRTUAL_ENV" ]; then PATH="$_irsa/bin:${PATH#*:}"; VIRTUAL_ENV="$_irsa"; fi
export PATH VIRTUAL_ENV; unset _irsa; hash -r 2>/dev/null
"""
"""End of the script `activate`, for bash and zsh; other shells find the clone in its folder."""


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
        # Such as the one that the Pulumi CLI makes when it runs the project before set-up.
        print(f"{LINK} was not made by this set-up; remove it and set up again", file=sys.stderr)
        return 2
    from irsa_sandbox.cache import CacheError, lock, private_umask

    try:
        folder = environment_folder()
    except CacheError as error:
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
        find_clone(folder)
    _link(folder)
    return 0


def environment_folder() -> Path:
    """Return the folder of the environment for this Python and these requirements.

    Raises `irsa_sandbox.cache.CacheError`.
    """
    from irsa_sandbox.cache import entry

    content = (ROOT / REQUIREMENTS).read_bytes()
    # The base prefix: when it is activated, `python3` is its own and must lead to it again.
    facts = f"{sys.version} {sys.base_prefix} {sys.platform} {OWN_CLONE}".encode()
    return entry(f"python-{hashlib.sha256(content + facts).hexdigest()[:16]}")


def _install(folder: Path) -> int:
    venv.create(folder, with_pip=True, symlinks=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    # Wheels alone: building a package would run code of packages without a hash.
    checked = [*pip, "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", REQUIREMENTS]
    return subprocess.run(checked, cwd=ROOT, check=False).returncode


def find_clone(folder: Path) -> None:
    """Let programs anywhere import `irsa_components` of the clone whose `.venv` runs them."""
    script = folder / "bin" / "activate"
    if script.exists():
        text = script.read_text()
        whole = f"{text.partition(OWN_PATH[:20])[0]}{OWN_PATH}"  # and none of another version
        if whole != text:
            script.write_text(whole)
    for packages in folder.glob("lib/python*/site-packages"):
        file = packages / "irsa_clone.pth"
        if not file.exists() or file.read_text() != OWN_CLONE:
            file.write_text(OWN_CLONE)


def _link(folder: Path) -> None:
    if LINK.is_symlink():
        if LINK.readlink() == folder:
            return
        LINK.unlink()
    LINK.symlink_to(folder)


if __name__ == "__main__":
    sys.exit(main())
