"""Asks the evaluator about the facts of a chain, and mends documents that refuse too much. Pure.

Nothing here decides: `irsa.simulate` does.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from irsa.evaluate import Verdict
from irsa.facts import Json, PermissionsPolicy, Role, Token, Unread, session_arn_prefix
from irsa.json_input import InputError
from irsa.scenario import scenario_from
from irsa.simulate import simulate

_STATEMENT = re.compile(
    r"(?P<policy>trust policy|resource policy|permissions boundary|identity policy (?P<number>\d+))"
    r", statement (?P<statement>\d+)(?: \(.*?\))?: denies it$"
)


class Denial(NamedTuple):
    """A statement that denies explicitly."""

    policy: str
    """``trust policy``, ``resource policy``, ``permissions boundary`` or ``identity policy``."""
    position: int
    """Position of the identity policy among the role's."""
    statement: int
    """Position of the statement."""


class Judgement(NamedTuple):
    """The evaluator's answer to one call."""

    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def denials(self) -> list[Denial]:
        """The statements that deny explicitly."""
        found = (_STATEMENT.match(reason) for reason in self.reasons)
        return [
            Denial(
                f["policy"].rstrip(" 0123456789"),
                int(f["number"] or 1) - 1,
                int(f["statement"]) - 1,
            )
            for f in found
            if f
        ]

    @property
    def text(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)


def trusts_token(role: Role, token: Token, *, session_name: str, now: float) -> Judgement:
    """Whether a role's trust policy allows a token; issuer and audience are taken as registered."""
    claims = {name: token.claims[name] for name in _CLAIMS if name in token.claims}
    expires = claims.get("exp", now + 1)
    provider = {
        "account": role.account,
        "url": claims.get("iss", ""),
        "client_ids": token.audiences,
    }
    step = {
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": role.arn,
        "token": claims,
        "trust_policy": role.trust_policy,
        "role_session_name": session_name,
        "max_session_duration": role.max_session_duration,
    }
    # Whether the token has expired is another link's business.
    return _judge(step, now=min(now, expires - 1), oidc_providers=[provider])


_CLAIMS = ("iss", "aud", "sub", "exp", "nbf", "iat", "amr")


def trusts_role(
    role: Role, caller: Role, *, session_name: str, external_id: str = "", duration: int = 3600
) -> Judgement:
    """Whether a role's trust policy allows a session of another role, whose policies do."""
    step = {
        **_caller(caller, session_name),
        "action": "sts:AssumeRole",
        "resource": role.arn,
        "trust_policy": role.trust_policy,
        "identity_policies": [_EVERYTHING],
        "permissions_boundary": None,
        "role_session_name": session_name,
        "duration_seconds": duration,
        "max_session_duration": role.max_session_duration,
        **({"external_id": external_id} if external_id else {}),
    }
    return _without_reasons_of("identity policy", _judge(step))


_EVERYTHING: Json = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


def allows(
    role: Role,
    action: str,
    resource: str,
    *,
    session_name: str,
    resource_account: str = "",
    resource_policy: Json | Unread | None = None,
    without_boundary: bool = False,
    context: Mapping[str, Any] | None = None,
) -> Judgement:
    """Whether a role's policies, and the resource's, allow a call; roles' trust is not asked."""
    step: Json = {
        **_caller(role, session_name),
        "action": action,
        "resource": resource,
        "resource_account": resource_account or role.account,
        "identity_policies": None
        if isinstance(role.policies, Unread)
        else [policy.document for policy in role.policies],
        "context": {"aws:SecureTransport": True, **(context or {})},
    }
    if isinstance(role.boundary, PermissionsPolicy) and not without_boundary:
        step["permissions_boundary"] = role.boundary.document
    if not isinstance(resource_policy, Unread):
        step["resource_policy"] = resource_policy
    return _judge(step)


def may_assume(role: Role, target_arn: str, *, session_name: str) -> Judgement:
    """Whether a role's own policies allow it to assume another one, which trusts it."""
    trusting: Json = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
    }
    step = {
        **_caller(role, session_name),
        "action": "sts:AssumeRole",
        "resource": target_arn,
        "trust_policy": trusting,
        "identity_policies": None
        if isinstance(role.policies, Unread)
        else [policy.document for policy in role.policies],
        "permissions_boundary": role.boundary.document
        if isinstance(role.boundary, PermissionsPolicy)
        else None,
        "role_session_name": session_name,
    }
    return _without_reasons_of("trust policy", _judge(step))


def _without_reasons_of(policy: str, judged: Judgement) -> Judgement:
    """The answer without what the policy says that only stands in for one that is not asked."""
    reasons = tuple(reason for reason in judged.reasons if not reason.startswith(policy))
    return judged._replace(reasons=reasons or judged.reasons)


def _caller(role: Role, session_name: str) -> Json:
    return {
        "principal": session_arn_prefix(role.arn) + session_name,
        "principal_role_arn": role.arn,
        "principal_id": role.unique_id,
    }


def _judge(step: Json, **around: Any) -> Judgement:
    try:
        outcome = simulate(scenario_from({**around, "steps": [step]}))
    except InputError as error:
        return Judgement(Verdict.UNKNOWN, (str(error),))
    return Judgement(outcome.verdict, tuple(outcome.steps[0].reasons))


def statements(document: Json) -> list[Json]:
    """A document's statements as a list."""
    found: list[Json] | Json = document.get("Statement", [])
    return [found] if isinstance(found, dict) else found


def without(document: Json, positions: Sequence[int]) -> Json:
    """The document without some of its statements."""
    kept = [each for i, each in enumerate(statements(document)) if i not in positions]
    return {**document, "Statement": kept}


def with_statements(document: Json, *more: Json) -> Json:
    """The document with more statements."""
    return {**document, "Statement": [*statements(document), *more]}


def principals(statement: Json, kind: str) -> list[str]:
    """A statement's principals of one type: ``AWS``, ``Federated``, ``Service``."""
    principal: Json | str = statement.get("Principal", "")
    if isinstance(principal, str):
        return []
    found: str | list[str] = principal.get(kind, [])
    return [found] if isinstance(found, str) else found
