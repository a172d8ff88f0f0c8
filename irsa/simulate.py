"""A scenario's answer: its steps one after another, each as STS, IAM or a service would answer.

Pure. A step that is refused ends the chain, because the steps after it never happen. A step that
cannot be decided does not: when a later one is refused in any case, the answer is certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from irsa.context import Request
from irsa.evaluate import Decision, Inquiry, Policies, Verdict
from irsa.patterns import Fact, Value
from irsa.principals import Caller, session_of
from irsa.reasons import Reason, missing_facts, remark
from irsa.scenario import ASSUME_ROLE, CREATE_ROLE, WEB_IDENTITY, Scenario, Step
from irsa.sts import (
    ROLE_MAXIMUM_MIN,
    ROOT_REFUSED,
    WEB_IDENTITY_REFUSED,
    AwsError,
    RoleArn,
    above_chained_limit,
    above_role_maximum,
    check_parameters,
    not_authorized,
)
from irsa.trust_documents import SIZE_DEFAULT, SIZE_MAX
from irsa.web_identity import check_token


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """The answer to one step."""

    verdict: Verdict
    error: AwsError | None = None
    decision: Decision | None = None
    notes: Sequence[str] = ()
    facts: Sequence[str] = ()

    @property
    def missing(self) -> list[str]:
        """The facts for want of which the step is not decided."""
        if self.verdict is not Verdict.UNKNOWN:
            return []
        return list(dict.fromkeys([*self.facts, *(self.decision.missing if self.decision else ())]))

    @property
    def reasons(self) -> list[Reason]:
        """Why, the deciding reason first."""
        notes = [remark(note) for note in self.notes]
        decided = self.decision.reasons if self.decision else []
        return list(dict.fromkeys([*notes, *missing_facts(self.missing), *decided]))


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

    def as_json(self) -> dict[str, object]:
        """The answer in the form of `python -m irsa decide`."""
        return {
            "decision": self.verdict.value,
            "failing_step": self.failing_step,
            "error": None if self.error is None else self.error._asdict(),
            "steps": [
                {"decision": step.verdict.value, "reasons": [str(each) for each in step.reasons]}
                | ({"missing": step.missing} if step.missing else {})
                for step in self.steps
            ],
        }


def simulate(scenario: Scenario) -> Outcome:
    """Make the scenario's calls in order, each as the session that the one before produced."""
    answers: list[StepAnswer] = []
    session: Caller | None = None
    undecided: int | None = None
    for number, step in enumerate(scenario.steps, start=1):
        answer, session = _take(scenario, step, session)
        answers.append(answer)
        if answer.verdict is Verdict.DENY:
            return Outcome(Verdict.DENY, number, answers)
        if answer.verdict is Verdict.UNKNOWN and undecided is None:
            undecided = number
    return Outcome(Verdict.UNKNOWN if undecided else Verdict.ALLOW, undecided, answers)


def _take(
    scenario: Scenario, step: Step, session: Caller | None
) -> tuple[StepAnswer, Caller | None]:
    """One step's answer, and the session that the next step has."""
    action = step.action.lower()
    if isinstance(step.trust, AwsError):
        return _refused(step.trust, "trust policy: IAM would not have stored it"), session
    if action == CREATE_ROLE:
        return _create_role(step), session
    if action not in (WEB_IDENTITY, ASSUME_ROLE):
        return _call(scenario, step, _caller(step, session)), session
    error = check_parameters(
        step.role,
        session_name=step.session_name,
        duration=step.duration,
        external_id=step.external_id,
    )
    role = step.role
    if error is not None or role is None:
        return _refused(error, "STS refuses the parameters"), session
    if action == WEB_IDENTITY:
        answer = _assume_with_web_identity(scenario, step, role)
    else:
        answer = _assume_role(scenario, step, role, _caller(step, session))
    return answer, session_of(step.resource, step.session_name)


