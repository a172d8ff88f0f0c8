"""Audit service accounts, OIDC providers and trust policies of roles. Pure.

Each rule is a row of `irsa_core.rules.table`; findings come out sorted by severity.
"""

import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from irsa import PROGRAM
from irsa.access import Judgement, trusts_association, trusts_role, trusts_subject
from irsa.audit.forging import Forgers
from irsa.callers.facts import RoleFacts
from irsa.callers.lines import shut_out
from irsa.observe.eks import Association
from irsa.observe.facts import RegisteredProvider, Role, ServiceAccountObject, Unread
from irsa.observe.pods import FleetPod
from irsa_core.decide.association import pod_tags
from irsa_core.decide.document import OtherAction, Statement, statements_of
from irsa_core.decide.patterns import Pattern
from irsa_core.decide.trust_policy import check_permissions_policy, check_storable
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import account_of, cluster_arn, issuer_of_principal, parse_role_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa_core.identity.pod_identity import external_id
from irsa_core.identity.policies import document, trust_statement
from irsa_core.identity.policy_json import Json
from irsa_core.identity.pulumi_types import OUTPUT_TEXT
from irsa_core.identity.quotas import DEFAULT_SESSION_DURATION
from irsa_core.rules.conditions import guarded, resource_name
from irsa_core.rules.issuers import is_dual_stack, is_eks, is_misspelt_eks, issuer
from irsa_core.rules.table import RULES, SEVERITIES, Finding
from irsa_core.rules.tokens import Hits, TrustContext
from irsa_core.rules.trust_policy import check_trust_policy

SERVICE_LINKED = "/aws-service-role/"
"""Path of roles that AWS makes, and whose trust policies only AWS can change."""


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """A cluster."""

    issuer_url: str
    account: str
    """The AWS account that it is in."""
    service_accounts: Sequence[ServiceAccountObject]
    associations: Sequence[Association] | Unread = ()
    """Those of EKS Pod Identity."""
    pods: Sequence[FleetPod] | Unread = ()
    name: str = ""
    """Its context in the kubeconfig, where there are several clusters."""
    arn: str = ""
    """Of an EKS cluster whose associations were read; empty while it is not known."""
    whole: bool = True
    """False if it may have more service accounts than these: charts and other programs have some
    that a stack does not know."""
    guessed: bool = False
    """True if nothing says that the issuer is a cluster's but roles that trust it."""

    @property
    def issuer(self) -> str:
        """The issuer as condition keys spell it."""
        return self.issuer_url.removeprefix("https://")

    @property
    def known_associations(self) -> Sequence[Association]:
        """Its associations, as far as they were read."""
        return () if isinstance(self.associations, Unread) else self.associations

    @property
    def known_pods(self) -> Sequence[FleetPod]:
        """Its Pods, as far as they were read."""
        return () if isinstance(self.pods, Unread) else self.pods

    @cached_property
    def audiences(self) -> frozenset[str]:
        """The audiences that the webhook asks for, for annotated service accounts."""
        return frozenset(each.audience for each in self.service_accounts if each.role_arn)

    @cached_property  # asked for every role
    def subjects(self) -> Mapping[str, Sequence[str]]:
        """The subjects of annotated service accounts, by the role's ARN."""
        found: dict[str, list[str]] = {}
        for each in self.service_accounts:
            found.setdefault(each.role_arn, []).append(each.subject)
        return found

    @cached_property  # likewise
    def role_arns(self) -> frozenset[str]:
        """ARNs of the roles that its service accounts have."""
        return frozenset(e.role_arn for e in (*self.service_accounts, *self.known_associations))


@dataclass(frozen=True, kw_only=True)
class AuditFacts:
    """Clusters and accounts."""

    clusters: Sequence[ClusterFacts]
    accounts: Collection[str]
    """The accounts whose roles and OIDC providers these are."""
    roles: Sequence[Role]
    untold: Sequence[Role] = ()
    """Roles whose trust policies are known later, which have none here."""
    providers: Sequence[RegisteredProvider]
    every_provider: bool = True
    """False if the accounts may have more OIDC providers: a stack lists its own."""
    now: float
    foreign_policies: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Policies of a stack's roles that the stack did not attach, by the role's ARN."""
    foreign_keys: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Ids of access keys of a stack's users that the stack does not have, by the user's ARN."""
    planned: Sequence[Finding] = ()
    """Findings about the steps of a preview."""

    @property
    def associations(self) -> list[Association]:
        """The associations of all clusters."""
        return [each for cluster in self.clusters for each in cluster.known_associations]


