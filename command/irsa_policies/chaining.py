"""Roles that exist to assume another one, and may do more. Pure."""

from collections.abc import Iterator, Sequence

from irsa.decide.document import statements_of
from irsa.observe.pulumi_resources import StackPolicy, StackRole
from irsa.rules.finding import Finding
from irsa_policies.one_resource import subject_of

_CHAINING = ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity")


def findings(roles: Sequence[StackRole]) -> Iterator[tuple[StackRole, Finding]]:
    """The roles that another role of the stack trusts, or that may assume a role by name, and
    whose policies allow more than that. Policies that are not in the stack are not judged."""
    trusted = {arn for role in roles for arn in _trusted(role)}
    for role in roles:
        allowed = [(policy, action) for policy in role.policies for action in _actions(policy)]
        more = [(p, action) for p, action in allowed if action.lower() not in _CHAINING]
        chains = role.arn in trusted or any(a.lower() == _CHAINING[0] for _, a in allowed)
        if chains and more:
            texts = dict.fromkeys(f"{policy.name} allows {action}" for policy, action in more)
            yield role, Finding("chaining-role", subject_of(role), ", ".join(texts))


def _trusted(role: StackRole) -> Iterator[str]:
    for statement in statements_of(role.trust_policy):
        if statement.allows and statement.covers("sts:AssumeRole"):
            yield from statement.named("AWS")
            for condition in statement.conditions:
                if condition.key.lower() == "aws:principalarn" and condition.positive:
                    yield from condition.values


def _actions(policy: StackPolicy) -> Iterator[str]:
    """Yield the actions that a policy allows; ``NotAction …`` for all but some."""
    for statement in statements_of(policy.document):
        if statement.allows and statement.element == "NotAction":
            yield f"NotAction {', '.join(statement.actions)}"
        elif statement.allows:
            yield from statement.actions
