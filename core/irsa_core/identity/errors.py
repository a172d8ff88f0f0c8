"""Errors of AWS: one type, and the sentences that STS and IAM themselves use. Pure.

https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and the error lists of the
single calls.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import partial


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


access_denied = partial(AwsError, "AccessDenied", 403)
invalid_parameter = partial(AwsError, "ValidationError", 400)
invalid_token = partial(AwsError, "InvalidIdentityToken", 400)
"""A web identity token that STS does not take; called with the message."""
malformed_policy = partial(AwsError, "MalformedPolicyDocument", 400)
"""A policy document that IAM does not store; called with the message."""


def not_authorized(caller_arn: str, action: str, resource: str) -> AwsError:
    """A signed call that the policies do not allow, or a role that does not exist: AWS does not say
    which."""
    return access_denied(
        f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource}"
    )


def session_credentials(action: str) -> AwsError:
    """A call for which STS takes only the long-term credentials of a user."""
    return access_denied(f"Cannot call {action.partition(':')[2]} with session credentials")


invalid_role_arn = partial(invalid_parameter, "Request ARN is invalid")
"""A RoleArn that is not the ARN of a role."""
web_identity_denied = partial(
    access_denied, "Not authorized to perform sts:AssumeRoleWithWebIdentity"
)
"""The trust policy refuses the token, or there is no such role: AWS does not say which."""
root_may_not_assume = partial(access_denied, "Roles may not be assumed by root accounts.")
"""An account's root calls AssumeRole."""
above_role_maximum = partial(
    invalid_parameter,
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
)
"""A session that is longer than the role's MaxSessionDuration."""
above_chained_maximum = partial(
    invalid_parameter,
    "The requested DurationSeconds exceeds the 1 hour session limit for roles "
    "assumed by role chaining.",
)
"""A role's session asks for more than an hour as another role."""
issuer_unreachable = partial(
    AwsError,
    "IDPCommunicationError",
    400,
    "The request could not be fulfilled because the identity provider (IDP) that was asked to "
    "verify the incoming identity token could not be reached.",
)
"""The keys of the issuer could not be fetched. The text is the API reference's description."""
source_identity_is_set = partial(
    invalid_parameter, "The source identity is already set for this assume role session"
)
"""A session with a source identity asks for another one. AWS documents the rule, not the words:
these are from public reports."""
transitive_tag_is_set = partial(
    AwsError,
    "InvalidParameterValue",
    400,
    "One of the specified transitive tag keys can't be set because it conflicts with a "
    "transitive tag key from the calling session.",
)
"""A session passes a tag that it passes on anyway; the words are from public reports."""


def invalid_principal(kind: str, principal: str) -> str:
    """IAM's sentence for a principal of a trust policy that does not exist, or cannot."""
    name = kind if kind == "AWS" else kind.upper()
    return f'Invalid principal in policy: "{name}":"{principal}"'


def quota_exceeded(quota: str, limit: int) -> AwsError:
    """A quota of IAM, by IAM's own name for it."""
    return AwsError("LimitExceeded", 409, f"Cannot exceed quota for {quota}: {limit}")


class NamedPolicyType(Enum):
    """A type of policy, in AWS's words."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    SERVICE_CONTROL = "service control policy"
    RESOURCE_CONTROL = "resource control policy"
    VPC_ENDPOINT = "VPC endpoint policy"


class Refusal(Enum):
    """The kind of refusal."""

    DENY = "explicit deny"
    """A Deny statement fits."""
    NO_ALLOW = "no allow"
    """No statement allows it."""
    UNSAID = "not said"


@dataclass(frozen=True, slots=True)
class Denial:
    """The parts of an access denied error; a part that it lacks is empty, None or UNSAID."""

    action: str
    """The refused action, such as ``s3:ListBucket``, as the text spells it."""
    caller: str = ""
    """ARN of the caller; STS does not name that of AssumeRoleWithWebIdentity."""
    resource: str = ""
    """ARN of the resource."""
    policy_type: NamedPolicyType | None = None
    """The type of policy that AWS names."""
    refusal: Refusal = Refusal.UNSAID
    policy_arn: str = ""
    """ARN of the policy with the Deny statement, which AWS gives for some types."""

    @property
    def reason(self) -> str:
        """The reason as words to be read after "refused: "; empty when AWS gives none."""
        kind = self.policy_type.value if self.policy_type else ""
        if self.refusal is Refusal.NO_ALLOW:
            return f"no {kind} allows {self.action}"
        if self.refusal is Refusal.DENY:
            where = f" in {'an' if kind.startswith('identity') else 'a'} {kind}" if kind else ""
            arn = f" ({self.policy_arn})" if self.policy_arn else ""
            return f"explicit deny{where}{arn}"
        return f"a {kind} is missing or denies it" if kind else ""


def read_denial(text: str) -> Denial | None:
    """Return the denial that an error text describes, or None.

    The first refusal counts: SDKs put the error of one attempt into the next one's.
    """
    flat = flatten(text)
    refused = _REFUSED.search(flat)
    if not refused:
        return None
    following = flat[refused.end() :]
    another = _REFUSED.search(following)
    said = following[: another.start()] if another else following
    resource = _RESOURCE.match(said)
    return Denial(
        refused["action"],
        refused["caller"] or "",
        resource[1] or resource[2].rstrip(",;.)'") if resource else "",
        *_reason(said),
    )


def flatten(text: str) -> str:
    """The text on one line, without the frame that Terraform draws around errors."""
    return " ".join(text.translate(_FRAME).split())


_FRAME = str.maketrans(dict.fromkeys("│╷╵", " "))

_REFUSED = re.compile(
    r"(?:User: (?P<caller>[^ ]{1,2048}) is )?not authorized to perform:? "
    r"(?P<action>[a-z0-9-]{1,64}:[a-z0-9*-]{1,128})",
    re.IGNORECASE,
)
_RESOURCE = re.compile(r"(?: on resource:? (?:\\?[\"'`]([^\"'`\\]+)|([^ \"']+)))", re.IGNORECASE)

_TYPES = {each.value.lower(): each for each in NamedPolicyType}
_TYPES["sessions policy"] = NamedPolicyType.SESSION  # AWS's own example of an explicit deny
_TYPE = "|".join(_TYPES)
_NO_ALLOW = re.compile(rf"because no ({_TYPE}) allows", re.IGNORECASE)
_DENY = re.compile(
    rf"with an explicit deny(?: in (?:an?|the) (?P<type>{_TYPE})"
    # AWS's example of a request through a VPC endpoint: the policy to change is the last one.
    rf"(?: transitively through an? (?P<through>{_TYPE}))?)?"
    r"(?:: (?P<arn>arn:[^ ]{1,2048}))?",
    re.IGNORECASE,
)
# KMS says no more than this of a key of another account or without a fitting statement.
_KMS = re.compile(
    r"no resource-based policies allow access, or a resource-based policy explicitly denies",
    re.IGNORECASE,
)


def _reason(said: str) -> tuple[NamedPolicyType | None, Refusal, str]:
    missing = _NO_ALLOW.search(said)
    if missing:
        return _TYPES[missing[1].lower()], Refusal.NO_ALLOW, ""
    denied = _DENY.search(said)
    if denied:
        named = denied["through"] or denied["type"]
        arn = (denied["arn"] or "").rstrip(",;.)'\"")
        return (_TYPES[named.lower()] if named else None), Refusal.DENY, arn
    return (NamedPolicyType.RESOURCE if _KMS.search(said) else None), Refusal.UNSAID, ""
