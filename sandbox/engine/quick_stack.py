"""A stack of the Automation API without what it asks the CLI after each operation.

It starts the CLI three times more, for the outputs, the outputs with their secrets and the history,
which takes as long as an `up` without changes. The history is a file of the sandbox's backend.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pulumi import automation
from pulumi.automation import OutputMap, PulumiCommand, UpdateSummary
from pulumi.automation._stack import StackInitMode

from ..environment_variables import exported
from .stack_state import read_last_update


class QuickStack(automation.Stack):
    """A stack whose state is in a folder."""

    def __init__(
        self, backend: Path, project: str, name: str, workspace: automation.Workspace
    ) -> None:
        """Create the stack, or select it if it is there."""
        self._history = (backend, project, name)
        super().__init__(name, workspace, StackInitMode.CREATE_OR_SELECT)

    def outputs(self) -> OutputMap:
        """Nothing: `wanted_outputs` has them."""
        return {}

    def wanted_outputs(self) -> OutputMap:
        """The stack's outputs."""
        return super().outputs()

    def info(self, show_secrets: bool = True) -> UpdateSummary | None:  # noqa: ARG002 - pulumi's
        """What the last operation did. Of its configuration, nothing."""
        update = read_last_update(*self._history)
        if update is None:
            return None
        return UpdateSummary(
            kind=update["kind"],
            start_time=datetime.fromtimestamp(update["startTime"], UTC),
            message=update["message"],
            environment=update["environment"],
            config={},
            result=update["result"],
            end_time=datetime.fromtimestamp(update["endTime"], UTC),
            resource_changes=update.get("resourceChanges"),
        )


@cache
def pulumi_command(pulumi: Path, home: str) -> PulumiCommand:
    """The CLI, which is asked for its version; even that writes a log into its ``home``."""
    with exported(PULUMI_HOME=home):
        return PulumiCommand(root=str(pulumi.parents[1]))
