"""System 1, for comparison: the static key of an IAM user."""

import re

from ..session import Session
from .chain import KEY_NAME
from .irsa import LIST, OBJECT
from .pods import ENVIRONMENT, in_pod
from .record import Record

_SECRET = re.compile(r"(AWS_SECRET_ACCESS_KEY=)(\S+)")


def show(session: Session, record: Record) -> None:
    """The pod reads its bucket, and the key is in plain text nowhere else."""
    shown, done = in_pod(session, KEY_NAME, ENVIRONMENT)
    secret = _SECRET.search(done.output)
    record.check(
        "key-env",
        "the pod has a key from its Secret, and no role",
        shown,
        _SECRET.sub(r"\1(not shown)", done.output),
        passed=secret is not None and "AWS_ROLE_ARN" not in done.output,
    )
    shown, done = in_pod(session, KEY_NAME, " ".join(LIST))
    record.check(
        "key-list",
        "the pod lists its bucket",
        shown,
        done.output,
        passed=done.code == 0 and OBJECT in done.output,
    )
    files = _files_with(session, secret[2]) if secret else ["no secret to look for"]
    record.check(
        "key-secret",
        "the secret is in plain text in no state, backup or log file",
        'grep --recursive --files-with-matches "$SECRET" .sandbox/pulumi .sandbox/*.log',
        "\n".join(files) or "nothing found",
        passed=not files,
    )


def _files_with(session: Session, secret: str) -> list[str]:
    """Files below the sandbox's folder that hold the secret; etcd's data, which holds every
    Secret of the cluster by design, is not looked at."""
    folder = session.state.path
    return [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and "etcd-data" not in file.parts and secret.encode() in file.read_bytes()
    ]
