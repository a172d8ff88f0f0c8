"""System 3: the Pod's role A assumes role B of another account, where the bucket is."""

from functools import partial

from irsa.identity.arns import role_arn, session_arn_prefix

from ..aws.accounts import ACCOUNT_B
from ..session import Session, claims_of, pretty
from . import access_key, irsa
from .pods import CALLER, ENVIRONMENT, TOKEN, PodChecks
from .record import Record

NAME = "s3-app-chain"
BUCKET = "bucket-s3-app-b"
OBJECT = "ledger/2026-11.csv"
SESSION_NAME = "xactarget"
EXTERNAL_ID = "tenant-42"
ROLE_B = role_arn(ACCOUNT_B, "s3-app-B")
ASSUME = f"aws sts assume-role --role-arn {ROLE_B} --role-session-name demo"
LIST = f"aws s3 ls --recursive s3://{BUCKET}"
DENIED = "is not authorized to perform: sts:AssumeRole"


def upload(session: Session, record: Record) -> None:
    """Put an object into the bucket, as account B's root."""
    session.aws("s3", ACCOUNT_B).put_object(Bucket=BUCKET, Key=OBJECT, Body=b"account,amount\n")
    record.progress(f"uploaded s3://{BUCKET}/{OBJECT} as account B's root")


def check(session: Session, record: Record, role_a: str) -> None:
    """Check the allowed calls, and then the denied ones."""
    pod = PodChecks(session, record, NAME)
    pod.prints(
        "chain-env",
        "the pod has role A and an AWS config file, and no key",
        ENVIRONMENT,
        f"AWS_ROLE_ARN={role_a}\n",
        "AWS_CONFIG_FILE=",
        without="AWS_SECRET_ACCESS_KEY",
    )
    claims = claims_of(pod.run(TOKEN).output.strip())
    record.check(
        "chain-claims",
        "its token names its service account",
        f"{pod.typed(TOKEN)} | cut -d. -f2 | base64 -d | python3 -m json.tool --sort-keys",
        pretty({name: claims[name] for name in ("aud", "iss", "sub")}),
        passed=claims["sub"] == f"system:serviceaccount:dev:{NAME}",
    )
    pod.is_denied(
        "chain-list-as-a",
        "as role A it may not list the bucket of account B",
        LIST,
        "AccessDenied) when calling the ListObjectsV2 operation",
    )
    pod.prints("chain-caller-a", "it still is role A", CALLER, session_arn_prefix(role_a))
    pod.prints(
        "chain-caller-b",
        f"with profile B it is role B's session {SESSION_NAME}",
        f"{CALLER} --profile B",
        f"{session_arn_prefix(ROLE_B)}{SESSION_NAME}",
    )
    pod.prints("chain-list", "as role B it lists the bucket", f"{LIST} --profile B", OBJECT)
    for key, title, workload in (
        ("role", "another role of account A cannot be role B", irsa.NAME),
        ("user", "nor can the user of account A's bucket", access_key.NAME),
    ):
        other = PodChecks(session, record, workload)
        other.is_denied(f"chain-refused-{key}", title, ASSUME, DENIED)
    record.denied(
        "chain-refused-administrator",
        "nor can account A's administrator, who may assume any role of account A",
        f"python -m irsa_sandbox run -- {ASSUME}",
        partial(session.run, ASSUME.split(), session.state.aws_environment()),
        DENIED,
    )
    pod.is_denied(
        "chain-refused-bucket",
        "and role B may not list account A's bucket",
        f"aws s3 ls s3://{irsa.BUCKET} --profile B",
        "AccessDenied",
    )


def check_external_id(session: Session, record: Record) -> None:
    """Check the right external id, a wrong one, and none; both stacks have one."""
    pod = PodChecks(session, record, NAME)
    pod.prints(
        "chain-external-id",
        "with the external id that account B asks for, the pod lists its bucket",
        f"{LIST} --profile B",
        OBJECT,
    )
    for key, subject, option in (
        ("wrong", "a wrong external id", " --external-id tenant-43"),
        ("missing", "no external id", ""),
    ):
        title = f"{subject} is refused"
        pod.is_denied(f"chain-external-id-{key}", title, ASSUME + option, DENIED)
