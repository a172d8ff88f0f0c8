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
_ORDER = (Verdict.DENY, Verdict.UNKNOWN, Verdict.ALLOW)


def no_gain(
    before: Mapping[CallT, Verdict],
    after: Mapping[CallT, Verdict],
    *,
    but: Callable[[CallT], bool] = lambda _: False,
) -> None:
    """Compare the evaluator's answers to calls; ``but`` tells those that the remedy is for."""
    gained = [
        call
        for call, verdict in after.items()
        if not but(call) and _ORDER.index(verdict) > _ORDER.index(before.get(call, Verdict.DENY))
    ]
    assert gained == [], f"gained by the remedy: {gained}"


def no_loss(
    before: Mapping[CallT, Verdict],
    after: Mapping[CallT, Verdict],
    *,
    but: Callable[[CallT], bool] = lambda _: False,
) -> None:
    """The opposite: what was allowed still is."""
    lost = [
        call
        for call, verdict in before.items()
        if call in after and not but(call) and _ORDER.index(after[call]) < _ORDER.index(verdict)
    ]
    assert lost == [], f"lost by the remedy: {lost}"


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
