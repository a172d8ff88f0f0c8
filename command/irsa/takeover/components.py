"""The components that take the resources of a stack over, with their arguments. Pure."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irsa.identity.arns import name_of
from irsa.identity.eks import POD_IDENTITY_SERVICE, ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa.identity.policy_json import Json, mapping, mappings
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa.observe.pulumi import (
    ASSOCIATION,
    ATTACHMENT,
    INLINE_POLICY,
    POLICY,
    PROVIDER,
    ROLE,
    SERVICE_ACCOUNT,
    association_of,
    fields_of,
    logical_name,
    policy_document,
    state_resources,
    typed,
)
from irsa.takeover import children
from irsa.takeover.children import NEW
from irsa.takeover.trust import service_account_trust
from irsa.who.assumers import who_can_assume


class _Component(NamedTuple):
    """A component for resources of a type."""

    name: str
    arguments: Mapping[str, str]
    """Properties of the resource, by the arguments that set them."""
    read: tuple[str, ...] = ()
    """Further properties that are read, or that the component sets."""


_ROLE = {
    "role_name": "name",
    "path": "path",
    "permissions_boundary": "permissionsBoundary",
    "max_session_duration": "maxSessionDuration",
}
_OF_ROLE = ("namePrefix", "assumeRolePolicy", "inlinePolicies", "managedPolicyArns")
_CROSS_ACCOUNT = _Component("CrossAccountRole", _ROLE, _OF_ROLE)
_DESCRIBED = {"description": "description", "tags": "tags"}
_OBJECT = ("apiVersion", "kind", "metadata")
_COMPONENTS = {
    ROLE: _Component("ServiceAccountRole", {**_ROLE, **_DESCRIBED}, _OF_ROLE),
    children.USER: _Component("AccessKeyUser", {"user_name": "name", "path": "path"}),
    children.BUCKET: _Component(
        "DataBucket", {"bucket_name": "bucket", "force_destroy": "forceDestroy"}, ("bucketPrefix",)
    ),
    ASSOCIATION: _Component(
        "PodIdentityAssociation",
        {
            "role_arn": "roleArn",
            "target_role_arn": "targetRoleArn",
            "session_policy": "policy",
            "disable_session_tags": "disableSessionTags",
        },
        ("clusterName", "namespace", "serviceAccount", "region"),
    ),
    SERVICE_ACCOUNT: _Component("WorkloadIdentity", {}, _OBJECT),
    PROVIDER: _Component("EksCluster", {"audiences": "clientIdLists"}, ("url",)),
    children.NAMESPACE: _Component("Namespace", {}, _OBJECT),
    POLICY: _Component(
        "aws.iam.Policy", {"name": "name", "path": "path", **_DESCRIBED, "policy": "policy"}
    ),
}
_DEFAULTS: tuple[object, ...] = (None, False, "", "/", DEFAULT_ROLE_SESSION_DURATION, [], {}, [STS_AUDIENCE])
_EXCLUSIVE = (
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive",
)


@dataclass(slots=True)
class Takeover:
    """A component that takes a resource and its children over. A managed policy stays one."""

    resource: Json
    component: str
    """Empty where none makes such a resource."""
    arguments: Json
    taken_over: dict[str, str]
    """URNs, or `NEW`, by the keys of the component's children."""
    by_hand: list[str]

    @property
    def names(self) -> set[str]:
        """Logical name, id, ARN and URN of the resource."""
        own = self.resource
        named = own["id"], own["urn"], fields_of(own).get("arn")
        return {logical_name(own), *map(str, named)}


def takeovers(document: Json) -> list[Takeover]:
    """Return what can be taken over of a stack, by its state or by a preview."""
    states = state_resources(document)
    if states is None:
        states = [mapping(each.get("oldState")) for each in mappings(document.get("steps"))]
    listed = {
        str(each["urn"]): each
        for each in states
        if each.keys() >= {"id", "urn"} and not (each.get("delete") or each.get("external"))
    }
    resources = [listed[urn] for urn in sorted(listed) if "irsa:index:" not in urn]
    return [_takeover(each, resources) for each in resources if each.get("type") in _COMPONENTS]


def _takeover(resource: Json, resources: Sequence[Json]) -> Takeover:
    kind, fields = str(resource["type"]), fields_of(resource)
    component, trust = _COMPONENTS[kind], policy_document(fields.get("assumeRolePolicy"))
    by_pods = POD_IDENTITY_SERVICE in str(trust) or "AssumeRoleWithWebIdentity" in str(trust)
    if kind == ROLE and not by_pods and not isinstance(trust, str):
        component = _CROSS_ACCOUNT
    inputs = mapping(resource.get("inputs"))
    left = {key for key in inputs if inputs[key] and not key.startswith("__")}
    left -= {*component.arguments.values(), *component.read}
    found = Takeover(
        resource,
        component.name,
        {argument: fields.get(key) for argument, key in component.arguments.items()},
        {children.CHILDREN[kind].key: str(resource["urn"])},
        [f"{each}: no argument of {component.name}" for each in sorted(left)],
    )
    if kind in _READERS:
        _READERS[kind](found, fields, resources)
    found.arguments = {k: v for k, v in found.arguments.items() if v not in _DEFAULTS}
    return found


def _of(
    resources: Sequence[Json], kind: str, key: str, value: object
) -> Iterator[tuple[str, Json]]:
    """Yield URN and properties of the resources of a type that name another resource."""
    for each in typed(resources, kind):
        fields = fields_of(each)
        named = fields.get(key)
        if value == named or (isinstance(named, list) and value in named):
            yield str(each["urn"]), fields


