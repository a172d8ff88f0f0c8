"""The files of exact versions that set-up installs."""

import re

from packaging.requirements import Requirement

from tests.support.paths import ROOT

LOCKED = (
    ROOT / "constraints.txt",
    ROOT / "sandbox/irsa_sandbox/tools/go.txt",
)


def requirements(text: str) -> list[Requirement]:
    """The requirements of a file, without pip's options and comments."""
    lines = (re.split(r" #| --hash| \\", line)[0] for line in text.splitlines())
    return [Requirement(line) for line in lines if re.match(r"\w", line)]


def locked_versions(
    platform: str, machine: str, python: str
) -> tuple[dict[str, str], dict[str, str]]:
    """The variables of markers on such a machine, and the versions that set-up installs there."""
    environment = {
        "sys_platform": platform,
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return environment, {
        found.name.lower().replace("_", "-"): next(iter(found.specifier)).version
        for found in requirements(LOCKED[0].read_text())
        if found.marker is None or found.marker.evaluate(environment)
    }
