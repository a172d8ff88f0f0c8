"""Remedies as `python -m irsa verify` prints them, applied."""

import shlex
from pathlib import Path

import awscli
from awscli.clidriver import create_clidriver

from sandbox.session import Session
from tests.sandbox.support import in_process
from tests.sandbox.support.kubectl import Kubectl

# What importing the CLI put into the environment that is not there when it runs.
_AWS_CLI_DATA = {"AWS_DATA_PATH": str(Path(awscli.__file__).parent / "data")}


def apply(session: Session, commands: list[str], root_of: str | None = None) -> None:
    """Run the commands, as account A's administrator or an account's root.

    The AWS CLI runs in this process, which saves most of its second.
    """
    for command in commands:
        program, *arguments = shlex.split(command)
        if program == "kubectl":
            Kubectl(session).run(arguments)
        else:
            environment = {**session.state.aws_environment(root_of), **_AWS_CLI_DATA}
            done = in_process.run(_aws, arguments, session.state, environment)
            assert done.code == 0, f"{command}\n{done.out}{done.err}"


def _aws(arguments: list[str]) -> int:
    return create_clidriver().main(arguments)
