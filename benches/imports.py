"""Import time of the pure modules and of account A's program, against Pulumi's own.

Each import happens in a fresh process, which times it itself: the interpreter's start is left out.
"""

import argparse
import ast
import subprocess
import sys

from _measure import ROOT, medians, report, run

GOAL = 0.050  # seconds, for the pure modules
PURE = "import irsa.identity.arns, irsa.identity.policies"
DECIDE = "import irsa.decide.evaluate, irsa.decide.scenario"
BASELINE = "import pulumi"
MINUTES = 0.4


def main() -> None:
    """Time each import some times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    statements = {
        "pure": PURE,
        "decide": DECIDE,
        "pulumi": BASELINE,
        "program": _imports_of_the_program(),
    }
    for code in statements.values():
        _import_time(code)  # compiles what was never imported
    times = medians(
        options.repetitions,
        {name: lambda code=code: _import_time(code) for name, code in statements.items()},
    )
    report(
        {
            "bench": "imports",
            "repetitions": options.repetitions,
            "seconds": times,
            "ratio": {name: times[name] / times["pulumi"] for name in times},
            "goal": GOAL,
            "met": max(times["pure"], times["decide"]) < GOAL,
        }
    )


def _imports_of_the_program() -> str:
    tree = ast.parse((ROOT / "__main__.py").read_text())
    return "\n".join(
        ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))
    )


def _import_time(statements: str) -> float:
    code = f"import time\nstarted = time.perf_counter()\n{statements}\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(time.perf_counter() - started)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    run(main)
