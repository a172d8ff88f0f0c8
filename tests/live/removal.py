"""Removes everything that a run has made; to be called again, it finds less.

First as a person would, with `pulumi destroy`; then whatever is still there, by name and tag. It
runs in a process and a session of its own, so that Ctrl-C in the terminal does not reach it.
"""

import os
import subprocess
import sys
from contextlib import closing, suppress

import httpx2
from lightkube.core.exceptions import ApiError, ConfigError
from pulumi.automation import CommandError

from tests.live import left_overs, locks, stacks
from tests.live.cluster import Cluster
from tests.live.run import Run, say, write_private
from tests.support.paths import ROOT

PULUMI_LEFT = "left-by-pulumi"
"""The file that says what `pulumi destroy` did not remove."""


def in_own_session(run: Run) -> bool:
    """Remove everything, whatever the terminal says meanwhile; whether nothing is left."""
    command = [sys.executable, "-m", "tests.live", "--clean", run.id]
    command += ["--profile-a", run.a.profile, "--profile-b", run.b.profile]
    command += ["--region", run.region, "--folder", str(run.folder.parent)]
    done = subprocess.run(command, cwd=ROOT, check=False, start_new_session=True)
    return done.returncode == 0


def left_by_pulumi(run: Run) -> list[str]:
    """What `pulumi destroy` left, of a run that was removed."""
    file = run.folder / PULUMI_LEFT
    return file.read_text().splitlines() if file.exists() else ["unknown: it was not asked"]


def remove(run: Run) -> list[str]:
    """Remove everything; returns what is left, and why. Raises `Refused`."""
    environment = run.environment(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    if stacks.is_prepared(run):
        _destroy(run)
    left = [each.name for each in left_overs.find(run)]
    if run.folder.exists():
        write_private(run.folder / PULUMI_LEFT, "\n".join(left))
    if left:
        say(f"still there: {', '.join(left)}")
    problems = left_overs.remove(run)
    if not problems:
        run.forget()
    return problems


def _destroy(run: Run) -> None:
    locks.unlock(run.private / "state")
    account_a, account_b = stacks.open_both(run)
    # The cluster may be gone, half made or out of reach; it takes its namespaces with it.
    with (
        suppress(ApiError, ConfigError, OSError, httpx2.HTTPError),
        closing(Cluster(run.kubeconfig, run.id)) as cluster,
    ):
        cluster.remove_namespaces()
    for stack in (account_b, account_a):
        try:
            stack.destroy()
        except CommandError:
            say(f"{stack.title}: pulumi destroy failed (above); going on without it")
