"""The components that take the resources of a stack over, with their arguments. Pure."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irsa.callers.lines import callers_of
from irsa.observe.pulumi import (
    StateResource,
    association_of,
    old_states,
    policy_document,
    state_resources,
    typed,
)
from irsa.takeover.children import CHILDREN
from irsa.takeover.trust import service_account_trust
from irsa_core.identity import pulumi_types as types
from irsa_core.identity.arns import name_of
from irsa_core.identity.eks import POD_IDENTITY_SERVICE, ROLE_ARN_ANNOTATION
from irsa_core.identity.policy_json import Json, as_list, mapping, mappings
from irsa_core.identity.pulumi_types import NEW
from irsa_core.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa_core.identity.subjects import SUBJECT_PREFIX

_OTHERWISE_READ = (
    "name", "namePrefix", "tagsAll", "bucket", "bucketPrefix", "assumeRolePolicy", "inlinePolicies",
    "managedPolicyArns", "region", "clusterName", "namespace", "serviceAccount", "policy",
    "apiVersion", "kind", "metadata", "url", "clientIdLists",
)  # fmt: skip
_DEFAULTS: tuple[object, ...] = (None, False, "", "/", DEFAULT_ROLE_SESSION_DURATION, [], {})
_EXCLUSIVE = (types.EXCLUSIVE, "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive")


@dataclass(slots=True)
class Takeover:
    """A component that takes a resource and its children over. A managed policy stays one."""

    resource: StateResource
    component: str
    """Empty where none makes such a resource."""
    arguments: Json
    taken_over: dict[str, str]
    """URNs, or `NEW`, by the keys of the component's children."""
    by_hand: list[str]

    @property
    def names(self) -> set[str]:
        """Logical name, id, ARN and URN of the resource."""
        return {self.resource.name, self.resource.id, self.resource.urn, self.arn}

    @property
    def arn(self) -> str:
        """ARN of the resource, or its id where it has none."""
        return str(self.resource.fields.get("arn", self.resource.id))


def takeovers(document: Json) -> list[Takeover]:
    """Return what can be taken over of a stack, by its state or by a preview: first what others
    refer to."""
    listed = {
        str(state["urn"]): StateResource(state)
        for state in _states(document)
        if state.keys() >= {"id", "urn"} and not (state.get("delete") or state.get("external"))
    }
    resources = [listed[urn] for urn in sorted(listed) if "irsa:index:" not in urn]
    in_order = (resource for kind in _COMPONENTS for resource in typed(resources, kind))
    return [_takeover(resource, resources) for resource in in_order]


def follow_move(taken: Sequence[Takeover], document: Json) -> None:
    """Change URNs to those after `pulumi state move`, which leaves parents and takes children."""
    parents = {str(state.get("urn")): str(state.get("parent")) for state in _states(document)}
    moved = {urn for takeover in taken for urn in takeover.taken_over.values()} - {NEW}
    for takeover in taken:
        for key, urn in takeover.taken_over.items():
            if urn == NEW:
                continue
            takeover.by_hand += [
                f"{child} moves with its parent; keep it in the program, or `up` deletes it"
                for child, parent in parents.items()
                if parent == urn and child not in moved
            ]
            family = [urn]
            while (parent := parents.get(family[-1])) in parents and parent not in family:
                family.append(parent)
            depth = max(place for place, ancestor in enumerate(family, 1) if ancestor in moved)
            stack, project, kinds, name = urn.split("::", 3)
            kinds = "$".join(kinds.split("$")[-depth:])
            takeover.taken_over[key] = f"{stack}::{project}::{kinds}::{name}"


def _states(document: Json) -> list[Json]:
    states = state_resources(document)
    return old_states(document) if states is None else states


