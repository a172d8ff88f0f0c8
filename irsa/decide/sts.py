"""STS's and IAM's own rules, before and beside the policies, with their codes and messages.

Pure. Each check returns the `AwsError` that AWS would answer with, or None.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import re
from typing import NamedTuple

SESSION_DURATION_MIN = 900
SESSION_DURATION_MAX = 43200
SESSION_DURATION_DEFAULT = 3600
CHAINED_DURATION_MAX = 3600
ROLE_MAXIMUM_MIN = 3600
"""The least that a role's MaxSessionDuration can be: a session this long is always in range."""


class AwsError(NamedTuple):
    """An error as AWS answers it."""

    code: str
    http: int
    message: str


class RoleArn(NamedTuple):
    """The parts of a role's ARN."""

    partition: str
    account: str
    name: str


_ROLE_ARN = re.compile(
    r"arn:(?P<partition>aws|aws-[a-z-]+):iam::(?P<account>[0-9]{12}):role/"
    r"(?:[\x21-\x7e]{1,510}/)?(?P<name>[\w+=,.@-]{1,64})",
    re.ASCII,
)
_SESSION_NAME = re.compile(r"[\w+=,.@-]*", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]*", re.ASCII)


def parse_role_arn(arn: str) -> RoleArn | None:
    """The parts of a role's ARN; None when STS would call it invalid."""
    found = _ROLE_ARN.fullmatch(arn) if len(arn) <= _ARN_MAX else None
    return found and RoleArn(found["partition"], found["account"], found["name"])


_ARN_MAX = 2048


def check_parameters(
    role: RoleArn | None, *, session_name: str | None, duration: int, external_id: str | None
) -> AwsError | None:
    """The parameters of an AssumeRole call, in the order in which STS reads them."""
    if role is None:
        return INVALID_ARN
    problem = (
        _text_problem("roleSessionName", session_name, _SESSION_NAME, r"[\w+=,.@-]*", 2, 64)
        or _text_problem("externalId", external_id, _EXTERNAL_ID, r"[\w+=,.@:\/-]*", 2, 1224)
        or _duration_problem(duration)
    )
    return AwsError("ValidationError", 400, problem) if problem else None


def _text_problem(
    name: str, value: str | None, allowed: re.Pattern[str], spelled: str, least: int, most: int
) -> str | None:
    if value is None:
        return None
    if len(value) < least:
        constraint = f"Member must have length greater than or equal to {least}"
    elif len(value) > most:
        constraint = f"Member must have length less than or equal to {most}"
    elif not allowed.fullmatch(value):
        constraint = f"Member must satisfy regular expression pattern: {spelled}"
    else:
        return None
    return _constraint(name, value[:200], constraint)


def _duration_problem(duration: int) -> str | None:
    if duration < SESSION_DURATION_MIN:
        constraint = f"Member must have value greater than or equal to {SESSION_DURATION_MIN}"
    elif duration > SESSION_DURATION_MAX:
        constraint = f"Member must have value less than or equal to {SESSION_DURATION_MAX}"
    else:
        return None
    return _constraint("durationSeconds", str(duration), constraint)


def _constraint(name: str, value: str, constraint: str) -> str:
    return (
        f"1 validation error detected: Value '{value}' at '{name}' "
        f"failed to satisfy constraint: {constraint}"
    )


def above_chained_limit(duration: int) -> AwsError | None:
    """A session of a role that a role assumed lasts an hour at the most."""
    if duration <= CHAINED_DURATION_MAX:
        return None
    return AwsError(
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the 1 hour session limit "
        "for roles assumed by role chaining.",
    )


def above_role_maximum(duration: int, maximum: int) -> AwsError | None:
    """No session is longer than the role's MaxSessionDuration."""
    if duration <= maximum:
        return None
    return AwsError(
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )


def not_authorized(caller_arn: str, action: str, resource: str) -> AwsError:
    """A signed call that the policies do not allow."""
    message = f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource}"
    return AwsError("AccessDenied", 403, message)


WEB_IDENTITY_REFUSED = AwsError(
    "AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity"
)
INVALID_ARN = AwsError("ValidationError", 400, "Request ARN is invalid")
SESSION_TOKEN_REFUSED = AwsError(
    "AccessDenied", 403, "Cannot call GetSessionToken with session credentials"
)
ROOT_REFUSED = AwsError("AccessDenied", 403, "Roles may not be assumed by root accounts.")


def malformed(message: str) -> AwsError:
    """A policy document that IAM does not store."""
    return AwsError("MalformedPolicyDocument", 400, message)
