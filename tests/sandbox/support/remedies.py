"""Remedies as `python -m irsa verify` prints them, applied."""

import contextlib
import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from itertools import chain, product
from typing import Any

import pytest
from botocore.exceptions import ClientError

from irsa.access import allows
from irsa.observe.facts import PermissionsPolicy, Role
from irsa.observe.iam import IamReader
from irsa.verify.remedies.iam import named_callers
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import ClusterArn, bucket_arn, name_of, role_arn
from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import ServiceAccountRef, parse_subject
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.session import Session
from tests.sandbox.support.workload import NAME, Workload, link_of, troubles, wait_for_pods
from tests.support.no_gain import Sessions, no_gain, no_loss, session_answers, seven_accounts

_ALL = PermissionsPolicy("all", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
_BOTH = (ACCOUNT_A, ACCOUNT_B)
STRANGERS = tuple(
    Role(role_arn(account, "stranger"), f"AROASTRANGER{account}", {}, policies=(_ALL,))
    for account in _BOTH
)


def remedied(
    workload: Workload,
    *breaks: tuple[str, str],
    more: tuple[str, ...] = (),
    deployment: str = NAME,
    container: str | None = None,
) -> None:
    """Apply the remedies of a chain that fails at these links, one after the other, with a finding.

    Then every link passes, and boto3 in the Pod is the role.
    """
    for link, finding in breaks:
        done = workload.verify(*more, deployment=deployment)
        [result] = done.chains
        assert (done.code, result["failing_link"]) == (1, link), done.out
        assert finding in link_of(result, link)["found"]
        apply(workload, link_of(result, link)["commands"])
    [result] = workload.verify(*more, deployment=deployment).chains
    assert troubles(result) == []
    assert workload.sdk(deployment, container).startswith(workload.session_arn)


def apply(workload: Workload, commands: list[str]) -> None:
    """Run the commands with the administrator's shell and profiles, and wait for the Pods."""
    environment = workload.session.state.environment()
    environment |= {"AWS_CONFIG_FILE": workload.profiles} if workload.profiles else {}
    with nothing_gained(workload.session, workload.namespace):
        for command in commands:
            program, *arguments = words = shlex.split(command)
            if program == "python":  # -m irsa move
                moved = workload.world.irsa(*arguments[2:])
                assert moved.code in (0, 4), moved.err
                continue
            if program == "kubectl" and shutil.which(program) is None:
                pytest.skip("kubectl is not installed, and this remedy is one of its commands")
            done = workload.session.run(words, environment)
            while "within the past second" in done.output:  # a person is not as fast
                time.sleep(1)
                done = workload.session.run(words, environment)
            assert done.code == 0, f"{command}\n{done.output}"
        text = "\n".join(commands)
        for name in sorted({*re.findall(r"\bdeployment[/ ]([\w-]+)", text)} or {NAME}):
            wait_for_pods(workload.session, workload.namespace, name)


@contextlib.contextmanager
def nothing_gained(session: Session, namespace: str, *roles: str) -> Iterator[None]:
    """Check that only the workload's own roles, by name, may do more afterwards than before, and
    that its own service account alone gets sessions that it did not; no other caller loses one,
    nor a service account that a trust policy of these roles names, whether it exists or not."""
    role_names = {namespace, f"{namespace}-b", *roles}
    trusting = [e for a in _BOTH for e in _roles(session, a) if e.name in role_names]
    named = (parse_subject(value) for e in trusting for value in named_callers(e.trust_policy))
    callers = [*seven_accounts(namespace, NAME), *(account for account in named if account)]
    before = _answers(session, namespace, callers)
    yield
    after = _answers(session, namespace, callers)

    def is_own(call: Sessions) -> bool:
        by_role = call.kind in ("role", "s3") and name_of(call.source) in role_names
        accounts = {f"{namespace}/{name}" for name in (NAME, *roles)}
        by_account = call.account in accounts and call.kind != "untagged"
        return by_role or (by_account and name_of(call.role) in role_names)

    no_gain(before, after, but=is_own)
    no_loss(before, after, but=is_own)


def _answers(
    session: Session, namespace: str, accounts: list[ServiceAccountRef]
) -> dict[Sessions, Verdict]:
    """Return the evaluator's answers to callers of both accounts, before or after a remedy.

    Of roles to tokens and associations of service accounts, and to all roles; of buckets to roles.
    """
    roles = [role for account in _BOTH for role in _roles(session, account)]
    callers = [*roles, *STRANGERS]
    issuer = session.state.issuer_url.removeprefix("https://")
    clusters = [*session.aws("eks").list_clusters()["clusters"], "elsewhere"]
    arns = [str(ClusterArn("aws", REGION, ACCOUNT_A, name)) for name in clusters]
    asked: Any = {"issuers": [issuer, f"{issuer}0"], "clusters": arns, "callers": callers}
    answers = (session_answers(role, accounts, now=time.time(), **asked) for role in roles)
    verdicts = dict(chain.from_iterable(answers))
    for (account, bucket, policy), role in product(_buckets(session, namespace), callers):
        for action, key in (("s3:ListBucket", None), ("s3:GetObject", "x")):
            arn, bound = bucket_arn(bucket, key), {"resource_policy": policy}
            of = {"session_name": "neighbour", "resource_account": account, **bound}
            call = Sessions("s3", role.arn, action, arn)
            verdicts[call] = allows(role, action, arn, **of).verdict
    return verdicts


def _roles(session: Session, account: str) -> tuple[Role, ...]:
    kinds = ["Role", "LocalManagedPolicy"]
    found = session.aws("iam", account).get_account_authorization_details(Filter=kinds)
    return IamReader([found]).result().roles


def _buckets(session: Session, namespace: str) -> Iterator[tuple[str, str, Json | None]]:
    """Every bucket's account, name and policy; the workload's also while they do not exist."""
    owners = {f"{namespace}-data": ACCOUNT_A, f"{namespace}-b": ACCOUNT_B}
    for account in _BOTH:
        listed = session.aws("s3", account).list_buckets()["Buckets"]
        owners |= {bucket["Name"]: account for bucket in listed}
    for bucket, account in owners.items():
        policy: Json | None = None
        with contextlib.suppress(ClientError):
            s3 = session.aws("s3", account)
            policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        yield account, bucket, policy
