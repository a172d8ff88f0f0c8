"""The two stacks of a run: the repository's programs under a stack name of its own, by the CLI.

With a language host the CLI runs the programs as `pulumi up` does; without one, as in the sandbox,
they run in this process, as the Automation API's inline programs.
"""

import shutil
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation._stack import StackInitMode

from irsa_sandbox.engine.diagnostics import explain, left_locked
from irsa_sandbox.engine.stack import run_main, use_a_connection_for_each_engine
from tests.live.run import TAG, Refused, Run, say
from tests.support.paths import ROOT


def prepare(run: Run, network: Mapping[str, Any], deployer_b: str) -> None:
    """Write both projects into the run's folder, laid out as in the repository."""
    (run.private / "account_b").mkdir()
    (run.private / "stack_config.py").symlink_to(ROOT / "stack_config.py")
    tags = {TAG: run.tag}
    cluster = {"clusterName": run.prefix, **network}
    a = {"accountId": run.a.id, "accountBId": run.b.id, "cluster": cluster, "namespace": "dev"}
    a["tags"] = tags
    b: dict[str, Any] = {"accountId": run.b.id, "tags": tags}
    if deployer_b:
        b["assumeRoleArn"] = deployer_b
    for folder, project, settings in ((".", "irsa", a), ("account_b", "irsa-account-b", b)):
        target = run.private / folder
        (target / "__main__.py").symlink_to(ROOT / folder / "__main__.py")
        content = yaml.safe_load((ROOT / folder / "Pulumi.yaml").read_text("utf-8"))
        content["runtime"]["options"]["virtualenv"] = sys.prefix  # the packages of this run
        (target / "Pulumi.yaml").write_text(yaml.safe_dump(content))
        config = {f"{project}:{key}": value for key, value in settings.items()}
        # The stack's name is in every name that Pulumi makes, and no other run has it.
        config |= {"aws:region": run.region, "pulumi:autonaming": {"pattern": "${stack}-${name}"}}
        (target / f"Pulumi.{run.prefix}.yaml").write_text(yaml.safe_dump({"config": config}))


class Stack:
    """Account A's stack, or account B's, whose project `prepare` has written."""

    def __init__(self, run: Run, letter: str) -> None:
        self.title = f"account {letter}"
        folder = run.private if letter == "A" else run.private / "account_b"
        use_a_connection_for_each_engine()
        beside = Path(shutil.which("pulumi") or "").resolve().with_name("pulumi-language-python")
        has_host = beside.exists() or shutil.which(beside.name) is not None
        program = None if has_host else partial(run_main, folder)
        env = {
            "AWS_PROFILE": (run.a if letter == "A" else run.b).profile,
            "PULUMI_BACKEND_URL": f"file://{run.private / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": (run.private / "passphrase").read_text(),
            "PULUMI_SKIP_CHECKPOINTS": "false",  # a killed run must know what it has created
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        options = {"work_dir": str(folder), "program": program, "env_vars": env}
        workspace = automation.LocalWorkspace(**options)
        self._stack = automation.Stack(run.prefix, workspace, StackInitMode.CREATE_OR_SELECT)
        self.version = workspace.pulumi_version

    def up(self) -> None:
        """Run `pulumi up`; raises `pulumi.automation.CommandError`."""
        say(f"{self.title}: pulumi up")
        self._stack.up(on_output=say, show_secrets=False)

    def changes(self) -> set[str]:
        """Return the kinds of operations of another `up`."""
        say(f"{self.title}: pulumi preview")
        return set(self._stack.preview().change_summary)

    def destroy(self) -> None:
        """Run `pulumi destroy`; raises `Refused` while another process changes the stack."""
        say(f"{self.title}: pulumi destroy")
        destroy = partial(self._stack.destroy, on_output=say, show_secrets=False)
        try:
            destroy()
        except automation.errors.ConcurrentUpdateError as error:
            if not left_locked(error):
                raise Refused(f"{self.title}: {explain(error, {})}") from None
            self._stack.cancel()
            destroy()

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets in plain text."""
        return {name: output.value for name, output in self._stack.outputs().items()}

    def state(self) -> dict[str, Any]:
        """Return the exported state."""
        return vars(self._stack.export_stack())
