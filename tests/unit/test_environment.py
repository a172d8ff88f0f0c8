"""Which virtual environment `make setup` takes, and what is said without one."""

import subprocess
import sys
from pathlib import Path

from sandbox.environment import ROOT, environment_folder


def test_f12_an_activated_environment_leads_to_itself():
    """`make` runs the first `python3` on PATH, which is then the environment's own."""
    script = "from sandbox.environment import environment_folder; print(environment_folder())"
    base = Path(sys.base_prefix) / "bin" / "python3"

    folders = [
        subprocess.run(
            [python, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        for python in (sys.executable, base)
    ]

    assert folders == [str(environment_folder())] * 2


def test_f12_a_python_without_the_packages_is_told_what_to_do_in_one_line():
    without = [sys.executable, "-S", "-m", "sandbox"]  # no site, so no site-packages

    done = subprocess.run(
        [*without, "exec", "dev/s3-app", "--", "true"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"sandbox: {sys.executable} has no package 'httpx2'; run `make setup`, and then "
        "`. .venv/bin/activate` or .venv/bin/python\n"
    )
