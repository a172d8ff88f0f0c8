"""Roles and service accounts among the resources of a Pulumi stack. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from irsa.identity.arns import name_of, parse_provider_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.outputs import UNKNOWN_OUTPUT
from irsa.identity.policy_json import Json, as_list
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.associations import Association
from irsa.observe.facts import RegisteredProvider
from irsa.observe.shapes import mapping, mappings

HIDDEN = "(a secret)"
LATER = "(known after up)"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how Pulumi marks a secret
"""https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go"""
_BLINDED = "[secret]"
"""Replaces a secret in `pulumi preview --json`."""

ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"


@dataclass(frozen=True, slots=True)
class StackPolicy:
    """A permissions policy that a role has."""

    name: str
    document: Json | str = ""
    """In words, or empty, where it is not known."""
    arn: str = ""
    """ARN of a managed policy; empty for an inline one."""


@dataclass(frozen=True, slots=True)
class StackRole:
    """A role of a stack; unknown values are `LATER`."""

    urn: str
    name: str
    arn: str
    trust_policy: Json | str
    policies: tuple[StackPolicy, ...] = ()

    @property
    def label(self) -> str:
        """The role's ARN; its name while that is not known."""
        return self.name if self.arn in (LATER, HIDDEN) else self.arn


@dataclass(frozen=True, slots=True)
class StackAccount:
    """An annotated service account of a stack."""

    namespace: str
    name: str
    role_arn: str


def roles_of(resources: Sequence[Json]) -> list[StackRole]:
    """The IAM roles among resources, with the policies that they have."""
    attached = list(_attachments(resources))
    return [
        _role(resource, attached)
        for resource in resources
        if resource.get("type") == "aws:iam/role:Role" and resource.get("urn")
    ]


def _role(resource: Json, attached: Sequence[tuple[str, object, StackPolicy]]) -> StackRole:
    fields, inputs = _fields(resource), mapping(resource.get("inputs"))
    name = _text(fields, "name")
    policies = [
        policy
        for role, parent, policy in attached
        # In a preview the role's name may not be known, but what is the parent of both is.
        if (parent == resource.get("parent") if LATER in (role, name) else role == name)
    ]
    # Its inputs: the outputs list what others attached, too.
    policies += [
        StackPolicy(_text(each, "name"), _document(each.get("policy")))
        for each in mappings(inputs.get("inlinePolicies"))
        if each.get("policy")
    ]
    policies += [
        StackPolicy(name_of(arn), arn=arn)
        for arn in map(str, as_list(inputs.get("managedPolicyArns") or []))
    ]
    return StackRole(
        urn=str(resource["urn"]),
        name=name,
        arn=_text(fields, "arn"),
        trust_policy=_document(fields.get("assumeRolePolicy")),
        policies=tuple(sorted(policies, key=lambda policy: policy.name)),
    )


def _attachments(resources: Sequence[Json]) -> Iterator[tuple[str, object, StackPolicy]]:
    """Role, parent and policy of every attachment and every inline policy."""
    documents = _managed_policies(resources)
    for resource in resources:
        fields, parent = _fields(resource), resource.get("parent")
        logical_name = str(resource.get("urn")).rpartition("::")[2]
        if resource.get("type") == "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
            arn = _text(fields, "policyArn")
            name = arn.rpartition("/")[2] if arn != LATER else logical_name
            yield _text(fields, "role"), parent, StackPolicy(name, documents.get(arn, ""), arn)
        elif resource.get("type") == "aws:iam/rolePolicy:RolePolicy":
            name = _text(fields, "name")
            policy = StackPolicy(
                logical_name if name == LATER else name, _document(fields.get("policy"))
            )
            yield _text(fields, "role"), parent, policy


def _managed_policies(resources: Sequence[Json]) -> Mapping[str, Json | str]:
    """The documents of the stack's own managed policies, by ARN."""
    policies = (_fields(each) for each in resources if each.get("type") == "aws:iam/policy:Policy")
    return {
        arn: _document(fields.get("policy"))
        for fields in policies
        if (arn := _text(fields, "arn")) != LATER
    }


