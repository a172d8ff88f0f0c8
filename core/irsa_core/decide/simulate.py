"""A scenario's answer: its steps one after another, each as STS, IAM or a service would answer.

Pure. A step that is refused ends the chain, because the steps after it never happen. A step that
cannot be decided does not: when a later one is refused in any case, the answer is certain.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from irsa_core.decide.assume import call_for_session, check_parameters, scope_problem
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.evaluate import Inquiry, StepAnswer, refused, undecided
from irsa_core.decide.patterns import Value
from irsa_core.decide.principals import Caller
from irsa_core.decide.steps import (
    Call,
    CreateRole,
    ResourceCall,
    Scenario,
    ScopeCall,
    Step,
)
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import is_account_id, parse_arn, parse_role_arn
from irsa_core.identity.errors import (
    AwsError,
    invalid_role_arn,
    not_authorized,
    quota_exceeded,
    session_credentials,
)
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a scenario."""

    verdict: Verdict
    failing_step: int | None
    """Number, from 1, of the step that is refused or, failing that, not decided."""
    steps: Sequence[StepAnswer] = field(default=())

    @property
    def error(self) -> AwsError | None:
        """AWS's error of the step that is refused."""
        return self.steps[self.failing_step - 1].error if self.failing_step else None

    @property
    def left_out(self) -> list[str]:
        """The kinds of policies that could deny an allowed scenario, and were not given."""
        if self.verdict is not Verdict.ALLOW:
            return []
        decisions = [step.decision for step in self.steps if step.decision]
        return list(dict.fromkeys(kind for each in decisions for kind in each.left_out))

    def as_json(self) -> dict[str, object]:
        """The answer in the form of `python -m irsa decide`."""
        answer: dict[str, object] = {
            "decision": self.verdict.value,
            "failing_step": self.failing_step,
            "error": None if self.error is None else asdict(self.error),
            "steps": [
                {"decision": step.verdict.value, "reasons": [*map(str, step.reasons)]}
                | ({"missing": step.missing} if step.missing else {})
                for step in self.steps
            ],
        }
        left_out = ", ".join(self.left_out)
        return answer | ({"not_considered": left_out} if left_out else {})


def simulate(scenario: Scenario) -> Outcome:
    """Make the scenario's calls in order, each as the session that the one before produced."""
    answers: list[StepAnswer] = []
    session: Session = _no_caller
    open_step: int | None = None
    for number, step in enumerate(scenario.steps, start=1):
        answer, session = _take(scenario, step, session)
        answers.append(answer)
        if answer.verdict is Verdict.DENY:
            return Outcome(Verdict.DENY, number, answers)
        if answer.verdict is Verdict.UNKNOWN and open_step is None:
            open_step = number
    return Outcome(Verdict.UNKNOWN if open_step else Verdict.ALLOW, open_step, answers)


_NOT_FOR = {
    "sts:getfederationtoken": ("session",),
    "sts:assumeroot": ("root",),
    "sts:getscopedcredentials": ("user", "root"),
}
"""The callers of which STS does not take the call, whatever their policies allow."""
WEB_IDENTITY_TOKEN, TAGS = "sts:getwebidentitytoken", ("aws:requesttag/", "aws:tagkeys")

Session = Callable[[], Caller | None]
"""Makes the session that a step returned; the last one's is never asked for."""


def _no_caller() -> None:
    return None


def _take(scenario: Scenario, step: Step, session: Session) -> tuple[StepAnswer, Session]:
    """One step's answer, and the session that the next step has."""
    if isinstance(step, ScopeCall):
        return _scope(scenario, step, _caller(step, session))
    if isinstance(step, ResourceCall) and not isinstance(step, CreateRole):
        return _call(scenario, step, _caller(step, session)), session
    if isinstance(step.trust, AwsError):
        return refused(step.trust, "trust policy: IAM would not have stored it"), session
    if isinstance(step, CreateRole):
        return _create_role(scenario, step, _caller(step, session)), session
    role = parse_role_arn(step.resource)
    if role is None:
        return refused(invalid_role_arn(), "STS refuses the parameters"), session
    if error := check_parameters(step):
        return refused(error, "STS refuses the parameters"), session
    return call_for_session(scenario, step, role, _caller(step, session))


