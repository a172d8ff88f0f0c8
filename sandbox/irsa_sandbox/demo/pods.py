"""Commands in the Pods of the demo's workloads, as a person would type them, and checks of them."""

import re
from functools import partial

from ..session import Done, Session
from .record import Record

NAMESPACE = "dev"
ENVIRONMENT = "sh -c 'env | grep ^AWS | sort'"
TOKEN = "sh -c 'cat $AWS_WEB_IDENTITY_TOKEN_FILE'"  # noqa: S105 - the command that prints it
CALLER = "aws sts get-caller-identity"

# The sandbox's own variables; a real Pod has none of them.
_SANDBOX_LINES = re.compile(r"^AWS_(?:CA_BUNDLE|EC2_METADATA_DISABLED)=.*\n?", re.MULTILINE)


class PodChecks:
    """Checks of one workload by commands in its Pod."""

    def __init__(
        self, session: Session, record: Record, workload: str, namespace: str = NAMESPACE
    ) -> None:
        self._session = session
        self._record = record
        self._workload = workload
        self._namespace = namespace

    def typed(self, command: str) -> str:
        """The command as a person types it."""
        return f"python -m irsa_sandbox exec {self._namespace}/{self._workload} -- {command}"

    def run(self, command: str) -> Done:
        """Run ``command``."""
        quoted = re.fullmatch(r"sh -c '(.*)'", command)
        arguments = ["sh", "-c", quoted[1]] if quoted else command.split()
        done = self._session.in_pod(self._namespace, self._workload, arguments)
        return Done(done.code, _SANDBOX_LINES.sub("", done.output))

    def prints(
        self, key: str, title: str, command: str, *expected: str, without: str | None = None
    ) -> None:
        """Check that ``command`` succeeds, and prints all that is expected."""

        def passed(done: Done) -> bool:
            printed = all(text in done.output for text in expected)
            return done.code == 0 and printed and (without is None or without not in done.output)

        self._record.ask(key, title, self.typed(command), partial(self.run, command), passed)

    def is_denied(self, key: str, title: str, command: str, error: str) -> None:
        """Check that ``command`` fails with ``error``."""
        self._record.denied(key, title, self.typed(command), partial(self.run, command), error)
