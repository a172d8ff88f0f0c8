"""Check service accounts, roles and Pods of one stack together. Pure."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from irsa.audit.findings import check_annotation, check_association, check_passing
from irsa.decide.document import statements_of
from irsa.identity.arns import account_of, issuer_of_principal, name_of, parse_role_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policy_json import UNKNOWN_OUTPUT, Json, mapping
from irsa.observe.facts import PermissionsPolicy, Role, ServiceAccount
from irsa.observe.iam import federated
from irsa.observe.pod_spec import access_key, containers, environment
from irsa.observe.pulumi import (
    ASSOCIATION,
    LATER,
    PROVIDER,
    SERVICE_ACCOUNT,
    StackRole,
    associations_of,
    roles_of,
    typed,
)
from irsa.rules.table import Finding
from irsa.rules.tokens import is_kubernetes
from irsa_policies.one_resource import names_of, subject_of, unknown_of

_CHAINING = ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity")


def _check_chaining(roles: Sequence[StackRole]) -> Iterator[tuple[StackRole, Finding]]:
    """The roles that another role of the stack trusts, or that may assume a role by name, and
    whose policies allow more than that. Policies that are not in the stack are not judged."""
    trusted = {arn for role in roles for arn in _trusted(role)}
    for role in roles:
        allowed = [(policy, action) for policy in role.policies for action in _actions(policy)]
        more = [(p, action) for p, action in allowed if action.lower() not in _CHAINING]
        chains = role.arn in trusted or any(a.lower() == _CHAINING[0] for _, a in allowed)
        if chains and more:
            texts = dict.fromkeys(f"{policy.name} allows {action}" for policy, action in more)
            yield role, Finding("chaining-role", subject_of(role), ", ".join(texts))


def _trusted(role: StackRole) -> Iterator[str]:
    for statement in statements_of(role.trust_policy):
        if statement.allows and statement.covers("sts:AssumeRole"):
            yield from statement.named("AWS")
            for condition in statement.conditions:
                if condition.key.lower() == "aws:principalarn" and condition.positive:
                    yield from condition.values


def _actions(policy: PermissionsPolicy) -> Iterator[str]:
    """Yield the actions that a policy allows; ``NotAction …`` for all but some."""
    for statement in statements_of(policy.content):
        if statement.allows and statement.element == "NotAction":
            yield f"NotAction {', '.join(statement.actions)}"
        elif statement.allows:
            yield from statement.actions


KINDS = {
    "kubernetes:core/v1:Pod": (),
    "kubernetes:apps/v1:Deployment": ("template", "spec"),
    "kubernetes:apps/v1:StatefulSet": ("template", "spec"),
    "kubernetes:apps/v1:DaemonSet": ("template", "spec"),
    "kubernetes:apps/v1:ReplicaSet": ("template", "spec"),
    "kubernetes:batch/v1:Job": ("template", "spec"),
    "kubernetes:batch/v1:CronJob": ("jobTemplate", "spec", "template", "spec"),
}
"""Kinds that create Pods, and the path of the Pods' spec under ``spec``."""

_OBJECTS = {"kubernetes:core/v1:Secret": "Secret", "kubernetes:core/v1:ConfigMap": "ConfigMap"}


def _check_pods(
    resources: Sequence[Json], with_role: Collection[tuple[str, str]]
) -> Iterator[tuple[str, Finding]]:
    """URN and finding of each; ``with_role`` are namespaces and names of service accounts."""
    for resource in resources:
        path = KINDS.get(str(resource["type"]))
        if path is None:
            continue
        fields = mapping(resource.get("outputs"))
        metadata, spec = mapping(fields.get("metadata")), mapping(fields.get("spec"))
        for name in path:
            spec = mapping(spec.get(name))
        namespace = str(metadata.get("namespace", "default"))
        if (namespace, str(spec.get("serviceAccountName") or "default")) not in with_role:
            continue
        subject = f"{str(resource['type']).rpartition(':')[2]} {namespace}/{metadata.get('name')}"
        urn = str(resource["urn"])
        try:
            found = list(_keys(spec, _objects(resources, namespace)))
        except (AttributeError, KeyError, TypeError):
            # No Pod's form, or a part of it is still to come.
            when = "known after `up`" if UNKNOWN_OUTPUT in str(spec) else "not of a Pod's form"
            text = f"not checked yet: the variables of its containers are {when}"
            yield urn, Finding("not-checked", subject, text)
            continue
        yield from ((urn, Finding("key-and-role", subject, text)) for text in found)


