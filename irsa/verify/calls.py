"""What AWS answered to the calls that try a chain. Pure.

What was read of it is `irsa.verify.facts`.
"""

from dataclasses import dataclass

from irsa.observe.facts import Answer, Unread


@dataclass(frozen=True, slots=True)
class NotMade:
    """A call that was not made."""

    why: str
    """What it lacks, such as a session."""


_NO_SESSION = NotMade("there is no session")
_NO_SESSION_OF_A = NotMade("there is no session of role A")
_NO_SESSION_OF_B = NotMade("there is no session of role B")


@dataclass(frozen=True, kw_only=True)
class RoleBCalls:
    """The calls with which role A becomes role B, and those of role B's session."""

    assumed: Answer | NotMade = _NO_SESSION_OF_A
    caller: Answer | NotMade = _NO_SESSION_OF_B
    data: Answer | NotMade = _NO_SESSION_OF_B
    """The bucket's list, asked for by role B."""
    direct: Answer | NotMade = _NO_SESSION_OF_A
    """The bucket's list, asked for by role A."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls with which the token becomes a session of the role, and those of that session."""

    assumed: Answer | NotMade = NotMade("STS was not asked")
    caller: Answer | NotMade = _NO_SESSION
    data: Answer | NotMade = _NO_SESSION
    """The bucket's list."""
    refused: Answer | NotMade = _NO_SESSION
    """The list of IAM users, which no workload should see."""
    inside: Answer | Unread | NotMade = NotMade("it was not asked for")
    """Who the AWS CLI is inside the Pod."""
    of_role_b: RoleBCalls = RoleBCalls()
