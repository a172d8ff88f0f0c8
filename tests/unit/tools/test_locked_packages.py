"""Every package that set-up installs has one version and its hashes."""

import re

import pytest

from tests.support.locked import LOCKED, locked_versions, requirements
from tests.support.paths import ROOT


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
    environment, locked = locked_versions(platform, machine, python)
    for wanted in requirements((ROOT / "requirements-dev.txt").read_text()):
        if wanted.marker is None or wanted.marker.evaluate(environment):
            assert wanted.specifier.contains(locked[wanted.name]), wanted
