"""The state of a Pulumi stack: the resources that it owns, and the chains of its components. Pure.

The components register outputs under the same keys in every language. A program's exports are not
read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

from irsa.observe.facts import PermissionsPolicy
from irsa.observe.pulumi import (
    HIDDEN,
    StateResource,
    readable,
    revealed,
    stack_resources,
    state_resources,
    typed,
)
from irsa_core.identity import pulumi_types as types
from irsa_core.identity.policy_json import Json, as_list, mapping, mappings, statements
from irsa_core.identity.subjects import parse_subject


class Resource(NamedTuple):
    """A resource in AWS or in the cluster."""

    kind: str
    """``role``, ``policy``, ``inline policy``, ``attachment``, ``OIDC provider``, ``bucket``,
    ``bucket policy``, ``association``, ``add-on``, ``service account``, ``annotation``,
    ``deployment`` or ``configmap``."""
    name: str
    """Its ARN or its name: ``NAMESPACE/NAME``, ``ROLE:POLICY``, ``CLUSTER:NAMESPACE/NAME``."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Stack:
    """A Pulumi stack: its name, and the resources that it owns."""

    name: str
    """As `pulumi --stack` takes it; empty when it is not known."""
    owned: frozenset[Resource]


@dataclass(frozen=True, kw_only=True)
class StackChain:
    """A service account, its role and at most one role B, as a component in the state names them.

    A workload with several targets is several chains. Empty fields are not named.
    """

    component: str = ""
    """Logical name of the component; components of several parents may share one."""
    namespace: str
    name: str
    """The service account's."""
    expected_role: str = ""
    association_id: str = ""
    """The EKS Pod Identity association; empty for IRSA."""
    expected_target: str = ""
    """The association's target role."""
    deployment: str = ""
    """Empty for a role alone, whose service account another tool creates."""
    bucket: str = ""
    """The first that the stack's policies let the role list."""
    stack_policies: tuple[Json, ...] = field(default=(), hash=False)
    """The role's permissions policies, as far as the state has them; none where role B is asked."""
    profile: str = ""
    """The profile of the Pod's AWS config file that leads to role B."""
    role_b_arn: str = ""
    external_id: str = ""

    @property
    def label(self) -> str:
        """The component's name with service account and profile, to tell two of one name apart."""
        profile = f", profile {self.profile}" if self.profile else ""
        return f"{self.component} ({self.namespace}/{self.name}{profile})"


def stack_of(document: Json, name: str = "") -> Stack:
    """Return the stack of a state; ``name`` is the user's, if they gave a name and not a file.

    ValueError for a document that is not a state.
    """
    resources = _resources(document)
    managed = (resource for resource in resources if not resource.state.get("external"))
    owned = frozenset(item for resource in managed for item in _owned(resource))
    if not name:  # whole in a state file, in an export the last part of it
        urns = (stack.urn for stack in typed(resources, "pulumi:pulumi:Stack"))
        name = next((urn.removeprefix("urn:pulumi:").partition("::")[0] for urn in urns), "")
        name = str(mapping(document.get("checkpoint")).get("stack") or name)
    return Stack(name, owned)


def chains_of(document: Json) -> tuple[list[StackChain], list[tuple[str, str]]]:
    """Return the chains of the components in a state, and logical name and reason of each component
    that has no chain to check.

    ValueError for a document that is not a state, and for a state without such components.
    """
    resources = sorted(_resources(document), key=attrgetter("urn"))
    workloads = typed(resources, "irsa:index:Workload", "irsa:index:WorkloadIdentity")
    associations = typed(resources, "irsa:index:PodIdentityAssociation")
    roles = typed(resources, "irsa:index:ServiceAccountRole")
    if not [*workloads, *associations, *roles]:
        raise ValueError(
            "the stack has no Workload, ServiceAccountRole or PodIdentityAssociation of the irsa "
            "components; name the stack of a program that uses them, after `pulumi up`"
        )
    by_id = {component.output("association_id"): component for component in associations}
    chains: list[StackChain] = []
    skipped: list[tuple[str, str]] = []

    def add(component: StateResource, outcome: Sequence[StackChain] | str) -> None:
        if isinstance(outcome, str):
            skipped.append((component.name, outcome))
        else:
            chains.extend(outcome)

    for workload in workloads:
        add(workload, _workload_chains(workload, by_id))
    in_use = {chain.association_id for chain in chains}
    needed = ("association_id", "namespace", "service_account_name", "role_arn")
    for association in associations:
        missing = _missing(association, *needed)
        if missing or association.output("association_id") not in in_use:
            add(association, missing or _chains(association, association))
    used = {chain.expected_role for chain in chains}
    for role in roles:
        if role.output("role_arn") not in used:
            add(role, _role_chains(role))
    policies = {role.arn: role.policies for role in stack_resources(document).roles}
    return [_with_policies(chain, policies) for chain in chains], skipped


