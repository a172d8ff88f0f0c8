"""The commands of docs/examples' workflows are the built Pulumi CLI's."""

import subprocess

import pytest

from tests.unit.tools.docs.test_fleet import WORKFLOWS, commands

pytestmark = pytest.mark.sandbox


def test_every_option_of_a_workflows_pulumi_is_one(session):
    found = [words for file in WORKFLOWS for words in commands(file) if words[0] == "pulumi"]

    assert len(found) == 6
    for _, operation, *words in found:
        asked = subprocess.run(
            [session.state.pulumi, operation, "--help"], capture_output=True, text=True, check=True
        )
        for option in (word for word in words if word.startswith("--")):
            assert f" {option} " in asked.stdout, f"pulumi {operation} has no {option}"
