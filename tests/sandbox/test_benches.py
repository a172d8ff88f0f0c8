"""A bench says how long it takes, and ends what it started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benches.__main__ import FOLDER, minutes_of

BENCHES = sorted(FOLDER.glob("[a-z]*.py"))


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.stem)
def test_a_bench_says_how_long_it_takes(bench):
    assert 0 < minutes_of(bench) < 30


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("sign", "moment"), [(signal.SIGINT, "Kubernetes"), (signal.SIGTERM, "1/5 verify")]
)
def test_what_a_bench_started_ends_with_it(tmp_path: Path, sign: signal.Signals, moment: str):
    with subprocess.Popen(
        [sys.executable, FOLDER / "verify.py"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    ) as bench:
        assert bench.stderr is not None
        assert any(line.startswith(moment) for line in bench.stderr)
        os.killpg(bench.pid, sign)
        said = bench.stderr.read()

    assert bench.returncode == 130, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
    running = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True)
    assert str(tmp_path) not in running.stdout
