"""Ask the evaluator about roles as they were read. Pure.

Nothing here decides: `irsa_core.decide.simulate` does. A policy that it cannot read, such as one
with an unknown element, makes the answer UNKNOWN: IAM stored that policy, so it is not refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from irsa.observe.facts import PermissionsPolicy, Principal, Role, Unread
from irsa_core.decide.association import call_keys
from irsa_core.decide.condition_keys import OF_PLACE
from irsa_core.decide.difference import differences
from irsa_core.decide.document import DocumentType, Statement, statements_of
from irsa_core.decide.evaluate import StepAnswer
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.policies import Source
from irsa_core.decide.principals import Caller, caller_from_arn, session_of
from irsa_core.decide.scenario import check_claims
from irsa_core.decide.simulate import simulate
from irsa_core.decide.statements import Policy, compile_policy
from irsa_core.decide.steps import (
    AssumeRole,
    AssumeRoleWithWebIdentity,
    ResourceCall,
    Scenario,
    Step,
    TokenClaims,
)
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.decide.truth import Verdict
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.identity.token import Token
from irsa_core.rules.conditions import guarded, wild

Tags = Mapping[str, Value]
"""The session tags of EKS Pod Identity, by name in lower case."""
NO_TAGS: Tags = {}
WITHOUT_MFA: Tags = dict.fromkeys(
    ("aws:multifactorauthpresent", "aws:multifactorauthage"), Key.ABSENT
)
"""A role's session has no keys of MFA, however its caller signed in.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html"""


ACCOUNT_TAGS = ("aws:requesttag/kubernetes-namespace", "aws:requesttag/kubernetes-service-account")
"""The tags by which EKS names a service account in a call."""


class Judgement(StepAnswer):
    """The evaluator's answer to one call."""

    @property
    def by_place(self) -> bool:
        """True if the answer to the same call from elsewhere may be another one."""
        keys = {f"condition key {key}" for key in OF_PLACE.split()}
        return not keys.isdisjoint(map(str.lower, self.missing))

    @property
    def denials(self) -> list[tuple[Source, int]]:
        """The statements that deny explicitly: the policy, and the place in it, from 0."""
        return [
            (reason.source, reason.statement)
            for reason in self.reasons
            if reason.effect == "Deny" and reason.source and reason.statement is not None
        ]

    def denying(self, kind: str) -> list[int]:
        """The statements that deny, of a kind of policy of which a request has one at most."""
        return [place for source, place in self.denials if source.kind == kind]

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

    def step() -> AssumeRoleWithWebIdentity:
        check_claims(claims, "token")
        return AssumeRoleWithWebIdentity(
            resource=role.arn,
            token=TokenClaims(claims),
            trust=compile_trust_policy(role.trust_policy),
            only="resource",
            session_name=session_name,
            max_duration=role.max_session_duration,
        )

    return judge(step, now)


_CLAIMS = ("iss", "aud", "sub", "exp", "nbf", "iat", "amr")


def trusts_subject(
    role: Role, subject: str, audience: str, *, issuer_url: str, session_name: str, now: float
) -> Judgement:
    """Decide whether a role's trust policy allows the tokens of a cluster's service account."""
    claims = {"iss": issuer_url, "sub": subject, "aud": [audience]}
    claims |= {"iat": now - 1, "exp": now + 600}
    return trusts_token(role, Token("", {}, claims), session_name=session_name, now=now)


def trusts_association(
    role: Role, cluster_arn: str, account: ServiceAccountRef | None, *, disable_session_tags: bool
) -> Judgement:
    """Decide whether a role's trust policy allows EKS to assume it for an association; ``account``
    is None for one that is not known."""

    def step() -> AssumeRole:
        reference, disabled = account or ServiceAccountRef("", ""), disable_session_tags
        keys = call_keys(cluster_arn, reference, disable_session_tags=disabled)
        if account is None:
            keys |= dict.fromkeys(ACCOUNT_TAGS, Key.UNKNOWN)
        return _assume(role, caller_from_arn(POD_IDENTITY_SERVICE), keys=keys)

    return judge(step)


def roles_by_account(
    roles: Iterable[Role], cluster_arn: str
) -> Mapping[ServiceAccountRef, Sequence[Role]]:
    """Return roles by the service accounts that they name for associations of a cluster; none for a
    cluster whose ARN is not known."""
    trusting: dict[ServiceAccountRef, list[Role]] = {}
    for role in roles if cluster_arn else ():
        listed = guarded(statements_of(role.trust_policy))
        for account in dict.fromkeys(account for grant in listed for account in _named(grant)):
            judged = trusts_association(role, cluster_arn, account, disable_session_tags=False)
            if judged.verdict is Verdict.ALLOW:
                trusting.setdefault(account, []).append(role)
    return trusting


def _named(statement: Statement) -> Iterator[ServiceAccountRef]:
    exact = [
        [
            value
            for condition in statement.conditions
            if condition.positive and condition.key.lower() == tag
            for value in condition.patterns
            if not wild(value)
        ]
        for tag in ACCOUNT_TAGS
    ]
    yield from (ServiceAccountRef(*names) for names in product(*exact))


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
    return judge(
        lambda: _assume(
            role,
            _session(caller, session_name, tags),
            only=None if own_policies else "resource",
            identity=_identity(caller) if own_policies else (),
            boundary=_boundary(caller) if own_policies else None,
            session_name=session_name,
            duration=duration,
            external_id=external_id or None,
            keys=WITHOUT_MFA,
        )
    )


