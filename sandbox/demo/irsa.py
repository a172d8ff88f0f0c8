"""System 2: a pod reads its bucket with nothing but its service-account token."""

from irsa.identity.arns import session_arn_prefix
from irsa.identity.eks import STS_AUDIENCE, WEB_IDENTITY_VARIABLES

from ..session import Session, claims_of, pretty, with_claims
from .pods import ENVIRONMENT, NAMESPACE, TOKEN, in_pod
from .record import Record

NAME = "s3-app"
BUCKET = "bucket-s3-app"
OBJECT = "reports/2026/november.csv"
LIST = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET}"]
WHO = ["aws", "sts", "get-caller-identity"]

PRINT_CLAIMS = (
    'python -c "import json, jwt, sys; print(json.dumps(jwt.decode(sys.stdin.read(), '
    "options={'verify_signature': False}), indent=2, sort_keys=True))\""
)
"""Without `base64`, which complains of a token's missing padding, or drops its end."""

PATTERN_NAMESPACE = "crossplane-system"
PATTERN_ROLE = "crossplane-aws-provider"
MATCHING = "aws-provider-s3-6f1a"
NOT_MATCHING = "gcp-provider-storage"

ROLE_VARIABLES = {"AWS_DEFAULT_REGION", "AWS_REGION", *WEB_IDENTITY_VARIABLES}
REFUSED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def upload(session: Session, record: Record) -> None:
    """Put an object into the bucket, as account A's administrator."""
    session.aws("s3").put_object(Bucket=BUCKET, Key=OBJECT, Body=b"day,visits\n2026-11-01,42\n")
    record.progress(f"uploaded s3://{BUCKET}/{OBJECT} as account A's administrator")


def show(session: Session, record: Record, issuer_url: str, role_arns: dict[str, str]) -> None:
    """What works, and then what must not."""
    _environment(session, record, role_arns[NAME])
    _claims(session, record, issuer_url)
    _listing(session, record, role_arns[NAME])
    _refusals(session, record, role_arns[NAME])
    _pattern(session, record, role_arns[PATTERN_ROLE])


def _environment(session: Session, record: Record, role_arn: str) -> None:
    shown, done = in_pod(session, NAME, ENVIRONMENT)
    variables = dict(line.split("=", 1) for line in done.output.splitlines())
    record.check(
        "irsa-env",
        "the webhook injected role, token file and region, and no key",
        shown,
        done.output,
        passed=variables.keys() - {"AWS_STS_REGIONAL_ENDPOINTS"} == ROLE_VARIABLES
        and variables["AWS_ROLE_ARN"] == role_arn,
    )


def _claims(session: Session, record: Record, issuer_url: str) -> None:
    shown, done = in_pod(session, NAME, TOKEN)
    claims = claims_of(done.output.strip())
    kubernetes = claims["kubernetes.io"]
    record.check(
        "irsa-claims",
        "the token names this service account, STS as audience, and the cluster as issuer",
        f"{shown} | {PRINT_CLAIMS}",
        pretty(claims),
        passed=claims["sub"] == f"system:serviceaccount:{NAMESPACE}:{NAME}"
        and claims["aud"] == [STS_AUDIENCE]
        and claims["iss"] == issuer_url
        and kubernetes["namespace"] == NAMESPACE
        and kubernetes["serviceaccount"]["name"] == NAME
        and kubernetes["pod"]["name"].startswith(NAME),
    )


def _listing(session: Session, record: Record, role_arn: str) -> None:
    shown, done = in_pod(session, NAME, " ".join(WHO))
    record.check(
        "irsa-caller",
        "the pod is its role",
        shown,
        done.output,
        passed=done.code == 0 and session_arn_prefix(role_arn) in done.output,
    )
    shown, done = in_pod(session, NAME, " ".join(LIST))
    record.check(
        "irsa-list",
        "the pod lists its bucket",
        shown,
        done.output,
        passed=done.code == 0 and OBJECT in done.output,
    )


def _refusals(session: Session, record: Record, role_arn: str) -> None:
    session.service_account(NAMESPACE, "other")
    session.service_account("stage", NAME)
    good = session.token(NAMESPACE, NAME)
    other = session.token(NAMESPACE, "other")
    tampered = with_claims(other, sub=f"system:serviceaccount:{NAMESPACE}:{NAME}")
    cases = [
        ("other-account", "another service account", other, REFUSED),
        ("other-namespace", "the same name elsewhere", session.token("stage", NAME), REFUSED),
        ("tampered", "that token with the subject changed", tampered, "InvalidIdentityToken"),
        ("expired", "an expired token", session.expired(good), "ExpiredTokenException"),
        (
            "audience",
            "a token for another audience",
            session.token(NAMESPACE, NAME, audience="https://vault.example.com"),
            "Incorrect token audience",
        ),
    ]
    for key, what, token, error in cases:
        done = session.assume(token, role_arn, LIST)
        record.refused(
            f"irsa-refused-{key}",
            f"{what} is refused",
            f"AWS_WEB_IDENTITY_TOKEN_FILE=<{what}> {' '.join(LIST)}",
            done,
            error,
        )


def _pattern(session: Session, record: Record, role_arn: str) -> None:
    for name in (MATCHING, NOT_MATCHING):
        session.service_account(PATTERN_NAMESPACE, name)
    command = f"AWS_WEB_IDENTITY_TOKEN_FILE=<token of %s> {' '.join(WHO)}"
    done = session.assume(session.token(PATTERN_NAMESPACE, MATCHING), role_arn, WHO)
    record.check(
        "pattern-matches",
        f"{PATTERN_NAMESPACE}/{MATCHING} matches the pattern aws-provider-*",
        command % MATCHING,
        done.output,
        passed=done.code == 0 and session_arn_prefix(role_arn) in done.output,
    )
    done = session.assume(session.token(PATTERN_NAMESPACE, NOT_MATCHING), role_arn, WHO)
    record.refused(
        "pattern-refuses",
        f"{PATTERN_NAMESPACE}/{NOT_MATCHING} does not",
        command % NOT_MATCHING,
        done,
        REFUSED,
    )
