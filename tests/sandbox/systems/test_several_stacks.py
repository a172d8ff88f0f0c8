"""Stacks `dev` and `prod` of both programs, side by side on another stack's cluster."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.demo import PROJECT_B, left_overs
from irsa_sandbox.engine.stack import ROOT, SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.programs import unchanged

pytestmark = pytest.mark.sandbox

CLUSTER = {"irsa:cluster": {"clusterName": "platform", "existing": True}}
SYSTEMS = {"s3-app-key": "", "s3-app": "", "s3-app-chain": " --profile B"}
"""Workloads, and the option with which their commands are in their bucket's account."""


class Pair(NamedTuple):
    """Both programs' stacks of one name."""

    session: Session
    name: str
    a: SandboxStack
    b: SandboxStack

    def up(self) -> None:
        for stack, account in ((self.a, ACCOUNT_A), (self.b, ACCOUNT_B)):
            stack.up()
            bucket = stack.outputs()["bucket"]
            self.session.aws("s3", account).put_object(Bucket=bucket, Key=f"of-{self.name}")

    def destroy(self) -> None:
        for stack in (self.b, self.a):
            stack.destroy()

    def listings(self, buckets: str = "$BUCKET") -> Iterator[str]:
        """List a bucket in the pods of each system."""
        for workload, option in SYSTEMS.items():
            command = ["sh", "-c", f"aws s3 ls --recursive s3://{buckets}{option}"]
            yield self.session.in_pod(self.name, workload, command).output


def pair(session: Session, name: str) -> Pair:
    """Open both stacks, which differ from the repository's by configuration alone."""
    a, b = (
        yaml.safe_load((folder / "Pulumi.dev.yaml").read_text())["config"]
        for folder in (ROOT, PROJECT_B)
    )
    a |= {**CLUSTER, "irsa:namespace": name}
    opened = SandboxStack(session.state, stack=name, config=a)
    return Pair(session, name, opened, SandboxStack(session.state, PROJECT_B, stack=name, config=b))


def test_two_stacks_of_each_program_share_accounts_and_cluster(session: Session):
    for project in (PROJECT_B, ROOT):  # an earlier module may have left them
        SandboxStack(session.state, project).destroy()
    before = [left_overs(session, account) for account in (ACCOUNT_A, ACCOUNT_B)]
    platform = SandboxStack(session.state, ROOT / "examples/platform")
    platform.up()
    dev, prod = pairs = [pair(session, name) for name in ("dev", "prod")]
    for each in pairs:
        each.up()

    for own, other in ((dev, prod), (prod, dev)):
        for stack in (own.a, own.b):
            unchanged(stack)
        assert all(f"of-{own.name}" in listing for listing in own.listings())
        for stack in (other.a, other.b):
            for listing in own.listings(stack.outputs()["bucket"]):
                assert "An error occurred (AccessDenied)" in listing
    prod.destroy()
    assert all("of-dev" in listing for listing in dev.listings())
    for stack in (dev.a, dev.b):
        unchanged(stack)
    dev.destroy()
    platform.destroy()
    assert [left_overs(session, account) for account in (ACCOUNT_A, ACCOUNT_B)] == before