def _takeover(resource: StateResource, resources: Sequence[StateResource]) -> Takeover:
    fields, inputs = resource.fields, resource.inputs
    name, read, named_by, properties = _COMPONENTS[resource.kind]
    trust = policy_document(fields.get("assumeRolePolicy"))
    if isinstance(trust, dict) and not _is_for_pods(trust):
        name, read, named_by, properties = _CROSS_ACCOUNT
    keys = properties.split()
    left = [e for e in sorted(inputs) if inputs[e] and e not in (*keys, *_OTHERWISE_READ)]
    arguments: Json = {
        re.sub("[A-Z]", lambda e: f"_{e[0].lower()}", e): fields.get(e) for e in keys
    }
    takeover = Takeover(
        resource,
        name,
        ({named_by: name_of(resource.id)} if named_by else {}) | arguments,
        {CHILDREN[resource.kind].key: resource.urn},
        [f"{key}: no argument of {name}" for key in left if not key.startswith("__")],
    )
    provider = resource.provider.rpartition("::")[2]
    if provider and not provider.startswith("default"):
        takeover.by_hand.append(f"opts: ResourceOptions(providers=[…]), with provider {provider!r}")
    if read is not None:
        read(takeover, resources)
    takeover.arguments = {k: v for k, v in takeover.arguments.items() if v not in _DEFAULTS}
    return takeover


def _is_for_pods(trust: Json) -> bool:
    return any(each in str(trust) for each in (POD_IDENTITY_SERVICE, SUBJECT_PREFIX, "oidc.eks."))


def _of(
    resources: Sequence[StateResource], kind: str, key: str, value: object
) -> Iterator[tuple[str, Json]]:
    """Yield URN and properties of the resources of a type that name another resource."""
    for each in typed(resources, kind):
        if value in as_list(each.fields.get(key)):
            yield each.urn, each.fields


def _read_role(takeover: Takeover, resources: Sequence[StateResource]) -> None:
    fields, inputs = takeover.resource.fields, takeover.resource.inputs
    name = fields.get("name")
    inline = [(NEW, args) for args in mappings(inputs.get("inlinePolicies")) if args.get("policy")]
    inline += _of(resources, types.INLINE_POLICY, "role", name)
    policies = {str(args.get("name")): policy_document(args.get("policy")) for _, args in inline}
    takeover.taken_over = {str(args.get("name")): urn for urn, args in inline} | takeover.taken_over
    if "role" in policies:
        takeover.by_hand.append(
            "policy role: the role itself has this key; rename the policy first"
        )
    shared = [*_of(resources, types.SHARED_ATTACHMENT, "roles", name)]
    takeover.by_hand += [
        f"{urn} detaches its policy when it leaves the program: first run `up` with "
        "ResourceOptions(retain_on_delete=True) on it"
        for urn, _ in shared
    ]
    attached = [*shared, *_of(resources, types.ATTACHMENT, "role", name)]
    arns = {str(args.get("policyArn")): NEW if args.get("roles") else urn for urn, args in attached}
    attachments = dict.fromkeys(map(str, inputs.get("managedPolicyArns") or []), NEW) | arns
    policy_arns = dict[str, str]()
    for arn, urn in attachments.items():
        key = name_of(arn)
        while key in takeover.taken_over:  # another child's
            key += "-policy"
        policy_arns[key], takeover.taken_over[key] = arn, urn
    exclusive = all(any(_of(resources, kind, "roleName", name)) for kind in _EXCLUSIVE)
    takeover.arguments |= {"policy_arns": policy_arns, "policies": policies, "exclusive": exclusive}
    trust = policy_document(fields.get("assumeRolePolicy"))
    if isinstance(trust, str):
        takeover.by_hand.append(f"the trust policy: {trust}")
    elif not _is_for_pods(trust):
        trusted = callers_of(trust)
        callers = [*(line.text for line in trusted.lines), *trusted.notes]
        takeover.by_hand.append(f"trusted_roles, trust, external_id: {'; '.join(callers)}")
        takeover.component *= "'AWS':" in str(trust)
    else:
        associations: dict[str, set[str]] = defaultdict(set)
        for _, args in _of(resources, types.ASSOCIATION, "roleArn", fields.get("arn")):
            association = association_of(args)
            associations[association.cluster_arn].add("/".join(association.account))
        arguments, problems = service_account_trust(trust, associations)
        takeover.arguments |= arguments
        takeover.by_hand += [f"callers lose access: {problem}" for problem in problems]
        if not takeover.arguments["description"]:
            takeover.by_hand.append("description: the role has none, and the component writes one")


