"""The tests notice when the code that denies access is broken, one line of it at a time."""

import json
import os
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest
import yaml

from tests.support.paths import ROOT

COPIED = [
    *("Pulumi.yaml", "Pulumi.dev.yaml"),
    *("components", "command", "account_b", "__main__.py", "stack_config.py"),
    *(f"tests/{part}" for part in ("unit", "programs", "support")),
]


class Mutation(NamedTuple):
    """One broken line, and the tests that must fail."""

    name: str
    file: str
    tests: str
    old: str
    new: str


MUTATIONS = [
    Mutation(file=group["file"], tests=group["tests"], **each)
    for group in yaml.safe_load((ROOT / "tests" / "mutations.yaml").read_text())
    for each in group["mutations"]
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and output of the tests of every mutation, on a copy of the tree, and of those that
    failed on the code as it is."""
    folder = tmp_path_factory.mktemp("mutated")
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (folder / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, folder / name)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.mutants"],
        cwd=folder,
        env={
            "PYTHONPATH": os.pathsep.join(
                str(folder / part) for part in (".", "components", "command")
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CI": "true",  # Hypothesis then has no deadlines
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        input=json.dumps([each._asdict() for each in MUTATIONS]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_untouched_code_passes_what_failed(outcomes) -> None:
    code, output = outcomes["untouched"]
    assert code == pytest.ExitCode.OK, output


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_broken_code_fails_its_tests(mutation: Mutation, outcomes) -> None:
    code = (ROOT / mutation.file).read_text()
    assert code.count(mutation.old) == 1, f"{mutation.file} no longer has {mutation.old!r} once"
    exit_code, output = outcomes[mutation.name]
    assert exit_code == pytest.ExitCode.TESTS_FAILED, output
