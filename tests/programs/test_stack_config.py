"""A stack's configuration: each mistake is one good line, before anything is registered."""

import re
from pathlib import Path

import pytest
import yaml

from tests.support.engine import refusal, run_program, stack_file

MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text())
CASES = {
    f"{project}: {re.split('; | [(]', case['line'])[0]}": (project, case)
    for project, cases in MISTAKES.items()
    for case in cases
}


@pytest.mark.cases(("project", "case"), CASES)
def test_a_mistake_is_one_line_with_key_value_and_fix(project, case):
    folder = {"irsa": ".", "irsa-account-b": "account_b"}[project]
    config = {**stack_file(folder), **case["change"]}
    config = {key: value for key, value in config.items() if value is not None}

    assert refusal(config, folder=folder) == case["line"]


def test_every_mistake_has_its_own_line():
    config = {**stack_file(), "irsa:accountId": "1", "irsa:tgas": {}, "isra:tags": {}}

    keys = [line.partition(": ")[0] for line in refusal(config, lines=3).splitlines()]
    assert keys == ["isra:tags", "irsa:tgas", "irsa:accountId"]


def test_keys_of_the_providers_and_the_engine_are_left_to_them():
    others = {"aws:profile": "x", "kubernetes:context": "x", "pulumi:template": "x", "eks:x": "x"}

    assert run_program({**stack_file(), **others}).registered
