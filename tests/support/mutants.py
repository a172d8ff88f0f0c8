"""Run tests on mutated code: reads a JSON list of cases, writes each one's exit code and output.

Started as `python -m tests.support.mutants` in a copy of the repository. Pytest and Pulumi's SDKs
are loaded once, and each case is a fork of that process. In the end, the tests that have failed run
on the code as it is.
"""

import json
import os
import sys
from pathlib import Path

import hypothesis  # noqa: F401 - loaded before the forks, as the next ones are
import pulumi_aws  # noqa: F401
import pulumi_eks  # noqa: F401
import pulumi_kubernetes  # noqa: F401
import pytest

OPTIONS = [
    *("-q", "-x", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir=."),
    *("-c", "/dev/null", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
]
FAILED = Path("failed")


class Recorder:
    """A plugin of pytest that notes the tests that have failed."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with FAILED.open("a") as file:
                file.write(f"{report.nodeid}\n")


def run(tests: list[str]) -> tuple[int, str]:
    """Exit code and output of a pytest that runs in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        code = pytest.main([*OPTIONS, *tests], [Recorder()])
        sys.stdout.flush()
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as output:
        text = output.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def main() -> None:
    outcomes: dict[str, tuple[int, str]] = {}
    for case in json.load(sys.stdin):
        file = Path(case["file"])
        code = file.read_text()
        file.write_text(code.replace(case["old"], case["new"]))
        outcomes[case["name"]] = run(case["tests"].split())
        file.write_text(code)
    outcomes["untouched"] = run(sorted(set(FAILED.read_text().splitlines())))
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
