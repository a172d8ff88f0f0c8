"""The inventory of a Pulumi stack, read from its state or a preview."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from irsa.audit.findings import AuditFacts, ClusterFacts
from irsa.commands import cli
from irsa.inventory.rows import Inventory
from irsa.observe.aws import Aws
from irsa.observe.eks import Association
from irsa.observe.facts import PermissionsPolicy, Role, ServiceAccountObject, Unread
from irsa.observe.files import read_stack
from irsa.observe.iam import AccountPrincipals, federated
from irsa.observe.pulumi import HIDDEN, LATER, NO_POLICY, StackResources, StackRole, stack_resources
from irsa.takeover.losses import losses
from irsa_core.identity.arns import (
    account_of,
    is_account_id,
    is_oidc_provider,
    issuer_of_principal,
    parse_role_arn,
)
from irsa_core.rules.issuers import issuer as known_issuer
from irsa_core.rules.table import Finding

_LAST_USED = Unread("when roles were last used", "a stack's state does not say it", "iam:GetRole")
_PODS = Unread("Pods", "a stack's state does not have them", "a run without --stack")
_OWN = {
    "deleted-provider, other-cluster": "the stack lists its own OIDC providers only; run without "
    "--stack for those of the account"
}
_OWN_ALONE = {
    "deleted-provider, other-cluster, foreign-policy, foreign-key": "the account may have more "
    "than the stack; add --drift, or run without --stack"
}
_UNKNOWN = "{}: known after `up`; audit the state then"
_NO_ISSUER = "https://unknown-issuer.invalid"
"""That of a stack whose roles trust no cluster."""


def read_stack_inventory(name: str, issuer_url: str | None, aws: Aws | None) -> Inventory:
    """Read the roles of a stack, and the service accounts that have them; raises `cli.Stop`.

    With ``aws`` also what the account has beside them.
    """
    with cli.stopping(f"{name}: "):
        document = read_stack(name)
        stack = stack_resources(document)
    unread = {reason: f"{name}: {reason}" for reason in _unread(stack)}
    every = [stack_role.role for stack_role in stack.roles]
    roles, untold = [e for e in every if e.trust_policy], [e for e in every if not e.trust_policy]
    planned = [*losses(document), *chain.from_iterable(map(_malformed, stack.roles))]
    live = cli.known(aws.roles()) if aws else None
    arns = {role.arn for role in roles}
    associations = [pair for pair in stack.associations if pair.role_arn in arns]
    return Inventory(
        facts=AuditFacts(
            clusters=[*_clusters(stack, roles, issuer_url, associations)] if roles else [],
            accounts=list(dict.fromkeys(role.account or LATER for role in roles)) or [LATER],
            roles=roles,
            untold=untold,
            providers=stack.providers,
            every_provider=False,
            now=time.time(),
            foreign_policies=_foreign_policies(stack.roles, live.roles) if live else {},
            foreign_keys=_foreign_keys(aws, stack.access_keys) if aws else {},
            planned=planned,
        ),
        accounts=[AccountPrincipals(tuple(roles), live.last_used if live else _LAST_USED)],
        unread=unread,
        unchecked={
            **(_OWN if live else _OWN_ALONE),
            "role-missing, other-account": _of_others(stack, {role.arn for role in every}),
            "pass-any-role, target-not-allowed": ", ".join(_unread_policies(stack)),
            "no-agent": _PODS.text if associations else "",
            "trust-mismatch, disabled-tags, target-not-allowed, client-ids, dual-stack-issuer, "
            "issuer-url": _UNKNOWN.format(", ".join(stack.unknown)) if stack.unknown else "",
        },
    )


def _unread(stack: StackResources) -> Iterator[str]:
    """Yield reasons why roles of a stack are not judged."""
    if stack.missing:
        yield stack.missing
    unread = [
        f"{role.label} {role.trust_policy}"
        + (f", made from {' and '.join(role.awaits)}" if role.awaits else "")
        for role in stack.roles
        if role.trust_policy in (LATER, HIDDEN)
    ]
    if unread:
        yield f"trust policies not checked: {'; '.join(unread)}"


def _of_others(stack: StackResources, arns: Collection[str]) -> str:
    """The service accounts whose roles the stack does not have."""
    named = [(each.namespace, each.name, each.role_arn) for each in stack.accounts]
    named += [(*each.account, each.role_arn) for each in stack.associations]
    others = (each for each in named if parse_role_arn(each[2]) and each[2] not in arns)
    texts = dict.fromkeys(f"{namespace}/{name} has {arn}" for namespace, name, arn in others)
    return f"{', '.join(texts)}, which is no role of the stack" if texts else ""


def _malformed(role: StackRole) -> Iterator[Finding]:
    """Find what stands in the place of a policy and is none."""
    unread = ((f"policy {each.name}", reason) for each, reason in _without_document(role))
    for what, text in [("it", role.trust_policy), *unread]:
        if text in NO_POLICY:
            found = f"{what} is {str(text).strip('()')}"
            yield Finding("malformed", f"role {role.label}", found, account=role.account)


def _unread_policies(stack: StackResources) -> Iterator[str]:
    for role in stack.roles:
        for each, reason in _without_document(role):
            # AWS's own policies are public, and the account cannot change them.
            of_account = not each.arn or is_account_id(account_of(each.arn))
            if of_account and reason not in NO_POLICY:
                yield f"policy {each.name} of {role.label} {reason}"


def _without_document(role: StackRole) -> Iterator[tuple[PermissionsPolicy, str]]:
    """Yield the policies whose document is not known, and why."""
    for each in role.policies:
        if isinstance(each.document, Unread):
            yield each, each.document.reason


def _clusters(
    stack: StackResources,
    roles: Sequence[Role],
    issuer_url: str | None,
    associations: Sequence[Association],
) -> Iterator[ClusterFacts]:
    """Return a stack's service accounts by issuer: a stack does not say in which cluster one is, so
    it is in one that its role trusts, or else in the first."""
    trusted = {role.arn: federated(role.trust_policy) for role in roles}
    certain = [issuer_url] if issuer_url else stack.issuers
    named = [arn for arns in trusted.values() for arn in arns if is_oidc_provider(arn)]
    guessed = [e for e in dict.fromkeys(map(issuer_of_principal, named)) if known_issuer(e) is None]
    urls = (f"https://{issuer}" for issuer in guessed if not issuer_url)
    issuers = [*certain, *urls] or [_NO_ISSUER]
    accounts = [account for account in stack.accounts if _is_judged(account, trusted)]
    annotated = {(account.namespace, account.name) for account in accounts}
    unannotated = (pair.account for pair in associations if pair.account not in annotated)
    accounts += [ServiceAccountObject(*account, {}) for account in unannotated]
    accounts_by_issuer: dict[str, list[ServiceAccountObject]] = {issuers[0]: []}
    for account in accounts:
        urls = [f"https://{issuer_of_principal(arn)}" for arn in trusted.get(account.role_arn, ())]
        url = next((url for url in issuers if url in urls), issuers[0])
        accounts_by_issuer.setdefault(url, []).append(account)
    for url, service_accounts in accounts_by_issuer.items():
        yield ClusterFacts(
            issuer_url=url,
            account=roles[0].account,
            service_accounts=service_accounts,
            associations=associations if url == issuers[0] else (),
            pods=_PODS,
            whole=False,
            guessed=url not in certain,
        )


def _is_judged(account: ServiceAccountObject, trusted: Collection[str]) -> bool:
    """Return whether a service account has a role of the stack, or what is no role's ARN."""
    arn = account.role_arn
    if LATER in (account.namespace, account.name):
        return False
    return arn in trusted or (arn not in (LATER, HIDDEN) and parse_role_arn(arn) is None)


def _foreign_keys(aws: Aws, keys: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return the access keys of a stack's users that the account has and the stack has not. A
    user of another account may have the name of one here."""
    return {
        arn: sorted({*cli.known(aws.access_keys(arn))}.difference(ids))
        for arn, ids in keys.items()
        if account_of(arn) == aws.account
    }


def _foreign_policies(
    roles: Sequence[StackRole], live: Sequence[Role]
) -> Mapping[str, Sequence[str]]:
    """Return the policies of a stack's roles that the account has and the stack has not."""
    declared = {role.arn: {policy.arn or policy.name for policy in role.policies} for role in roles}
    return {
        role.arn: sorted({e.arn or e.name for e in cli.known(role.policies)} - declared[role.arn])
        for role in live
        if role.arn in declared
    }
