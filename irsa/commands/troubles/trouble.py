"""An error text and what may be behind it: a row of `irsa.commands.troubles.diagnosis`. Pure.

A cause is in the table because it solved a public thread, or because AWS's documentation names it:
its `source` says which. The messages, each with what solved it, are in
tests/unit/irsa/commands/troubles/messages.yaml.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from irsa import PROGRAM
from irsa.identity.access_denied import PolicyType, Refusal

VERIFY = f"{PROGRAM} verify --namespace NAMESPACE --service-account NAME"
IAM_GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
EKS_GUIDE = "https://docs.aws.amazon.com/eks/latest/userguide/"
STS_REFERENCE = "https://docs.aws.amazon.com/STS/latest/APIReference/"


class Level(IntEnum):
    """How near an error text is to what is wrong. Of all that fit, only the nearest are an answer.

    An SDK puts the error of a call into the error of the next one ("failed to refresh cached
    credentials, … STS: AssumeRoleWithWebIdentity, … Rate exceeded"). The outer text says nothing
    that the inner one does not.
    """

    ANOTHER_MECHANISM = 0
    """The credentials do not come from IRSA, so nothing below applies."""
    NAMED = 1
    """The text names what is wrong."""
    REFUSED = 2
    """A call was refused, and several things can be the reason."""
    FALLBACK = 3
    """The SDK went on to the node's metadata service: no other credentials were configured."""
    SUMMARY = 4
    """The SDK has no credentials; why, it says elsewhere, or not at all."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that leads to the error."""

    id: str
    """Short name, unique within the trouble."""
    cause: str
    check: str = VERIFY
    """How to find out, as a command or in words."""
    link: str = ""
    """The link of `verify` that shows it."""
    source: str = ""
    """A thread that it solved (owner/repository#number), or AWS's page."""
    policy_types: frozenset[PolicyType] = frozenset()
    """The cause is the likeliest if AWS says that a policy of these types refused."""
    refusal: Refusal | None = None
    """It is meant only if they refused in this way."""
    words: re.Pattern[str] | None = None
    """The cause is the likeliest if the text has this."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error text and what may be behind it."""

    key: str
    error: str
    """The text, as AWS or the SDK writes it."""
    pattern: re.Pattern[str]
    meaning: str
    causes: tuple[Cause, ...]
    level: Level = Level.NAMED


def words(pattern: str) -> re.Pattern[str]:
    """A pattern for a text on one line, in any case."""
    return re.compile(pattern, re.IGNORECASE)


def trouble(
    key: str, error: str, pattern: str, meaning: str, *causes: Cause, level: Level = Level.NAMED
) -> Trouble:
    """A row of the table."""
    return Trouble(key, error, words(pattern), meaning, causes, level)


BOUNDARY = Cause(
    "boundary",
    "the role's permissions boundary does not allow it, or denies it",
    link="permissions",
    source=f"{IAM_GUIDE}access_policies_boundaries.html",
    policy_types=frozenset({PolicyType.BOUNDARY}),
)
SESSION_POLICY = Cause(
    "session-policy",
    "a session policy was passed when the role was assumed, and does not allow it",
    "look for a Policy or PolicyArns parameter where the application assumes the role",
    source="BerriAI/litellm#30200",
    policy_types=frozenset({PolicyType.SESSION}),
)
VPC_ENDPOINT = Cause(
    "vpc-endpoint",
    "the policy of the VPC endpoint does not allow it, or denies it",
    "aws ec2 describe-vpc-endpoints",
    source=f"{IAM_GUIDE}troubleshoot_access-denied.html",
    policy_types=frozenset({PolicyType.VPC_ENDPOINT}),
)
ORGANIZATION = Cause(
    "organization",
    "a service or resource control policy of the organization denies it",
    "ask whoever manages the organization; the message may name the policy",
    source="aws/karpenter-provider-aws#7370",
    policy_types=frozenset({PolicyType.SERVICE_CONTROL, PolicyType.RESOURCE_CONTROL}),
)