def audit(facts: AuditFacts) -> list[Finding]:
    """All findings, the severest first."""
    roles = {role.arn: role for role in facts.roles}
    findings = [*facts.planned, *_check_roles(facts), *_check_providers(facts)]
    findings += [
        Finding("foreign-key", f"user {arn}", ", ".join(ids), account=account_of(arn))
        for arn, ids in facts.foreign_keys.items()
        if ids
    ]
    for cluster in facts.clusters:
        of_cluster = [*_check_service_accounts(facts, cluster, roles)]
        of_cluster += _check_associations(facts, cluster, roles)
        place = {"cluster": cluster.name, "account": cluster.account}
        findings += [replace(finding, **place) for finding in of_cluster]
    order = list(RULES)
    return sorted(
        dict.fromkeys(findings),
        key=lambda f: (SEVERITIES.index(f.severity), order.index(f.rule), f.subject, f.cluster),
    )


def subject_of(namespace: str, name: str) -> str:
    """Return a service account as the subject of findings."""
    return f"service account {namespace}/{name}"


def _check_service_accounts(
    facts: AuditFacts, cluster: ClusterFacts, roles: Mapping[str, Role]
) -> Iterator[Finding]:
    for account in cluster.service_accounts:
        if not account.role_arn:
            continue
        subject = subject_of(account.namespace, account.name)
        arn = parse_role_arn(account.role_arn)
        if arn is None:
            yield Finding("annotation", subject, account.role_arn)
        elif arn.account not in facts.accounts:
            yield Finding("other-account", subject, account.role_arn)
        elif account.role_arn not in roles:
            yield Finding("role-missing", subject, account.role_arn)
        else:
            role = roles[account.role_arn]
            session = {"issuer_url": cluster.issuer_url, "session_name": "irsa-audit"}
            asked = account.subject, account.audience
            judged = trusts_subject(role, *asked, **session, now=facts.now)
            yield from _mistrust(cluster, (account.namespace, account.name), role, judged)


def _mistrust(
    cluster: ClusterFacts, account: tuple[str, str], role: Role, judged: Judgement
) -> Iterator[Finding]:
    """Yield a finding for a role that may not trust its service account; the remedy is the one of
    `verify`."""
    if judged.verdict is Verdict.ALLOW:
        return
    rule, does = "trust-unknown", "makes the call"
    if judged.verdict is Verdict.DENY:
        rule, does = "trust-mismatch", "names the condition and prints the remedy"
    named = ["--context", cluster.name] if cluster.name else []
    named += ["--namespace", account[0], "--service-account", account[1]]
    command = shlex.join([*PROGRAM.split(), "verify", *named])
    yield Finding(rule, subject_of(*account), f"{role.arn}: {judged.text}", f"{command} {does}")


def _check_associations(
    facts: AuditFacts, cluster: ClusterFacts, roles: Mapping[str, Role]
) -> Iterator[Finding]:
    places: dict[tuple[str, str], set[str]] = {}
    for pod in cluster.known_pods:
        if pod.without_agent:
            places.setdefault((pod.namespace, pod.service_account), set()).add(pod.without_agent)
    for association in cluster.known_associations:
        subject = subject_of(*association.account)
        arns = association.role_arn, association.target_role_arn
        role = roles.get(association.role_arn)
        if role:
            yield from _check_association(cluster, association, role, subject)
        if role and parse_role_arn(association.target_role_arn) and association.cluster_arn:
            target = roles.get(association.target_role_arn) or _trusting(association)
            yield from _check_target(cluster, association, role, target, subject)
        # A target role of another stack cannot be judged.
        for arn in arns if cluster.whole else arns[:1]:
            if arn not in roles and account_of(arn) in facts.accounts:
                yield Finding("role-missing", subject, arn)
        if platforms := places.get(association.account):
            yield Finding("no-agent", subject, f"Pods on {' and '.join(sorted(platforms))}")


def _check_association(
    cluster: ClusterFacts, association: Association, role: Role, subject: str
) -> Iterator[Finding]:
    """Check that the role of an association trusts the call that EKS makes for it."""
    judge = partial(trusts_association, role, association.cluster_arn, association.account)
    tags_off = association.disable_session_tags
    judged = judge(disable_session_tags=tags_off)
    denied = tags_off and judged.verdict is Verdict.DENY
    if denied and judge(disable_session_tags=False).verdict is Verdict.ALLOW:
        yield Finding("disabled-tags", subject, role.arn)
    else:
        yield from _mistrust(cluster, association.account, role, judged)


def _trusting(association: Association) -> Role:
    """The target role, where it was not read: whether it trusts the other role is not asked."""
    trust = trust_statement({"AWS": association.role_arn}, ["sts:AssumeRole", "sts:TagSession"])
    return Role(association.target_role_arn, "", document(trust))


