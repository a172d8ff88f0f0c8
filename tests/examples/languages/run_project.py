"""Do OPERATION (up, preview, destroy) with the project in FOLDER, as its stack dev with CONFIG, as
JSON."""

import json
import sys

from pulumi import automation


def main(folder: str, operation: str, config: str) -> None:
    stack = automation.create_or_select_stack("dev", work_dir=folder)
    values = {key: automation.ConfigValue(value) for key, value in json.loads(config).items()}
    stack.set_all_config(values)
    getattr(stack, operation)(on_output=print)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except automation.CommandError as error:
        sys.exit(str(error))
