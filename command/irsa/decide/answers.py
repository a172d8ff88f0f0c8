"""The answer to one step of a scenario. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from irsa.decide.evaluate import Decision
from irsa.decide.reasons import Reason, missing_facts, remark
from irsa.decide.verdict import Verdict
from irsa.identity.errors import AwsError


class StepAnswer(NamedTuple):
    """The answer to one step."""

    verdict: Verdict
    error: AwsError | None = None
    decision: Decision | None = None
    notes: Sequence[str] = ()
    facts: Sequence[str] = ()

    @property
    def explicit(self) -> bool:
        """True if a statement denies."""
        return any(reason.effect == "Deny" for reason in self.reasons)

    @property
    def missing(self) -> list[str]:
        """The missing facts that leave the step undecided."""
        if self.verdict is not Verdict.UNKNOWN:
            return []
        return list(dict.fromkeys([*self.facts, *(self.decision.missing if self.decision else ())]))

    @property
    def left_out(self) -> list[str]:
        """The kinds of policies that could deny the step after all, and were not given."""
        return self.decision.left_out if self.decision else []

    @property
    def reasons(self) -> list[Reason]:
        """Reasons, the deciding one first."""
        notes = [remark(note) for note in self.notes]
        decided = self.decision.reasons if self.decision else []
        return list(dict.fromkeys([*notes, *missing_facts(self.missing), *decided]))


def refused(error: AwsError, why: str = "", decision: Decision | None = None) -> StepAnswer:
    """A step that AWS refuses with an error: because of ``why``, or of the decision."""
    notes = () if decision is not None else (f"{why}: {error.message}",)
    return StepAnswer(Verdict.DENY, error, decision, notes)


def undecided(*facts: str, decision: Decision | None = None) -> StepAnswer:
    """A step that could go either way because facts are missing."""
    return StepAnswer(Verdict.UNKNOWN, decision=decision, facts=facts)