def _keys(spec: Json, objects: Mapping[tuple[str, str], Mapping[str, None]]) -> Iterator[str]:
    for container in containers(spec):
        if source := access_key(environment(container.spec, objects)):
            where = f" from {source.kind} {source.object}" if source.object else ""
            yield f"container {container.name} has AWS_ACCESS_KEY_ID{where}"


def _objects(
    resources: Sequence[Json], namespace: str
) -> dict[tuple[str, str], Mapping[str, None]]:
    """The keys of the namespace's ConfigMaps and Secrets that are in the stack, without values."""
    objects: dict[tuple[str, str], Mapping[str, None]] = {}
    for resource in resources:
        kind = _OBJECTS.get(str(resource["type"]))
        fields = mapping(resource.get("outputs"))
        metadata = mapping(fields.get("metadata"))
        if kind and str(metadata.get("namespace", "default")) == namespace:
            keys = {**mapping(fields.get("data")), **mapping(fields.get("stringData"))}
            objects[kind, str(metadata.get("name"))] = dict.fromkeys(keys)
    return objects


class Reported(NamedTuple):
    """A finding, and where it is shown."""

    finding: Finding
    urn: str
    names: tuple[str, ...] = ()
    """The names and ARNs of roles that it is about."""


class Stack:
    """The resources of a stack, in the form of `irsa_policies.pack`."""

    def __init__(self, resources: Sequence[Json], now: float) -> None:
        """``now`` is the time at which tokens are judged, in seconds since 1970."""
        self.resources = resources
        self._now = now

    def findings(self) -> Iterator[Reported]:
        """Everything that is wrong, and what could not be checked."""
        for resource in self.resources:
            if what := unknown_of(resource):
                yield not_checked(resource, what, names_of(resource))
            elif str(resource["type"]) == SERVICE_ACCOUNT:
                yield from self.check_service_account(resource)
        for role, finding in (*_check_chaining(self._roles), *_check_passing(self._roles)):
            yield Reported(finding, role.urn, (role.arn, role.name))
        yield from self._check_associations()
        with_role = {(each.namespace, each.name) for each in self._accounts}
        with_role |= {each.account for each in associations_of(self.resources)}
        for urn, finding in _check_pods(self.resources, with_role):
            yield Reported(finding, urn)

    def _check_associations(self) -> Iterator[Reported]:
        for resource in self.resources:
            if resource["type"] != ASSOCIATION:
                continue
            known = associations_of([resource])
            role = self._named(known[0].role_arn) if known else None
            if not known or (role and isinstance(role.trust_policy, str)):
                yield not_checked(resource, "whether its role trusts EKS: known after `up`")
                continue
            subject = "service account {}/{}".format(*known[0].account)
            if role is None:
                yield self._not_in_stack(resource, subject, known[0].role_arn)
                continue
            fact = Role(known[0].role_arn, "", mapping(role.trust_policy))
            for finding in check_association(known[0], fact, subject):
                own = replace(finding, advice="", verified=None)
                yield Reported(own, str(resource["urn"]), role.names)

    @cached_property
    def _roles(self) -> list[StackRole]:
        return roles_of(self.resources)

    @cached_property
    def _accounts(self) -> list[ServiceAccount]:
        read = map(service_account_of, typed(self.resources, SERVICE_ACCOUNT))
        return [account for account in read if account and account.role_arn]

    @cached_property
    def _issuers(self) -> list[str]:
        providers = typed(self.resources, PROVIDER)
        urls = (str(mapping(each.get("outputs")).get("url", "")) for each in providers)
        return [u.removeprefix("https://") for u in urls if u and UNKNOWN_OUTPUT not in u]

    def check_service_account(self, resource: Json) -> Iterator[Reported]:
        """Check one service account with the stack's roles and OIDC providers."""
        account = service_account_of(resource)
        if account is None:
            yield not_checked(resource, "the service account is known after `up`")
            return
        if not account.role_arn:
            return
        urn, subject = str(resource["urn"]), f"service account {account.namespace}/{account.name}"
        arn = account.role_arn
        later = UNKNOWN_OUTPUT in arn
        if found := self._taken_from(resource) if later else self._named(arn):
            yield from self._check_trust(account, found, urn, subject)
        elif later:
            yield not_checked(resource, "the role in its annotation is known after `up`")
        elif parse_role_arn(arn) is None:
            yield Reported(Finding("annotation", subject, arn), urn, (arn,))
        else:
            yield self._not_in_stack(resource, subject, arn)

    def _not_in_stack(self, resource: Json, subject: str, arn: str) -> Reported:
        if any(role.arn == LATER for role in self._roles):
            return not_checked(resource, f"whether {arn} is a role of this stack: known after `up`")
        names = (arn, name_of(arn))
        return Reported(Finding("not-in-stack", subject, arn), str(resource["urn"]), names)

    def _named(self, arn: str) -> StackRole | None:
        """The role of an ARN; before an `up` has made it, the only one of its name."""
        exact = [each for each in self._roles if each.arn == arn]
        late = [each for each in self._roles if (each.arn, each.name) == (LATER, name_of(arn))]
        return exact[0] if exact else _only(late)

    def _taken_from(self, service_account: Json) -> StackRole | None:
        """The role whose ARN, still unknown, is in an annotation: the program took it from the
        only role that the metadata depend on."""
        urns = mapping(service_account.get("depends")).get("metadata", [])
        return _only([each for each in self._roles if each.urn in urns])

    def _check_trust(
        self, account: ServiceAccount, role: StackRole, urn: str, subject: str
    ) -> Iterator[Reported]:
        """A stack does not say in which cluster a service account is: one of those that the role
        trusts has to be enough."""
        trust, names = role.trust_policy, role.names
        if not isinstance(trust, str):
            # A role trusts the OIDC providers of its own account.
            role = role.in_account(next(filter(None, map(account_of, federated(trust))), ""))
        if isinstance(trust, str) or role.arn == LATER:
            text = f"not checked yet: whether {role.label} trusts it"
            yield Reported(Finding("not-checked", subject, text), urn, names)
            return
        fact = Role(role.arn, "", trust)
        answers = [
            list(check_annotation(account, fact, subject, issuer_url=url, now=self._now))
            for url in self._issuer_urls(trust)
        ]
        if all(answers):
            yield Reported(_in_a_stack(answers[0][0], account), urn, names)

    def _issuer_urls(self, document: Json) -> list[str]:
        trusted = [
            name
            for statement in statements_of(document)
            if statement.allows
            for name in map(issuer_of_principal, statement.named("Federated"))
            if is_kubernetes(name, (), statement.conditions)
        ]
        names = dict.fromkeys(trusted or self._issuers or ["the-cluster.invalid"])
        return [f"https://{name}" for name in names]


