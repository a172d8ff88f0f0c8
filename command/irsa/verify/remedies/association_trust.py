"""Fix the trust policies of an association's role and target role. Pure.

A statement for the service account is added and the others stay: they may be those of other
associations, and no condition is lifted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from irsa.access import Judgement, trusts_association
from irsa.identity.pod_identity import (
    TargetedBy,
    pod_identity_trust_policy,
    target_role_trust_policy,
)
from irsa.identity.policy_json import Json, statements, with_statements
from irsa.observe.facts import Role
from irsa.verify.facts import Facts, PodIdentity, RoleBTarget
from irsa.verify.remedies.policy_edits import with_role_exception
from irsa.verify.remedies.role_b import judge_role_b
from irsa.verify.remedies.trust import Fixer, TrustFix, caller_has_to_meet


@dataclass(frozen=True, kw_only=True)
class AssociationFixer(Fixer):
    """A role that an association uses."""

    wanted: Json
    """The trust policy that allows the association, and nothing else."""
    judging: Callable[[Role], Judgement]
    role_a: str = ""
    """The association's role, if it is the caller; else EKS is."""

    def with_exception(self, document: Json, positions: Sequence[int]) -> Json | None:
        """Except role A; EKS calls for every service account, and gets no exception."""
        return with_role_exception(document, positions, self.role_a) if self.role_a else None

    def judge(self, document: Json) -> Judgement:
        """The answer of the trust policy to the association's call."""
        return self.judging(replace(self.role, trust_policy=document))

    def allow(self, document: Json) -> TrustFix:
        """Add the statements for the association."""
        added = with_statements(document, *statements(self.wanted))
        if not self.trusts(added):
            return caller_has_to_meet(statements(document))
        return TrustFix("add a statement for this service account; the others stay", added)


def role_of_association(facts: Facts, role: Role) -> AssociationFixer:
    """The role that EKS assumes for the association."""
    cluster, account, disabled = facts.cluster_arn, facts.account, _disabled(facts)
    return AssociationFixer(
        role=role,
        wanted=pod_identity_trust_policy([cluster], [account], disable_session_tags=disabled),
        judging=lambda each: trusts_association(
            each, cluster, account, disable_session_tags=disabled
        ),
    )


def target_role(facts: Facts, role_a: Role, role: Role, target: RoleBTarget) -> AssociationFixer:
    """The target role, which EKS assumes with the session of role A."""
    named = TargetedBy(role_a.arn, facts.cluster_arn, facts.account, _disabled(facts))
    return AssociationFixer(
        role=role,
        wanted=target_role_trust_policy([named]),
        judging=lambda each: judge_role_b(role_a, each, target),
        role_a=role_a.arn,
    )


def with_tags(facts: Facts) -> Facts:
    """The facts with the association's session tags enabled."""
    known, found = facts.pod_identity, facts.association
    if not isinstance(known, PodIdentity) or found is None:
        return facts
    tagged = replace(found, disable_session_tags=False)
    return replace(facts, pod_identity=replace(known, association=tagged))


def _disabled(facts: Facts) -> bool:
    return bool(facts.association and facts.association.disable_session_tags)
