"""Writes what comes from the code into the documents: `python -m tools.docs`.

With ``--check`` nothing is written, and the exit code is 1 when something is old. With ``--demo
FILE`` the demo's transcripts are renewed as well, from what `python -m sandbox demo --output json`
prints.
"""

import argparse
import json
import sys
from pathlib import Path

from tools.docs import generated, transcripts


def main() -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say what is old")
    parser.add_argument("--demo", type=Path, metavar="FILE", help="renew the demo's transcripts")
    options = parser.parse_args()
    if options.demo is not None:
        checks = {each["key"]: each for each in json.loads(options.demo.read_text())}
        for document in generated.documents():
            document.write_text(transcripts.update(document.read_text(), checks))
    old = generated.old()
    if options.check:
        for path in old:
            print(f"{path.relative_to(generated.ROOT)} is old; run `make docs`", file=sys.stderr)
        return 1 if old else 0
    for path, text in old.items():
        path.write_text(text)
        print(f"wrote {path.relative_to(generated.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
