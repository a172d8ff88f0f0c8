"""Write the generated parts of the documents: `python -m tools.docs`.

With ``--check`` nothing is written, and the exit code is 1 when a file is outdated. With ``--demo
FILE`` the demo's transcripts are renewed as well, from the output of
`python -m irsa_sandbox demo --output json`.
"""

import argparse
import json
import sys
from pathlib import Path

from tools.docs import generated, json_page
from tools.environment import ROOT


def main() -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; list the outdated files"
    )
    parser.add_argument("--demo", type=Path, metavar="FILE", help="renew the demo's transcripts")
    options = parser.parse_args()
    if options.demo is not None:
        checks = {e["key"]: e for e in json.loads(options.demo.read_text())["checks"]}
        for document in generated.documents():
            document.write_text(generated.with_transcripts(document.read_text(), checks))
    if problems := json_page.problems():
        print(*(f"docs/json.md: {problem}" for problem in problems), sep="\n", file=sys.stderr)
        return 1
    outdated = generated.outdated()
    if options.check:
        for path in outdated:
            print(f"{path.relative_to(ROOT)} is outdated; run `make docs`", file=sys.stderr)
        return 1 if outdated else 0
    for path, text in outdated.items():
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