def accounts_of(resources: Sequence[Json]) -> list[StackAccount]:
    """The annotated service accounts among resources."""
    accounts: list[StackAccount] = []
    for resource in resources:
        if not str(resource.get("type")).startswith("kubernetes:core/v1:ServiceAccount"):
            continue
        metadata = mapping(_fields(resource).get("metadata"))
        annotations = mapping(metadata.get("annotations"))
        if ROLE_ARN_ANNOTATION in annotations:
            role_arn = _text(annotations, ROLE_ARN_ANNOTATION)
            accounts.append(StackAccount(*_names(metadata), role_arn))
    return accounts


def associations_of(resources: Sequence[Json]) -> list[Association]:
    """The EKS Pod Identity associations among resources that are known as a whole."""
    fields = [_fields(each) for each in resources if each.get("type") == ASSOCIATION]
    found = [
        Association(
            arn=_text(each, "associationArn"),
            account=ServiceAccountRef(_text(each, "namespace"), _text(each, "serviceAccount")),
            role_arn=_text(each, "roleArn"),
            target_role_arn=_text(each, "targetRoleArn") if each.get("targetRoleArn") else "",
            policy=_text(each, "policy") if each.get("policy") else "",
            disable_session_tags=bool(each.get("disableSessionTags")),
        )
        for each in fields
    ]
    return [each for each in found if LATER not in (each.arn, *each.account, each.role_arn)]


def providers_of(resources: Sequence[Json]) -> list[RegisteredProvider]:
    """The IAM OIDC providers among resources whose ARN is known."""
    kind = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    fields = [_fields(each) for each in resources if each.get("type") == kind]
    return [
        RegisteredProvider(arn, tuple(map(str, as_list(each.get("clientIdLists") or []))))
        for each in fields
        if parse_provider_arn(arn := _text(each, "arn"))
    ]


def access_keys_of(resources: Sequence[Json]) -> dict[str, list[str]]:
    """The ids of the access keys among resources, by the ARNs of the users among them."""
    of_user: dict[str, list[str]] = {}
    for each in resources:
        if each.get("type") == "aws:iam/accessKey:AccessKey":
            of_user.setdefault(_text(_fields(each), "user"), []).append(str(each.get("id")))
    users = (_fields(each) for each in resources if each.get("type") == "aws:iam/user:User")
    return {
        arn: of_user.get(_text(user, "name"), [])
        for user in users
        if (arn := _text(user, "arn")) != LATER
    }


def issuers_of(resources: Sequence[Json]) -> list[str]:
    """The issuer URLs of the clusters of the irsa components, and of the OIDC providers."""
    clusters = [_fields(each) for each in resources if each.get("type") == "irsa:index:EksCluster"]
    known = [_text(each, "issuer_url") for each in clusters]
    return [
        *(each for each in known if each not in (LATER, HIDDEN)),
        *(each.issuer_url for each in providers_of(resources)),
    ]


def _names(metadata: Json) -> tuple[str, str]:
    return _text(metadata, "namespace"), _text(metadata, "name")


def _fields(resource: Json) -> Json:
    fields = {**mapping(resource.get("inputs")), **mapping(resource.get("outputs"))}
    return {name: revealed(value) for name, value in fields.items()}


def revealed(value: object) -> object:
    """Return the plain value of a secret, or `HIDDEN` in a state without plain secrets."""
    fields = mapping(value)
    if fields.get(_SIGNATURE) != _SECRET:
        return HIDDEN if value == _BLINDED else value
    try:
        return cast("object", json.loads(fields["plaintext"]))
    except (KeyError, TypeError, ValueError):
        return HIDDEN


def _text(fields: Json, name: str) -> str:
    value = revealed(fields.get(name))
    return _known(value) if isinstance(value, str) else LATER


def _known(value: str) -> str:
    return LATER if UNKNOWN_OUTPUT in value else value


def _document(value: object) -> Json | str:
    """Return a policy document, or words for one that cannot be read."""
    if mapping(value):
        return LATER if UNKNOWN_OUTPUT in str(value) else mapping(value)
    if not isinstance(value, str) or UNKNOWN_OUTPUT in value or value == HIDDEN:
        return HIDDEN if value == HIDDEN else LATER
    try:
        document: object = json.loads(value)
    except (ValueError, RecursionError):
        return "(not JSON)"
    return mapping(document) or "(not a policy)"