def _check_target(
    cluster: ClusterFacts, association: Association, role: Role, target: Role, subject: str
) -> Iterator[Finding]:
    """Check that the target role of an association trusts its other role, which may assume it."""
    arn, account = association.cluster_arn, association.account
    ask = partial(
        trusts_role,
        target,
        role,
        session_name=None,
        external_id=external_id(arn, account),
        duration=DEFAULT_SESSION_DURATION,
        tags={} if association.disable_session_tags else pod_tags(cluster_arn(arn), account),
    )
    judged = ask()
    yield from _mistrust(cluster, account, target, judged)
    if judged.verdict is not Verdict.ALLOW:
        return
    allowed = ask(own_policies=True)
    if allowed.verdict is Verdict.DENY:
        yield Finding("target-not-allowed", subject, f"{role.arn} to {target.arn}: {allowed.text}")


def _check_roles(facts: AuditFacts) -> Iterator[Finding]:
    audiences = frozenset({STS_AUDIENCE}).union(*(cluster.audiences for cluster in facts.clusters))
    untagged = {pair.role_arn for pair in facts.associations if pair.disable_session_tags}
    tagged = {pair.role_arn for pair in facts.associations if not pair.disable_session_tags}
    client_ids = {provider.arn: provider.client_ids for provider in facts.providers}
    registered = frozenset(client_ids) if facts.every_provider else None
    forgers = Forgers(facts.roles, untagged)
    clusters = [cluster for cluster in facts.clusters if not cluster.guessed]
    for role in facts.roles:
        arn = parse_role_arn(role.arn)
        if arn is not None and arn.path.startswith(SERVICE_LINKED):
            continue
        sends_tags = role.arn not in untagged or role.arn in tagged
        users = {cluster.issuer: cluster.subjects.get(role.arn, ()) for cluster in clusters}
        context = TrustContext(role.account, users, registered, audiences, sends_tags)
        subject = f"role {role.arn}"
        statements = guarded(statements_of(role.trust_policy))
        hits = (*_check_documents(role), *forgers.check(role, statements))
        role_facts = RoleFacts(role.account, client_ids, facts.every_provider, frozenset(users))
        role_findings = [
            *_check_trust(role, context, role_facts, subject),
            *_check_use(role, statements, facts.clusters, subject),
            *(Finding(rule, subject, text) for rule, text in hits),
        ]
        if foreign := facts.foreign_policies.get(role.arn):
            role_findings.append(Finding("foreign-policy", subject, ", ".join(foreign)))
        yield from (replace(finding, account=role.account) for finding in role_findings)
    for role in facts.untold:
        for rule, text in _check_documents(role):
            yield Finding(rule, f"role {role.arn}", text, account=role.account)


def _check_documents(role: Role) -> Hits:
    policies = [policy.content for policy in role.known_policies]
    yield from check_outputs([role.trust_policy, *policies])
    yield from check_passing(policies)
    for policy in () if role.unique_id else role.known_policies:
        if not isinstance(policy.document, Unread):
            try:
                check_permissions_policy(policy.document)
            except ValueError as error:
                yield "malformed", f"policy {policy.name}: {error}"


def _check_trust(
    role: Role, context: TrustContext, role_facts: RoleFacts, subject: str
) -> Iterator[Finding]:
    """Check a trust policy; who comes in by one that lets no caller come is not asked."""
    findings = check_trust_policy(role.trust_policy, context, subject)
    try:
        if empty := shut_out(role.trust_policy, role_facts):
            findings = (finding for finding in findings if finding.rule in _CAUSES)
            findings = (Finding("no-caller", subject, "; ".join(empty)), *findings)
        if not role.unique_id:  # IAM has accepted what it has stored
            check_storable(role.trust_policy)
    except ValueError as error:
        if not role.unique_id:
            findings = (finding for finding in findings if finding.severity == "error")
            findings = (Finding("malformed", subject, str(error)), *findings)
    # `output-as-text` says what a condition on such a text is about.
    yield from (finding for finding in findings if not OUTPUT_TEXT.search(finding.found))


def check_outputs(documents: Sequence[Json]) -> Hits:
    """Outputs of the program that stand in a document as the SDK's text about them."""
    texts = _TEXT.findall(json.dumps(documents)) if OUTPUT_TEXT.search(str(documents)) else ()
    for text in map(json.loads, texts):
        if found := OUTPUT_TEXT.search(text):
            rest = re.split(r"ulumi\.|[\n)>\]]", text[found.end() :])[-1]
            yield "output-as-text", f"{text[: found.end()]}…{rest[-40:]}"


