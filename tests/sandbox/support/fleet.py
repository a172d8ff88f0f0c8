"""A platform stack with a cluster, and stacks of teams on it, each in a process of its own."""

import json
from pathlib import Path
from typing import Any

import yaml

from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.engine.stack import SandboxStack
from sandbox.session import Session
from tests.sandbox.support.command import started

PLATFORM = "platform"
FULL_NAME = f"organization/irsa/{PLATFORM}"
HERE = {"aws:region": REGION, "irsa:accountId": ACCOUNT_A}
CLUSTER = {"name": "shared"}


def workload(team: str, number: int) -> dict[str, Any]:
    """One of a team's workloads, as it stands in a file: without its name."""
    return {
        "namespace": team,
        "bucket": {"name": f"bucket-{team}-{number}", "forceDestroy": True},
        "container": {"image": "app"},
        "replicas": 1 if number == 0 else 0,
    }


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

    def folder(self, team: str, count: int) -> Path:
        """The team's folder, with that many files in it."""
        folder = self._folder / team
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        for number, name in enumerate(names(team, count)):
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(workload(team, number)))
        return folder

    def config(self, team: str, **changes: Any) -> dict[str, Any]:
        """A team's configuration: its namespace, and its folder as it is now."""
        return {
            **HERE,
            "irsa:cluster": {"stack": FULL_NAME},
            "irsa:namespaces": [{"name": team, "forceDestroy": True}],
            "irsa:workloads": str(self._folder / team),
            **changes,
        }

    def team(self, team: str, **changes: Any) -> SandboxStack:
        """A team's stack, in this process."""
        config = self.config(team, **changes)
        return SandboxStack(self.session.state, stack=team, config=config)

    def state_file(self, team: str) -> Path:
        """What the backend keeps of the team's stack."""
        return self.session.state.path / "pulumi" / ".pulumi" / "stacks" / "irsa" / f"{team}.json"

    def run(self, *operations: tuple[str, str]) -> list[dict[str, int]]:
        """Operations on stacks of teams, side by side; what each did, counted by kind."""
        running = []
        for operation, team in operations:
            settings = [
                f"--config={key}={value if isinstance(value, str) else json.dumps(value)}"
                for key, value in self.config(team).items()
            ]
            folder = f"--folder={self.session.state.folder}"
            running.append(
                started("stack", operation, f"--stack={team}", folder, "--output=json", *settings)
            )
        ended = [(process.communicate()[0], process.returncode) for process in running]
        assert all(code == 0 for _, code in ended), ended
        return [json.loads(output.splitlines()[-1]) for output, _ in ended]
