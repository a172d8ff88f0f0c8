"""Every package that set-up installs has one version and its hashes."""

import re

import pytest
from packaging.requirements import Requirement

from tests.support.paths import ROOT
from tools.environment import REQUIREMENTS

LOCKED = (
    ROOT / "constraints.txt",
    ROOT / "sandbox" / "tools" / "go.txt",
    ROOT / "policy_pack" / "locked.txt",
)


def requirements(text: str) -> list[Requirement]:
    """The requirements of a file, without pip's options and comments."""
    lines = (re.split(r" #| --hash| \\", line)[0] for line in text.splitlines())
    return [Requirement(line) for line in lines if re.match(r"\w", line)]


@pytest.mark.parametrize("file", LOCKED, ids=lambda file: file.name)
def test_every_package_is_pinned_with_its_hashes(file):
    text = file.read_text()
    entries = re.split(r"\n(?=\w)", "\n".join(text.splitlines()[2:]))

    assert len(entries) == len(requirements(text))
    for entry in entries:
        first, *hashes = entry.split(" \\\n")
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ;.+)?", first)
        assert hashes
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line) for line in hashes)


@pytest.mark.parametrize("file", LOCKED, ids=lambda file: file.name)
def test_no_index_is_named(file):
    assert "://" not in file.read_text()
    assert "index" not in file.read_text()


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_what_is_required_is_locked_in_a_version_that_fits(platform, machine, python):
    environment = {
        "sys_platform": platform,
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    locked = {
        found.name.lower().replace("_", "-"): next(iter(found.specifier)).version
        for file in (LOCKED[0], LOCKED[2])
        for found in requirements(file.read_text())
        if found.marker is None or found.marker.evaluate(environment)
    }
    for name in REQUIREMENTS:
        for wanted in requirements((ROOT / name).read_text()):
            if wanted.marker is None or wanted.marker.evaluate(environment):
                assert wanted.specifier.contains(locked[wanted.name]), wanted