def _refused(error: AwsError | None, why: str, decision: Decision | None = None) -> StepAnswer:
    notes = (why,) if error is None else (f"{why}: {error.message}",)
    return StepAnswer(Verdict.DENY, error, decision, notes if decision is None else ())


def _caller(step: Step, session: Caller | None) -> Caller | None:
    """The step's principal; left out, the session so far, with what the step knows of it."""
    if step.caller is not None or session is None:
        return step.caller
    if step.caller_role_arn is None and step.caller_id is None:
        return session
    role_arn = step.caller_role_arn or session.role_arn
    return session_of(role_arn, session.session_name, step.caller_id)


def _create_role(step: Step) -> StepAnswer:
    if step.trust is None:
        return StepAnswer(Verdict.UNKNOWN, facts=[f"{step.path}.trust_policy"])
    if step.trust_size > SIZE_MAX:
        message = f"Cannot exceed quota for ACLSizePerRole: {SIZE_DEFAULT}"
        return _refused(AwsError("LimitExceeded", 409, message), "trust policy")
    if step.trust_size > SIZE_DEFAULT:
        fact = f"the account's quota for trust policies: this one has {step.trust_size} characters"
        return StepAnswer(Verdict.UNKNOWN, facts=[fact])
    return StepAnswer(Verdict.ALLOW, notes=["IAM stores this trust policy"])


def _assume_with_web_identity(scenario: Scenario, step: Step, role: RoleArn) -> StepAnswer:
    if step.token is None:
        if not step.role_exists:
            return _refused(WEB_IDENTITY_REFUSED, "the role does not exist")
        return StepAnswer(Verdict.UNKNOWN, facts=[f"{step.path}.token"])
    identity = check_token(scenario, step, role.account)
    if isinstance(identity, AwsError):
        return _refused(identity, "STS refuses the token")
    if not step.role_exists:
        return _refused(WEB_IDENTITY_REFUSED, "the role does not exist")
    issuer = identity.issuer
    key = issuer.lower()
    keys: dict[str, Value] = {f"{key}:sub": str(identity.claims["sub"]), **_role_keys(step, role)}
    audiences = identity.audiences
    keys[f"{key}:aud"] = audiences[0] if len(audiences) == 1 else audiences
    methods = identity.claims.get("amr")
    if methods is not None:
        keys[f"{key}:amr"] = (
            tuple(str(each) for each in methods) if isinstance(methods, list) else str(methods)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        )
    provider_arn = f"arn:{role.partition}:iam::{role.account}:oidc-provider/{issuer}"
    caller = Caller("web-identity", provider_arn, role.account, role.partition)
    request = Request(
        step.action, step.resource, caller, keys, context=step.context, now=scenario.now
    )
    inquiry = Inquiry(request, _trust_only(step), same_account=False)
    decision = inquiry.decide()
    if decision.verdict is Verdict.DENY:
        return _refused(WEB_IDENTITY_REFUSED, "trust policy", decision)
    return _limited(step, decision, identity.missing, chained=False)


def _assume_role(
    scenario: Scenario, step: Step, role: RoleArn, caller: Caller | None
) -> StepAnswer:
    refusal = not_authorized(caller.arn if caller else "<principal>", step.action, step.resource)
    if caller is not None and caller.kind == "root":
        return _refused(ROOT_REFUSED, "STS refuses the caller")
    if not step.role_exists:
        return _refused(refusal, "the role does not exist")
    if caller is not None and _mixed(caller, step):
        return _refused(refusal, "the caller and the role are in different partitions")
    keys = _role_keys(step, role)
    if step.external_id is not None:
        keys["sts:externalid"] = step.external_id
    request = Request(
        step.action, step.resource, caller, keys, context=step.context, now=scenario.now
    )
    inquiry = Inquiry(
        request,
        _all_policies(step, trust=True),
        same_account=None if caller is None else caller.account == role.account,
        caller_missing=f"{step.path}.principal",
        resource_must_allow=True,
    )
    decision = inquiry.decide()
    if decision.verdict is Verdict.DENY:
        return _refused(refusal, "", decision)
    chained = step.chained
    if chained is None and caller is not None:
        chained = caller.kind == "session"
    return _limited(step, decision, [], chained=chained)


