"""Existing roles and Pod Identity associations as arguments of the components, and those that these
cannot express."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irsa.identity.arns import account_of, cluster_arn, name_of
from irsa.identity.canonical import canonical
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import owning_stack
from irsa.identity.pod_identity import service_account_trust_policy
from irsa.identity.policies import size
from irsa.identity.policy_json import Json
from irsa.identity.quotas import (
    DEFAULT_ROLE_SESSION_DURATION,
    TRUST_POLICY_QUOTA,
    TRUST_POLICY_QUOTA_MAX,
)
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from irsa.imports.trust import Trusted, Unsupported, read_trust
from irsa.observe.eks import Association
from irsa.observe.iam import ExistingRole, federated


class Taken(NamedTuple):
    """A role that `ServiceAccountRole` can import."""

    role: ExistingRole
    name: str
    """Logical name of the component."""
    arguments: Json
    """The fields of `ServiceAccountRoleArgs` that differ from their defaults."""
    trust_policy: str
    """``unchanged``; ``rewritten`` in other words, for the same callers; ``tightened``: accepts
    every audience of the OIDC provider now, and one after `pulumi up`; or ``limited`` likewise to
    the associations of one cluster."""


class LeftOut(NamedTuple):
    """A role of the cluster that `ServiceAccountRole` cannot import."""

    role: ExistingRole
    reason: str


class TakenAssociation(NamedTuple):
    """An association that `PodIdentityAssociation` can import."""

    name: str
    """Logical name of the component."""
    arguments: Json
    """The fields of `PodIdentityAssociationArgs` that differ from their defaults."""
    tags: Sequence[str] = ()
    """Names of its tags, for which these have no field."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The roles that trust a cluster."""

    provider_arn: str
    """The cluster's IAM OIDC provider, in whose account the roles are."""
    region: str
    taken: Sequence[Taken]
    left_out: Sequence[LeftOut]
    others: int
    """Number of roles that do not trust the cluster."""
    associations: Sequence[TakenAssociation] = ()
    owned: Sequence[tuple[Association, str]] = ()
    """Associations of add-ons and of stacks, with what manages them."""


def import_roles(
    roles: Sequence[ExistingRole],
    provider_arn: str,
    region: str,
    *,
    add_audience: bool = False,
    only_associations: bool = False,
    associations: Sequence[Association] = (),
) -> Imported:
    """Sort the roles that trust an OIDC provider, or that associations of its cluster use, into
    those that can be imported and the rest.

    With ``add_audience``, a role that lacks nothing but a condition on the audience is imported;
    with ``only_associations`` one that EKS Pod Identity may use for others, too.
    """
    users: dict[str, list[Association]] = {}
    for each in associations:
        users.setdefault(each.role_arn, []).append(each)
    own = [
        each
        for each in roles
        if provider_arn in federated(each.trust_policy) or each.arn in users or each.given_to
    ]
    read: list[tuple[ExistingRole, Trusted]] = []
    left_out: list[LeftOut] = []
    for role in sorted(own, key=lambda each: each.arn):
        try:
            if role.given_to and role.arn not in users:
                raise ValueError(
                    f"EKS Pod Identity gives it to {role.given_to}, and a state does not show all "
                    "associations; import it live, without --terraform-state"
                )
            _check_role(role, account_of(provider_arn))
            default = STS_AUDIENCE if add_audience else ""
            trusted = read_trust(
                role.trust_policy,
                default,
                associations=users.get(role.arn, ()),
                limit=only_associations,
            )
            # The account's quota is at least the size of the policy that IAM stores now.
            quota = max(TRUST_POLICY_QUOTA, size(role.trust_policy))
            _document(trusted, min(quota, TRUST_POLICY_QUOTA_MAX))
            read.append((role, trusted))
        except ValueError as error:
            left_out.append(LeftOut(role, str(error)))
    names = _names(read)
    return Imported(
        provider_arn=provider_arn,
        region=region,
        taken=[_taken(role, trusted, names[role.name]) for role, trusted in read],
        left_out=left_out,
        others=len(roles) - len(own),
        associations=_associations([each for each in associations if not _manager(each)]),
        owned=[(each, manager) for each in associations if (manager := _manager(each))],
    )


def _manager(found: Association) -> str:
    """The add-on or stack that manages an association; empty for none."""
    if found.owner_arn or not (owner := owning_stack(found.tags)):
        return found.owner_arn
    project, stack = owner
    return f"stack {stack} of project {project}"


