"""The evaluator's answer to one request. Imports nothing of irsa."""

from enum import Enum


class Verdict(Enum):
    """Allowed, denied, or undecided because facts are missing."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"
