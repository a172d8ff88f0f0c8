"""`make demo`: the systems in the sandbox, from nothing to nothing, as a table of checks."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Namespace

from sandbox import lifecycle
from sandbox.accounts import ACCOUNT_A
from sandbox.demo import irsa
from sandbox.demo.record import Record
from sandbox.demo.session import Session
from sandbox.stack import SandboxStack
from sandbox.state import SandboxError, load

KEPT_ROLES: frozenset[str] = frozenset()


def run(folder: Path, on_progress: Callable[[str], None], *, output: str) -> int:
    """Run the demo in ``folder``'s sandbox; stop the sandbox unless it ran before."""
    record = Record(as_json=output == "json")
    was_up = _is_up(folder)
    state = lifecycle.up(folder, on_progress)
    try:
        with closing(Session(state)) as session:
            _story(session, record)
    finally:
        if not was_up:
            lifecycle.down(folder)
    return record.finish()


def _is_up(folder: Path) -> bool:
    try:
        load(folder)
    except SandboxError:
        return False
    return True


def _story(session: Session, record: Record) -> None:
    stack = SandboxStack(session.state)
    record.section("Account A's stack")
    try:
        _deploy(stack, record)
        outputs = stack.outputs()
        role_arns = {name: w["role_arn"] for name, w in outputs["workloads"].items()}
        record.section("IRSA in one account")
        irsa.upload(session, record)
        irsa.show(session, record, outputs["issuer_url"], role_arns)
    finally:
        record.section("Nothing is left")
        session.empty_bucket(irsa.BUCKET)
        _destroy(session, stack, record)


def _deploy(stack: SandboxStack, record: Record) -> None:
    done = stack.up(on_output=record.progress)
    record.check(
        "up",
        "everything is created",
        "pulumi up --stack dev",
        _summary(done),
        passed=done.keys() == {"create"},
    )
    preview = stack.preview()
    record.check(
        "preview",
        "a second preview finds no changes",
        "pulumi preview --stack dev",
        _summary(preview),
        passed=preview.keys() == {"same"},
    )


def _destroy(session: Session, stack: SandboxStack, record: Record) -> None:
    done = stack.destroy(on_output=record.progress)
    record.check(
        "destroy",
        "everything is deleted",
        "pulumi destroy --stack dev",
        _summary(done),
        passed=done.keys() <= {"delete", "discard"},
    )
    left = left_overs(session)
    record.check(
        "nothing-left",
        "IAM, S3, EKS and the namespace are as empty as before",
        "aws iam list-roles, list-policies, list-open-id-connect-providers; "
        "aws s3 ls; aws eks list-clusters; kubectl get namespace dev",
        "\n".join(left) or "nothing",
        passed=not left,
    )


def left_overs(session: Session, account: str = ACCOUNT_A) -> list[str]:
    """What an account and the cluster still hold that a stack could have made."""
    iam = session.aws("iam", account)
    found: list[Any] = [
        *(role["Arn"] for role in iam.list_roles()["Roles"]),
        *(policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]),
        *(p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]),
        *(bucket["Name"] for bucket in session.aws("s3", account).list_buckets()["Buckets"]),
        *session.aws("eks", account).list_clusters()["clusters"],
    ]
    try:
        session.cluster.get(Namespace, irsa.NAMESPACE)
    except ApiError as error:
        if error.status.code != 404:
            raise
    else:
        found.append(f"namespace {irsa.NAMESPACE}")
    return found


def _summary(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"
