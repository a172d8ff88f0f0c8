"""Ask the evaluator about roles as they were read. Pure.

Nothing here decides: `irsa.decide.simulate` does. A policy that it cannot read, such as one with an
unknown element, makes the answer UNKNOWN: IAM stored that policy, so it is not refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from irsa.decide.association import call_keys
from irsa.decide.document import Kind
from irsa.decide.patterns import Key, Value
from irsa.decide.policies import Source
from irsa.decide.principals import Caller, caller_from_arn, session_of
from irsa.decide.reasons import Reason, remark
from irsa.decide.scenario import check_claims
from irsa.decide.simulate import simulate
from irsa.decide.statements import Policy, compile_policy
from irsa.decide.steps import Scenario, Step, TokenClaims
from irsa.decide.trust_policy import compile_trust_policy
from irsa.decide.verdict import Verdict
from irsa.identity.arns import parse_role_arn
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.outputs import UNKNOWN_OUTPUT
from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef
from irsa.identity.token import Token
from irsa.observe.facts import PermissionsPolicy, Role, ServiceAccount, Unread

WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
ASSUME_ROLE = "sts:AssumeRole"

Tags = Mapping[str, Value]
"""The session tags of EKS Pod Identity, by name in lower case."""
NO_TAGS: Tags = {}
WITHOUT_MFA: Tags = dict.fromkeys(
    ("aws:multifactorauthpresent", "aws:multifactorauthage"), Key.ABSENT
)
"""A role's session has no keys of MFA, however its caller signed in.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html"""


class DenyingStatement(NamedTuple):
    """A statement that denies explicitly."""

    source: Source
    """The policy that it is in."""
    statement: int
    """Its place in that policy, from 0."""


class Judgement(NamedTuple):
    """The evaluator's answer to one call."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    """The deciding one first."""

    @property
    def denials(self) -> list[DenyingStatement]:
        """The statements that deny explicitly."""
        return [
            DenyingStatement(reason.source, reason.statement)
            for reason in self.reasons
            if reason.effect == "Deny" and reason.source and reason.statement is not None
        ]

    def denying(self, kind: str) -> list[int]:
        """The statements that deny, of a kind of policy of which a request has one at most."""
        return [each.statement for each in self.denials if each.source.kind == kind]

    @property
    def text(self) -> str:
        """The reasons in one line."""
        return "; ".join(map(str, self.reasons))

    @property
    def deciding(self) -> str:
        """The deciding reason."""
        return str(self.reasons[0])


def trusts_token(role: Role, token: Token, *, session_name: str | None, now: float) -> Judgement:
    """Decide whether a role's trust policy allows a token, which is taken to be valid."""
    claims = {name: token.claims[name] for name in _CLAIMS if name in token.claims}

    def step() -> Step:
        check_claims(claims, "token")
        return Step(
            action=WEB_IDENTITY,
            resource=role.arn,
            role=parse_role_arn(role.arn),
            token=TokenClaims(claims),
            trust=compile_trust_policy(role.trust_policy),
            only="resource",
            session_name=session_name,
            max_duration=role.max_session_duration,
        )

    return judge(step, now)


_CLAIMS = ("iss", "aud", "sub", "exp", "nbf", "iat", "amr")


def trusts_service_account(
    role: Role, account: ServiceAccount, *, issuer_url: str, session_name: str, now: float
) -> Judgement:
    """Decide whether a role's trust policy allows the tokens of a cluster's service account."""
    claims = {
        "iss": issuer_url,
        "sub": account.subject,
        "aud": [account.audience],
        "iat": now - 1,
        "exp": now + 600,
    }
    return trusts_token(role, Token("", {}, claims), session_name=session_name, now=now)


def trusts_association(
    role: Role, cluster_arn: str, account: ServiceAccountRef, *, disable_session_tags: bool
) -> Judgement:
    """Decide whether a role's trust policy allows EKS to assume it for an association."""

    def step() -> Step:
        return Step(
            action=ASSUME_ROLE,
            resource=role.arn,
            role=parse_role_arn(role.arn),
            caller=caller_from_arn(POD_IDENTITY_SERVICE),
            trust=compile_trust_policy(role.trust_policy),
            keys=call_keys(cluster_arn, account, disable_session_tags=disable_session_tags),
        )

    return judge(step)


