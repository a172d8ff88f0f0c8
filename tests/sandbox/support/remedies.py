"""Remedies as `python -m irsa verify` prints them, applied."""

import contextlib
import json
import shlex
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

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
SESSION = "neighbour"
ATTEMPTS = 3
"""Links that can be broken at once: a role that is made again needs a policy, too."""
STRANGERS = tuple(
    Role(role_arn(account, "stranger"), f"AROASTRANGER{account}", {}, policies=(_ALL,))
    for account in (ACCOUNT_A, ACCOUNT_B)
)


def remedied(workload: Workload, link: str, found: str) -> Json:
    """Verify a broken chain, which fails at this link, and apply remedies until none is left.

    Returns the last result.
    """
    done = workload.verify()
    [result] = done.json
    failing = next(each for each in result["links"] if each["link"] == link)
    assert (done.code, result["failing_link"]) == (1, link), done.out
    assert found in failing["found"]
    for _ in range(ATTEMPTS):
        apply(workload, failing["commands"])
        [result] = workload.verify().json
        if result["verdict"] != "failed":
            break
        failing = next(e for e in result["links"] if e["link"] == result["failing_link"])
    return result


def apply(workload: Workload, commands: list[str], root_of: str | None = None) -> None:
    """Run the commands, as account A's administrator or an account's root.

    The AWS CLI runs in this process, which saves most of its second.
    """
    session = workload.session
    with nothing_gained(session, workload.namespace):
        for command in commands:
            program, *arguments = shlex.split(command)
            if program == "python":  # -m irsa move
                done = workload.world.irsa(*arguments[2:])
                assert done.code in (0, 4), done.err
                continue
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
    before = dict(_answers(session, namespace))
    yield
    after = dict(_answers(session, namespace))
    no_gain(before, after, but=lambda call: name_of(call[0]) in own)


def _answers(session: Session, namespace: str) -> Iterator[tuple[tuple[str, str, str], Verdict]]:
    """The evaluator's answers to a caller, an action and a resource: of every role, of strangers,
    and of service accounts with tokens for two audiences."""
    known = [role for account in (ACCOUNT_A, ACCOUNT_B) for role in _roles(session, account)]
    callers = (*known, *STRANGERS)
    for (account, bucket, policy), role in product(_buckets(session, namespace), callers):
        for action, key in (("s3:ListBucket", None), ("s3:GetObject", "x")):
            arn = bucket_arn(bucket, key)
            bound = {"resource_account": account, "resource_policy": policy}
            judged = allows(role, action, arn, session_name=SESSION, **bound)
            yield (role.arn, action, arn), judged.verdict
    for role, caller in product(known, callers):
        asked = {"session_name": SESSION, "external_id": "", "duration": 900}
        yield (caller.arn, "sts:AssumeRole", role.arn), trusts_role(role, caller, **asked).verdict
    names = [(namespace, "default"), (namespace, "ap"), (namespace, "worker-1"), ("other", NAME)]
    asked = {"issuer_url": session.state.issuer_url, "session_name": SESSION, "now": time.time()}
    for role, name, audience in product(known, names, (STS_AUDIENCE, "vault")):
        judged = trusts_service_account(
            role, ServiceAccount(*name, {AUDIENCE_ANNOTATION: audience}), **asked
        )
        yield (":".join(name), audience, role.arn), judged.verdict


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
