"""Remedies for errors of STS and S3, from the text of the error. Pure.

Control policies are spoken of only when AWS names one, or when everything that could be read allows
the call and AWS names nothing. AWS's sentences:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from collections.abc import Sequence

from irsa.identity.errors import PolicyType, read_denial
from irsa.observe.facts import UNREACHED, Answer
from irsa.verify.link import Link, Status

BEYOND = (
    "everything above allows it, and the error names no policy: a service or resource control "
    "policy of the organization may deny it; if something was changed just now, wait a minute and "
    "try again"
)
_DENIED = ("AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation")


def remedy_after(answer: Answer, before: Sequence[Link]) -> str:
    """Return the remedy of an error, given the links that lead up to the call."""
    failed = [link.key for link in before if link.status is Status.FAILED]
    if failed:
        return f"see the link {failed[0]!r} above"
    said = remedy_of(answer)
    if said:
        return said
    untold = [link for link in before if link.status is Status.UNKNOWN]
    if untold:
        names = ", ".join(repr(link.key) for link in untold)
        fix = next((f"; {each.remedy.text}" for each in untold if each.remedy.text), "")
        return f"verify could not decide a link, which may be the cause: {names}{fix}"
    return BEYOND


def remedy_of(answer: Answer) -> str:
    """Return the remedy that the text of an error names; empty when it names none."""
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
    if denial is None or not denial.reason:
        return ""
    advice = _ADVICE[denial.policy_type] if denial.policy_type else "AWS does not name the policy"
    return f"AWS says: {denial.reason}; {advice}"


_ERRORS = (
    (
        "InvalidIdentityToken",
        "No OpenIDConnect provider",
        (
            "register the token's issuer in the account of the role, where STS looks for it; or "
            "correct the account in the role's ARN, if the role is another account's"
        ),
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
    (UNREACHED, "", "nothing answered: check the network, the region and proxies"),
    ("ConnectTimeoutError", "", "nothing answered: check the network, the region and proxies"),
)
"""Code and part of the message, and what to do."""

_ADVICE = {
    PolicyType.IDENTITY: "correct the policies of the caller's role",
    PolicyType.RESOURCE: "correct the resource's own policy, in the account of the resource",
    PolicyType.TRUST: "correct the role's trust policy: see it above",
    PolicyType.BOUNDARY: "correct the permissions boundary of the caller's role",
    PolicyType.SESSION: "correct the policy that the session was requested with",
    PolicyType.SERVICE_CONTROL: "ask the administrators of the organization",
    PolicyType.RESOURCE_CONTROL: "ask the administrators of the organization",
    PolicyType.VPC_ENDPOINT: "correct the VPC endpoint's policy",
}
