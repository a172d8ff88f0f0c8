"""Does OPERATION (up, preview, destroy) with PROGRAM, as stack STACK with CONFIG, as JSON."""

import json
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

from pulumi import automation

PROGRAM = Path(sys.argv[1])


def main(operation: str, stack_name: str, config: str) -> None:
    if PROGRAM.name == "Pulumi.yaml":
        folder = tempfile.mkdtemp(dir=".")
        shutil.copy(PROGRAM, folder)
        stack = automation.create_or_select_stack(stack_name, work_dir=folder)
    else:
        stack = automation.create_or_select_stack(
            stack_name, "reports", lambda: runpy.run_path(str(PROGRAM)) and None
        )
    for key, value in json.loads(config).items():
        stack.set_config(key, automation.ConfigValue(value))
    getattr(stack, operation)(on_output=print)


if __name__ == "__main__":
    main(*sys.argv[2:])
