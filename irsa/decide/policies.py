"""The policies that meet in one request. Pure."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from irsa.decide.statements import Policy

Side = Literal["resource", "caller"]
"""The side of the resource's policy, and that of the caller's own policies."""


class Policies(NamedTuple):
    """The policies that decide one request. An empty tuple: there is none of that kind."""

    resource: Policy | None = None
    """The resource's policy; of a role that is to be assumed, its trust policy."""
    resource_missing: str = ""
    """Name of the fact when it is not known whether ``resource`` is all there is."""
    identity: Sequence[Policy] | None = ()
    """Managed and inline policies of the caller; None when they are not known."""
    identity_missing: str = "identity_policies"
    """Name of the fact when ``identity`` is None."""
    boundary: Policy | None = None
    """The caller's permissions boundary."""
    session: Policy | None = None
    """The session policy of the caller's session."""
    service_control: Sequence[Policy] = ()
    """Service control policies of the caller's account, all of one level: any may allow."""
    only: Side | None = None
    """The only side that is asked: the other one is taken to allow; None when both are asked."""


class Source(NamedTuple):
    """Which of a request's policies."""

    kind: Literal["resource", "identity", "boundary", "session", "service_control"]
    """The field of `Policies` that holds it."""
    position: int = 0
    """Its place among the policies of that kind, from 0."""
