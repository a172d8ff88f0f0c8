"""Mends what keeps role A from role B, without lifting a condition of role B's account. Pure.

What role B asks of its caller, such as an external id, the caller sends. Role B's trust policy is
changed only where it names the wrong role or none, and the conditions that stand there stay.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from irsa.access import Judgement, trusts_role
from irsa.decide.principals import UNIQUE_ID
from irsa.decide.verdict import Verdict
from irsa.identity.arns import account_of, parse_role_arn, partition_of, root_arn
from irsa.identity.policy_json import Json, principals, statements, with_statements
from irsa.observe.facts import Role
from irsa.verify.facts import RoleBTarget
from irsa.verify.remedies.policy_edits import (
    PRINCIPAL_ARN,
    Line,
    excepted_role,
    foreign,
    foreign_words,
    lines,
    replaced,
    texts,
    with_lines,
)
from irsa.verify.remedies.trust import Mended, mend_trust

ASSUME_ROLE = ("sts:assumerole", "sts:*", "*")
_POSITIVE = ("ArnEquals", "ArnLike", "StringEquals", "StringLike")


def judge_role_b(role_a: Role, role_b: Role, target: RoleBTarget) -> Judgement:
    """Whether role B trusts role A's sessions, as the target's profile makes them."""
    return trusts_role(
        role_b,
        role_a,
        session_name=target.session_name,
        external_id=target.external_id,
        duration=target.duration_seconds,
    )


def another_call(role_a: Role, role_b: Role, target: RoleBTarget) -> RoleBTarget | None:
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
        for line in lines(statement):
            if line.key.lower() == key:
                yield from (re.sub(r"\*+", "irsa", each).replace("?", "x") for each in line.values)


@dataclass(frozen=True, kw_only=True)
class RoleBMender:
    """Role B, and the role that should be able to assume it."""

    role_a: Role
    role_b: Role
    target: RoleBTarget
    gone: frozenset[str]
    """ARNs of roles in the trust policy that do not exist."""

    def mend(self, judged: Judgement) -> Mended:
        """What to change in a trust policy that refuses role A, whatever it sends."""
        document = self.role_b.trust_policy

        def excepted(policy: Json, positions: Sequence[int]) -> Json | None:
            return excepted_role(policy, positions, self.role_a.arn)

        mended = mend_trust(
            document,
            judged.denying("resource"),
            excepted=excepted,
            trusts=self._trusts,
            allow=self._allow,
        )
        return _met_by_the_caller(document) if mended is None else mended

    def _allow(self, document: Json) -> Mended:
        if self._names_role_a(document):
            return _met_by_the_caller(document)
        for position, statement, text in self._candidates(document):
            changed = replaced(document, position, statement)
            if self._trusts(changed):
                return Mended(text, changed)
        asked = [each for each in statements(document) if _of_roles(each) and _unmet(each)]
        if asked:
            return _met_by_the_caller({"Statement": asked})
        added = with_statements(document, self._wanted(document))
        if not self._trusts(added):
            return _met_by_the_caller(document)
        return Mended("add a statement for role A; the others stay", added)

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

    def _trusts(self, document: Json) -> bool:
        """Whether role B trusts role A then, with what it asks of its caller."""
        role = replace(self.role_b, trust_policy=document)
        judged = judge_role_b(self.role_a, role, self.target)
        if judged.verdict is Verdict.ALLOW:
            return True
        return another_call(self.role_a, role, self.target) is not None

    def _names_role_a(self, document: Json) -> bool:
        """Whether only conditions on more than who calls keep role A out."""
        free = [
            with_lines(each, [line for line in lines(each) if line.about_caller])
            for each in statements(document)
            if each.get("Effect") == "Allow"
        ]
        role = replace(self.role_b, trust_policy={**document, "Statement": free})
        return judge_role_b(self.role_a, role, self.target).verdict is Verdict.ALLOW

    def _candidates(self, document: Json) -> Iterator[tuple[int, Json, str]]:
        """Statements with role A in the place of a role that is gone, or else beside others."""
        fitting = [
            (position, statement)
            for position, statement in enumerate(statements(document))
            if _of_roles(statement) and _about_account(statement, self.role_a.account)
        ]
        for position, statement in fitting:
            wrong = [*orphans(statement), *self._gone_in(statement)]
            if wrong:
                text = f"put role A in place of {', '.join(wrong)}"
                yield position, self._with_role_a(statement), text
        for position, statement in fitting:
            yield position, self._with_role_a(statement), "trust role A as well"

    def _gone_in(self, statement: Json) -> list[str]:
        named = [v for line in lines(statement) if _is_principal_arn(line) for v in line.values]
        listed = [*principals(statement, "AWS"), *named]
        return [each for each in dict.fromkeys(listed) if each in self.gone]

    def _with_role_a(self, statement: Json) -> Json:
        wrong = {*orphans(statement), *self._gone_in(statement)}
        arn = self.role_a.arn
        kept = [each for each in principals(statement, "AWS") if each not in wrong]
        if not any(_covers(each, self.role_a) for each in kept):
            kept.append(arn)
        changed: list[Line] = []
        for line in lines(statement):
            if _is_principal_arn(line) and line.operator in _POSITIVE:
                values = [each for each in line.values if each not in wrong and each != arn]
                changed.append(line._replace(values=[*values, arn]))
            else:
                changed.append(line)
        # Other types of principal, such as services, stay.
        principal = {**statement["Principal"], "AWS": kept[0] if len(kept) == 1 else kept}
        return {**with_lines(statement, changed), "Principal": principal}


def orphans(statement: Json) -> list[str]:
    """The unique ids among a statement's principals: IAM shows one when its role is gone."""
    return [each for each in principals(statement, "AWS") if UNIQUE_ID.fullmatch(each)]


def named_roles(document: Json) -> list[str]:
    """The ARNs of roles that a trust policy names, as principals or in conditions."""
    named = [
        arn
        for statement in statements(document)
        for arn in (
            *principals(statement, "AWS"),
            *(v for line in lines(statement) if _is_principal_arn(line) for v in line.values),
        )
    ]
    exact = [arn for arn in named if parse_role_arn(arn) and not set(arn) & {"*", "?", "$"}]
    return list(dict.fromkeys(exact))


def _is_principal_arn(line: Line) -> bool:
    return line.key.lower() == PRINCIPAL_ARN.lower()


def _of_roles(statement: Json) -> bool:
    """Whether it is a statement that lets AWS principals assume role B."""
    actions = [each.lower() for each in texts(statement.get("Action", []))]
    return (
        statement.get("Effect") == "Allow"
        and bool(principals(statement, "AWS"))
        and any(each in ASSUME_ROLE for each in actions)
    )


def _about_account(statement: Json, account: str) -> bool:
    """Whether a statement is about an account's principals, or about one that was deleted."""
    listed = principals(statement, "AWS")
    return bool(orphans(statement)) or any(account in (p, account_of(p)) for p in listed)


def _covers(principal: str, role: Role) -> bool:
    root = root_arn(role.account, partition=partition_of(role.arn))
    return principal in ("*", role.arn, role.unique_id, role.account, root)


def _unmet(statement: Json) -> bool:
    """Whether a statement asks for more than an external id, which a new statement would not."""
    return any(line.key.lower() != "sts:externalid" for line in foreign(statement))


def _met_by_the_caller(document: Json) -> Mended:
    names = foreign_words(statements(document))
    return Mended(
        f"meet the conditions of role B's account ({names}); they are not for the caller to lift"
    )
