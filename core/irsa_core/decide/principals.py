"""The caller of a request: its principal, and what its session brings with it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principal_element import UNKNOWN_NAME, Principal
from irsa_core.decide.statements import Policy
from irsa_core.identity.arns import RoleArn, kind_of_principal, name_of, parse_arn, segments


@dataclass(frozen=True, slots=True)
class Caller(Principal):
    """The principal of one request."""

    federation: Mapping[str, Value] | None = None
    """Of a web identity and its session: the condition keys, in lower case, that this keeps."""
    source_identity: Value = Key.UNKNOWN
    """Of a session: ``aws:SourceIdentity``, which is passed on from session to session."""
    session_tags: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """Of a session: the tags that the call passed, by name in lower case."""
    transitive_tags: frozenset[str] = frozenset()
    """Those of them that a session passes on when it assumes a role."""
    session_policy: Policy | None = None
    """Of a session: the session policies that the call passed, as one."""
    scopes: tuple[Policy, ...] = ()
    """Of a session: the policies of GetScopedCredentials, each of which must allow what it does."""

    @property
    def without_policies(self) -> bool:
        """True if it has no policies of its own: the resource's policy alone decides."""
        return self.kind in ("service", "web-identity")

    @property
    def service_linked(self) -> bool:
        """True if it is a service-linked role, which no policy of an organization limits."""
        return ":role/aws-service-role/" in self.role_arn

    @property
    def has_service_control(self) -> bool:
        """True if service control policies limit it: they are for users and roles.

        https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
        """
        return not self.without_policies and not self.service_linked


_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?")


@lru_cache(maxsize=256)
def caller_from_arn(
    arn: str, *, role_arn: str | None = None, unique_id: str | None = None
) -> Caller:
    """The caller that an ARN or a service's name stands for; ValueError when it is neither.

    A role's ARN stands for a session of that role whose name is not known. ``role_arn`` is the
    session's role with its path; without it the path is not known.
    """
    if _SERVICE.fullmatch(arn):
        return Caller("service", arn)
    kind, parsed = kind_of_principal(arn), parse_arn(arn)
    if parsed is None or kind in ("", "federated-user", "oidc-provider", "saml-provider"):
        raise ValueError(
            f"{arn[:200]!r} is neither the ARN of a session, user, role or account root "
            "nor a service's name"
        )
    partition, _, _, account, resource = parsed
    if kind == "role":
        return session_of(arn, None, unique_id)
    if kind == "assumed-role":
        _, name, session_name = resource.split("/")
        without_path = str(RoleArn(partition, account, "/", name))
        path_known = role_arn is not None
        return session_of(role_arn or without_path, session_name, unique_id, path_known=path_known)
    return Caller(kind, arn, account, partition, unique_id=unique_id)


def session_of(
    role_arn: str, session_name: str | None, unique_id: str | None = None, **facts: Any
) -> Caller:
    """A session of a role, as AssumeRole and AssumeRoleWithWebIdentity make it; ``facts`` are
    further fields of `Caller`."""
    _, partition, _, _, account, _ = segments(role_arn)
    without_path = RoleArn(partition, account, "/", name_of(role_arn))
    return Caller(
        "session",
        without_path.session(session_name or UNKNOWN_NAME),
        account,
        partition,
        role_arn,
        session_name=session_name,
        unique_id=unique_id,
        **facts,
    )
