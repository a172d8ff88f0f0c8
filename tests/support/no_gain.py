"""The check of every remedy that a test executes: no other principal gains or loses by it."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple, TypeVar

from irsa.access import trusts_association, trusts_role, trusts_subject
from irsa.observe.facts import Role
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import account_of
from irsa_core.identity.eks import STS_AUDIENCE
from irsa_core.identity.subjects import ServiceAccountRef

CallT = TypeVar("CallT")
Answers = Mapping[CallT, Verdict]
Choice = Callable[[CallT], bool]


def _none(_: object) -> bool:
    return False


def no_gain(before: Answers[CallT], after: Answers[CallT], but: Choice[CallT] = _none) -> None:
    """Compare the evaluator's answers to calls; ``but`` tells those that the remedy is for."""
    gained = _raised(before, after, but)
    assert gained == [], f"gained by the remedy: {gained}"


def no_loss(before: Answers[CallT], after: Answers[CallT], but: Choice[CallT] = _none) -> None:
    """The opposite: what was allowed still is."""
    lost = _raised({**before, **after}, before, but)
    assert lost == [], f"lost by the remedy: {lost}"


def _raised(low: Answers[CallT], high: Answers[CallT], but: Choice[CallT]) -> list[CallT]:
    denied, order = Verdict.DENY, (Verdict.DENY, Verdict.UNKNOWN, Verdict.ALLOW).index
    calls = high.keys() - filter(but, high)
    return [call for call in calls if order(high[call]) > order(low.get(call, denied))]


class Sessions(NamedTuple):
    """A call for a session of a role, by one of many callers."""

    kind: str
    """``token``, ``association``, ``untagged`` (an association without tags) or ``role``."""
    source: str
    """Issuer, cluster, or the calling role."""
    account: str
    """NAMESPACE/NAME; empty for a role."""
    role: str


def seven_accounts(namespace: str, name: str) -> list[ServiceAccountRef]:
    """The service account, and six others of every kind of namespace."""
    others = ["nb", "default", "worker-1", name[:-1] + "x"]
    own = [ServiceAccountRef(namespace, each) for each in (name, *others)]
    return [*own, ServiceAccountRef("other", name), ServiceAccountRef("kube-system", name)]


def session_answers(
    role: Role,
    accounts: list[ServiceAccountRef],
    *,
    issuers: list[str],
    clusters: list[str],
    callers: list[Role],
    now: float,
) -> Iterator[tuple[Sessions, Verdict]]:
    """The answers of one role's trust policy to tokens, associations and other roles."""
    for issuer, account, audience in product(issuers, accounts, (STS_AUDIENCE, "vault")):
        asked: Any = {"issuer_url": f"https://{issuer}", "session_name": "session", "now": now}
        call = Sessions("token", f"{issuer} {audience}", "/".join(account), role.arn)
        yield call, trusts_subject(role, account.subject, audience, **asked).verdict
    for cluster, account, untagged in product(clusters, accounts, (False, True)):
        if account_of(cluster) != role.account:
            continue
        kind = "untagged" if untagged else "association"
        judged = trusts_association(role, cluster, account, disable_session_tags=untagged)
        yield Sessions(kind, cluster, "/".join(account), role.arn), judged.verdict
    for caller in callers:
        asked = {"session_name": "session", "external_id": "", "duration": 900}
        call = Sessions("role", caller.arn, "", role.arn)
        yield call, trusts_role(role, caller, **asked).verdict