def _limited(
    step: Step, decision: Decision, facts: list[str], *, chained: bool | None
) -> StepAnswer:
    """What the limits of the session's length make of a call that is not refused so far."""
    error = above_chained_limit(step.duration) if chained else None
    if error is None and step.max_duration is not None:
        error = above_role_maximum(step.duration, step.max_duration)
    if error is not None:
        return _refused(error, "STS refuses the duration")
    if step.duration > ROLE_MAXIMUM_MIN:
        if step.max_duration is None:
            facts = [*facts, f"{step.path}.max_session_duration"]
        if chained is None:
            facts = [*facts, f"{step.path}.chained"]
    if facts:
        return StepAnswer(Verdict.UNKNOWN, decision=decision, facts=facts)
    return StepAnswer(decision.verdict, decision=decision)


def _call(scenario: Scenario, step: Step, caller: Caller | None) -> StepAnswer:
    """A call of any other action, on a resource that may have a policy of its own."""
    service = step.action.partition(":")[0].lower()
    refusal = not_authorized(caller.arn if caller else "<principal>", step.action, step.resource)
    if step.action.lower() == "sts:getcalleridentity" and caller is not None:
        return StepAnswer(Verdict.ALLOW, notes=["GetCallerIdentity needs no permission"])
    if caller is not None and _mixed(caller, step):
        return _refused(refusal, "the caller and the resource are in different partitions")
    account = step.resource_account or _account_of(step.resource)
    keys: dict[str, Value] = {}
    if account is not None:
        keys = {"aws:resourceaccount": account, "s3:resourceaccount": account}
    request = Request(
        step.action, step.resource, caller, keys, context=step.context, now=scenario.now
    )
    same_account = None if caller is None or account is None else caller.account == account
    must_allow = service == "kms"
    inquiry = Inquiry(
        request,
        _all_policies(step, trust=False, needed=must_allow or same_account is not True),
        same_account=same_account,
        account_missing=f"{step.path}.resource_account",
        caller_missing=f"{step.path}.principal",
        resource_must_allow=must_allow,
    )
    decision = inquiry.decide()
    if decision.verdict is Verdict.DENY:
        return _refused(refusal, "", decision)
    return StepAnswer(decision.verdict, decision=decision)


def _role_keys(step: Step, role: RoleArn) -> dict[str, Value]:
    # Every call names its session; a step that does not say how leaves it open.
    name = Fact.UNKNOWN if step.session_name is None else step.session_name
    return {"aws:resourceaccount": role.account, "sts:rolesessionname": name}


def _trust_only(step: Step) -> Policies:
    missing = f"{step.path}.trust_policy" if step.trust is None else ""
    trust = None if isinstance(step.trust, AwsError) else step.trust
    return Policies(resource=trust, resource_missing=missing)


def _all_policies(step: Step, *, trust: bool, needed: bool = True) -> Policies:
    if trust:
        own = _trust_only(step)
    else:
        missing = needed and not step.resource_policy_given
        own = Policies(
            resource=step.resource_policy,
            resource_missing=f"{step.path}.resource_policy" if missing else "",
        )
    return Policies(
        resource=own.resource,
        resource_missing=own.resource_missing,
        identity=step.identity,
        identity_missing=f"{step.path}.identity_policies",
        boundary=step.boundary,
        session=step.session,
        service_control=step.service_control,
    )


def _account_of(arn: str) -> str | None:
    parts = arn.split(":", 5)
    account = parts[4] if len(parts) == 6 else ""
    return account if len(account) == 12 and account.isdigit() else None


def _mixed(caller: Caller, step: Step) -> bool:
    """Whether caller and resource are in partitions that never mix."""
    parts = step.resource.split(":", 2)
    return (
        caller.kind != "service" and parts[0] == "arn" and parts[1] not in (caller.partition, "*")
    )
