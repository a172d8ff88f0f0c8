"""Remedies as `python -m irsa verify` prints them, applied."""

import contextlib
import json
import shlex
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import awscli
from awscli.clidriver import create_clidriver
from botocore.exceptions import ClientError

from irsa.access import allows, trusts_role, trusts_service_account
from irsa.decide.verdict import Verdict
from irsa.identity.arns import bucket_arn, name_of, role_arn
from irsa.identity.eks import AUDIENCE_ANNOTATION, STS_AUDIENCE
from irsa.observe.facts import PermissionsPolicy, Role, ServiceAccount
from irsa.observe.iam_calls import read_managed, read_policies
from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from sandbox.json_types import Json
from sandbox.session import Session
from tests.sandbox.support import in_process
from tests.sandbox.support.kubectl import NAME, Kubectl
from tests.sandbox.support.workload import Workload
from tests.support.no_gain import no_gain

# What importing the CLI put into the environment that is not there when it runs.
_AWS_CLI_DATA = {"AWS_DATA_PATH": str(Path(awscli.__file__).parent / "data")}
_ALL = PermissionsPolicy("all", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
STRANGERS = tuple(
    Role(role_arn(account, "stranger"), f"AROASTRANGER{account}", {}, policies=(_ALL,))
    for account in (ACCOUNT_A, ACCOUNT_B)
)


class Call(NamedTuple):
    """A call of a role, or of a service account with a token for an audience."""

    caller: str
    action: str
    resource: str


def apply(workload: Workload, commands: list[str], root_of: str | None = None) -> None:
    """Run the commands, as account A's administrator or an account's root.

    The AWS CLI runs in this process, which saves most of its second.
    """
    session = workload.session
    with nothing_gained(session, workload.namespace):
        for command in commands:
            program, *arguments = shlex.split(command)
            if program == "kubectl":
                Kubectl(session).run(arguments)
                continue
            environment = {**session.state.aws_environment(root_of), **_AWS_CLI_DATA}
            done = in_process.run(_aws, arguments, session.state, environment)
            assert done.code == 0, f"{command}\n{done.out}{done.err}"


@contextlib.contextmanager
def nothing_gained(session: Session, namespace: str, *roles: str) -> Iterator[None]:
    """Check that only the workload's own roles, by name, may do more afterwards than before."""
    own = {namespace, f"{namespace}-b", *roles}
    before = answers(session, namespace)
    yield
    no_gain(before, answers(session, namespace), but=lambda call: name_of(call.caller) in own)


def answers(session: Session, namespace: str) -> dict[Call, Verdict]:
    """The evaluator's answers to calls of every role, of strangers, and of service accounts."""
    found: dict[Call, Verdict] = {}
    known = [role for account in (ACCOUNT_A, ACCOUNT_B) for role in _roles(session, account)]
    for account, bucket, policy in _buckets(session, namespace):
        for role, action in product((*known, *STRANGERS), ("s3:ListBucket", "s3:GetObject")):
            arn = bucket_arn(bucket) + ("" if action == "s3:ListBucket" else "/x")
            found[Call(role.arn, action, arn)] = allows(
                role, action, arn,
                session_name="neighbour", resource_account=account, resource_policy=policy,
            ).verdict  # fmt: skip
    for role, caller in product(known, (*known, *STRANGERS)):
        found[Call(caller.arn, "sts:AssumeRole", role.arn)] = trusts_role(
            role, caller, session_name="neighbour", external_id="", duration=900
        ).verdict
    accounts = [(namespace, "default"), (namespace, "ap"), (namespace, "worker-1"), ("other", NAME)]
    for role, at, audience in product(known, accounts, (STS_AUDIENCE, "vault")):
        account = ServiceAccount(*at, {AUDIENCE_ANNOTATION: audience})
        found[Call(":".join(at), f"a token for {audience}", role.arn)] = trusts_service_account(
            role, account,
            issuer_url=session.state.issuer_url, session_name="neighbour", now=time.time(),
        ).verdict  # fmt: skip
    return found


def _roles(session: Session, account: str) -> Iterator[Role]:
    iam = session.aws("iam", account)
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        bound = iam.get_role(RoleName=name)["Role"].get("PermissionsBoundary")
        yield Role(
            role["Arn"],
            role["RoleId"],
            role["AssumeRolePolicyDocument"],
            policies=tuple(read_policies(iam, name)),
            boundary=read_managed(iam, bound["PermissionsBoundaryArn"]) if bound else None,
        )


def _buckets(session: Session, namespace: str) -> Iterator[tuple[str, str, Json | None]]:
    """Every bucket's account, name and policy; the workload's also while they do not exist."""
    owners = {f"{namespace}-data": ACCOUNT_A, f"{namespace}-b": ACCOUNT_B}
    for account in (ACCOUNT_A, ACCOUNT_B):
        listed = session.aws("s3", account).list_buckets()["Buckets"]
        owners |= {bucket["Name"]: account for bucket in listed}
    for bucket, account in owners.items():
        policy: Json | None = None
        with contextlib.suppress(ClientError):
            s3 = session.aws("s3", account)
            policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        yield account, bucket, policy


def _aws(arguments: list[str]) -> int:
    return create_clidriver().main(arguments)
