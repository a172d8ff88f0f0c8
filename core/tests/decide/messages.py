"""Messages of STS."""

from core.tests.decide.principals import ROLE_B, SESSION_A

MAXIMUM = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
CHAINED = (
    "The requested DurationSeconds exceeds the 1 hour session limit "
    "for roles assumed by role chaining."
)
A_MAY_NOT = f"User: {SESSION_A} is not authorized to perform: sts:AssumeRole on resource: {ROLE_B}"


def outside(value: str, field: str, constraint: str) -> str:
    """AWS's message for a parameter that is out of range."""
    found = f"1 validation error detected: Value '{value}' at '{field}'"
    return f"{found} failed to satisfy constraint: Member must {constraint}"