def _associations(found: Sequence[Association]) -> list[TakenAssociation]:
    """The associations, each with a name of its own: of a-b/c and a/b-c both have their id."""
    names = Counter("-".join(each.account) for each in found)
    return [
        TakenAssociation(name if names[name] == 1 else each.id, _arguments(each), _own(each.tags))
        for each in found
        for name in ["-".join(each.account)]
    ]


def _own(tags: Mapping[str, str]) -> list[str]:
    """Names of tags that a user sets; AWS sets others, such as CloudFormation's."""
    return sorted(name for name in tags if not name.startswith("aws:"))


def _arguments(found: Association) -> Json:
    arguments: Json = {
        "cluster_arn": found.cluster_arn,
        "service_account": {"namespace": found.account.namespace, "name": found.account.name},
        "role_arn": found.role_arn,
        "target_role_arn": found.target_role_arn,
        "session_policy": found.policy,
        "disable_session_tags": found.disable_session_tags,
        "imported_id": f"{cluster_arn(found.cluster_arn).name},{found.id}",
    }
    return {key: value for key, value in arguments.items() if value}


def _check_role(role: ExistingRole, account: str) -> None:
    """Raise ValueError for a role that the component cannot express, whatever it trusts."""
    if account_of(role.arn) != account:
        raise Unsupported(f"it is not in account {account}, whose OIDC provider it trusts")
    if owner := owning_stack(role.tags):
        project, stack = owner
        raise Unsupported(
            f"its tags say that it belongs to stack {stack} of project {project}; a second stack "
            "would delete it with its own resources. If no stack has it, remove these tags first"
        )
    if role.inline:
        raise Unsupported(
            f"it has inline policies ({', '.join(dict.fromkeys(role.inline))}); replace them by "
            "managed policies, which the component attaches, and import it then"
        )


def _document(trusted: Trusted, quota: int = TRUST_POLICY_QUOTA_MAX) -> Json:
    """The trust policy that the component writes."""
    return service_account_trust_policy(
        trusted.subjects,
        provider_arns=trusted.providers,
        cluster_arns=trusted.clusters,
        audience=trusted.audience,
        disable_session_tags=trusted.disable_session_tags,
        quota=quota,
    )


def _names(roles: Sequence[tuple[ExistingRole, Trusted]]) -> Mapping[str, str]:
    """A logical name for each role: its service account's name where that is unique, or its own."""
    wanted: dict[str, str] = {}
    for role, trusted in roles:
        exact = [each.name for each in trusted.subjects if isinstance(each, ServiceAccountRef)]
        wanted[role.name] = exact[0] if len(exact) == 1 else role.name
    counts = Counter([*wanted.values(), *(name for name in wanted if wanted[name] != name)])
    return {role: name if counts[name] == 1 else role for role, name in wanted.items()}


def _taken(role: ExistingRole, trusted: Trusted, name: str) -> Taken:
    document = _document(trusted)
    arguments: Json = {
        "role_name": role.name,
        "provider_arns": list(trusted.providers),
        "cluster_arns": list(trusted.clusters),
        "disable_session_tags": trusted.disable_session_tags,
        "subjects": [f"{namespace}/{account}" for namespace, account in trusted.subjects],
        "allow_whole_namespace": any(
            isinstance(each, ServiceAccountPattern) and each.whole_namespace
            for each in trusted.subjects
        ),
        "audience": _unless(trusted.audience, STS_AUDIENCE),
        "policy_arns": _policies(role),
        "path": _unless(role.path, "/"),
        "permissions_boundary": role.permissions_boundary,
        "max_session_duration": _unless(role.max_session_duration, DEFAULT_ROLE_SESSION_DURATION),
        "trust_policy_quota": size(document) if size(document) > TRUST_POLICY_QUOTA else None,
        "description": role.description,
        "tags": {name: role.tags[name] for name in _own(role.tags)},
        "imported": True,
    }
    change = "unchanged"
    if trusted.every_audience or trusted.limited:
        change = "tightened" if trusted.every_audience else "limited"
    elif canonical(document) != canonical(role.trust_policy):
        change = "rewritten"
    return Taken(role, name, {key: value for key, value in arguments.items() if value}, change)


def _unless(value: object, default: object) -> object:
    return None if value == default else value


def _policies(role: ExistingRole) -> dict[str, str]:
    """The attached policies, each under the key that its owner gave it or under its name."""
    found: dict[str, str] = {}
    for wanted, arn in sorted((key or name_of(arn), arn) for arn, key in role.attached.items()):
        key, number = wanted, 2
        while key in found:
            key, number = f"{wanted}-{number}", number + 1
        found[key] = arn
    return found
