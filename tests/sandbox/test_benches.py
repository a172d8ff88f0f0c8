"""Every bench runs."""

import json
import sys

import pytest

from tests.benches.__main__ import BENCHES, FOLDER
from tests.support.processes import ran


def test_every_bench_is_listed():
    assert sorted(BENCHES) == sorted(file.stem for file in FOLDER.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_runs_at_its_smallest_size(name):
    done = ran(sys.executable, FOLDER / f"{name}.py", *BENCHES[name].smallest.split())

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bench"] == name
