"""Roles and service accounts among the resources of a Pulumi stack. Pure."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import cast

from irsa.observe import eks
from irsa.observe.eks import Association
from irsa.observe.facts import (
    PermissionsPolicy,
    RegisteredProvider,
    Role,
    ServiceAccountObject,
    Unread,
)
from irsa_core.identity import pulumi_types as types
from irsa_core.identity.arns import account_of, name_of, parse_provider_arn, role_arn
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json, as_list, mapping, mappings

STABLE = ("arn", "bucket", "name", "uniqueId")
"""Outputs that no update changes: another value is another resource."""


def is_preview(document: Json) -> bool:
    """Return whether a document is a `pulumi preview --json`."""
    steps = mappings(document.get("steps"))  # a scenario has some, too
    return "changeSummary" in document or ("steps" in document and all("op" in s for s in steps))


def stack_resources(document: Json, *, before: bool = False) -> "StackResources":
    """Read a stack as it is, or as it will be after the previewed `up`; ``before``: as it was.

    ValueError for a document that is neither a state nor a preview.
    """
    listed, missing = state_resources(document), ""
    if is_preview(document):
        listed, missing = _previewed(document)
        listed = old_states(document) if before else listed
    if listed is None:
        raise ValueError("neither a `pulumi stack export` nor a `pulumi preview --json`")
    # The engine's own order differs between runs.
    resources = sorted(map(StateResource, listed), key=attrgetter("urn"))
    native = [role.name for role in typed(resources, types.NATIVE_ROLE)]
    if native:
        missing += f"{'; ' * bool(missing)}roles of aws-native are not read: {', '.join(native)}"
    return replace(
        _identities(resources),
        roles=_roles(resources),
        issuers=_issuers(resources),
        access_keys=_access_keys(resources),
        missing=missing,
    )


def state_resources(document: Json) -> list[Json] | None:
    """The resources of a `pulumi stack export` or a state file, but for those that have been
    replaced and only wait for their deletion; None for any other document."""
    deployment: object = document.get("deployment")
    if deployment is None:
        deployment = mapping(document.get("checkpoint")).get("latest")
    if mapping(deployment) is not deployment:
        return None
    return [e for e in mappings(mapping(deployment).get("resources")) if not e.get("delete")]


def old_states(document: Json) -> list[Json]:
    """The resources before a `pulumi preview --json`."""
    states = (mapping(step.get("oldState")) for step in mappings(document.get("steps")))
    return [*filter(None, states)]


def _previewed(document: Json) -> tuple[list[Json], str]:
    """The resources of a `preview --json`, and the reason why some are missing: without
    ``--show-sames`` it has the stack and the changes only."""
    steps = mappings(document.get("steps"))
    resources = {
        str(new.get("urn")): _state_after(step.get("op"), mapping(step.get("oldState")), new)
        for step in steps
        if (new := mapping(step.get("newState")))
    }
    listed, missing = list(resources.values()), ""
    for diagnostic in mappings(document.get("diagnostics")):
        if diagnostic.get("severity") == "error":
            message = str(diagnostic.get("message")).strip().removeprefix("error: ")
            return listed, f"the preview failed: {message}"
    unchanged = mapping(document.get("changeSummary")).get("same", 0)
    shown = sum(step.get("op") == "same" for step in steps)
    if isinstance(unchanged, int) and unchanged > shown:
        fix = "`pulumi preview --json --show-sames` has them"
        missing = f"the preview leaves {unchanged - shown} unchanged resources out; {fix}"
    return listed, missing


_CREATES = ("create", "create-replacement", "replace")
_MADE = "irsa:made"
"""Mark of a resource whose name the engine makes: in the `up` it has another random end."""


def _state_after(operation: object, old: Json, new: Json) -> Json:
    """Return a resource after its step, which has only the new outputs, and those that are inputs
    as the program gives them."""
    inputs, outputs = mapping(new.get("inputs")), mapping(new.get("outputs"))
    if operation in _CREATES and "name" in as_list(inputs.get("__defaults")):
        new = {**new, _MADE: inputs.get("name") != StateResource(new).name}
    if operation != "same":
        outputs = {name: outputs[name] for name in outputs if name not in inputs}
    before = mapping(old.get("outputs"))
    if operation == "update":
        before = {name: before[name] for name in STABLE if name in before}
    elif operation != "same":
        before = {}
    return {**new, "outputs": {**before, **outputs}}


HIDDEN = "(a secret)"
LATER = "(known after up)"
NO_DOCUMENT = "(the stack has no document of it)"
NO_POLICY = ("(not JSON)", "(not a policy)")
"""Words for what stands in the place of a policy document."""

_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how Pulumi marks a secret
"""https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go"""
_BLINDED = "[secret]"
"""Replaces a secret in `pulumi preview --json`."""


class StateResource:
    """A resource of a state, or of a step of a preview."""

    def __init__(self, state: Json) -> None:
        self.state = state
        self.urn, self.parent, self.id = (str(state.get(e) or "") for e in ("urn", "parent", "id"))
        self.kind = types.without_version(str(state.get("type")))
        """Its type in Pulumi, as pulumi-aws calls it today."""
        self.provider = str(state.get("provider")).rpartition("::")[0]
        """The URN of its provider, whose id is not known before it exists."""
        self.inputs, self.outputs = (mapping(state.get(e)) for e in ("inputs", "outputs"))

    @property
    def name(self) -> str:
        """The name that the program gives it."""
        return self.urn.split("::", 3)[-1]

    @cached_property
    def fields(self) -> Json:
        """Its outputs, and the inputs that are not among them, without secrets."""
        fields = {**self.inputs, **self.outputs}
        return {name: revealed(value) for name, value in fields.items()}

    def text(self, name: str) -> str:
        """A field that is a text; `LATER` for any other."""
        return _text(self.fields, name)

    def output(self, name: str) -> str:
        """An output that is a text; empty for one that is missing, unknown or unreadable."""
        return readable(self.outputs.get(name))

    @property
    def physical_name(self) -> str:
        """Its name in AWS; `LATER` for one of which the engine makes another end."""
        return LATER if self.state.get(_MADE) else self.text("name")

    def sources(self, name: str) -> list[str]:
        """The URNs of the resources whose outputs an input is made of."""
        return [*map(str, as_list(mapping(self.state.get("propertyDependencies")).get(name) or []))]


def typed(resources: Sequence[StateResource], *kinds: str) -> list[StateResource]:
    """The resources of some types."""
    return [each for each in resources if each.kind in kinds]


@dataclass(frozen=True, slots=True)
class StackRole:
    """A role of a stack; unknown values are `LATER`."""

    urn: str
    name: str
    arn: str
    """Known before the role exists if its AWS provider allows one account only, and the program
    gives the name."""
    account: str
    """Empty while it is not known."""
    label: str
    """The ARN; while that is not known, the name in AWS or else in the program."""
    trust_policy: Json | str
    policies: tuple[PermissionsPolicy, ...] = ()
    boundary: str = ""
    """ARN of its permissions boundary."""
    awaits: Sequence[str] = ()
    """Logical names of the resources from which the program makes its trust policy."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def role(self) -> Role:
        """The role as AWS will have it; without a trust policy while that is not known."""
        trust = {} if isinstance(self.trust_policy, str) else self.trust_policy
        return Role(
            self.label, "", trust, policies=self.policies, tags=self.tags, in_account=self.account
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StackResources:
    """The resources of a stack, sorted by their URNs."""

    roles: Sequence[StackRole] = ()
    accounts: Sequence[ServiceAccountObject] = ()
    """The annotated ones, with this annotation alone."""
    associations: Sequence[Association] = ()
    """Those that are known as a whole."""
    providers: Sequence[RegisteredProvider] = ()
    """The OIDC providers whose ARNs are known."""
    issuers: Sequence[str] = ()
    """Issuer URLs of its clusters."""
    access_keys: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Ids of access keys, by the ARNs of the users."""
    unknown: Sequence[str] = ()
    """Annotated service accounts, associations and OIDC providers that are not known as a whole
    before the `up`, by their logical names."""
    missing: str = ""
    """Reason why resources of the stack are missing; empty when none is."""


def _roles(resources: Sequence[StateResource]) -> list[StackRole]:
    """The IAM roles among resources, with the policies that they have."""
    attached: dict[tuple[str, str], list[PermissionsPolicy]] = defaultdict(list)
    for key, policy in _attachments(resources):
        attached[key].append(policy)
    allowed = {
        provider.urn: re.findall(r"\d{12}", str(provider.fields.get("allowedAccountIds")))
        for provider in typed(resources, "pulumi:providers:aws")
    }
    roles = [_role(e, attached, allowed) for e in typed(resources, types.ROLE) if e.urn]
    labels = Counter(role.label for role in roles)
    return [
        # Components of several types may have children of one name.
        replace(role, label=role.urn.split("::", 2)[-1]) if labels[role.label] > 1 else role
        for role in roles
    ]


def _role(
    resource: StateResource,
    attached: Mapping[tuple[str, str], Sequence[PermissionsPolicy]],
    allowed: Mapping[str, Sequence[str]],
) -> StackRole:
    """A role; ``allowed`` are the accounts in which an AWS provider may work, by its URN."""
    fields, inputs, urn = resource.fields, resource.inputs, resource.urn
    keys = [("name", resource.text("name")), ("urn", urn), ("parent", urn)]
    keys.append(("parent", resource.parent))
    policies = [policy for key in keys for policy in attached.get(key, ())]
    # Its inputs: the outputs list what others attached, too.
    policies += [
        _policy(_text(policy, "name"), policy.get("policy"))
        for policy in mappings(inputs.get("inlinePolicies"))
        if policy.get("policy")
    ]
    policies += [
        _policy(name_of(arn), None, arn)
        for arn in map(str, as_list(inputs.get("managedPolicyArns") or []))
    ]
    name, arn = resource.physical_name, resource.text("arn")
    accounts = allowed.get(resource.provider, ())
    if arn == LATER and len(accounts) == 1:
        with suppress(ValueError):  # name or path is known later, or none that IAM takes
            arn = role_arn(accounts[0], name, path=str(fields.get("path", "/")))
    names = (text for text in (arn, name) if text not in (LATER, HIDDEN))
    by_name = sorted(policies, key=lambda policy: policy.name)
    return StackRole(
        urn=urn,
        name=name,
        arn=arn,
        account=account_of(arn) or (accounts[0] if len(accounts) == 1 else ""),
        label=next(names, resource.name),
        trust_policy=policy_document(fields.get("assumeRolePolicy")),
        policies=tuple({(e.name, e.arn): e for e in by_name}.values()),
        boundary=resource.text("permissionsBoundary") if fields.get("permissionsBoundary") else "",
        awaits=[urn.split("::", 3)[-1] for urn in resource.sources("assumeRolePolicy")],
        tags={n: str(v) for n, v in mapping(fields.get("tagsAll") or fields.get("tags")).items()},
    )


def _attachments(
    resources: Sequence[StateResource],
) -> Iterator[tuple[tuple[str, str], PermissionsPolicy]]:
    """Yield every policy that a resource of its own gives to a role, with the key of the role."""
    written = {policy.urn: policy for policy in typed(resources, types.POLICY)}
    documents = {policy.text("arn"): policy.fields.get("policy") for policy in written.values()}
    documents.pop(LATER, None)
    for resource in resources:
        fields, policies = resource.fields, list[PermissionsPolicy]()
        if resource.kind == types.INLINE_POLICY:
            name = resource.physical_name
            name = resource.name if name == LATER else name
            policies = [_policy(name, fields.get("policy"))]
        elif resource.kind in (types.ATTACHMENT, types.SHARED_ATTACHMENT):
            arn = resource.text("policyArn")
            name, document = name_of(arn), documents.get(arn)
            if arn == LATER:
                used = [written[urn] for urn in resource.sources("policyArn") if urn in written]
                name = resource.name
                document = used[0].fields.get("policy") if len(used) == 1 else None
            policies = [_policy(name, document, arn)]
        elif resource.kind == types.EXCLUSIVE:
            arns = map(str, as_list(fields.get("policyArns") or []))
            # An attachment says more of a policy without an ARN.
            known_arns = (arn for arn in arns if _known(arn) != LATER)
            policies = [_policy(name_of(arn), documents.get(arn), arn) for arn in known_arns]
        roles = fields.get("roles") or fields.get("role") or fields.get("roleName") or LATER
        for role in as_list(roles) if policies else ():
            for key in _keys(resource, _known(role) if isinstance(role, str) else LATER):
                yield from ((key, policy) for policy in policies)


def _keys(resource: StateResource, role: str) -> Iterator[tuple[str, str]]:
    """Yield by what a role is found to which a resource gives a policy. In a preview the role's
    name may not be known; then the program's own reference says so, or for want of it what is
    the parent of both."""
    named = [urn for argument in _ROLE_INPUTS for urn in resource.sources(argument)]
    if role != LATER:
        yield "name", role
    elif named:
        yield from (("urn", urn) for urn in named)
    elif "::pulumi:pulumi:Stack::" not in resource.parent:
        yield "parent", resource.parent


_ROLE_INPUTS = ("role", "roles", "roleName")


def _policy(name: str, document: object, arn: str = "") -> PermissionsPolicy:
    read = NO_DOCUMENT if document is None else policy_document(document)
    if isinstance(read, str):
        read = Unread(f"policy {arn or name}", read, "iam:GetPolicyVersion")
    return PermissionsPolicy(name, read, arn)


def _identities(resources: Sequence[StateResource]) -> StackResources:
    """The service accounts, associations and OIDC providers among resources."""
    accounts: list[ServiceAccountObject] = []
    associations: list[Association] = []
    providers: list[RegisteredProvider] = []
    unknown: list[str] = []
    for resource in resources:
        texts: list[str] = []
        if resource.kind.startswith(types.SERVICE_ACCOUNT):
            metadata = mapping(resource.fields.get("metadata"))
            annotations = mapping(metadata.get("annotations"))
            if ROLE_ARN_ANNOTATION in annotations:
                role_arn = _text(annotations, ROLE_ARN_ANNOTATION)
                texts = [_text(metadata, "namespace"), _text(metadata, "name"), role_arn]
                role = {ROLE_ARN_ANNOTATION: role_arn}
                accounts.append(ServiceAccountObject(texts[0], texts[1], role))
        elif resource.kind == types.ASSOCIATION:
            association = association_of(resource.fields)
            texts = [association.arn, *association.account, association.role_arn]
            associations += [] if LATER in texts else [association]
            texts.append(association.target_role_arn)
        elif resource.kind == types.PROVIDER:
            ids, arn = as_list(resource.fields.get("clientIdLists") or []), resource.text("arn")
            texts = [] if parse_provider_arn(arn) else [LATER]
            providers += [] if texts else [RegisteredProvider(arn, tuple(map(str, ids)))]
        unknown += [resource.name] if LATER in texts else []
    return StackResources(
        accounts=accounts, associations=associations, providers=providers, unknown=unknown
    )


def association_of(fields: Json) -> Association:
    """Return an association by its fields; unknown ones are `LATER`."""
    names = ["associationArn", "namespace", "serviceAccount", "roleArn"]
    names += [name for name in ("targetRoleArn", "policy") if fields.get(name)]
    texts = {name: _text(fields, name) for name in names}
    tags_off = fields.get("disableSessionTags")
    return eks.association_of({**texts, "disableSessionTags": tags_off})


def _access_keys(resources: Sequence[StateResource]) -> dict[str, list[str]]:
    of_user: dict[str, list[str]] = {}
    for each in typed(resources, "aws:iam/accessKey:AccessKey"):
        of_user.setdefault(each.text("user"), []).append(each.id)
    return {
        arn: of_user.get(user.text("name"), [])
        for user in typed(resources, types.USER)
        if (arn := user.text("arn")) != LATER
    }


def _issuers(resources: Sequence[StateResource]) -> list[str]:
    known = [each.text("issuer_url") for each in typed(resources, types.OWN_CLUSTER)]
    known += [
        _text(mapping(oidc), "issuer")
        for each in typed(resources, types.CLUSTER)
        for identity in mappings(each.fields.get("identities"))
        for oidc in mappings(identity.get("oidcs"))
    ]
    return [*dict.fromkeys(each for each in known if each not in (LATER, HIDDEN))]


def readable(value: object) -> str:
    """A text; empty for one that is missing, unknown or unreadable."""
    found = revealed(value)
    return found if isinstance(found, str) and _known(found) not in (LATER, HIDDEN) else ""


def revealed(value: object) -> object:
    """Return the plain value of a secret, or `HIDDEN` in a state without plain secrets."""
    fields = mapping(value)
    if fields.get(types.SIGNATURE) != _SECRET:
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


def policy_document(value: object) -> Json | str:
    """Return a policy document, or words for one that cannot be read."""
    if mapping(value):
        return LATER if UNKNOWN_OUTPUT in str(value) else mapping(value)
    if not isinstance(value, str) or UNKNOWN_OUTPUT in value or value == HIDDEN:
        return HIDDEN if value == HIDDEN else LATER
    try:
        document: object = json.loads(value)
    except (ValueError, RecursionError):
        return NO_POLICY[0]
    return mapping(document) or NO_POLICY[1]
