"""System 3: from role A of the pod's account on to role B of another, where the bucket is."""

from collections.abc import Mapping
from typing import Any

from irsa.identity.arns import role_arn, session_arn_prefix

from ..aws.accounts import ACCOUNT_B
from ..session import Session, claims_of, pretty
from . import irsa
from .pods import ENVIRONMENT, TOKEN, in_pod
from .record import Record

NAME = "s3-app-chain"
KEY_NAME = "s3-app-key"
BUCKET = "bucket-s3-app-b"
OBJECT = "ledger/2026-11.csv"
SESSION_NAME = "xactarget"
EXTERNAL_ID = "tenant-42"
ROLE_B = role_arn(ACCOUNT_B, "s3-app-B")
ASSUME = f"aws sts assume-role --role-arn {ROLE_B} --role-session-name demo"
LIST = f"aws s3 ls --recursive s3://{BUCKET}"
REFUSED = "is not authorized to perform: sts:AssumeRole"


def upload(session: Session, record: Record) -> None:
    """Put an object into the bucket, as account B's root."""
    session.aws("s3", ACCOUNT_B).put_object(Bucket=BUCKET, Key=OBJECT, Body=b"account,amount\n")
    record.progress(f"uploaded s3://{BUCKET}/{OBJECT} as account B's root")


def show(session: Session, record: Record, workload: Mapping[str, Any]) -> None:
    """What works, and then what must not."""
    _as_role_a(session, record, workload["role_arn"])
    _as_role_b(session, record)
    _refusals(session, record)


def show_external_id(session: Session, record: Record) -> None:
    """With an external id on both sides: the right one, a wrong one, none."""
    shown, done = in_pod(session, NAME, f"{LIST} --profile B")
    record.check(
        "chain-external-id",
        "with the external id that account B asks for, the pod lists its bucket",
        shown,
        done.output,
        passed=done.code == 0 and OBJECT in done.output,
    )
    for key, what, option in (
        ("wrong", "a wrong external id", " --external-id tenant-43"),
        ("missing", "no external id", ""),
    ):
        shown, done = in_pod(session, NAME, ASSUME + option)
        record.refused(f"chain-external-id-{key}", f"{what} is refused", shown, done, REFUSED)


def _as_role_a(session: Session, record: Record, role_a: str) -> None:
    shown, done = in_pod(session, NAME, ENVIRONMENT)
    record.check(
        "chain-env",
        "the pod has role A and an AWS config file, and no key",
        shown,
        done.output,
        passed=f"AWS_ROLE_ARN={role_a}\n" in done.output
        and "AWS_CONFIG_FILE=" in done.output
        and "AWS_SECRET_ACCESS_KEY" not in done.output,
    )
    shown, done = in_pod(session, NAME, TOKEN)
    claims = claims_of(done.output.strip())
    record.check(
        "chain-claims",
        "its token names its service account",
        f"{shown} | cut -d. -f2 | base64 -d | python3 -m json.tool --sort-keys",
        pretty({name: claims[name] for name in ("aud", "iss", "sub")}),
        passed=claims["sub"] == f"system:serviceaccount:dev:{NAME}",
    )
    shown, done = in_pod(session, NAME, LIST)
    record.refused(
        "chain-list-as-a",
        "as role A it may not list the bucket of account B",
        shown,
        done,
        "AccessDenied) when calling the ListObjectsV2 operation",
    )
    shown, done = in_pod(session, NAME, "aws sts get-caller-identity")
    record.check(
        "chain-caller-a",
        "it still is role A",
        shown,
        done.output,
        passed=done.code == 0 and session_arn_prefix(role_a) in done.output,
    )


def _as_role_b(session: Session, record: Record) -> None:
    shown, done = in_pod(session, NAME, "aws sts get-caller-identity --profile B")
    record.check(
        "chain-caller-b",
        f"with profile B it is role B's session {SESSION_NAME}",
        shown,
        done.output,
        passed=f"{session_arn_prefix(ROLE_B)}{SESSION_NAME}" in done.output,
    )
    shown, done = in_pod(session, NAME, f"{LIST} --profile B")
    record.check(
        "chain-list",
        "as role B it lists the bucket",
        shown,
        done.output,
        passed=done.code == 0 and OBJECT in done.output,
    )


def _refusals(session: Session, record: Record) -> None:
    shown, done = in_pod(session, irsa.NAME, ASSUME)
    record.refused(
        "chain-refused-role", "another role of account A cannot be role B", shown, done, REFUSED
    )
    shown, done = in_pod(session, KEY_NAME, ASSUME)
    record.refused(
        "chain-refused-user", "nor can the user of account A's bucket", shown, done, REFUSED
    )
    done = session.run(ASSUME.split(), session.state.aws_environment())
    record.refused(
        "chain-refused-administrator",
        "nor can account A's administrator, who may assume any role of account A",
        f"python -m sandbox run -- {ASSUME}",
        done,
        REFUSED,
    )
    shown, done = in_pod(session, NAME, f"aws s3 ls s3://{irsa.BUCKET} --profile B")
    record.refused(
        "chain-refused-bucket",
        "and role B may not list account A's bucket",
        shown,
        done,
        "AccessDenied",
    )
