"""`make demo`: the systems in the sandbox, from nothing to nothing, as a table of checks."""

import shlex
import signal
from collections.abc import Callable
from contextlib import closing, nullcontext
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Namespace

from irsa.identity.arns import role_arn

from .. import COMMAND, lifecycle
from ..aws.accounts import ACCOUNT_A, ACCOUNT_B
from ..aws.server import CROSS_ACCOUNT_ROLE, Emulator
from ..engine.stack import ROOT, SandboxStack, summary
from ..folder import refuse_others
from ..interrupts import on_interrupt
from ..session import Session
from ..state import SandboxError
from ..toolchain.plugins import ANY, Choice
from . import access_key, chain, forms, irsa
from .pods import NAMESPACE
from .record import Record

PROJECT_B = ROOT / "account_b"
FORMS, FORMS_B = ROOT / "examples" / "forms", ROOT / "examples" / "forms_account_b"
PLACES = {
    "a": "",
    "b": " --cwd account_b",
    "forms": " --cwd examples/forms",
    "forms-b": " --cwd examples/forms_account_b",
}
SEEDED = (Emulator.administrator_arn, role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE))
"""Principals that the accounts have from the start."""


def run(
    folder: Path | None,
    on_progress: Callable[[str], None],
    *,
    output: str,
    providers: Choice = ANY,
) -> int:
    """Run the demo in a sandbox of its own, which is stopped afterwards.

    It lies in ``folder`` or in a temporary one. An error in it ends the story, as a failed check of
    the table. Raises `SandboxError` when a sandbox runs there, or none can be started.
    """
    if not PROJECT_B.exists():
        raise SandboxError("the demo brings up the repository's own stacks; run it in a checkout")
    record = Record(as_json=output == "json")
    if folder is not None:
        refuse_others(folder)  # before minutes of building
    programs = lifecycle.tools(on_progress, providers)
    with lifecycle.temporary_folder("irsa-demo-") if folder is None else nullcontext(folder) as own:
        state = lifecycle.start(own, programs, on_progress)
        if state is None:
            raise SandboxError(
                f"a sandbox runs in {own}, and the demo takes down what is in it; leave out "
                f"--folder, or stop it: {COMMAND} down --folder {shlex.quote(str(own))}"
            )
        try:
            with closing(Session(state)) as session, record.failure_as_check():
                _story(session, record)
        finally:
            with on_interrupt(signal.SIG_IGN):
                lifecycle.down(own)
    return record.finish()


def _story(session: Session, record: Record) -> None:
    account_a = SandboxStack(session.state)
    account_b = SandboxStack(session.state, PROJECT_B)
    with record.section("The two stacks"):
        _deploy(account_a, record, "a", "account A")
        _deploy(account_b, record, "b", "account B")
        outputs = account_a.outputs()
        irsa.upload(session, record)
        chain.upload(session, record)

    with record.section("System 1: static access key"):
        access_key.check(session, record)
    with record.section("System 2: IRSA, one account"):
        irsa.check(
            session, record, outputs["issuer_url"], outputs["role_arn"], outputs["pattern_role_arn"]
        )
    with record.section("System 3: IRSA, cross-account chain"):
        chain.check(session, record, outputs["role_a_arn"])
        record.settle()
        account_a = SandboxStack(session.state, config={"irsa:externalId": chain.EXTERNAL_ID})
        for stack in (account_a, account_b):
            record.progress(summary(stack.up()))
        chain.check_external_id(session, record)
    _forms(session, record, outputs["issuer_url"])

    with record.section("Nothing is left"):
        session.empty_bucket(chain.BUCKET, ACCOUNT_B)
        _destroy(account_b, record, "b", "account B")
        session.empty_bucket(irsa.BUCKET)
        _destroy(account_a, record, "a", "account A")
        _nothing_left(session, record)


def _forms(session: Session, record: Record, issuer_url: str) -> None:
    """Show the forms of examples/forms, whose account B goes first."""
    config = {"forms-account-b:issuerUrl": issuer_url}
    account_b = SandboxStack(session.state, FORMS_B, config=config)
    account_a = SandboxStack(session.state, FORMS)
    with record.section("More forms, account B first"):
        _deploy(account_b, record, "forms-b", "the forms in account B")
        _deploy(account_a, record, "forms", "the forms in account A")
        forms.upload(session)
    for title, check in (
        ("Federation", forms.check_federation),
        ("EKS Pod Identity", forms.check_pod_identity),
        ("EKS Pod Identity with a target role", forms.check_target_role),
        ("EKS Pod Identity with a session policy", forms.check_session_policy),
    ):
        with record.section(title):
            check(session, record)
    forms.empty(session)
    _destroy(account_a, record, "forms", "the forms in account A")
    _destroy(account_b, record, "forms-b", "the forms in account B")


def _deploy(stack: SandboxStack, record: Record, key: str, account: str) -> None:
    where = PLACES[key]
    with record.stage(f"{account}: pulumi up") as show:
        done = stack.up(on_output=show)
    record.check(
        f"up-{key}",
        f"the stack of {account} comes up",
        f"pulumi up --stack dev{where}",
        summary(done),
        passed=done.keys() <= {"create", "same", "update"},
    )
    preview = stack.preview()
    record.check(
        f"preview-{key}",
        f"a second preview of {account} finds no changes",
        f"pulumi preview --stack dev{where}",
        summary(preview),
        passed=preview.keys() == {"same"},
    )


def _destroy(stack: SandboxStack, record: Record, key: str, account: str) -> None:
    where = PLACES[key]
    with record.stage(f"{account}: pulumi destroy") as show:
        done = stack.destroy(on_output=show)
    record.check(
        f"destroy-{key}",
        f"the stack of {account} is deleted",
        f"pulumi destroy --stack dev{where}",
        summary(done),
        passed=done.keys() <= {"delete", "discard"},
    )


def _nothing_left(session: Session, record: Record) -> None:
    left = [*left_overs(session), *left_overs(session, ACCOUNT_B)]
    record.check(
        "nothing-left",
        "IAM, S3, EKS and the namespace are as empty as before",
        "aws iam list-users, list-roles, list-policies, list-open-id-connect-providers; "
        "aws s3 ls; aws eks list-clusters; kubectl get namespace dev",
        "\n".join(left) or "nothing",
        passed=not left,
    )


def left_overs(session: Session, account: str = ACCOUNT_A) -> list[str]:
    """Return the resources of an account and the cluster that a stack can have created."""
    iam = session.aws("iam", account)
    names: list[Any] = [
        *(user["Arn"] for user in iam.list_users()["Users"]),
        *(role["Arn"] for role in iam.list_roles()["Roles"]),
        *(policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]),
        *(p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]),
        *(bucket["Name"] for bucket in session.aws("s3", account).list_buckets()["Buckets"]),
        *session.aws("eks", account).list_clusters()["clusters"],
        *(
            template["LaunchTemplateName"]
            for template in session.aws("ec2", account).describe_launch_templates()[
                "LaunchTemplates"
            ]
        ),
    ]
    names = [name for name in names if name not in SEEDED]
    try:
        session.cluster.get(Namespace, NAMESPACE)
    except ApiError as error:
        if error.status.code != HTTPStatus.NOT_FOUND:
            raise
    else:
        names.append(f"namespace {NAMESPACE}")
    return names