def _only(roles: Sequence[StackRole]) -> StackRole | None:
    return roles[0] if len(roles) == 1 else None


def _check_passing(roles: Sequence[StackRole]) -> Iterator[tuple[StackRole, Finding]]:
    for role in roles:
        for rule, found in check_passing([each.content for each in role.policies]):
            yield role, Finding(rule, subject_of(role), found)


def not_checked(resource: Json, what: str, names: tuple[str, ...] = ()) -> Reported:
    """A part of a resource that was not checked."""
    urn = str(resource["urn"])
    finding = Finding("not-checked", urn.rpartition("::")[2], f"not checked yet: {what}")
    return Reported(finding, urn, names)


def _in_a_stack(finding: Finding, account: ServiceAccount) -> Finding:
    """The finding with a remedy that needs no cluster to run `verify` in."""
    if finding.rule != "trust-mismatch":
        return finding
    remedy = (
        f"let the trust policy name {account.subject} (StringEquals on the issuer's sub) with "
        f"{account.audience} as aud, or annotate the role that does"
    )
    return Finding(finding.rule, finding.subject, finding.found, remedy)


def service_account_of(resource: Json) -> ServiceAccount | None:
    """A service account; None while nothing of it is known: the cluster is still to be made."""
    metadata = mapping(mapping(resource.get("outputs")).get("metadata"))
    name, namespace = metadata.get("name"), metadata.get("namespace", "default")
    if not isinstance(name, str) or UNKNOWN_OUTPUT in json.dumps([name, namespace]):
        return None
    annotations = mapping(metadata.get("annotations"))
    texts = {key: str(value) for key, value in annotations.items()}
    if metadata.get("annotations") == UNKNOWN_OUTPUT:
        texts = {ROLE_ARN_ANNOTATION: UNKNOWN_OUTPUT}
    return ServiceAccount(str(namespace), name, texts)
