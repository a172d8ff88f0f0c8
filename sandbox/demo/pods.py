"""Commands in the demo's Pods, as a person would type them."""

import re

from ..session import Done, Session

NAMESPACE = "dev"
ENVIRONMENT = "sh -c 'env | grep ^AWS | sort'"
TOKEN = "sh -c 'cat $AWS_WEB_IDENTITY_TOKEN_FILE'"  # noqa: S105 - the command that prints it

# What leads to the emulator, the sandbox adds; a real pod has no such variables.
_SANDBOX_LINES = re.compile(r"^AWS_(?:CA_BUNDLE|EC2_METADATA_DISABLED)=.*\n?", re.MULTILINE)


def in_pod(session: Session, workload: str, command: str) -> tuple[str, Done]:
    """Run ``command`` in a workload's Pod; return it as typed, and how it ended."""
    quoted = re.fullmatch(r"sh -c '(.*)'", command)
    arguments = ["sh", "-c", quoted[1]] if quoted else command.split()
    done = session.in_pod(NAMESPACE, workload, arguments)
    shown = f"python -m sandbox exec {NAMESPACE}/{workload} -- {command}"
    return shown, Done(done.code, _SANDBOX_LINES.sub("", done.output))
