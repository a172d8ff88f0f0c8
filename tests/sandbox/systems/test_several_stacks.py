"""Stacks `dev` and `prod` of both programs, side by side on another stack's cluster."""

import yaml

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.demo import PROJECT_B, left_overs
from irsa_sandbox.engine.stack import ROOT, SandboxStack
from irsa_sandbox.session import Session
from tests.sandbox.support.programs import unchanged

ACCOUNTS = {ROOT: ACCOUNT_A, PROJECT_B: ACCOUNT_B}
SYSTEMS = {"s3-app-key": "", "s3-app": "", "s3-app-chain": " --profile B"}
"""Workloads, and the option with which their commands are in their bucket's account."""


def stacks_of(session: Session, name: str) -> dict[str, SandboxStack]:
    """Bring both programs up by configuration alone; return the stacks by their buckets."""
    stacks: dict[str, SandboxStack] = {}
    for project, account in ACCOUNTS.items():
        config = yaml.safe_load((project / "Pulumi.dev.yaml").read_text())["config"]
        if project == ROOT:
            existing = {"clusterName": "platform", "existing": True}
            config |= {"irsa:cluster": existing, "irsa:namespace": name}
        stack = SandboxStack(session.state, project, stack=name, config=config)
        stack.up()
        bucket = stack.outputs()["bucket"]
        session.aws("s3", account).put_object(Bucket=bucket, Key=f"of-{name}")
        stacks[bucket] = stack
    return stacks


def listings(session: Session, namespace: str, bucket: str = "$BUCKET") -> list[str]:
    """List a bucket in the pods of each system."""
    shell = {name: f"aws s3 ls --recursive s3://{bucket}{SYSTEMS[name]}" for name in SYSTEMS}
    return [session.in_pod(namespace, each, ["sh", "-c", shell[each]]).output for each in shell]


def test_two_stacks_of_each_program_share_accounts_and_cluster(session: Session):
    for project in (PROJECT_B, ROOT):  # an earlier module may have left them
        SandboxStack(session.state, project).destroy()
    before = [left_overs(session, account) for account in ACCOUNTS.values()]
    platform = SandboxStack(
        session.state, ROOT / "examples/platform", config={"platform:deletionProtection": False}
    )
    platform.up()
    dev, prod = (stacks_of(session, name) for name in ("dev", "prod"))

    for name, stacks, other in (("dev", dev, prod), ("prod", prod, dev)):
        assert [listing for listing in listings(session, name) if f"of-{name}" not in listing] == []
        for bucket in other:
            refused = listings(session, name, bucket)
            assert [listing for listing in refused if "(AccessDenied)" not in listing] == []
        for stack in stacks.values():
            unchanged(stack)
    for stack in reversed(prod.values()):
        stack.destroy()
    assert [listing for listing in listings(session, "dev") if "of-dev" not in listing] == []
    for stack in reversed(dev.values()):
        unchanged(stack)
        stack.destroy()
    platform.destroy()
    assert [left_overs(session, account) for account in ACCOUNTS.values()] == before