def _attach(found: Takeover, attachments: Mapping[str, str]) -> None:
    """Add managed policies, by ARN, under keys that no other child has."""
    found.arguments["policy_arns"] = keys = dict[str, str]()
    for arn, urn in attachments.items():
        key = name_of(arn)
        while key in found.taken_over:
            key += "-policy"
        keys[key], found.taken_over[key] = arn, urn


def _read_role(found: Takeover, fields: Json, resources: Sequence[Json]) -> None:
    name, inputs = fields.get("name"), mapping(found.resource.get("inputs"))
    inline = [(NEW, each) for each in mappings(inputs.get("inlinePolicies")) if each.get("policy")]
    inline += _of(resources, INLINE_POLICY, "role", name)
    policies = {str(own.get("name")): policy_document(own.get("policy")) for _, own in inline}
    found.taken_over = {str(own.get("name")): urn for urn, own in inline} | found.taken_over
    if "role" in policies:
        found.by_hand.append("policy role: the key is the role's own; rename the policy first")
    shared = [*_of(resources, "aws:iam/policyAttachment:PolicyAttachment", "roles", name)]
    attached = [*_of(resources, ATTACHMENT, "role", name)]
    arns = dict.fromkeys(map(str, inputs.get("managedPolicyArns") or []), NEW)
    arns |= {str(own.get("policyArn")): NEW for _, own in shared}
    _attach(found, arns | {str(own.get("policyArn")): urn for urn, own in attached})
    found.by_hand += [
        f"{urn} detaches its policy when it leaves the program: first run `up` with "
        "ResourceOptions(retain_on_delete=True) on it"
        for urn, _ in shared
    ]
    exclusive = all(any(_of(resources, each, "roleName", name)) for each in _EXCLUSIVE)
    found.arguments |= {"policies": policies, "exclusive": exclusive}
    trust = policy_document(fields.get("assumeRolePolicy"))
    if isinstance(trust, str):
        found.by_hand.append(f"the trust policy: {trust}")
    elif found.component == _CROSS_ACCOUNT.name:
        callers = [each.text for each in who_can_assume(trust)]
        found.by_hand.append(f"trusted_roles, trust, external_id: {'; '.join(callers)}")
        found.component *= '"AWS":' in json.dumps(trust)
    else:
        associations: dict[str, set[str]] = defaultdict(set)
        for _, own in _of(resources, ASSOCIATION, "roleArn", fields.get("arn")):
            association = association_of(own)
            associations[association.cluster_arn].add("/".join(association.account))
        arguments, problems = service_account_trust(trust, associations)
        found.arguments = arguments | found.arguments
        if not found.arguments["description"]:
            found.by_hand.append("description: the role has none, and the component writes one")
        found.by_hand += [f"callers lose access: {each}" for each in problems]


def _read_user(found: Takeover, fields: Json, resources: Sequence[Json]) -> None:
    name = fields.get("name")
    keys = [urn for urn, _ in _of(resources, children.ACCESS_KEY, "user", name)] or [NEW]
    found.taken_over["key"] = keys[0]
    others = keys[1:] + [urn for urn, _ in _of(resources, children.USER_POLICY, "user", name)]
    found.by_hand += [f"{each}: no argument of AccessKeyUser" for each in others]
    attached = _of(resources, children.USER_ATTACHMENT, "user", name)
    _attach(found, {str(own.get("policyArn")): urn for urn, own in attached})


def _read_bucket(found: Takeover, fields: Json, resources: Sequence[Json]) -> None:
    for kind, key in children.SETTINGS.items():
        found.taken_over[key] = NEW
        for urn, own in _of(resources, kind, "bucket", fields.get("bucket")):
            found.taken_over[key] = urn
            given = {each: own[each] for each in sorted(own) if own[each] and each not in _OF_ID}
            found.by_hand.append(f"{key}: DataBucket's own replaces {json.dumps(given)}")


_OF_ID = ("bucket", "id", "region")


def _read_association(found: Takeover, fields: Json, _: Sequence[Json]) -> None:
    own = association_of(fields)
    account = {"cluster_arn": own.cluster_arn, "service_account": "/".join(own.account)}
    found.arguments = account | found.arguments


def _read_object(found: Takeover, fields: Json, resources: Sequence[Json]) -> None:
    metadata = mapping(fields.get("metadata"))
    namespace, name = str(metadata.get("namespace", "default")), str(metadata.get("name"))
    if found.component == "Namespace":
        found.arguments["namespace"] = name
        return
    role_arn = mapping(metadata.get("annotations")).get(ROLE_ARN_ANNOTATION)
    found.arguments = {"service_account": f"{namespace}/{name}", "role_arn": role_arn}
    associations = _of(resources, ASSOCIATION, "serviceAccount", name)
    if any(own.get("namespace") == namespace for _, own in associations):
        found.by_hand.append("pod_identity: PodIdentityArgs with the id of its association")
    elif not role_arn:
        found.component = ""


def _read_provider(found: Takeover, fields: Json, _: Sequence[Json]) -> None:
    found.arguments |= {"cluster_name": "…", "existing": True, "create_provider": True}
    found.by_hand.append(f"cluster_name: the cluster whose issuer is {fields.get('url')}")


_READERS = {
    ROLE: _read_role,
    children.USER: _read_user,
    children.BUCKET: _read_bucket,
    ASSOCIATION: _read_association,
    SERVICE_ACCOUNT: _read_object,
    children.NAMESPACE: _read_object,
    PROVIDER: _read_provider,
}
