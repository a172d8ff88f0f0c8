"""The rules for one trust policy. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from irsa_core.decide.document import FOREIGN_KEYS, Condition, Statement, statements_of
from irsa_core.decide.patterns import Pattern
from irsa_core.decide.principals import UNIQUE_ID
from irsa_core.identity.arns import (
    account_named_by,
    is_oidc_provider,
    issuer_of_principal,
    parse_arn,
)
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.pod_identity import SESSION_TAGS
from irsa_core.rules.conditions import (
    CERTIFICATES,
    CLUSTERS,
    EVERYONE,
    NAMESPACES,
    NETWORKS,
    OTHER_ACCOUNT,
    OWN_ACCOUNT,
    SOURCES,
    guarded,
    narrow,
    opens_with_wildcard,
    specific,
    split_key,
    wild,
)
from irsa_core.rules.table import Finding
from irsa_core.rules.tokens import Hits, TrustContext, check_federated, check_tokens, is_kubernetes

ROLES_ANYWHERE = "rolesanywhere.amazonaws.com"
"""IAM Roles Anywhere, whose callers have certificates."""

SERVICES: Mapping[str, str] = {
    "appstream": "https://docs.aws.amazon.com/appstream2/latest/developerguide/example-fleet-machine.html",
    "bedrock": "https://docs.aws.amazon.com/bedrock/latest/userguide/agents-permissions.html",
    "codebuild": "https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html",
    "ecs-tasks": "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
    "fis": "https://docs.aws.amazon.com/resilience-hub/latest/userguide/next-gen-resilience-testing-iam-single-account.html",
    "frauddetector": "https://docs.aws.amazon.com/frauddetector/latest/ug/confused-deputy-prevention.html",
    "iot": "https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html",
    "personalize": "https://docs.aws.amazon.com/personalize/latest/dg/cross-service-confused-deputy-prevention.html",
    "states": "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html",
}
"""Services whose documentation has aws:SourceAccount in the trust policy of a role, with the page.