def _caller(step: Call, session_so_far: Session) -> Caller | None:
    """The step's principal, or the session so far, with the facts of the step and the chain."""
    session = session_so_far()
    if session is None or (step.caller is not None and step.caller.arn != session.arn):
        return step.caller
    if step.caller_role_arn is None and step.caller_id is None:
        return session
    return replace(
        session,
        role_arn=step.caller_role_arn or session.role_arn,
        unique_id=step.caller_id or session.unique_id,
    )


def _scope(
    scenario: Scenario, step: ScopeCall, caller: Caller | None
) -> tuple[StepAnswer, Session]:
    """Limit a session to what its scope-down policy allows as well."""
    scoped = caller and replace(caller, scopes=(*caller.scopes, *step.scope))
    answer = _call(scenario, step, caller)
    if answer.verdict is not Verdict.DENY and (problem := scope_problem(step.size, step.duration)):
        answer = refused(problem, "STS refuses the parameters")
    return answer, lambda: scoped


def _create_role(scenario: Scenario, step: CreateRole, caller: Caller | None) -> StepAnswer:
    """Return whether the caller may create the role, and IAM stores its trust policy.

    A step that says nothing of the caller asks about the trust policy only.
    """
    if step.trust is None:
        return undecided(f"{step.path}.trust_policy")
    if step.trust_size > TRUST_POLICY_QUOTA_MAX:
        return refused(quota_exceeded("ACLSizePerRole", TRUST_POLICY_QUOTA), "trust policy")
    facts = list(step.trust_doubts)
    if step.trust_size > TRUST_POLICY_QUOTA:
        size = step.trust_size
        facts.append(f"the account's quota for trust policies: this one has {size} characters")
    limits = step.boundary, step.service_control, step.endpoint
    if caller is None and step.identity is None and not any(limits):
        if facts:
            return undecided(*facts)
        return StepAnswer(Verdict.ALLOW, notes=["IAM stores this trust policy"])
    answer = _call(scenario, step, caller, own_account=True)
    denied = any(reason.effect == "Deny" for reason in answer.reasons)
    if answer.verdict is Verdict.DENY and (denied or step.resource_given or not step.identity):
        return answer
    if not step.resource_given:
        facts.append(f"{step.path}.resource")
    if facts:
        return undecided(*facts, decision=answer.decision)
    return answer


def _call(
    scenario: Scenario, step: ResourceCall, caller: Caller | None, *, own_account: bool = False
) -> StepAnswer:
    """A call of any other action, on a resource that may have a policy of its own."""
    action = step.action.lower()
    if action == "sts:getcalleridentity":
        return StepAnswer(Verdict.ALLOW, notes=["GetCallerIdentity needs no permission"])
    refusal = not_authorized(caller.arn if caller else "<principal>", step.action, step.resource)
    if caller is not None and caller.kind in _NOT_FOR.get(action, ()):
        words = session_credentials(step.action) if caller.kind == "session" else refusal
        return refused(words, "STS refuses the caller")
    arn = parse_arn(step.resource)
    same_partition = caller is None or arn is None or arn.partition in (caller.partition, "*")
    if not same_partition and caller is not None and caller.kind != "service":
        return refused(refusal, "the caller and the resource are in different partitions")
    # Of KMS's actions, those on a key ask its policy; of all actions, those on no resource, on
    # "*", are of the caller's own account.
    must_allow = action.startswith("kms:") and step.resource != "*"
    account = step.resource_account
    if account is None and arn is not None and is_account_id(arn.account):
        account = arn.account
    same_account = None if caller is None or account is None else caller.account == account
    if own_account or step.resource == "*" or action == "sts:assumeroot":
        same_account = True  # another account's root has no policy of its own
    keys: dict[str, Value] = {}
    if account is not None:
        keys = {"aws:resourceaccount": account, "s3:resourceaccount": account}
    inquiry = Inquiry(
        Request(step.action, step.resource, caller, keys, context=step.context, now=scenario.now),
        step,
        same_account=same_account,
        resource_must_allow=must_allow,
    )
    decision = inquiry.decide()
    if decision.verdict is Verdict.DENY:
        return refused(refusal, decision=decision)
    if action == WEB_IDENTITY_TOKEN and any(key.startswith(TAGS) for key in step.context or ()):
        tagging = replace(step, action="sts:TagGetWebIdentityToken")
        answer = _call(scenario, tagging, caller)
        if answer.verdict is Verdict.DENY or decision.verdict is Verdict.ALLOW:
            return answer
    return StepAnswer(decision.verdict, decision=decision)
