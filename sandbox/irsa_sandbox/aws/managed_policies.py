"""AWS's own managed policies, by a list of their names."""

from difflib import get_close_matches
from functools import cache
from pathlib import Path

from irsa.identity.errors import AwsError

LISTED = "2026-10-27"
"""Day of the list. AWS adds some each week, and a newer one is refused."""


@cache
def names() -> frozenset[str]:
    """Return the names, with their paths.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
    """
    return frozenset(Path(__file__).with_suffix(".txt").read_text().split())


def no_such_policy(arn: str, what: str = "Policy") -> AwsError:
    """Return IAM's error for a policy to attach that does not exist, and for one of AWS's, which
    may be misspelt, the nearest names."""
    message = f"{what} {arn} does not exist or is not attachable."
    owner, _, name = arn.partition("iam::")[2].partition(":policy/")
    if owner == "aws":
        near = get_close_matches(name, names(), n=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        message += f" AWS has none of that name (the sandbox's list of {LISTED}){meant}"
    return AwsError("NoSuchEntity", 404, message)
