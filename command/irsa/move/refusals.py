"""Reasons not to move a workload, found before the first change, and the caller's permissions."""

import re
from collections.abc import Iterator
from dataclasses import replace

from irsa.access import allows, answers_apart
from irsa.move.changes import known
from irsa.move.plan import Move, steps
from irsa.move.trust import SESSION_NAME, with_caller
from irsa.observe.aws import FOR_POD_IDENTITY, Aws
from irsa.observe.eks import DescribedCluster
from irsa.observe.facts import (
    RUNNING,
    Owner,
    PermissionsPolicy,
    Pod,
    RegisteredProvider,
    Role,
    Unread,
)
from irsa.observe.kubernetes import KubernetesCluster
from irsa.observe.pod_spec import Container, config_file, containers, environment
from irsa.verify.facts import file_profiles
from irsa.verify.gather import Sources, with_nodes
from irsa.verify.link import Status
from irsa.verify.links.pod_identity import agent
from irsa.verify.remedies.iam import register_audience, register_issuer
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import parse_session_arn
from irsa_core.identity.eks import (
    CONTAINER_CREDENTIALS_VARIABLES,
    RELATIVE_URI_VARIABLE,
    SKIP_LABEL,
    WEB_IDENTITY_VARIABLES,
)
from irsa_core.identity.names import owning_stack
from irsa_core.identity.pod_identity import check_role
from irsa_core.identity.policies import size
from irsa_core.identity.policy_json import Json
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA

BY_HAND = (
    *WEB_IDENTITY_VARIABLES,
    *CONTAINER_CREDENTIALS_VARIABLES,
    RELATIVE_URI_VARIABLE,
    "AWS_ACCESS_KEY_ID",
)
MANAGED_BY, INSTANCE = "app.kubernetes.io/managed-by", "app.kubernetes.io/instance"
TOOLS = {
    "Argo CD": r"^argocd",
    "Flux": r"toolkit\.fluxcd\.io/|^(kustomize|helm)-controller$",
    "Helm": r"^meta\.helm\.sh/|managed-by=helm|^helm$",
    "eksctl": r"eksctl\.(io|cluster\.k8s\.io)/|managed-by=eksctl",
    "Terraform": r"managed-?by=(terraform|opentofu)|^(terraform$|terraform=true|hashicorp)",
    "CloudFormation": r"^aws:cloudformation:",
    "Crossplane": r"^crossplane-(kind|name|providerconfig)=",
    "kapp": r"^kapp\.k14s\.io/",
    "Rancher": r"^cattle\.io/creator=",
    "Argo CD, by its label,": f"^{INSTANCE}=",
}
"""Patterns of the annotations, labels, field managers and tags that a tool sets."""
BY_KUBECTL = "kubectl-client-side-apply"
"""Field manager of `kubectl apply`; Argo CD's apply, which sets the label, does not note it.
https://github.com/argoproj/argo-cd/issues/16813"""


def refusals(move: Move) -> Iterator[str]:
    """Return the reasons, each with its fix."""
    association, arn = move.association, move.role.arn
    if association is not None:
        title = f"association {association.id}"
        if association.owner_arn:
            yield f"{title}: add-on {association.owner_arn} manages it; change the add-on"
        if association.target_role_arn or association.policy:
            what = "target role" if association.target_role_arn else "session policy"
            yield f"{title}: IRSA has no {what}; give the role what the Pods need first"
        if association.role_arn != arn:
            text = f"it names {association.role_arn}, and the annotation {arn}"
            yield f"{title}: {text}; let both name the role that the Pods should have"
    yield from _pulumi(move)
    yield from _managed(move)
    for pod in move.old:
        yield from _pod(pod)
    for owner in move.outdated:
        metadata: Json = (owner.template or {}).get("metadata") or {}
        if SKIP_LABEL in (metadata.get("labels") or {}):
            text = f"its template has label {SKIP_LABEL}, and its Pods have a role by the webhook"
            yield f"{owner.title}: {text}; remove the label, or restart it first"
    for owner in move.owners:
        for container in containers(owner.pod_spec):
            yield from _container(move, owner, container)
    yield from _policies(move)
    yield from move.denied or ()
    yield from _to_pod_identity(move) if move.to_pod_identity else _provider(move)
    if not move.trusts_wanted:
        yield from _trust(move, f"role {arn}: its trust policy")


