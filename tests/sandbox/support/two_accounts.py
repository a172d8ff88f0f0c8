"""Both stacks in one sandbox: the chain from account A's pod to account B's bucket."""

from typing import Any

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.demo import PROJECT_B
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.session import Done, Session

NAMESPACE = "dev"
ROLE_A = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app-A"
BUCKET_A, BUCKET_B = "bucket-s3-app", "bucket-s3-app-b"
OBJECT = "ledger/2026-11.csv"


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

    def in_pod(self, command: list[str], workload: str) -> Done:
        return self.session.in_pod(NAMESPACE, workload, command)
