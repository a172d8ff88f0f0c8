"""Errors of AWS: one type, and the sentences that STS and IAM themselves use. Pure.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and the error lists of the
single calls.
"""

from dataclasses import dataclass


@dataclass(unsafe_hash=True)
class AwsError(Exception):
    """A refusal as AWS answers it; the evaluator returns it, the sandbox and the token check raise
    it."""

    code: str
    http: int
    """HTTP status."""
    message: str

    def __str__(self) -> str:
        return self.message


def invalid_role_arn() -> AwsError:
    """A RoleArn that is not the ARN of a role."""
    return AwsError("ValidationError", 400, "Request ARN is invalid")


def not_authorized(caller_arn: str, action: str, resource: str) -> AwsError:
    """A signed call that the policies do not allow, or a role that does not exist: AWS does not say
    which."""
    message = f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource}"
    return AwsError("AccessDenied", 403, message)


def web_identity_denied() -> AwsError:
    """The trust policy refuses the token, or there is no such role: AWS does not say which."""
    message = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    return AwsError("AccessDenied", 403, message)


def root_may_not_assume() -> AwsError:
    """An account's root calls AssumeRole."""
    return AwsError("AccessDenied", 403, "Roles may not be assumed by root accounts.")


def session_credentials(action: str) -> AwsError:
    """A call for which STS takes only the long-term credentials of a user."""
    message = f"Cannot call {action.partition(':')[2]} with session credentials"
    return AwsError("AccessDenied", 403, message)


def above_role_maximum() -> AwsError:
    """A session that is longer than the role's MaxSessionDuration."""
    message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    return AwsError("ValidationError", 400, message)


def above_chained_maximum() -> AwsError:
    """A role's session asks for more than an hour as another role."""
    return AwsError(
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles "
        "assumed by role chaining.",
    )


def issuer_unreachable() -> AwsError:
    """The keys of the issuer could not be fetched. The text is the API reference's description."""
    return AwsError(
        "IDPCommunicationError",
        400,
        "The request could not be fulfilled because the identity provider (IDP) that was asked to "
        "verify the incoming identity token could not be reached.",
    )


def source_identity_is_set() -> AwsError:
    """A session with a source identity asks for another one. AWS documents the rule, not the words:
    these are from public reports."""
    message = "The source identity is already set for this assume role session"
    return AwsError("ValidationError", 400, message)


def transitive_tag_is_set() -> AwsError:
    """A session passes a tag that it passes on anyway; the words are from public reports."""
    return AwsError(
        "InvalidParameterValue",
        400,
        "One of the specified transitive tag keys can't be set because it conflicts with a "
        "transitive tag key from the calling session.",
    )


def invalid_token(message: str) -> AwsError:
    """A web identity token that STS does not take."""
    return AwsError("InvalidIdentityToken", 400, message)


def malformed_policy(message: str) -> AwsError:
    """A policy document that IAM does not store."""
    return AwsError("MalformedPolicyDocument", 400, message)


def invalid_principal(kind: str, principal: str) -> str:
    """IAM's sentence for a principal of a trust policy that does not exist, or cannot."""
    name = kind if kind == "AWS" else kind.upper()
    return f'Invalid principal in policy: "{name}":"{principal}"'


def quota_exceeded(quota: str, limit: int) -> AwsError:
    """A quota of IAM, by IAM's own name for it."""
    return AwsError("LimitExceeded", 409, f"Cannot exceed quota for {quota}: {limit}")
