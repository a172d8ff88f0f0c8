"""Existing roles as entries of account A's ``irsa:roles``, and those that cannot be one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from irsa.chain.imports.names import entry_names, policy_keys
from irsa.chain.imports.same_callers import first_difference
from irsa.chain.imports.trust import Inexpressible, Trusted, read_trust, with_audience
from irsa.identity.arns import account_of, check_policy_arn, check_role_arn, name_of
from irsa.identity.canonical import canonical
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.names import check_path, check_role_name, check_session_duration
from irsa.identity.policies import irsa_trust_policy, size
from irsa.identity.policy_json import Json
from irsa.identity.quotas import (
    ATTACHED_POLICIES_MAX,
    DEFAULT_ROLE_SESSION_DURATION,
    TRUST_POLICY_QUOTA,
    TRUST_POLICY_QUOTA_MAX,
)
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef, Subject
from irsa.observe.existing_roles import ExistingRole, federated

_OUR_POLICIES = ("assume-role-b", "bucket")
"""Keys that the configuration gives to policies of its own."""


@dataclass(frozen=True, kw_only=True)
class ClusterTarget:
    """The cluster whose roles are taken, as the configuration is to name it."""

    name: str
    region: str
    provider_arn: str

    @property
    def account(self) -> str:
        """The account of its OIDC provider, and of all roles that trust it."""
        return account_of(self.provider_arn)


class Taken(NamedTuple):
    """A role that the configuration can hold."""

    role: ExistingRole
    entry: Json
    """Its entry of ``irsa:roles``."""
    rewritten: bool
    """Whether its trust policy will be written anew."""
    tightened: bool
    """Whether it will ask for the default audience, and accepts every one of the provider today.
    Otherwise the same callers get in."""
    size: int
    """Characters of the trust policy that the stack will write."""


class LeftOut(NamedTuple):
    """A role of the cluster that the configuration cannot hold."""

    role: ExistingRole
    reason: str


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The configuration of a stack that takes roles over."""

    cluster: ClusterTarget
    taken: tuple[Taken, ...]
    left_out: tuple[LeftOut, ...]
    others: int
    """Roles that do not trust the cluster."""

    @property
    def configuration(self) -> Json:
        """What goes under ``config:`` of Pulumi.<stack>.yaml."""
        largest = max((each.size for each in self.taken), default=0)
        quota = {"irsa:trustPolicyQuota": largest} if largest > TRUST_POLICY_QUOTA else {}
        return {
            "aws:region": self.cluster.region,
            "irsa:accountId": self.cluster.account,
            "irsa:cluster": {
                "name": self.cluster.name,
                "existing": True,
                "providerArn": self.cluster.provider_arn,
            },
            **quota,
            "irsa:workloads": "none",
            "irsa:roles": [each.entry for each in self.taken],
        }


def import_roles(
    roles: Sequence[ExistingRole], cluster: ClusterTarget, *, add_audience: bool = False
) -> Imported:
    """Those of the roles that trust the cluster, as far as the configuration can hold them.

    With ``add_audience`` also those that lack nothing but a condition on the token's audience.
    """
    own = [each for each in roles if cluster.provider_arn in federated(each.trust_policy)]
    read: list[tuple[ExistingRole, Trusted]] = []
    left_out: list[LeftOut] = []
    for role in sorted(own, key=lambda each: each.arn):
        try:
            read.append((role, _checked(_asked_for(role) if add_audience else role, cluster)))
        except (Inexpressible, ValueError) as error:
            left_out.append(LeftOut(role, str(error)))
    names = entry_names([(role.name, trusted) for role, trusted in read])
    return Imported(
        cluster=cluster,
        taken=tuple(
            _taken(role, trusted, name) for (role, trusted), name in zip(read, names, strict=True)
        ),
        left_out=tuple(left_out),
        others=len(roles) - len(own),
    )


def _asked_for(role: ExistingRole) -> ExistingRole:
    """The role as it would be if it had always asked for the default audience."""
    return replace(role, trust_policy=with_audience(role.trust_policy, STS_AUDIENCE))


