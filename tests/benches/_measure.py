"""Shared parts of the benches: medians of interleaved runs, progress, one JSON on stdout."""

import argparse
import json
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from irsa.commands.terminal import on_interrupt, quietly
from irsa_sandbox import lifecycle
from irsa_sandbox.state import SandboxError

ROOT = Path(__file__).resolve().parents[1]


def progress(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr, flush=True)


def options(purpose: str | None, **defaults: int) -> argparse.Namespace:
    """Read a bench's options, which are whole numbers."""
    parser = argparse.ArgumentParser(description=purpose)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def report(result: Mapping[str, Any]) -> None:
    """Print the bench's one JSON object."""
    print(json.dumps(result, indent=1))


def judge(
    bench: str,
    options: argparse.Namespace,
    ratios: Mapping[str, float],
    goals: Mapping[str, float],
    **more: Any,
) -> None:
    """Report ratios, and whether those that have a goal do not exceed it."""
    rounded = {name: round(ratio, 2) for name, ratio in ratios.items()}
    met = all(ratios[name] <= goal for name, goal in goals.items())
    report({"bench": bench, **vars(options), "ratios": rounded, "goals": goals, **more, "met": met})


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def cpu_seconds(run: Callable[[], object]) -> float:
    """CPU time of one run, and of processes that it waits for: what else the machine does counts
    less."""

    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    started = used()
    run()
    return used() - started


def run(main: Callable[[], None]) -> None:
    """Run a bench; `kill` ends it as Ctrl-C does, and either way it takes down what it started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        sys.exit(quietly(lambda: main() or 0))
    except SandboxError as error:
        sys.exit(f"error: {error}")


@contextmanager
def own_folder() -> Iterator[Path]:
    """A temporary folder for a sandbox. Both are gone afterwards, however the bench ends."""
    folder = Path(tempfile.mkdtemp(prefix="irsa-bench-"))
    try:
        yield folder
    finally:
        with on_interrupt(signal.SIG_IGN):
            lifecycle.down(folder)
            shutil.rmtree(folder, ignore_errors=True)


def medians(repetitions: int, sides: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Median of what each side returns, its seconds.

    The sides take turns, and who begins changes, so that whatever else the machine does slows all
    of them.
    """
    samples: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides)
    for repetition in range(repetitions):
        for name in order:
            samples[name].append(sides[name]())
            progress(f"{repetition + 1}/{repetitions} {name}: {samples[name][-1]:.3f} s")
        order.reverse()
    return {name: statistics.median(times) for name, times in samples.items()}
