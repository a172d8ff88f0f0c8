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

from irsa.access import allows
from irsa.decide.truth import Verdict
from irsa.identity.arns import ClusterArn, bucket_arn, name_of, role_arn
from irsa.observe.facts import PermissionsPolicy, Role
from irsa.observe.iam import read_managed, read_policies
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.json_types import Json
from irsa_sandbox.session import Session
from tests.sandbox.support import in_process
from tests.sandbox.support.kubectl import NAME, Kubectl
from tests.sandbox.support.workload import Workload
from tests.support.no_gain import Sessions, no_gain, no_loss, session_answers, seven_accounts

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
    """Check that only the workload's own roles, by name, may do more afterwards than before, and
    that its own service account alone gets sessions that it did not; no other caller loses one."""
    own = {namespace, f"{namespace}-b", *roles}
    before, asked = dict(_answers(session, namespace)), dict(_sessions(session, namespace))
    yield
    after, sessions = dict(_answers(session, namespace)), dict(_sessions(session, namespace))
    no_gain(before, after, but=lambda call: name_of(call[0]) in own)
    no_gain(asked, sessions, but=lambda call: _is_own(call, namespace, own))
    # Of the workload's own role, subjects that are misspelt lose what they had.
    others = {each.arn for account in (ACCOUNT_A, ACCOUNT_B) for each in _roles(session, account)}
    others = {arn for arn in others if name_of(arn) not in own}
    no_loss(asked, sessions, but=lambda call: call.role not in others)
    no_loss(before, after, but=lambda call: name_of(call[0]) in own)


def _is_own(call: Sessions, namespace: str, own: set[str]) -> bool:
    by_role = call.kind == "role" and name_of(call.source) in own
    by_account = call.account == f"{namespace}/{NAME}" and call.kind != "untagged"
    return by_role or (by_account and name_of(call.role) in own)


def _sessions(session: Session, namespace: str) -> Iterator[tuple[Sessions, Verdict]]:
    """The answers of every role to tokens and associations of seven service accounts in two
    clusters, to all roles, and to strangers."""
    known = [role for account in (ACCOUNT_A, ACCOUNT_B) for role in _roles(session, account)]
    issuer = session.state.issuer_url.removeprefix("https://")
    clusters = session.aws("eks").list_clusters()["clusters"]
    names = [*clusters, "elsewhere"]
    for role in known:
        yield from session_answers(
            role,
            seven_accounts(namespace, NAME),
            issuers=[issuer, f"{issuer}0"],
            clusters=[str(ClusterArn("aws", REGION, ACCOUNT_A, name)) for name in names],
            callers=[*known, *STRANGERS],
            now=time.time(),
        )


def _answers(session: Session, namespace: str) -> Iterator[tuple[tuple[str, str, str], Verdict]]:
    """The evaluator's answers to a caller, an action and a resource, of roles and strangers."""
    known = [role for account in (ACCOUNT_A, ACCOUNT_B) for role in _roles(session, account)]
    for (account, bucket, policy), role in product(
        _buckets(session, namespace), (*known, *STRANGERS)
    ):
        for action, key in (("s3:ListBucket", None), ("s3:GetObject", "x")):
            arn = bucket_arn(bucket, key)
            bound = {"resource_account": account, "resource_policy": policy}
            judged = allows(role, action, arn, session_name=SESSION, **bound)
            yield (role.arn, action, arn), judged.verdict


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
