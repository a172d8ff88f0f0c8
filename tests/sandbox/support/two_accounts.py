"""Both stacks in one sandbox: the chain from account A's pod to account B's bucket."""

from typing import Any

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.demo import PROJECT_B
from sandbox.engine.stack import SandboxStack
from sandbox.session import Done, Session

NAMESPACE = "dev"
CHAIN, IRSA, KEY = "s3-app-chain", "s3-app", "s3-app-key"
ROLE_A = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app-A"
ROLE_B = f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-B"
SESSION_B = f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/xactarget"
BUCKET_A, BUCKET_B = "bucket-s3-app", "bucket-s3-app-b"
OBJECT = "ledger/2026-11.csv"

LIST = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET_B}"]
AS_B = ["--profile", "B"]
WHO = ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
ASSUME_B = ["aws", "sts", "assume-role", "--role-arn", ROLE_B, "--role-session-name", "test"]
LISTED = (0, OBJECT)


class Pair:
    """The repository's two stacks."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._is_up = False

    def up(self) -> None:
        """Bring both stacks up, unless they are."""
        if not self._is_up:
            self.open_a().up()
            self.open_b().up()
            self.session.aws("s3", ACCOUNT_B).put_object(
                Bucket=BUCKET_B, Key=OBJECT, Body=b"amount\n"
            )
        self._is_up = True

    def open_a(self, **options: Any) -> SandboxStack:
        return SandboxStack(self.session.state, **options)

    def open_b(self, **options: Any) -> SandboxStack:
        return SandboxStack(self.session.state, PROJECT_B, **options)

    def changed(self) -> None:
        """Say that the stacks are not as `up` left them."""
        self._is_up = False

    def empty_buckets(self) -> None:
        """S3 deletes no bucket that holds something."""
        self.session.empty_bucket(BUCKET_A)
        self.session.empty_bucket(BUCKET_B, ACCOUNT_B)

    def in_pod(self, command: list[str], workload: str = CHAIN) -> Done:
        return self.session.in_pod(NAMESPACE, workload, command)

    def listing(self, *options: str) -> tuple[int, str]:
        """Exit code of listing account B's bucket from the pod, and the object or the error."""
        done = self.in_pod([*LIST, *options])
        return done.code, OBJECT if OBJECT in done.output else done.output.strip()
