"""Check one role, or one OIDC provider, before it is created. Pure."""

from collections.abc import Iterator

from irsa.audit.findings import check_provider
from irsa.identity.policies import size
from irsa.identity.policy_json import UNKNOWN_OUTPUT, Json, as_list, mapping
from irsa.identity.quotas import TRUST_POLICY_QUOTA
from irsa.observe.facts import RegisteredProvider
from irsa.observe.pulumi import HIDDEN, LATER, PROVIDER, ROLE, StackRole, roles_of
from irsa.rules.table import Finding
from irsa.rules.tokens import TrustContext
from irsa.rules.trust_policy import check_trust_policy


def findings_of(resource: Json, *, quota: int = TRUST_POLICY_QUOTA) -> Iterator[Finding]:
    """Check a role or an OIDC provider; other resources have no findings.

    ``quota`` is that of trust policies in the account, in characters.
    """
    if resource["type"] == ROLE:
        yield from _check_role(resource, quota)
    elif resource["type"] == PROVIDER and not unknown_of(resource):
        yield from _check_provider(resource)


def unknown_of(resource: Json) -> str:
    """Return the part of a resource that cannot be checked, and why; empty if all can."""
    fields = mapping(resource.get("outputs"))
    if resource["type"] == ROLE:
        [role] = roles_of([resource])
        trust = role.trust_policy
        return f"its trust policy is {_unknown_reason(trust)}" if isinstance(trust, str) else ""
    if resource["type"] == PROVIDER:
        for name, words in (("url", "URL"), ("clientIdLists", "client ids")):
            if UNKNOWN_OUTPUT in str(fields.get(name, UNKNOWN_OUTPUT)):
                return f"its {words}: known after `up`"
    return ""


def _unknown_reason(words: str) -> str:
    return {LATER: "known after `up`", HIDDEN: "a secret"}.get(words, words.strip("()"))


def subject_of(role: StackRole) -> str:
    """A role in words."""
    # In a first preview some roles have neither ARN nor name.
    return f"role {role.label if role.label != LATER else role.urn.rpartition('::')[2]}"


def names_of(resource: Json) -> tuple[str, ...]:
    """Names of a role in exceptions; none of another resource."""
    return tuple(name for role in roles_of([resource]) for name in role.names)


def _check_role(resource: Json, quota: int) -> Iterator[Finding]:
    [role] = roles_of([resource])
    if isinstance(role.trust_policy, str):
        return
    subject = subject_of(role)
    context = TrustContext(str(resource.get("account")))
    yield from check_trust_policy(role.trust_policy, context, subject)
    length = size(role.trust_policy)
    if length > quota:
        yield Finding("trust-quota", subject, f"it has {length} characters, the quota is {quota}")


def _check_provider(resource: Json) -> Iterator[Finding]:
    fields = mapping(resource.get("outputs"))
    url, arn = str(fields.get("url")), str(fields.get("arn", ""))
    thumbprints = fields.get("thumbprintLists", [])
    provider = RegisteredProvider(
        arn,
        tuple(map(str, as_list(fields.get("clientIdLists")))),
        tuple(str(each) for each in as_list(thumbprints) if UNKNOWN_OUTPUT not in str(each)),
    )
    name = url.removeprefix("https://")
    yield from check_provider(name, provider, frozenset(), f"OIDC provider {name}")
