"""The rules for one trust policy. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from irsa.decide.document import FOREIGN_KEYS, Statement, statements_of
from irsa.decide.patterns import Pattern
from irsa.identity.arns import issuer_of_principal
from irsa.rules.conditions import guarded, split_key
from irsa.rules.principals import check_pod_identity, check_principals
from irsa.rules.table import Finding
from irsa.rules.tokens import Hits, TrustContext, check_federated, is_kubernetes

TAG_SESSION = "sts:TagSession"


def check_trust_policy(document: object, context: TrustContext, subject: str) -> Iterator[Finding]:
    """Check one trust policy, as far as ``context`` is known; ``subject`` is its role,
    in words."""
    allowed = guarded(statements_of(document))
    for statement in allowed:
        hits = (*check_principals(statement, context), *check_federated(statement, context))
        for rule, found in hits:
            yield Finding(rule, subject, f"statement {statement.number}: {found}")
    for rule, found in (*check_pod_identity(allowed, context), *_check_tagging(allowed)):
        yield Finding(rule, subject, found)
    if context.registered is not None:
        yield from _check_other_clusters(allowed, context.registered, context.clusters, subject)


def _check_tagging(allowed: Sequence[Statement]) -> Hits:
    """Check that some statement allows tags by conditions that can hold."""
    foreign = FOREIGN_KEYS[TAG_SESSION]
    tagging = [
        (each, [c.text for c in each.conditions if c.positive and c.key.lower() in foreign])
        for each in allowed
        if TAG_SESSION.lower() in map(str.lower, each.actions)
    ]
    if all(texts for _, texts in tagging):
        for statement, texts in tagging:
            yield (
                "tag-session-keys",
                f"statement {statement.number}: {TAG_SESSION} under {', '.join(texts)}",
            )


def _check_other_clusters(
    allowed: Sequence[Statement],
    registered: frozenset[str],
    clusters: Mapping[str, Collection[str]],
    subject: str,
) -> Iterator[Finding]:
    """Service accounts that a role trusts in an audited cluster and in another registered one,
    which has not annotated them with the role, as far as that is known."""
    named: dict[str, list[str]] = {}
    for statement in allowed:
        for arn in statement.named("Federated"):
            if arn in registered and is_kubernetes(
                issuer_of_principal(arn), clusters, statement.conditions
            ):
                named.setdefault(arn, []).extend(_subjects(statement, issuer_of_principal(arn)))
    audited = {arn for arn in named if issuer_of_principal(arn) in clusters}
    for arn, subjects in named.items():
        elsewhere = {each for other in audited - {arn} for each in named[other]}
        users = clusters.get(issuer_of_principal(arn), ())
        shared = sorted(
            each
            for each in elsewhere.intersection(subjects)
            if not any(Pattern.parse(each).matches(user) for user in users)
        )
        if shared:
            yield Finding("other-cluster", subject, f"{arn}: {', '.join(shared)}")


def _subjects(statement: Statement, name: str) -> list[str]:
    return [
        value
        for each in statement.conditions
        if each.positive and split_key(each.key) == (name.lower(), "sub")
        for value in each.values
    ]
