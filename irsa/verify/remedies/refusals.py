"""What to do about an error of STS or S3, from what the error says itself. Pure.

Control policies are spoken of only when AWS names one, or when everything that could be read allows
the call and AWS names nothing. AWS's sentences:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from collections.abc import Sequence

from irsa.identity.access_denied import PolicyType, Refusal, read_denial
from irsa.observe.facts import Answer
from irsa.verify.link import Link, Status

BEYOND = (
    "everything above allows it, and the error names no policy: a service or resource control "
    "policy of the organization may deny it; if something was changed just now, wait a minute and "
    "try again"
)
_DENIED = ("AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation")


def remedy_after(answer: Answer, before: Sequence[Link]) -> str:
    """What to do about an error, given the links that lead up to the call."""
    failed = [link.key for link in before if link.status is Status.FAILED]
    if failed:
        return f"see the link {failed[0]!r} above"
    said = remedy_of(answer)
    if said:
        return said
    untold = [link.key for link in before if link.status is Status.UNKNOWN]
    if untold:
        names = ", ".join(map(repr, untold))
        return f"verify could not decide a link above, which may be the cause: {names}"
    return BEYOND


def remedy_of(answer: Answer) -> str:
    """What to do about an error, from its text alone; empty when that says nothing more."""
    if answer.code not in _DENIED:
        return next(
            (
                remedy
                for code, text, remedy in _ERRORS
                if code in ("", answer.code) and text in answer.message
            ),
            "",
        )
    denial = read_denial(answer.message)
    if denial is None:
        return ""
    denies = denial.refusal is Refusal.DENY
    where = f" ({denial.policy_arn})" if denial.policy_arn else ""
    if denial.policy_type is not None:
        return (_DENIES if denies else _NO_ALLOW)[denial.policy_type].format(where=where)
    return f"a statement denies it; AWS does not say in which policy{where}" if denies else ""


_ERRORS = (
    (
        "InvalidIdentityToken",
        "No OpenIDConnect provider",
        "register the token's issuer in the account of the role: STS looks for it there",
    ),
    (
        "InvalidIdentityToken",
        "Incorrect token audience",
        "register the token's audience with the OIDC provider in the account of the role",
    ),
    (
        "InvalidIdentityToken",
        "verification key",
        (
            "AWS must be able to read the issuer's keys: check that its discovery document and key "
            "set are public, and that the token's key is among them"
        ),
    ),
    ("IDPCommunicationError", "", "AWS could not reach the issuer: check that it is public"),
    ("ExpiredTokenException", "", "read the token file again at every use, as SDKs do"),
    (
        "ValidationError",
        "DurationSeconds",
        "ask for a shorter session, or raise the role's maximum session duration",
    ),
    ("EndpointConnectionError", "", "nothing answered: check the network, the region and proxies"),
    ("ConnectTimeoutError", "", "nothing answered: check the network, the region and proxies"),
)
"""Code and part of the message, and what to do."""

_CONTROL = "it is for those who manage the organization"
_NO_ALLOW = {
    PolicyType.IDENTITY: "AWS says that no policy of the caller's role allows it: give it one",
    PolicyType.RESOURCE: (
        "AWS says that the resource's own policy does not allow it: the resource is of another "
        "account, whose administrator has to allow the role there"
    ),
    PolicyType.TRUST: "AWS says that the role's trust policy does not allow it: see it above",
    PolicyType.BOUNDARY: "AWS says that the role's permissions boundary does not allow it",
    PolicyType.SESSION: "AWS says that the session's own policy does not allow it",
    PolicyType.SERVICE_CONTROL: f"no service control policy allows it: {_CONTROL}",
    PolicyType.RESOURCE_CONTROL: f"no resource control policy allows it: {_CONTROL}",
    PolicyType.VPC_ENDPOINT: "the VPC endpoint's policy does not allow it: allow the call there",
}
_DENIES = {
    PolicyType.IDENTITY: "AWS says that a policy of the caller's role denies it{where}",
    PolicyType.RESOURCE: (
        "AWS says that the resource's own policy denies it{where}: its owner can read and narrow it"
    ),
    PolicyType.TRUST: "AWS says that the role's trust policy denies it{where}",
    PolicyType.BOUNDARY: "AWS says that the role's permissions boundary denies it{where}",
    PolicyType.SESSION: "AWS says that the session's own policy denies it{where}",
    PolicyType.SERVICE_CONTROL: f"a service control policy{{where}} denies it: {_CONTROL}",
    PolicyType.RESOURCE_CONTROL: f"a resource control policy{{where}} denies it: {_CONTROL}",
    PolicyType.VPC_ENDPOINT: "the VPC endpoint's policy{where} denies it: narrow it there",
}
