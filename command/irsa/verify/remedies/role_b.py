"""Fix what keeps role A from role B, without removing a condition of role B's account. Pure.

What role B asks of its caller, such as an external id, the caller sends. Role B's trust policy is
changed only where it names the wrong role or none, and the conditions that stand there stay.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from irsa.access import Judgement, trusts_role
from irsa.decide.document import Condition, conditions_of
from irsa.decide.truth import Verdict
from irsa.identity.arns import account_of, partition_of, root_arn
from irsa.identity.policy_json import Json, as_list, principals, statements
from irsa.observe.facts import Role
from irsa.verify.facts import RoleB
from irsa.verify.remedies.policy_edits import (
    call_conditions,
    is_principal_arn,
    orphans,
    with_conditions,
    with_role_exception,
    with_statement,
)
from irsa.verify.remedies.trust import Fixer, TrustFix, caller_has_to_meet

ASSUME_ROLE = ("sts:assumerole", "sts:*", "*")
_POSITIVE = ("ArnEquals", "ArnLike", "StringEquals", "StringLike")


def judge_role_b(
    role_a: Role, role_b: Role, target: RoleB, *, own_policies: bool = False
) -> Judgement:
    """Return whether role B trusts role A's sessions, as the target's profile makes them."""
    return trusts_role(
        role_b,
        role_a,
        session_name=target.session_name or None,
        external_id=target.external_id,
        duration=target.duration_seconds,
        tags=target.tags,
        own_policies=own_policies,
    )


def another_call(role_a: Role, role_b: Role, target: RoleB) -> RoleB | None:
    """The call that role B's trust policy would allow: with another external id or session name."""
    document = role_b.trust_policy
    external_ids = [target.external_id, *_values(document, "sts:externalid")]
    names = [target.session_name, *_values(document, "sts:rolesessionname")]
    for external_id, name in product(dict.fromkeys(external_ids), dict.fromkeys(names)):
        other = replace(target, external_id=external_id, session_name=name)
        if other != target and judge_role_b(role_a, role_b, other).verdict is Verdict.ALLOW:
            return other
    return None


def _values(document: Json, key: str) -> Iterator[str]:
    """The values that a trust policy asks for; of a pattern, one that fits."""
    for statement in statements(document):
        for condition in conditions_of(statement):
            if condition.key.lower() == key:
                for value in condition.values:
                    yield re.sub(r"\*+", "irsa", value).replace("?", "x")


@dataclass(frozen=True, kw_only=True)
class RoleBFixer(Fixer):
    """Role B, and the role that should be able to assume it as the target names it."""

    role_a: Role
    target: RoleB

    def with_exception(self, document: Json, positions: Sequence[int]) -> Json | None:
        """Except role A."""
        return with_role_exception(document, positions, self.role_a.arn)

    def allow(self, document: Json) -> TrustFix:
        """Add role A to a fitting statement, or else a statement."""
        allowing = [each for each in statements(document) if each.get("Effect") == "Allow"]
        if self.allows_but_for_conditions(*allowing):
            return caller_has_to_meet(statements(document))
        for position, statement, text in self._candidates(document):
            changed = with_statement(document, position, statement)
            if self.trusts(changed):
                return TrustFix(text, changed)
        asked = [each for each in statements(document) if _is_assume_role(each) and _unmet(each)]
        if asked:
            return caller_has_to_meet(asked)
        text = "add a statement for role A; the others stay"
        return self.add(document, text, self._wanted(document))

    def _wanted(self, document: Json) -> Json:
        """The statement that trusts role A, with the external id that the others ask for."""
        wanted: Json = {
            "Effect": "Allow",
            "Principal": {"AWS": self.role_a.arn},
            "Action": "sts:AssumeRole",
        }
        allowing = [each for each in statements(document) if each.get("Effect") == "Allow"]
        others = _values({"Statement": allowing}, "sts:externalid")
        asked = self.target.external_id or next(others, "")
        if asked:
            wanted["Condition"] = {"StringEquals": {"sts:ExternalId": asked}}
        return wanted

    def trusts(self, document: Json) -> bool:
        """Return whether role B trusts role A, if role A sends what role B asks for."""
        role = replace(self.role, trust_policy=document)
        return super().trusts(document) or bool(another_call(self.role_a, role, self.target))

    def _candidates(self, document: Json) -> Iterator[tuple[int, Json, str]]:
        """Statements with role A beside the others, those of a deleted role first."""
        fitting = [
            (position, statement)
            for position, statement in enumerate(statements(document))
            if _is_assume_role(statement) and _about_account(statement, self.role_a.account)
        ]
        for position, statement in sorted(fitting, key=lambda each: not orphans(each[1])):
            gone = ", ".join(orphans(statement))
            text = f"put role A in place of {gone}" if gone else "trust role A as well"
            yield position, self._with_role_a(statement), text

    def _with_role_a(self, statement: Json) -> Json:
        arn, kept = self.role_a.arn, principals(statement, "AWS")
        if not any(_covers(each, self.role_a) for each in kept):
            kept = [*kept, arn]
        changed: list[Condition] = []
        for condition in conditions_of(statement):
            if is_principal_arn(condition) and condition.operator in _POSITIVE:
                others = [each for each in condition.values if each != arn]
                changed.append(condition._replace(values=(*others, arn)))
            else:
                changed.append(condition)
        # Other types of principal, such as services, stay.
        principal = {**statement["Principal"], "AWS": kept[0] if len(kept) == 1 else kept}
        return {**with_conditions(statement, changed), "Principal": principal}


def _is_assume_role(statement: Json) -> bool:
    actions = [each.lower() for each in as_list(statement.get("Action", []))]
    return (
        statement.get("Effect") == "Allow"
        and bool(principals(statement, "AWS"))
        and any(each in ASSUME_ROLE for each in actions)
    )


def _about_account(statement: Json, account: str) -> bool:
    listed = principals(statement, "AWS")
    return bool(orphans(statement)) or any(account in (p, account_of(p)) for p in listed)


def _covers(principal: str, role: Role) -> bool:
    root = root_arn(role.account, partition=partition_of(role.arn))
    return principal in ("*", role.arn, role.unique_id, role.account, root)


def _unmet(statement: Json) -> bool:
    """Return whether a statement has conditions that a new statement would not have."""
    return any(each.key.lower() != "sts:externalid" for each in call_conditions(statement))
