"""System 1, for comparison: the static key of an IAM user."""

import re

from ..session import Session
from .irsa import LIST, OBJECT
from .pods import ENVIRONMENT, PodChecks
from .record import Record

NAME = "s3-app-key"
_SECRET = re.compile(r"(AWS_SECRET_ACCESS_KEY=)(\S+)")


def check(session: Session, record: Record) -> None:
    """Check that the Pod reads its bucket, and that the key is in plain text nowhere else."""
    pod = PodChecks(session, record, NAME)
    done = pod.run(ENVIRONMENT)
    secret = _SECRET.search(done.output)
    record.check(
        "key-env",
        "the pod has a key from its Secret, and no role",
        pod.typed(ENVIRONMENT),
        _SECRET.sub(r"\1(not shown)", done.output),
        passed=secret is not None and "AWS_ROLE_ARN" not in done.output,
    )
    pod.prints("key-list", "with the key the pod lists its bucket", " ".join(LIST), OBJECT)
    files = _files_with(session, secret[2]) if secret else ["no secret to look for"]
    record.check(
        "key-secret",
        "the secret is in plain text in no state, backup or log file",
        'grep --recursive --files-with-matches "$SECRET" .sandbox/pulumi .sandbox/*.log',
        "\n".join(files) or "nothing found",
        passed=not files,
    )


def _files_with(session: Session, secret: str) -> list[str]:
    """Return the files below the sandbox's folder that hold the secret, without etcd's data, which
    holds every Secret of the cluster by design."""
    folder = session.state.path
    return [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and "etcd-data" not in file.parts and secret.encode() in file.read_bytes()
    ]
