"""A platform stack with a cluster, and stacks of teams on it, each in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any

import yaml

from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.engine.stack import ROOT, SandboxStack
from sandbox.session import Session

PLATFORM = "platform"
FULL_NAME = f"organization/irsa/{PLATFORM}"
HERE = {"aws:region": REGION, "irsa:accountId": ACCOUNT_A}
CLUSTER = {"name": "shared"}


WITH_PODS = 3
"""Entries of a team that have pods; the others are roles alone, for the machine's sake."""


def bucket(team: str) -> dict[str, Any]:
    return {"name": f"bucket-{team}", "forceDestroy": True}


def workload(team: str, **changes: Any) -> dict[str, Any]:
    """One of a team's workloads, as it stands in a file: without its name."""
    container = {"image": "app"}
    return {"namespace": team, "bucket": bucket(team), "container": container, **changes}


def role(team: str, name: str) -> dict[str, Any]:
    """One of a team's roles for pods of others."""
    return {"namespace": team, "bucket": bucket(team), "serviceAccount": name}


def names(team: str, count: int) -> list[str]:
    return [f"{team}-{number}" for number in range(count)]


class Fleet:
    """Stacks of one project in one sandbox, and the folders of their workloads."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self._folder = folder

    def platform(self, **cluster: Any) -> SandboxStack:
        """The stack that has the cluster, and nothing that runs in it."""
        config = {
            **HERE,
            "irsa:cluster": {**CLUSTER, **cluster},
            "irsa:workloads": "none",
        }
        return SandboxStack(self.session.state, stack=PLATFORM, config=config)

    def write(self, team: str, count: int) -> None:
        """The team's two folders, with that many files in them."""
        own = names(team, count)
        entries = {
            "workloads": {name: workload(team) for name in own[:WITH_PODS]},
            "roles": {name: role(team, name) for name in own[WITH_PODS:]},
        }
        for kind, of_kind in entries.items():
            folder = self._folder / team / kind
            folder.mkdir(parents=True, exist_ok=True)
            for name, entry in of_kind.items():
                (folder / f"{name}.yaml").write_text(yaml.safe_dump(entry))

    def config(self, team: str, **changes: Any) -> dict[str, Any]:
        """A team's configuration: its namespace, and its folders as they are now."""
        return {
            **HERE,
            "irsa:cluster": {"stack": FULL_NAME},
            "irsa:namespaces": [{"name": team, "forceDestroy": True}],
            "irsa:workloads": str(self._folder / team / "workloads"),
            "irsa:roles": str(self._folder / team / "roles"),
            **changes,
        }

    def team(self, team: str, **changes: Any) -> SandboxStack:
        """A team's stack, in this process."""
        config = self.config(team, **changes)
        return SandboxStack(self.session.state, stack=team, config=config)

    def state_file(self, team: str) -> Path:
        """What the backend keeps of the team's stack."""
        return self.session.state.path / "pulumi" / ".pulumi" / "stacks" / "irsa" / f"{team}.json"

    def pulumi(self, *arguments: str, code: int) -> str:
        """What the CLI says, run by hand where the settings are; it must end with that code."""
        state = self.session.state
        environment = {
            **state.engine_environment(),
            **state.aws_environment(),
            "PULUMI_HOME": str(state.path / "pulumi-home"),
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        folder = f"--cwd={state.path / 'projects' / 'irsa'}"
        done = self.session.run([state.pulumi, *arguments, folder], environment)
        assert done.code == code, done.output
        return done.output

    def run(self, *operations: tuple[str, str]) -> list[dict[str, int]]:
        """Operations on stacks of teams, side by side; what each did, counted by kind."""
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.sandbox.support.fleet_run"],
                cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=STDOUT, text=True,
            )
            for _ in operations
        ]  # fmt: skip
        for process, (operation, team) in zip(processes, operations, strict=True):
            asked = {
                "folder": self.session.state.folder,
                "stack": team,
                "operation": operation,
                "config": self.config(team),
            }
            assert process.stdin is not None
            process.stdin.write(json.dumps(asked))
            process.stdin.close()
            process.stdin = None  # `communicate` would write to it
        ended = [(process.communicate()[0], process.returncode) for process in processes]
        assert all(code == 0 for _, code in ended), ended
        return [json.loads(output.splitlines()[-1]) for output, _ in ended]