Of another service it is not known whether it sends the key; EC2's and Lambda's pages do not say
that they do, and a condition on a key that is not sent locks the service out
(https://github.com/prowler-cloud/prowler/issues/2810 and /4714)."""


def actions_text(statement: Statement) -> str:
    """Return the element and its actions."""
    return f"{statement.element} {', '.join(statement.actions)}"


def check_principals(statement: Statement, context: TrustContext) -> Hits:
    """Check all principals that a statement names, except the providers of tokens."""
    if statement.excepts:
        yield "not-principal", "NotPrincipal with Effect Allow"
        return
    if statement.element == "NotAction":
        yield "wide-action", actions_text(statement)
    elif len(statement.assume_actions) > 1 and any(map(wild, statement.actions)):
        yield "wide-action", f"Action {', '.join(filter(wild, statement.actions))}"
    yield from _check_everyone(statement, context)
    for principal in statement.named("AWS"):
        if UNIQUE_ID.fullmatch(principal):
            yield "orphaned-principal", principal
    if statement.covers("sts:AssumeRole"):
        yield from _check_accounts(statement, context)
        yield from _check_services(statement)


def _check_everyone(statement: Statement, context: TrustContext) -> Hits:
    federated = "*" in statement.named("Federated")
    actions = [
        action
        for action in statement.assume_actions
        if "*" in statement.named("AWS") or (federated and action != "sts:AssumeRole")
    ]
    conditions = statement.conditions
    if not actions or narrow(conditions, EVERYONE):
        return
    issuers = _issuers(conditions)
    saml = any(claim.key.lower() in _SAML_PROVIDER and specific(claim) for claim in conditions)
    if issuers or saml:
        if actions != ["sts:AssumeRole"]:
            yield "any-provider", f"Principal * {conditions_text(conditions)}"
        # A session that a token made, in whatever account, keeps the token's claims.
        for name in issuers:
            yield from check_tokens(conditions, name, context)
    elif narrow(conditions, NETWORKS):
        yield "everyone-by-network", f"Principal * {conditions_text(conditions)}"
    else:
        yield "everyone", f"Principal * {conditions_text(conditions)}".rstrip()


def _issuers(conditions: Sequence[Condition]) -> list[str]:
    issuers: list[str] = []
    for condition in conditions:
        if not specific(condition):
            continue
        if condition.key.lower() == "aws:federatedprovider":
            providers = filter(is_oidc_provider, condition.values)
            issuers += [issuer_of_principal(arn).lower() for arn in providers]
        elif split_key(condition.key)[0]:
            issuers.append(split_key(condition.key)[0])
    return list(dict.fromkeys(issuers))


_SAML_PROVIDER = ("saml:iss", "saml:namequalifier", "aws:federatedprovider")


def conditions_text(conditions: Sequence[Condition]) -> str:
    """Return the conditions in words; empty without one."""
    return f"under {', '.join(each.text for each in conditions)}" if conditions else ""


def _check_accounts(statement: Statement, context: TrustContext) -> Hits:
    conditions = statement.conditions
    for principal in statement.named("AWS"):
        account = account_named_by(principal)
        if not account:
            continue
        # While the role's account is not known, what would do for another one has to do.
        same_account, other = account == context.account, context.account not in ("", account)
        whole = "own-account" if same_account else "root-principal"
        if not conditions:
            yield whole, principal
        elif not narrow(conditions, OWN_ACCOUNT if same_account else OTHER_ACCOUNT) and not any(
            map(_subject_of_session, conditions)
        ):
            under = f"{principal} {conditions_text(conditions)}"
            yield ("no-external-id", principal) if other else (whole, under)
        for condition in conditions:
            yield from (("path-pattern", value) for value in opens_with_wildcard(condition))


def _subject_of_session(condition: Condition) -> bool:
    """Return whether a condition asks for the token from which the caller's own session was made.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    return split_key(condition.key)[1] == "sub" and specific(condition)


def _check_services(statement: Statement) -> Hits:
    for service in statement.named("Service"):
        name, _, rest = service.partition(".")
        documented = name in SERVICES and rest.startswith("amazonaws.com")
        if documented and not narrow(statement.conditions, SOURCES):
            yield "service-source", service
        if service == ROLES_ANYWHERE and not narrow(statement.conditions, CERTIFICATES):
            yield "any-certificate", f"{service} {conditions_text(statement.conditions)}".rstrip()


def check_pod_identity(allowed: Sequence[Statement], context: TrustContext) -> Hits:
    """Check the statements that allow, each with the conditions of the denials for everyone."""
    trusting = [trust for trust in allowed if POD_IDENTITY_SERVICE in trust.named("Service")]
    if not any(statement.covers("sts:TagSession") for statement in allowed):
        for statement in allowed:
            tags = [condition for condition in statement.conditions if _asks_for_tags(condition)]
            if tags and statement.named("AWS") and statement.covers("sts:AssumeRole"):
                text = f"{actions_text(statement)} {conditions_text(tags)}"
                yield "pod-identity-tags", f"statement {statement.number}: {text}"
    for statement in trusting:
        if not statement.covers("sts:AssumeRole"):
            continue
        at, conditions = f"statement {statement.number}:", statement.conditions
        if context.session_tags and not any(trust.covers("sts:TagSession") for trust in trusting):
            yield "pod-identity-tags", f"{at} {actions_text(statement)}"
        never = [condition for condition in conditions if _never_holds(condition, context.account)]
        for condition in never:
            yield "pod-identity-source", f"{at} {condition.text} is {', '.join(condition.values)}"
        rule = _RULES.get((narrow(conditions, CLUSTERS), narrow(conditions, NAMESPACES)))
        # Without session tags nothing but the cluster can be named.
        if rule and not never and (context.session_tags or rule != "pod-identity-account"):
            yield rule, f"{at} {POD_IDENTITY_SERVICE} {conditions_text(conditions)}".rstrip()


_RULES = {
    (False, False): "pod-identity-any",
    (False, True): "pod-identity-cluster",
    (True, False): "pod-identity-account",
}
"""By whether conditions name a cluster, and a namespace of it."""


def _never_holds(condition: Condition, account: str) -> bool:
    """Return whether a condition holds for no association of an account, if that is known."""
    key, patterns = condition.key.lower(), condition.patterns
    kind, _, tag = key.partition("/")
    if kind == "aws:principaltag" or (kind == "aws:requesttag" and tag not in SESSION_TAGS):
        return condition.positive
    # EKS always sends the source: without IfExists or a set operator it would be the same.
    if not condition._replace(operator=condition.base).positive:
        return False
    if key == "aws:sourceaccount":
        return bool(account) and not any(wild(text) or text == account for text in patterns)
    return key == "aws:sourcearn" and all(_names_no_cluster(text, account) for text in patterns)


def _asks_for_tags(condition: Condition) -> bool:
    """Return whether a condition asks for the tags of an EKS Pod Identity session, which pass on to
    the sessions that it makes."""
    kind, _, tag = condition.key.lower().partition("/")
    of_session = kind in ("aws:principaltag", "aws:requesttag") and tag in SESSION_TAGS
    return of_session and condition.positive


def _names_no_cluster(pattern: str, account: str) -> bool:
    arn = parse_arn(pattern)
    if arn is None:
        return not wild(pattern)
    parts = [(arn.service, "eks"), (arn.account, account), (arn.kind, "cluster")]
    return any(value and not wild(part) and part != value for part, value in parts)


TAG_SESSION = "sts:TagSession"


def check_trust_policy(document: object, context: TrustContext, subject: str) -> Iterator[Finding]:
    """Check one trust policy, as far as ``context`` is known; ``subject`` is its role,
    in words."""
    allowed = guarded(statements_of(document))
    for statement in allowed:
        hits = (*check_principals(statement, context), *check_federated(statement, context))
        for rule, text in hits:
            yield Finding(rule, subject, f"statement {statement.number}: {text}")
    for rule, text in (*check_pod_identity(allowed, context), *_check_tagging(allowed)):
        yield Finding(rule, subject, text)
    if context.registered is not None:
        yield from _check_other_clusters(allowed, context.registered, context.clusters, subject)


def _check_tagging(allowed: Sequence[Statement]) -> Hits:
    """Check that some statement allows tags by conditions that can hold."""
    keys = FOREIGN_KEYS[TAG_SESSION]
    tagging = [
        (statement, [c.text for c in statement.conditions if c.positive and c.key.lower() in keys])
        for statement in allowed
        if TAG_SESSION.lower() in map(str.lower, statement.actions)
    ]
    if all(texts for _, texts in tagging):
        for statement, texts in tagging:
            text = f"{TAG_SESSION} under {', '.join(texts)}"
            yield "tag-session-keys", f"statement {statement.number}: {text}"


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
            name = issuer_of_principal(arn)
            if arn in registered and is_kubernetes(name, clusters, statement.conditions):
                named.setdefault(arn, []).extend(_subjects(statement, name))
    audited = {arn for arn in named if issuer_of_principal(arn) in clusters}
    for arn, subjects in named.items():
        elsewhere = {account for other in audited - {arn} for account in named[other]}
        users = clusters.get(issuer_of_principal(arn), ())
        shared = sorted(
            account
            for account in elsewhere.intersection(subjects)
            if not any(Pattern.parse(account).matches(user) for user in users)
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
