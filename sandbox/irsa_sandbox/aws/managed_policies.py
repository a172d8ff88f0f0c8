"""AWS's own managed policies, by a list of their names."""

from difflib import get_close_matches
from functools import cache
from pathlib import Path

from irsa.identity.errors import AwsError

_OF_AWS = "iam::aws:policy/"
LISTED = "2026-10-27"
"""Day of the list. AWS adds some each week, and a newer one is refused."""


@cache
def names() -> frozenset[str]:
    """Return the names, with their paths.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
    """
    return frozenset(Path(__file__).with_suffix(".txt").read_text().split())


def is_of_aws(arn: str) -> bool:
    """Return whether AWS has this policy; it has the same ones in every partition."""
    return arn.partition(_OF_AWS)[2] in names()


def no_such_policy(arn: str, what: str) -> AwsError:
    """Return IAM's error for a policy to attach that does not exist, and for one of AWS's, which
    may be misspelt, the nearest names."""
    message = f"{what} {arn} does not exist or is not attachable."
    if name := arn.partition(_OF_AWS)[2]:
        near = get_close_matches(name, names(), n=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        message += f" AWS has none of that name (the sandbox's list of {LISTED}){meant}"
    return AwsError("NoSuchEntity", 404, message)
