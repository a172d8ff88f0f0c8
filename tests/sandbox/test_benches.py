"""Every bench runs, and ends what it started when it is interrupted."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.benches.__main__ import BENCHES, FOLDER
from tests.support.processes import command_lines, ran


def test_every_bench_is_listed():
    assert sorted(BENCHES) == sorted(file.stem for file in FOLDER.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_runs_at_its_smallest_size(name):
    done = ran(sys.executable, FOLDER / f"{name}.py", *BENCHES[name].smallest.split())

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bench"] == name


def test_an_interrupted_bench_leaves_nothing_behind(tmp_path):
    options = {"env": {**os.environ, "TMPDIR": str(tmp_path)}, "stderr": subprocess.PIPE}
    command = [sys.executable, FOLDER / "reset.py"]
    with subprocess.Popen(command, start_new_session=True, text=True, **options) as bench:
        assert any(line.startswith("AWS: ") for line in bench.stderr), bench.stderr
        os.killpg(bench.pid, signal.SIGINT)
        said = bench.stderr.read()

    assert bench.returncode == 130, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in command_lines()
