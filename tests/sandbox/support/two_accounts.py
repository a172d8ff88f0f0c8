"""Both stacks in one sandbox: the chain from account A's pod to account B's bucket."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi.automation as automation
from botocore.exceptions import ClientError

from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.aws.clients import AwsClients, Credentials
from sandbox.demo import PROJECT_B
from sandbox.engine.project import read_settings
from sandbox.engine.stack import ROOT, SandboxStack
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

Changes = dict[str, Any]


class Pair:
    """The example's two stacks. What a test changes, the next `up` takes back."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._is_up: tuple[Changes, Changes] | None = None

    def up(self, a: Changes | None = None, b: Changes | None = None) -> None:
        """Both stacks as in the example, with changes to the chain's workload on either side."""
        wanted = (a or {}, b or {})
        if self._is_up == wanted:
            return
        self.changed()
        self.open_a(wanted[0]).up()
        self.open_b(wanted[1]).up()
        self.session.aws("s3", ACCOUNT_B).put_object(Bucket=BUCKET_B, Key=OBJECT, Body=b"amount\n")
        self._is_up = wanted

    def open_a(
        self, changes: Changes | None = None, *, workload: str = CHAIN, **options: Any
    ) -> SandboxStack:
        config = changed_workload(ROOT, workload, changes or {})
        return SandboxStack(self.session.state, config=config, **options)

    def open_b(self, changes: Changes | None = None, **options: Any) -> SandboxStack:
        config = changed_workload(PROJECT_B, CHAIN, changes or {})
        return SandboxStack(self.session.state, PROJECT_B, config=config, **options)

    def changed(self) -> None:
        """Say that the stacks are not as `up` left them."""
        self._is_up = None

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

    def recreate_role_a(self, a: Changes | None = None) -> None:
        """Delete role A behind Pulumi's back, and have Pulumi make it again: another principal of
        the same name."""
        iam = self.session.aws("iam")
        for policy in iam.list_attached_role_policies(RoleName="s3-app-A")["AttachedPolicies"]:
            iam.detach_role_policy(RoleName="s3-app-A", PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName="s3-app-A")
        stack = self.open_a(a)
        stack.refresh()
        stack.up()

    def trust_of_b(self) -> Any:
        """Role B's trust policy as IAM shows it."""
        iam = self.session.aws("iam", ACCOUNT_B)
        return iam.get_role(RoleName="s3-app-B")["Role"]["AssumeRolePolicyDocument"]

    def as_role_a(self) -> AwsClients:
        """Clients with a session of role A, got with the pod's kind of token."""
        token = self.session.token(NAMESPACE, CHAIN)
        keys = self.session.aws("sts").assume_role_with_web_identity(
            RoleArn=ROLE_A, RoleSessionName="test", WebIdentityToken=token
        )["Credentials"]
        return AwsClients(
            Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]),
            self.session.state.aws_proxy,
            Path(self.session.state.aws_ca_bundle),
        )


def changes_of(stack: SandboxStack) -> dict[str, list[str]]:
    """What a preview would change, as `type::name` and the properties."""
    found: dict[str, list[str]] = {}

    def note(event: automation.EngineEvent) -> None:
        step = event.resource_pre_event and event.resource_pre_event.metadata
        if step and step.op not in ("same", "read"):
            kind, name = step.urn.split("::")[2:]
            found[f"{kind.rpartition('$')[2]}::{name}"] = sorted(step.diffs or [step.op])

    stack.preview(on_event=note)
    return found


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    """AWS's error code and message; ('', ...) for a request that was granted."""
    try:
        granted = call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "", json.dumps(granted, default=str)


def changed_workload(project: Path, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The stack's list of workloads with changes to one, as configuration to open it with."""
    settings = read_settings(project)
    key = next(key for key in settings if key.endswith(":workloads"))
    workloads = [
        merged(workload, changes) if workload["name"] == name else workload
        for workload in settings[key]
    ]
    return {key: workloads}


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with ``changes``, which may reach into nested sections."""
    result = dict(values)
    for name, value in changes.items():
        inner = result.get(name)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            result[name] = merged(inner, value)
        else:
            result[name] = value
    return result