def _checked(role: ExistingRole, cluster: ClusterTarget) -> Trusted:
    """Whom a role trusts; `Inexpressible` or ValueError for what the configuration would refuse."""
    check_role_arn(role.arn)
    check_role_name(role.name)
    check_path(role.path)
    check_session_duration(role.max_session_duration)
    if account_of(role.arn) != cluster.account:
        raise Inexpressible(f"it is not in account {cluster.account}, where the OIDC provider is")
    if role.inline:
        names = ", ".join(dict.fromkeys(role.inline))
        raise Inexpressible(
            f"the configuration has no inline policies, and it has {names}; attach what they say "
            "as a managed policy, delete them, and import it then"
        )
    if len(role.attached) >= ATTACHED_POLICIES_MAX:
        raise Inexpressible(
            f"it has {len(role.attached)} policies; the configuration holds "
            f"{ATTACHED_POLICIES_MAX - 1}, and one of its own"
        )
    for arn in (
        *role.attached,
        *([role.permissions_boundary] if role.permissions_boundary else ()),
    ):
        check_policy_arn(arn)
    for tag in (key for key, value in role.tags.items() if not value):
        raise Inexpressible(f"its tag {tag!r} has no value; give it one, and import it then")
    trusted = _cluster_first(read_trust(role.trust_policy), cluster)
    for provider in trusted.providers:
        if account_of(provider) != cluster.account:
            raise Inexpressible(f"it trusts {provider}, of another account")
    quota = min(max(TRUST_POLICY_QUOTA, size(role.trust_policy)), TRUST_POLICY_QUOTA_MAX)
    ours = _document(trusted, quota)
    different = first_difference(role.arn, role.trust_policy, ours, trusted)
    if different is not None:
        raise Inexpressible(f"the configuration would treat {different.text} in another way")
    return trusted


def _cluster_first(trusted: Trusted, cluster: ClusterTarget) -> Trusted:
    others = (each for each in trusted.providers if each != cluster.provider_arn)
    return trusted._replace(providers=(cluster.provider_arn, *others))


def _document(trusted: Trusted, quota: int = TRUST_POLICY_QUOTA_MAX) -> Json:
    """The trust policy that the stack will write."""
    return irsa_trust_policy(
        trusted.providers, trusted.subjects, audience=trusted.audience, quota=quota
    )


def _taken(role: ExistingRole, trusted: Trusted, name: str) -> Taken:
    ours = _document(trusted)
    first, *rest = _named(trusted.subjects)
    named: Json = {"name": name, **first}
    if trusted.audience != STS_AUDIENCE:
        named["audience"] = trusted.audience
    entry = {**named, "role": _options(role, trusted, rest)}
    today, asked_for = canonical(role.trust_policy), canonical(_asked_for(role).trust_policy)
    return Taken(role, entry, canonical(ours) != today, asked_for != today, size(ours))


def _options(role: ExistingRole, trusted: Trusted, also_trusted: list[Json]) -> Json:
    wanted = ((key or name_of(arn), arn) for arn, key in role.attached.items())
    options: Json = {
        "name": role.name,
        "path": role.path if role.path != "/" else None,
        "permissionsBoundary": role.permissions_boundary,
        "maxSessionDuration": (
            role.max_session_duration
            if role.max_session_duration != DEFAULT_ROLE_SESSION_DURATION
            else None
        ),
        "policyArns": policy_keys(sorted(wanted), _OUR_POLICIES),
        "providerArns": list(trusted.providers[1:]),
        "alsoTrusted": also_trusted,
        "description": role.description,
        # AWS's own, such as CloudFormation's, stay by themselves and are nobody else's to set.
        "tags": {k: v for k, v in sorted(role.tags.items()) if not k.startswith("aws:")},
    }
    given = {key: value for key, value in options.items() if value}
    return {**given, "imported": True}


def _named(subjects: Sequence[Subject]) -> list[Json]:
    """Service accounts as the configuration names them; the first one is an exact one, if any."""
    exact_first = sorted(subjects, key=lambda each: isinstance(each, ServiceAccountPattern))
    return [_subject(each) for each in exact_first]


def _subject(subject: Subject) -> Json:
    if isinstance(subject, ServiceAccountRef):
        return {"namespace": subject.namespace, "serviceAccount": subject.name}
    pattern = {"namespace": subject.namespace, "serviceAccountPattern": subject.pattern}
    return {**pattern, "allowWholeNamespace": True} if subject.whole_namespace else pattern