def _trust(move: Move, policy: str) -> Iterator[str]:
    """Say that the role is not for this service account, or that its trust policy cannot be so."""
    document, by = with_caller(move.role, move.wanted), f"{move.title} by {move.wanted.source}"
    if not move.trusts_unwanted:
        yield f"{policy} trusts neither {by} nor by {move.unwanted.source}; name another role"
    elif document is None:
        yield f"{policy} denies {by}; remove the condition or the Deny"
    elif size(document) > TRUST_POLICY_QUOTA >= size(move.role.trust_policy):
        text = f"would have {size(document)} characters, and AWS accepts {TRUST_POLICY_QUOTA}"
        yield f"{policy} {text}; remove a statement, or edit it yourself if the quota is raised"


def _pulumi(move: Move) -> Iterator[str]:
    """Say that the service account or its role is a stack's, which `--stack` names."""
    if move.facts.stack is not None:
        return
    if move.account.labels.get(MANAGED_BY, "").lower() == "pulumi":
        yield f"service account {move.title}: Pulumi manages it; give --stack"
    elif owner := owning_stack(move.role.tags):
        named = "project {}, stack {}".format(*owner)
        yield f"role {move.role.arn}: it has the tags of a Pulumi stack ({named}); give --stack"


def _managed(move: Move) -> Iterator[str]:
    """Say that another tool has the service account, the role or the association."""
    account, association = move.account, move.association
    tags = {**account.labels, **move.role.tags, **(association.tags if association else {})}
    if BY_KUBECTL in account.managers:
        tags.pop(INSTANCE, None)
    marks = [*account.annotations, *account.managers, *map("=".join, tags.items())]
    for tool, pattern in TOOLS.items():
        if hits := [mark for mark in marks if re.search(pattern, mark, re.IGNORECASE)]:
            what = f"service account {move.title} or role {move.role.arn}"
            yield f"{what}: {tool} manages it ({hits[0]}); make these steps in its source"
            return


def _pod(pod: Pod) -> Iterator[str]:
    if pod.owner is None:
        yield f"Pod {pod.name}: no controller replaces it; delete it, or create it by a Deployment"
    elif not pod.owner.restarts:
        fix = "resume its rollouts" if pod.owner.paused else "wait for its end, or delete its Pods"
        yield f"{pod.owner.title}: `kubectl rollout restart` does not replace its Pods; {fix}"


def _container(move: Move, owner: Owner, container: Container) -> Iterator[str]:
    """Say that a container takes other credentials, or the old ones by its AWS config file."""
    objects, named = move.facts.objects, f"{owner.title}: container {container.name}"
    variables = sorted(environment(container.spec, objects).keys() & {*BY_HAND})
    if variables:
        yield f"{named} sets {', '.join(variables)} by hand; remove it"
    for profile in file_profiles(config_file(owner.pod_spec, container, objects)).values():
        old = profile.web_identity_token_file if move.to_pod_identity else profile.credential_source
        if old:
            what = f"{named}: profile {profile.name} of its AWS config file takes {old}"
            yield f"{what}; remove it, and the chain of roles with it"


def _policies(move: Move) -> Iterator[str]:
    """Say where the role's policies may answer sessions of the two mechanisms differently."""
    role = move.role
    listed = [role.policies] if isinstance(role.policies, Unread) else role.policies
    for each in (*listed, role.boundary):
        unread = each.document if isinstance(each, PermissionsPolicy) else each
        if isinstance(unread, Unread):
            yield f"{unread.text}; {unread.remedy}"
    yield from (f"role {role.arn}: {text}" for text in answers_apart(role, *move.sessions))


def _to_pod_identity(move: Move) -> Iterator[str]:
    try:
        check_role(move.role.arn, move.facts.cluster_arn)
    except ValueError as error:
        yield str(error)
    if move.association is None and all(pod.phase != RUNNING for pod in move.pods):
        text = "none of its Pods runs, and EKS gives a session to a running Pod alone"
        yield f"service account {move.title}: {text}; run a Deployment with it meanwhile"
    link = agent(move.facts)
    if link.status is Status.FAILED:
        yield "; ".join(("agent: " + link.found, link.remedy.text, *link.remedy.shell))