_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A key or value of JSON that is a text."""
_CAUSES = frozenset({
    "anded-conditions", "deleted-provider", "dual-stack-issuer", "foreign-provider", "issuer-url",
    "literal-wildcard", "orphaned-principal", "other-issuer", "pod-identity-source",
    "pod-identity-tags", "provider-arn", "tag-session-keys",
})  # fmt: skip
"""Rules that say what keeps callers out, or what is wrong with a name."""


def _check_use(
    role: Role, statements: Sequence[Statement], clusters: Sequence[ClusterFacts], subject: str
) -> Iterator[Finding]:
    trusted = {issuer_of_principal(arn) for e in statements for arn in e.named("Federated")}
    by_eks = any(POD_IDENTITY_SERVICE in statement.named("Service") for statement in statements)
    for cluster in clusters:
        unread = by_eks and isinstance(cluster.associations, Unread)
        if not cluster.whole or unread or role.arn in cluster.role_arns:
            continue
        if cluster.issuer in trusted:
            yield Finding("unused-role", subject, cluster.issuer, cluster=cluster.name)
        elif by_eks and cluster.arn and cluster.account == role.account:
            judged = trusts_association(role, cluster.arn, None, disable_session_tags=False)
            if judged.verdict is not Verdict.DENY:
                yield Finding("unused-role", subject, POD_IDENTITY_SERVICE, cluster=cluster.name)


def _check_providers(facts: AuditFacts) -> Iterator[Finding]:
    audiences = {cluster.issuer: cluster.audiences for cluster in facts.clusters}
    for provider in facts.providers:
        name = issuer_of_principal(provider.arn)
        place = {"subject": f"OIDC provider {provider.arn}", "account": account_of(provider.arn)}
        if is_dual_stack(name):
            yield Finding("dual-stack-issuer", found=name, **place)
        elif is_misspelt_eks(name):
            yield Finding("issuer-url", found=name, **place)
        # Those that Pods are known to ask for.
        asked = audiences.get(name) or frozenset({STS_AUDIENCE} if is_eks(name) else ())
        if missing := ", ".join(sorted(asked.difference(provider.client_ids))):
            ids = ", ".join(provider.client_ids) or "none"
            yield Finding("client-ids", found=f"asked for: {missing}; client ids: {ids}", **place)
        if provider.thumbprints and not is_eks(name) and issuer(name) is None:
            yield Finding("thumbprint", found=", ".join(provider.thumbprints), **place)


_PASS = "iam:PassRole"  # noqa: S105 - an action
_TAKING: Mapping[OtherAction, str] = {
    "eks:CreatePodIdentityAssociation": POD_IDENTITY_SERVICE,
    "eks:UpdatePodIdentityAssociation": POD_IDENTITY_SERVICE,
    "ec2:RunInstances": "ec2.amazonaws.com",
}
"""Calls that take a role, and the service to which it is passed."""
_SERVICE = "iam:passedtoservice"


def check_passing(policies: Sequence[Json]) -> Hits:
    """Check the policies of one role; those of an administrator are left alone."""
    statements = [statement for document in policies for statement in statements_of(document)]
    allowed = [statement for statement in statements if statement.allows]
    if any("*" in grant.actions and "*" in grant.resources for grant in allowed):
        return
    taking: list[str] = []
    resources: dict[str, None] = {}
    for call, service in _TAKING.items():
        denied = [deny for deny in statements if not deny.allows and _limits_all(deny, service)]
        passing = [grant for grant in allowed if grant.covers(_PASS)]
        passing = [grant for grant in passing if _is_about_any(grant, service)]
        allows = any(grant.covers(call) for grant in allowed)
        if passing and allows and not any(e.covers(_PASS) or e.covers(call) for e in denied):
            taking.append(call)
            resources |= dict.fromkeys(name for grant in passing for name in grant.resources)
    if taking:
        yield "pass-any-role", f"{_PASS} on {', '.join(resources)}, and {' and '.join(taking)}"


def _is_about_any(statement: Statement, service: str) -> bool:
    """Return whether a statement is about resources of any name, passed to a service."""
    for each in statement.conditions:
        if each.key.lower() == _SERVICE and each.base != "null":
            patterns = map(Pattern.parse, each.patterns)
            named = any(pattern.matches(service) for pattern in patterns)
            if named == ("not" in each.base):
                return False
    excepted = statement.resource_element == "NotResource"
    return excepted or any(not resource_name(each).strip("*?") for each in statement.resources)


def _limits_all(denial: Statement, service: str) -> bool:
    """Return whether a denial leaves at most resources that it names."""
    return _is_about_any(denial, service) and {each.key.lower() for each in denial.conditions} <= {
        _SERVICE
    }
