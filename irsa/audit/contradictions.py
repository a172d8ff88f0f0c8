"""Rules about conditions on a token that deny callers that they seem to allow. Pure.

No caller is allowed that should not be, but a quick fix of such a policy tends to open it: by
StringLike where StringEquals stood, or by taking a condition away.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
"""

from collections.abc import Iterator, Sequence

from irsa.audit.conditions import split_key, wild
from irsa.decide.document import Condition
from irsa.decide.patterns import Pattern


def check_contradictions(own: Sequence[Condition]) -> Iterator[tuple[str, str]]:
    """``own`` are the conditions on one issuer's tokens."""
    for condition in own:
        yield from (
            ("literal-wildcard", f"{condition.text} is {value}") for value in condition.literal
        )
    positive = [each for each in own if each.positive]
    for exact in positive:
        for other in positive:
            if other is not exact and _claim(other) == _claim(exact):
                yield from _excluded(exact, other)


def _claim(condition: Condition) -> str:
    return split_key(condition.key)[1]


def _excluded(exact: Condition, other: Condition) -> Iterator[tuple[str, str]]:
    patterns = [Pattern.parse(each) for each in other.patterns]
    for value, written in zip(exact.values, exact.patterns, strict=True):
        if not wild(written) and value == written and not any(p.matches(value) for p in patterns):
            yield "anded-conditions", f"{exact.text} is {value}, which {other.text} keeps out"