def _read_bucket(takeover: Takeover, resources: Sequence[StateResource]) -> None:
    takeover.by_hand.append("callers lose access: the public, by ACLs, and without TLS")
    for kind, key in types.SETTINGS.items():
        takeover.taken_over[key] = NEW
        for urn, own in _of(resources, kind, "bucket", takeover.resource.fields.get("bucket")):
            takeover.taken_over[key] = urn
            given = {each: own[each] for each in own if own[each] and each not in _OTHERWISE_READ}
            given = {"policy": own["policy"]} if "policy" in own else given
            takeover.by_hand.append(f"{key}: DataBucket's own replaces {json.dumps(given)}")


def _read_association(takeover: Takeover, _: Sequence[StateResource]) -> None:
    own = association_of(takeover.resource.fields)
    account = {"cluster_arn": own.cluster_arn, "service_account": "/".join(own.account)}
    takeover.arguments = account | takeover.arguments | {"session_policy": own.policy}


def _read_service_account(takeover: Takeover, resources: Sequence[StateResource]) -> None:
    metadata = mapping(takeover.resource.fields.get("metadata"))
    namespace, name = str(metadata.get("namespace", "default")), str(metadata.get("name"))
    annotations = mapping(metadata.get("annotations"))
    others = sorted({*annotations, *mapping(metadata.get("labels"))} - {ROLE_ARN_ANNOTATION})
    takeover.by_hand += [f"{e}: no argument of WorkloadIdentity; `up` removes it" for e in others]
    role_arn = annotations.get(ROLE_ARN_ANNOTATION)
    takeover.arguments = {"service_account": f"{namespace}/{name}", "role_arn": role_arn}
    associations = _of(resources, types.ASSOCIATION, "serviceAccount", name)
    if any(args.get("namespace") == namespace for _, args in associations):
        takeover.by_hand.append("pod_identity: PodIdentityArgs with the id of its association")
    elif not role_arn:
        takeover.component = ""


def _read_provider(takeover: Takeover, _: Sequence[StateResource]) -> None:
    fields = takeover.resource.fields
    takeover.arguments |= {"cluster_name": "…", "existing": True, "create_provider": True}
    takeover.arguments["audiences"] = fields.get("clientIdLists")
    takeover.by_hand.append(f"cluster_name: the cluster whose issuer is {fields.get('url')}")
    if "eks:index:Cluster$" in takeover.resource.urn:
        takeover.by_hand.append("its eks.Cluster: create_oidc_provider=False, or both register it")


class _Component(NamedTuple):
    """A component for resources of a type."""

    name: str
    read: Callable[[Takeover, Sequence[StateResource]], None] | None = None
    """Adds arguments and children, by the resource's properties and the stack's resources."""
    named_by: str = ""
    """The argument for the physical name."""
    properties: str = ""
    """Properties for which there are arguments of the same names, in Python's spelling."""


_ROLE = "path permissionsBoundary maxSessionDuration"
_CROSS_ACCOUNT = _Component("CrossAccountRole", _read_role, "role_name", _ROLE)
_COMPONENTS = {
    types.POLICY: _Component(
        "aws.iam.Policy", named_by="name", properties="path description tags policy"
    ),
    types.ROLE: _Component(
        "ServiceAccountRole", _read_role, "role_name", f"{_ROLE} description tags"
    ),
    types.ASSOCIATION: _Component(
        "PodIdentityAssociation",
        _read_association,
        properties="roleArn targetRoleArn disableSessionTags",
    ),
    types.SERVICE_ACCOUNT: _Component("WorkloadIdentity", _read_service_account),
    types.PROVIDER: _Component("EksCluster", _read_provider),
    types.BUCKET: _Component("DataBucket", _read_bucket, "bucket_name", "forceDestroy"),
}