def _provider(move: Move) -> Iterator[str]:
    providers = move.facts.providers
    if isinstance(providers, Unread):
        yield f"{providers.text}; {providers.remedy}"
        return
    arn, audience = move.provider_arn, move.account.audience
    provider: RegisteredProvider | None = next((e for e in providers if e.arn == arn), None)
    if provider is None:
        yield f"OIDC provider {arn}: it does not exist; {register_issuer(arn, audience).shell}"
    elif audience not in provider.client_ids:
        fix = register_audience(provider, audience).shell
        yield f"OIDC provider {arn}: {audience} is not a client id; {fix}"


def ask(move: Move, sources: Sources) -> Move:
    """Return the move with the answers, and with all nodes that can run its Pods; raises `Unknown`
    where the API server gives none."""
    facts = move.facts
    if move.to_pod_identity and isinstance(facts.cluster, DescribedCluster):
        nodes = sources.cluster.node_groups([owner.pod_spec for owner in move.owners])
        if not isinstance(nodes, Unread) and not isinstance(facts.nodes, Unread):
            nodes = {**facts.nodes, **nodes}
        facts = with_nodes(facts, facts.cluster, nodes, sources.aws)
        move = replace(move, facts=facts)
    denied, unasked = [*_by_cluster(move, sources.cluster)], list[str]()
    for action, resource in _aws_needs(move):
        answer = _may(sources.aws, action, resource)
        if isinstance(answer, Unread):
            unasked.append(f"{action} on {resource} ({answer.reason})")
        elif not answer:
            denied.append(f"{resource}: the caller may not call {action}; grant it")
    return replace(move, denied=tuple(denied), unasked=(*unasked, *unproven(move)))


def unproven(move: Move) -> list[str]:
    """Say what is not known of the agent on the nodes, through which Pods get their sessions."""
    link = agent(move.facts)
    unknown = move.to_pod_identity and link.status is Status.UNKNOWN
    return [f"the agent of the Pods' nodes ({link.found})"] if unknown else []


def _by_cluster(move: Move, cluster: KubernetesCluster) -> Iterator[str]:
    """Say what RBAC denies, and that a Pod of a template would be refused, such as by a quota."""
    namespace, name = move.facts.account
    rbac = [("patch", "serviceaccounts", name), ("create", "serviceaccounts/token", name)]
    rbac += [("patch", f"{owner.kind}s.apps", owner.name) for owner in move.outdated if owner.rolls]
    for verb, resource, object_ in rbac:
        if not known(cluster.may(namespace, verb, resource, object_)):
            yield f"{resource} {namespace}/{object_}: the cluster denies {verb}; grant it by RBAC"
    for owner in move.outdated:
        spec = owner.template and cluster.next_pod(namespace, owner.template)
        if isinstance(spec, Unread):
            yield f"trial Pod of {owner.title}: {spec.reason}; let the cluster accept one"


def _aws_needs(move: Move) -> list[tuple[str, str]]:
    """Actions that the steps which are left need, each with its resource."""
    left = {step.key for step in steps(move) if not step.done}
    role, cluster = move.role.arn, move.facts.cluster_arn
    association = move.association.arn if move.association else ""
    needs = [
        ({"trust", "distrust"}, "iam:UpdateAssumeRolePolicy", role),
        ({"associate"}, "eks:CreatePodIdentityAssociation", cluster),
        ({"associate"}, "iam:PassRole", role),
        ({"associate"}, FOR_POD_IDENTITY, cluster),
        ({"dissociate"}, "eks:DeletePodIdentityAssociation", association),
    ]
    return [(action, resource) for keys, action, resource in needs if keys & left]


def _may(aws: Aws, action: str, resource: str) -> bool | Unread:
    """IAM's answer for the caller, or else the evaluator's if the caller is a role's session."""
    caller = aws.caller().arn
    session = parse_session_arn(caller)
    role = aws.role(session.role_arn) if session else None
    answer = aws.simulate(role.arn if isinstance(role, Role) else caller, action, resource)
    if isinstance(answer, Unread) and isinstance(role, Role):
        judged = allows(role, action, resource, session_name=SESSION_NAME).verdict
        return answer if judged is Verdict.UNKNOWN else judged is Verdict.ALLOW
    return answer
