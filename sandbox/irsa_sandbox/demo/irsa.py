"""System 2: a Pod reads its bucket with nothing but its service account's token."""

from functools import partial

from irsa.identity.arns import session_arn_prefix
from irsa.identity.eks import STS_AUDIENCE, WEB_IDENTITY_VARIABLES

from ..session import Session, claims_of, pretty, with_claims
from .pods import CALLER, ENVIRONMENT, NAMESPACE, TOKEN, PodChecks
from .record import Record

NAME = "s3-app"
BUCKET = "bucket-s3-app"
OBJECT = "reports/2026/november.csv"
LIST = ["aws", "s3", "ls", "--recursive", f"s3://{BUCKET}"]

PRINT_CLAIMS = (
    'python -c "import json, jwt, sys; print(json.dumps(jwt.decode(sys.stdin.read(), '
    "options={'verify_signature': False}), indent=2, sort_keys=True))\""
)
"""Without `base64`, which complains of a token's missing padding, or drops its end."""

PATTERN_NAMESPACE = "crossplane-system"
MATCHING = "aws-provider-s3-6f1a"
NOT_MATCHING = "gcp-provider-storage"

ROLE_VARIABLES = {"AWS_DEFAULT_REGION", "AWS_REGION", *WEB_IDENTITY_VARIABLES}
DENIED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def upload(session: Session, record: Record) -> None:
    """Put an object into the bucket, as account A's administrator."""
    session.aws("s3").put_object(Bucket=BUCKET, Key=OBJECT, Body=b"day,visits\n2026-11-01,42\n")
    record.progress(f"uploaded s3://{BUCKET}/{OBJECT} as account A's administrator")


def check(
    session: Session, record: Record, issuer_url: str, role_arn: str, pattern_role: str
) -> None:
    """Check the allowed calls, and then the denied ones."""
    pod = PodChecks(session, record, NAME)
    _environment(pod, record, role_arn)
    _claims(pod, record, issuer_url)
    pod.prints("irsa-caller", "the pod is its role", CALLER, session_arn_prefix(role_arn))
    pod.prints("irsa-list", "as its role the pod lists its bucket", " ".join(LIST), OBJECT)
    _other_tokens(session, record, role_arn)
    _pattern(session, record, pattern_role)


def _environment(pod: PodChecks, record: Record, role_arn: str) -> None:
    done = pod.run(ENVIRONMENT)
    variables = dict(line.split("=", 1) for line in done.output.splitlines())
    record.check(
        "irsa-env",
        "the webhook injected role, token file and region, and no key",
        pod.typed(ENVIRONMENT),
        done.output,
        passed=variables.keys() - {"AWS_STS_REGIONAL_ENDPOINTS"} == ROLE_VARIABLES
        and variables["AWS_ROLE_ARN"] == role_arn,
    )


def _claims(pod: PodChecks, record: Record, issuer_url: str) -> None:
    claims = claims_of(pod.run(TOKEN).output.strip())
    kubernetes = claims["kubernetes.io"]
    record.check(
        "irsa-claims",
        "the token names this service account, STS as audience, and the cluster as issuer",
        f"{pod.typed(TOKEN)} | {PRINT_CLAIMS}",
        pretty(claims),
        passed=claims["sub"] == f"system:serviceaccount:{NAMESPACE}:{NAME}"
        and claims["aud"] == [STS_AUDIENCE]
        and claims["iss"] == issuer_url
        and kubernetes["namespace"] == NAMESPACE
        and kubernetes["serviceaccount"]["name"] == NAME
        and kubernetes["pod"]["name"].startswith(NAME),
    )


def _other_tokens(session: Session, record: Record, role_arn: str) -> None:
    session.service_account(NAMESPACE, "other")
    session.service_account("stage", NAME)
    good = session.token(NAMESPACE, NAME)
    other = session.token(NAMESPACE, "other")
    tampered = with_claims(other, sub=f"system:serviceaccount:{NAMESPACE}:{NAME}")
    vault = session.token(NAMESPACE, NAME, audience="https://vault.example.com")
    for key, subject, token, error in (
        ("other-account", "another service account", other, DENIED),
        ("other-namespace", "the same name elsewhere", session.token("stage", NAME), DENIED),
        ("tampered", "that token with the subject changed", tampered, "InvalidIdentityToken"),
        ("expired", "an expired token", session.expired(good), "ExpiredTokenException"),
        ("audience", "a token for another audience", vault, "Incorrect token audience"),
    ):
        record.denied(
            f"irsa-refused-{key}",
            f"{subject} is refused",
            f"AWS_WEB_IDENTITY_TOKEN_FILE=<{subject}> {' '.join(LIST)}",
            partial(session.assume, token, role_arn, LIST),
            error,
        )


def _pattern(session: Session, record: Record, role_arn: str) -> None:
    shown = f"AWS_WEB_IDENTITY_TOKEN_FILE=<token of %s> {CALLER}"
    for name in (MATCHING, NOT_MATCHING):
        session.service_account(PATTERN_NAMESPACE, name)
    matching, not_matching = (
        partial(session.assume, session.token(PATTERN_NAMESPACE, name), role_arn, CALLER.split())
        for name in (MATCHING, NOT_MATCHING)
    )
    record.ask(
        "pattern-matches",
        f"{PATTERN_NAMESPACE}/{MATCHING} matches the pattern aws-provider-*",
        shown % MATCHING,
        matching,
        lambda done: done.code == 0 and session_arn_prefix(role_arn) in done.output,
    )
    record.denied(
        "pattern-refuses",
        f"{PATTERN_NAMESPACE}/{NOT_MATCHING} does not",
        shown % NOT_MATCHING,
        not_matching,
        DENIED,
    )