def _with_policies(
    chain: StackChain, policies: Mapping[str, Sequence[PermissionsPolicy]]
) -> StackChain:
    role_b = chain.role_b_arn or chain.profile
    role_arn = chain.expected_target or ("" if role_b else chain.expected_role)
    documents = [policy.content for policy in policies.get(role_arn, ())]
    named = [
        str(resource)
        for document in documents
        for statement in statements(document)
        if "s3:ListBucket" in as_list(statement.get("Action"))
        for resource in as_list(statement.get("Resource"))
    ]
    buckets = [arn.partition(":s3:::")[2] for arn in named if not {*"/*?"} & {*arn}]
    bucket = next(filter(None, buckets), "")
    return replace(chain, stack_policies=tuple(filter(None, documents)), bucket=bucket)


def _resources(document: Json) -> list[StateResource]:
    """The resources of a state."""
    resources = state_resources(document)
    if resources is None:
        raise ValueError(
            "this is not the state of a stack; give the output of `pulumi stack export`, or the "
            "name of the stack"
        )
    return [*map(StateResource, resources)]


def _workload_chains(
    workload: StateResource, associations: Mapping[str, StateResource]
) -> list[StackChain] | str:
    """The chains of a Workload, or the reason why it has none."""
    missing = _missing(workload, "namespace", "service_account_name")
    association_id = workload.output("association_id")
    if not missing and association_id:
        return _chains(workload, associations.get(association_id, StateResource({})))
    if not missing and workload.outputs.get("role_arn") is None:
        missing = "it has an access key and no role"
    return missing or _missing(workload, "role_arn") or _chains(workload, workload)


def _chains(component: StateResource, naming: StateResource) -> list[StackChain]:
    """A chain for each target of a component, or one; ``naming`` is the one that names the role."""
    chain = StackChain(
        component=component.name,
        namespace=component.output("namespace"),
        name=component.output("service_account_name"),
        expected_role=naming.output("role_arn"),
        deployment=component.output("deployment_name"),
        association_id=component.output("association_id"),
        expected_target=naming.output("target_role_arn"),
    )
    return [
        replace(
            chain,
            role_b_arn=readable(target.get("role_arn")),
            profile=readable(target.get("profile")),
            external_id=readable(target.get("external_id")),
        )
        for target in mappings(revealed(component.outputs.get("targets")))
    ] or [chain]


def _role_chains(role: StateResource) -> list[StackChain] | str:
    """A chain for each service account that a role trusts by its exact name, to each role B, or
    the reason why there is none."""
    subjects = _list(role, "subjects")
    missing = _missing(role, "role_arn") or ("" if subjects else _missing(role, "subjects"))
    if missing:
        return missing
    accounts = [account for account in map(parse_subject, subjects) if account is not None]
    if not accounts:
        return f"it trusts patterns only ({', '.join(subjects)})"
    return [
        StackChain(
            component=role.name,
            namespace=account.namespace,
            name=account.name,
            expected_role=role.output("role_arn"),
            role_b_arn=role_b_arn,
        )
        for account in accounts
        for role_b_arn in _list(role, "role_b_arns") or [""]
    ]


def _list(resource: StateResource, name: str) -> list[str]:
    listed = as_list(revealed(resource.outputs.get(name)))
    return [text for text in map(readable, listed) if text]


def _missing(resource: StateResource, *names: str) -> str:
    """The reason why one of these outputs cannot be read; empty when all can."""
    for name in names:
        if not resource.output(name):
            if revealed(resource.outputs.get(name)) == HIDDEN:
                return f"its {name} is a secret; give `pulumi stack export --show-secrets`"
            return f"the state has no {name} of it; run `pulumi up`"
    return ""


_IN_CLUSTER = "{metadata[namespace]}/{metadata[name]}"
_OWNED = {
    types.ROLE: ("{arn}", "role"),
    types.POLICY: ("{arn}", "policy"),
    types.PROVIDER: ("{arn}", "OIDC provider"),
    types.BUCKET: ("{id}", "bucket"),
    "aws:s3/bucketPolicy:BucketPolicy": ("{id}", "bucket policy"),
    types.INLINE_POLICY: ("{id}", "inline policy"),
    types.ATTACHMENT: ("{role}:{policyArn}", "attachment"),
    types.ASSOCIATION: ("{clusterName}:{namespace}/{serviceAccount}", "association"),
    "aws:eks/addon:Addon": ("{clusterName}:{addonName}", "add-on"),
    types.SERVICE_ACCOUNT: (_IN_CLUSTER, "service account", "annotation"),
    # A patch owns the annotation that it writes, and not the account.
    "kubernetes:core/v1:ServiceAccountPatch": (_IN_CLUSTER, "annotation"),
    "kubernetes:core/v1:ConfigMap": (_IN_CLUSTER, "configmap"),
    "kubernetes:apps/v1:Deployment": (_IN_CLUSTER, "deployment"),
}
"""The name of a resource by its outputs, and its kinds in `Resource`, by its type in Pulumi."""


def _owned(resource: StateResource) -> Iterator[Resource]:
    """The resources in AWS or in the cluster behind one of the state."""
    metadata = {"namespace": "default", **mapping(resource.outputs.get("metadata"))}
    name, *kinds = _OWNED.get(resource.kind, ("",))
    with suppress(KeyError):  # an output is missing
        name = name.format_map({**resource.outputs, **resource.state, "metadata": metadata})
        yield from (Resource(kind, name) for kind in kinds)
