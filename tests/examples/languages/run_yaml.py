"""Do OPERATION (up, preview, destroy) with the example, as its stack dev with CONFIG, as JSON."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from pulumi import automation

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/yaml/Pulumi.yaml"


def main(operation: str, _project: str, config: str) -> None:
    folder = tempfile.mkdtemp(dir=".")
    shutil.copy(EXAMPLE, folder)
    stack = automation.create_or_select_stack("dev", work_dir=folder)
    for key, value in json.loads(config).items():
        stack.set_config(key, automation.ConfigValue(value))
    getattr(stack, operation)(on_output=print)


if __name__ == "__main__":
    main(*sys.argv[1:])