def trusts_role(
    role: Role,
    caller: Role,
    *,
    session_name: str | None,
    external_id: str,
    duration: int,
    tags: Tags = NO_TAGS,
    own_policies: bool = False,
) -> Judgement:
    """Decide whether a role's trust policy allows a session of another role.

    ``own_policies``: and the other role's own policies, where they have to.
    """

    def step() -> Step:
        return Step(
            action=ASSUME_ROLE,
            resource=role.arn,
            role=parse_role_arn(role.arn),
            caller=_session(caller, session_name, tags),
            trust=compile_trust_policy(role.trust_policy),
            only=None if own_policies else "resource",
            identity=_identity(caller) if own_policies else (),
            boundary=_boundary(caller) if own_policies else None,
            session_name=session_name,
            duration=duration,
            max_duration=role.max_session_duration,
            external_id=external_id or None,
            keys=WITHOUT_MFA,
        )

    return judge(step)


def allows(
    role: Role,
    action: str,
    resource: str,
    *,
    session_name: str | None,
    resource_account: str = "",
    resource_policy: Json | Unread | None = None,
    without_boundary: bool = False,
    context: Mapping[str, Any] | None = None,
    tags: Tags = NO_TAGS,
    session_policy: Json | None = None,
) -> Judgement:
    """Decide whether a role's policies, and the resource's, allow a call.

    A policy that could not be read may allow and may deny, so that the answer is UNKNOWN unless
    another one decides. ``resource_account`` is the role's own when it is empty.
    """

    def step() -> Step:
        return Step(
            action=action,
            resource=resource,
            resource_account=resource_account or role.account,
            caller=_session(role, session_name, tags, session_policy),
            identity=_identity(role),
            boundary=None if without_boundary else _boundary(role),
            resource_policy=_resource(resource_policy),
            resource_policy_given=not isinstance(resource_policy, Unread),
            context={"aws:securetransport": "true", **WITHOUT_MFA, **(context or {})},
        )

    return judge(step)


def may_assume(
    role: Role,
    target_arn: str,
    *,
    session_name: str | None,
    tags: Tags = NO_TAGS,
) -> Judgement:
    """Decide whether a role's own policies allow it to assume another role."""

    def step() -> Step:
        return Step(
            action=ASSUME_ROLE,
            resource=target_arn,
            role=parse_role_arn(target_arn),
            caller=_session(role, session_name, tags),
            only="caller",
            identity=_identity(role),
            boundary=_boundary(role),
            session_name=session_name,
            keys=WITHOUT_MFA,
        )

    return judge(step)


def _session(role: Role, name: str | None, tags: Tags, policy: Json | None = None) -> Caller:
    """A session of a role. EKS's tags are all transitive."""
    return session_of(
        role.arn,
        name,
        role.unique_id,
        session_tags=tags,
        transitive_tags=frozenset(tags),
        session_policy=(
            compile_policy(policy, "session policy", Kind.IDENTITY) if policy else None
        ),
    )


def _identity(role: Role) -> list[Policy] | None:
    if isinstance(role.policies, Unread):
        return None
    return [
        compile_policy(policy.document, f"identity policy {number}", Kind.IDENTITY)
        for number, policy in enumerate(role.policies, start=1)
    ]


def _boundary(role: Role) -> Policy | None:
    if role.boundary is None:
        return None
    return compile_policy(_document(role.boundary), "permissions boundary", Kind.IDENTITY)


def _resource(document: Json | Unread | None) -> Policy | None:
    if document is None:
        return None
    return compile_policy(_document(document), "resource policy", Kind.RESOURCE)


def _document(policy: PermissionsPolicy | Json | Unread) -> Json | str:
    """A policy's document; for one that could not be read, what may allow and may deny."""
    if isinstance(policy, Unread):
        return UNKNOWN_OUTPUT
    return policy.document if isinstance(policy, PermissionsPolicy) else policy


def assumes(
    role: Role, caller: Role, *, external_id: str, context: Mapping[str, Value]
) -> Judgement:
    """Decide whether a session of one role may assume another with session tags.

    Policies that AWS manages are not among those of a whole account, and left out.
    """

    def step() -> Step:
        listed = () if isinstance(caller.policies, Unread) else caller.policies
        documents = [each.document for each in listed if each.document]
        return Step(
            action=ASSUME_ROLE,
            resource=role.arn,
            role=parse_role_arn(role.arn),
            caller=session_of(caller.arn, None, caller.unique_id),
            trust=compile_trust_policy(role.trust_policy),
            identity=[compile_policy(each, "policy", Kind.IDENTITY) for each in documents],
            boundary=_boundary(caller),
            external_id=external_id or None,
            context=context,
        )

    return judge(step)


def judge(step: Callable[[], Step], now: float | None = None) -> Judgement:
    """Ask about a step, which is built here because its documents may not compile."""
    try:
        [answer] = simulate(Scenario(now, None, None, [step()])).steps
    except ValueError as error:
        return Judgement(Verdict.UNKNOWN, (remark(f"cannot be judged: {error}"),))
    return Judgement(answer.verdict, tuple(answer.reasons))
