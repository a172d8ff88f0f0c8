"""A chain of calls and the facts around it, as `irsa_core.decide.simulate` takes them. Pure.

None is a missing fact, unless the field says something else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from irsa_core.decide.patterns import Value
from irsa_core.decide.policies import Policies
from irsa_core.decide.principals import Caller
from irsa_core.decide.statements import Policy
from irsa_core.identity.errors import AwsError
from irsa_core.identity.policy_json import Json
from irsa_core.identity.quotas import DEFAULT_SESSION_DURATION
from irsa_core.identity.token import OidcProvider, Token


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of a web identity token, and whether its signature is good."""

    claims: Json
    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Policies):
    """One call, and the policies that limit it. None is a missing fact."""

    action: str
    resource: str
    caller: Caller | None = None
    caller_role_arn: str | None = None
    caller_id: str | None = None
    context: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCall(Call):
    """A call on a resource that may have a policy of its own."""

    resource_policy_given: bool = False
    resource_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeCall(ResourceCall):
    """``sts:GetScopedCredentials``, by which a session gives up permissions."""

    scope: Sequence[Policy] = ()
    """Its policy, if it has one."""
    size: int | None = None
    """Its size in characters."""
    duration: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRole(ResourceCall):
    """``iam:CreateRole``, with IAM's answer in place of a trust policy that it does not store."""

    trust: Policy | AwsError | None
    trust_size: int = 0
    trust_doubts: Sequence[str] = ()
    """Unknown facts on whether IAM stores it."""
    resource_given: bool = True
    """False when it is not said which role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCall(Call):
    """A call for a session of a role, which is the resource."""

    resource_field: ClassVar = "trust_policy"
    trust: Policy | AwsError | None = None
    role_exists: bool = True
    session: Policy | None = None
    """Session policies of the session that the call makes, as one."""
    session_sizes: tuple[int, ...] = ()
    """Their sizes in characters."""
    session_name: str | None = None
    duration: int = DEFAULT_SESSION_DURATION
    max_duration: int | None = None
    chained: bool | None = None
    """True if a session of a role makes the call; None if the caller tells."""

    @property
    def resource_side(self) -> Policy | None:
        """The trust policy."""
        return self.trust if isinstance(self.trust, Policy) and self.only != "caller" else None

    @property
    def resource_side_given(self) -> bool:
        """False if the trust policy is asked and missing."""
        return isinstance(self.trust, Policy) or self.only == "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRoleWithWebIdentity(SessionCall):
    """The unsigned call, with a web identity token."""

    action: str = "sts:AssumeRoleWithWebIdentity"
    token: TokenClaims | str | None = None
    """Claims, or the token's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRole(SessionCall):
    """The call with credentials."""

    action: str = "sts:AssumeRole"
    external_id: str | None = None
    keys: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """Condition keys, in lower case, that another field than ``context`` gives."""


Step = AssumeRole | AssumeRoleWithWebIdentity | CreateRole | ResourceCall


@dataclass(frozen=True, slots=True)
class Scenario:
    """A chain of calls and the facts around it."""

    now: float | None
    providers: Mapping[str, Sequence[OidcProvider]] | None
    """The registered OIDC providers, by account."""
    check_signature: Callable[[Token], None] | None
    """Raises `AwsError` for a token that the issuer has not signed; None without its keys."""
    steps: Sequence[Step]