def calling(caller: Role) -> AssumeRole:
    """The caller's side of a call by a session of a role; ValueError for policies that cannot be
    read.

    Policies that AWS manages are not among those of a whole account, and left out.
    """
    listed = [policy for policy in caller.known_policies if not isinstance(policy.document, Unread)]
    return AssumeRole(
        resource=caller.arn,
        caller=session_of(caller.arn, None, caller.unique_id),
        identity=_identity(replace(caller, policies=tuple(listed))),
        boundary=_boundary(caller),
    )


def may_assume(
    caller: Role, target_arn: str, *, session_name: str | None, tags: Tags = NO_TAGS
) -> Judgement:
    """Decide whether a caller's own policies allow it to assume another role."""
    return judge(
        lambda: AssumeRole(
            resource=target_arn,
            caller=_session(caller, session_name, tags),
            only="caller",
            identity=_identity(caller),
            boundary=_boundary(caller),
            session_name=session_name,
            keys=WITHOUT_MFA,
        )
    )


def allows(
    role: Role,
    action: str,
    resource: str,
    *,
    session_name: str | None,
    resource_account: str = "",
    resource_policy: Json | Unread | None = None,
    context: Mapping[str, Any] | None = None,
    tags: Tags = NO_TAGS,
    session_policy: Json | None = None,
) -> Judgement:
    """Decide whether a role's policies, and the resource's, allow a call.

    A policy that could not be read may allow and may deny, so that the answer is UNKNOWN unless
    another one decides. ``resource_account`` is the role's own when it is empty.
    """
    return judge(
        lambda: ResourceCall(
            action=action,
            resource=resource,
            resource_account=resource_account or role.account,
            caller=_session(role, session_name, tags, session_policy),
            identity=_identity(role),
            boundary=_boundary(role),
            resource_policy=_compiled(resource_policy, "resource policy", DocumentType.RESOURCE),
            resource_policy_given=not isinstance(resource_policy, Unread),
            context={"aws:securetransport": "true", **WITHOUT_MFA, **(context or {})},
        )
    )


def answers_apart(role: Role, *sessions: Caller) -> Iterator[str]:
    """Say where a role's policies, as far as they were read, may answer sessions differently."""
    boundary = [role.boundary] if isinstance(role.boundary, PermissionsPolicy) else []
    for layer in (role.known_policies, boundary):
        named = [(policy.name, one) for policy in layer for one in statements_of(policy.content)]
        for place, keys in differences([one for _, one in named], sessions, role.tags):
            name, statement = named[place]
            what = "goes by {}, where the sessions differ; name the resources instead"
            if not keys:
                what = (
                    "answers AssumeRole and sts:TagSession differently, and only one session has "
                    "tags to pass on; allow both, also in the trust policies of those roles"
                )
            yield f"policy {name}, statement {statement.number}, {what.format(', '.join(keys))}"


def _assume(role: Role, caller: Caller | None, **more: Any) -> AssumeRole:
    return AssumeRole(
        resource=role.arn,
        caller=caller,
        trust=compile_trust_policy(role.trust_policy),
        max_duration=role.max_session_duration,
        **more,
    )


def called_by(role: Role, principal: Principal) -> AssumeRole:
    """The call by which a user or role assumes a role, without the values that it chooses."""
    return _assume(role, None, identity=_identity(principal), boundary=_boundary(principal))


def _session(role: Role, name: str | None, tags: Tags, policy: Json | None = None) -> Caller:
    """A session of a role. EKS's tags are all transitive."""
    return session_of(
        role.arn,
        name,
        role.unique_id,
        session_tags=tags,
        transitive_tags=frozenset(tags),
        session_policy=_compiled(policy or None, "session policy"),
    )


def _identity(principal: Principal) -> list[Policy] | None:
    listed, kind = principal.policies, DocumentType.IDENTITY
    if isinstance(listed, Unread):
        return None
    documents = enumerate((_document(each.document) for each in listed), start=1)
    return [compile_policy(e, f"identity policy {number}", kind) for number, e in documents]


def _boundary(principal: Principal) -> Policy | None:
    known = principal.boundary
    document = known.document if isinstance(known, PermissionsPolicy) else known
    return _compiled(document, "permissions boundary")


def _compiled(
    document: Json | Unread | None, label: str, kind: DocumentType = DocumentType.IDENTITY
) -> Policy | None:
    return None if document is None else compile_policy(_document(document), label, kind)


def _document(document: Json | Unread) -> Json | str:
    """A policy's document; for one that could not be read, what may allow and may deny."""
    return UNKNOWN_OUTPUT if isinstance(document, Unread) else document


def judge(step: Callable[[], Step], now: float | None = None) -> Judgement:
    """Ask about a step, which is built here because its documents may not compile."""
    try:
        [answer] = simulate(Scenario(now, None, None, [step()])).steps
    except ValueError as error:
        return Judgement(Verdict.UNKNOWN, notes=[f"cannot be judged: {error}"])
    return Judgement(*answer)
