"""The policy pack under the real engine: in previews, and over exported states."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pulumi.automation as automation

from irsa_sandbox.engine.stack import ROOT, SandboxStack
from irsa_sandbox.errors import SandboxError

PACK = ROOT / "command" / "irsa-policies"


class Violation(NamedTuple):
    rule: str
    name: str
    """The resource's logical name."""
    level: str
    message: str


class Checked(NamedTuple):
    violations: list[Violation]
    error: str
    """The engine's, when a mandatory rule stopped it."""

    @property
    def rules(self) -> set[tuple[str, str]]:
        return {(each.rule, each.name) for each in self.violations}


def previewed(
    stack: SandboxStack, config: Mapping[str, Any] | None = None, folder: Path | None = None
) -> Checked:
    """A preview with the pack; ``config`` is written into ``folder``."""
    found: list[Violation] = []

    def note(event: automation.EngineEvent) -> None:
        said = event.policy_event
        if said:
            name = said.resource_urn.rpartition("::")[2]
            found.append(Violation(said.policy_name, name, said.enforcement_level, said.message))

    options: dict[str, Any] = {"policy_packs": [str(PACK)]}
    if config is not None and folder is not None:
        options["policy_pack_configs"] = [str(_written(folder / "policy.json", config))]
    error = ""
    try:
        stack.preview(on_event=note, **options)
    except SandboxError as failed:
        error = str(failed)
    return Checked(found, error)


def analyzed(
    pulumi: str,
    deployment: Mapping[str, Any],
    folder: Path,
    config: Mapping[str, Any] | None = None,
) -> Checked:
    """`pulumi policy analyze` over a state, which needs neither a backend nor a language host."""
    state = _written(folder / "state.json", {"version": 3, "deployment": deployment})
    command = [pulumi, "policy", "analyze", "--json", "--file", state, "--policy-pack", PACK]
    if config is not None:
        command += ["--policy-pack-config", _written(folder / "policy.json", config)]
    env = {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PATH": "/bin:/usr/bin",
    }
    done = subprocess.run(
        list(map(str, command)), env=env, capture_output=True, text=True, check=False
    )
    lines = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    keys = ("policyName", "resourceUrn", "enforcementLevel", "message")
    events = (line["policyEvent"] for line in lines if "policyEvent" in line)
    found = [Violation(*(each[key] for key in keys)) for each in events]
    named = [each._replace(name=each.name.rpartition("::")[2]) for each in found]
    return Checked(named, done.stdout + done.stderr if done.returncode else "")


def _written(file: Path, content: Mapping[str, Any]) -> Path:
    file.write_text(json.dumps(content))
    return file
