"""`python -m tools.bridged_aws.record`: the demo with the `pulumi-resource-aws` on PATH.

Its requests are kept for a test that needs no plugin.
"""

import json
import sys
import tempfile
from pathlib import Path

from irsa_sandbox import demo, lifecycle
from irsa_sandbox.errors import SandboxError
from irsa_sandbox.toolchain.plugins import Choice
from tools.bridged_aws.recorder import FILE, reads
from tools.environment import ROOT

KEPT = ROOT / "sandbox/tests/parts/aws/recorded_requests.jsonl"


def main() -> int:
    """Run the demo; returns its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        requests = Path(folder, "requests")
        Path(folder, "sitecustomize.py").write_text("import tools.bridged_aws.recorder\n")
        background = lifecycle.background
        lifecycle.background = lambda environ: {
            **background(environ), "PYTHONPATH": folder, FILE: str(requests),
        }  # fmt: skip
        try:
            code = demo.run(None, print, output="text", providers=Choice(frozenset({"aws"})))
        except SandboxError as error:
            sys.exit(f"record: {error}")
        if code:
            return code  # the recording of a run that failed is none
        lines = requests.read_text().splitlines()
    KEPT.write_text("".join(f"{line}\n" for line in _without_repeats(lines)))
    print(f"{KEPT.relative_to(ROOT)}: {len(lines)} requests")
    return 0


def _without_repeats(lines: list[str]) -> list[str]:
    """Leave out reads that were made before with the same answer: the provider waits by them."""
    seen: set[str] = set()
    kept: list[str] = []
    for line in lines:
        request = json.loads(line)
        if line not in seen or not reads(request["method"], request["body"]):
            kept.append(line)
        seen.add(line)
    return kept


if __name__ == "__main__":
    sys.exit(main())
