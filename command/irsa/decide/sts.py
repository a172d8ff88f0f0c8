"""STS's and IAM's own rules, before and beside the policies, with their codes and messages.

Pure. Each check returns the `AwsError` that AWS would answer with, or None.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import re
import unicodedata
from functools import lru_cache

from irsa.identity.arns import RoleArn
from irsa.identity.errors import AwsError, invalid_role_arn
from irsa.identity.quotas import (
    EXTERNAL_ID_LENGTH,
    SESSION_DURATION,
    SESSION_NAME_LENGTH,
    SESSION_POLICIES_SIZE_MAX,
    SESSION_POLICY_ARNS_MAX,
    TAG_KEY_MAX,
    TAG_VALUE_MAX,
    TAGS_MAX,
    WEB_IDENTITY_TOKEN_MIN,
)

_SESSION_NAME = r"[\w+=,.@-]*"
_EXTERNAL_ID = r"[\w+=,.@:\/-]*"
_TAG = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"
"""Patterns of STS's model, as its messages show them."""
_AT_MOST = "Member must have length less than or equal to"


@lru_cache(maxsize=256)
def check_parameters(
    role: RoleArn | None,
    *,
    session_name: str | None,
    duration: int,
    external_id: str | None = None,
    token: str | None = None,
    tags: tuple[tuple[str, str], ...] = (),
    source_identity: str | None = None,
    session_policies: tuple[int, ...] = (),
) -> AwsError | None:
    """The parameters of a call for a session, in the order in which STS reads them; of session
    policies the sizes."""
    if role is None:
        return invalid_role_arn()
    problem = (
        _text_problem("roleSessionName", session_name, _SESSION_NAME, SESSION_NAME_LENGTH)
        or _text_problem("externalId", external_id, _EXTERNAL_ID, EXTERNAL_ID_LENGTH)
        or _token_problem(token)
        or _duration_problem(duration)
        or _tags_problem(tags)
        or _text_problem("sourceIdentity", source_identity, _SESSION_NAME, SESSION_NAME_LENGTH)
        or _policies_problem(session_policies)
    )
    return AwsError("ValidationError", 400, problem) if problem else None


def _text_problem(name: str, value: str | None, pattern: str, length: range) -> str | None:
    if value is None:
        return None
    least, most = length.start, length.stop - 1
    if len(value) < least:
        constraint = f"Member must have length greater than or equal to {least}"
    elif len(value) > most:
        constraint = f"{_AT_MOST} {most}"
    elif not re.fullmatch(pattern, value, re.ASCII):
        constraint = f"Member must satisfy regular expression pattern: {pattern}"
    else:
        return None
    return _constraint(name, value[:200], constraint)


def _token_problem(token: str | None) -> str | None:
    """STS does not show a token."""
    least = WEB_IDENTITY_TOKEN_MIN
    if token is None or len(token) >= least:
        return None
    constraint = f"Member must have length greater than or equal to {least}"
    return _constraint("webIdentityToken", None, constraint)


def _duration_problem(duration: int) -> str | None:
    least, most = SESSION_DURATION.start, SESSION_DURATION.stop - 1
    if duration < least:
        constraint = f"Member must have value greater than or equal to {least}"
    elif duration > most:
        constraint = f"Member must have value less than or equal to {most}"
    else:
        return None
    return _constraint("durationSeconds", str(duration), constraint)


def _tags_problem(tags: tuple[tuple[str, str], ...]) -> str | None:
    """The packed size of tags and session policies, which STS limits, too, is not documented."""
    if len(tags) > TAGS_MAX:
        return _constraint("tags", None, f"{_AT_MOST} {TAGS_MAX}")
    for number, tag in enumerate(tags, start=1):
        for name, value, limit in zip(
            ("key", "value"), tag, (TAG_KEY_MAX, TAG_VALUE_MAX), strict=True
        ):
            at = f"tags.{number}.member.{name}"
            if len(value) > limit:
                return _constraint(at, value[:200], f"{_AT_MOST} {limit}")
            if not all(unicodedata.category(c)[0] in "LZN" or c in "_.:/=+-@" for c in value):
                constraint = f"Member must satisfy regular expression pattern: {_TAG}"
                return _constraint(at, value, constraint)
    return None


def _policies_problem(sizes: tuple[int, ...]) -> str | None:
    if len(sizes) > SESSION_POLICY_ARNS_MAX + 1:  # and one that is no ARN
        return _constraint("policyArns", None, f"{_AT_MOST} {SESSION_POLICY_ARNS_MAX}")
    if sum(sizes) > SESSION_POLICIES_SIZE_MAX:
        return _constraint("policy", None, f"{_AT_MOST} {SESSION_POLICIES_SIZE_MAX}")
    return None


def _constraint(name: str, value: str | None, constraint: str) -> str:
    shown = "" if value is None else f" '{value}'"
    return (
        f"1 validation error detected: Value{shown} at '{name}' "
        f"failed to satisfy constraint: {constraint}"
    )
