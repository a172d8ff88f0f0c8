"""The callers of a whole account that may assume a role that trusts the account. Pure.

A trust policy that names an account leaves it to that account's own policies who may:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts
Its root user is not among them: STS lets no root user assume a role. What service control policies
of its organization forbid is not seen here.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from irsa.access import WITHOUT_MFA, called_by
from irsa.callers.facts import SAME, Fact
from irsa.callers.languages import only
from irsa.callers.sets import Document, Undecided, kinds_of
from irsa.callers.ways import calls_of
from irsa.observe.facts import PermissionsPolicy, Principal, Role, Unread
from irsa_core.decide.patterns import Value
from irsa_core.decide.principals import caller_from_arn
from irsa_core.decide.statements import Policy
from irsa_core.decide.truth import Verdict

UNLISTED = "not all of its policies were listed"


def who_may(role: Role, account: str, principals: Sequence[Principal] | Unread) -> list[str]:
    """Return the callers of an account that may assume a role, a line each, as the evaluator
    decides it."""
    if isinstance(principals, Unread):
        return [f"{principals.text}; {principals.remedy}"]
    answers = [(caller.arn, *may_assume(role, caller)) for caller in principals]
    callers = [arn for arn, verdict, _ in answers if verdict is Verdict.ALLOW]
    callers += [
        f"perhaps {arn}: {why}" for arn, verdict, why in answers if verdict is Verdict.UNKNOWN
    ]
    return callers or [f"no caller: no policy of account {account} allows it"]


def may_assume(role: Role, principal: Principal) -> tuple[Verdict, str]:
    """Return the evaluator's answer to a user or role, and the missing fact if there is one."""
    if principal.arn == role.arn:
        return Verdict.DENY, ""  # it has what it would get
    verdicts = _verdicts(role, principal, principal.tags)
    if isinstance(principal, Role) and Verdict.ALLOW not in verdicts:
        # Its session may have further tags, and hide those of the role.
        verdicts = _verdicts(role, principal, None)
        if Verdict.ALLOW in verdicts:
            verdicts = {Verdict.UNKNOWN: verdicts[Verdict.ALLOW]}
    verdict = next((e for e in (Verdict.ALLOW, Verdict.UNKNOWN) if e in verdicts), Verdict.DENY)
    unlisted = verdict is Verdict.UNKNOWN and _is_unlisted(principal)
    return verdict, UNLISTED if unlisted else verdicts.get(verdict, "")


def _verdicts(
    role: Role, principal: Principal, tags: Mapping[str, str] | None
) -> dict[Verdict, str]:
    """Return the answers to the calls of one caller, but for DENY, each with what it rests on."""
    caller = partial(caller_from_arn, unique_id=principal.unique_id)
    keys: dict[str, Value] = {
        f"{prefix}:resourcetag/{name.lower()}": value
        for prefix in ("aws", "iam")
        for name, value in role.tags.items()
    }
    try:
        step = called_by(role, principal)
        trust = step.trust if isinstance(step.trust, Policy) else Policy("trust policy", ())
        if isinstance(principal, Role):
            keys |= WITHOUT_MFA
        document = Document(trust, step.identity, step.boundary, None, role.arn, keys)
        fact = Fact("principal", only(principal.arn), {"aws:principalarn": SAME}, identity=True)
        way = calls_of(principal.arn, fact, document.asked, caller, tags)
        answers = [kind.answers[0] for kind in kinds_of(way, [document])]
    except (ValueError, Undecided) as error:
        return {Verdict.UNKNOWN: str(error)}
    asked = ", ".join(fact.name for fact in way.facts if fact.name.startswith("its tag "))
    return {
        answer.verdict: "; ".join(answer.missing) or asked
        for answer in answers
        if answer.verdict is not Verdict.DENY
    }


def _is_unlisted(principal: Principal) -> bool:
    listed = (*principal.known_policies, principal.boundary)
    return any(isinstance(e, PermissionsPolicy) and isinstance(e.document, Unread) for e in listed)
