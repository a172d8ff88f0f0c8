"""Reader of access denied errors: the action, the caller and the policy that refused. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html: "with an explicit
deny in a <type> policy" is a Deny statement, "because no <type> policy allows the <action> action"
is a missing Allow. If policies of several types refuse, AWS names one of them, so the named type is
where to look first, not the only place. Some services, and S3 for callers of another organization,
name none.
"""

import re
from dataclasses import dataclass
from enum import Enum


class PolicyType(Enum):
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
    policy_type: PolicyType | None = None
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

_TYPES = {each.value.lower(): each for each in PolicyType}
_TYPES["sessions policy"] = PolicyType.SESSION  # AWS's own example of an explicit deny
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


def _reason(said: str) -> tuple[PolicyType | None, Refusal, str]:
    missing = _NO_ALLOW.search(said)
    if missing:
        return _TYPES[missing[1].lower()], Refusal.NO_ALLOW, ""
    denied = _DENY.search(said)
    if denied:
        named = denied["through"] or denied["type"]
        arn = (denied["arn"] or "").rstrip(",;.)'\"")
        return (_TYPES[named.lower()] if named else None), Refusal.DENY, arn
    return (PolicyType.RESOURCE if _KMS.search(said) else None), Refusal.UNSAID, ""
