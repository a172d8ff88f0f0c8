"""Gains and losses of access by a change of a stack. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from irsa.access import trusts_association
from irsa.callers.difference import EFFECTS, AccessChange, Effect, permission_changes, trust_changes
from irsa.callers.facts import ClientIds, RoleFacts
from irsa.callers.lines import Line, callers_of
from irsa.callers.members import may_assume
from irsa.callers.sets import Undecided
from irsa.observe.eks import Association
from irsa.observe.facts import Role, Unread
from irsa.observe.pulumi import LATER, StackResources, StackRole
from irsa_core.decide.document import statements_of
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import account_named_by, name_of

GAINING = (Effect.GAINS, Effect.MAY_GAIN)


class RoleChange(NamedTuple):
    """Effects of a change on one role."""

    role: str
    """Its ARN, or its name while that is not known."""
    callers: Sequence[AccessChange] = ()
    calls: Sequence[AccessChange] = ()
    """Calls that its own permissions allow."""
    undecided: Sequence[str] = ()
    """Reasons why it is not all known."""


Pair = tuple[StackRole | None, StackRole | None]
"""A role before and after; None where it does not exist."""


def stack_changes(old: StackResources, new: StackResources) -> list[RoleChange]:
    """Compare the roles of a stack, and follow those that may assume others of them."""
    ids = [{e.arn: e.client_ids for e in stack.providers} for stack in (old, new)]
    pairs = [*_pairs(old.roles, new.roles)]
    changes = {_label(pair): _of_role(pair, *ids) for pair in pairs}
    # Those who come through a role come after those who gain it.
    for label, change in chain(_by_association(old, new), _through(pairs, changes)):
        role_change = changes.get(label, RoleChange(label))
        if change not in role_change.callers:
            changes[label] = role_change._replace(callers=[*role_change.callers, change])
    roles = {_label(pair): pair[1].role for pair in pairs if pair[1]}
    for label, role_change in changes.items():
        changes[label] = role_change._replace(
            calls=[e for e in role_change.calls if not _is_refused(e, label, roles)]
        )
    return [role_change for role_change in changes.values() if any(role_change[1:])]


def _label(pair: Pair) -> str:
    return next(each.label for each in reversed(pair) if each)


def _pairs(old: Sequence[StackRole], new: Sequence[StackRole]) -> Iterator[Pair]:
    """Pair the roles by their URNs, and those of two stacks by their ARNs or names."""
    by_urn, by_label = ({getattr(e, key): e for e in old} for key in ("urn", "label"))
    names = Counter(name_of(label) for label in by_label)
    by_name = {n: role for label, role in by_label.items() if names[n := name_of(label)] == 1}
    left = {id(role): role for role in old}
    for role in new:
        same = by_urn.get(role.urn) or by_label.get(role.label)
        if same is None and role.arn == LATER:
            same = by_name.get(role.name)
        yield same and left.pop(id(same), None), role
    yield from ((role, None) for role in left.values())


def _of_role(pair: Pair, earlier: ClientIds, ids: ClientIds) -> RoleChange:
    change = RoleChange(_label(pair))
    if pair[0] == pair[1] and earlier == ids:
        return change
    trusts = [role and role.trust_policy for role in pair]
    hidden = next((trust for trust in trusts if isinstance(trust, str)), "")
    undecided = [f"the trust policy is {hidden}"] if hidden and trusts[0] != trusts[1] else []
    facts = RoleFacts(next(role.account for role in reversed(pair) if role), ids)
    try:
        before, after = (None if isinstance(trust, str) else trust for trust in trusts)
        callers = [] if hidden else trust_changes(before, after, facts, earlier)
    except (ValueError, Undecided) as error:
        callers, undecided = [], [*undecided, f"the trust policy: {error}"]
    calls: list[AccessChange] = []
    sides = [[(e.arn or e.name, e) for e in (role.policies if role else ())] for role in pair]
    # What is known of one side alone would look like a change.
    unread = {name for side in sides for name, e in side if isinstance(e.document, Unread)}
    listed = [[e.content for name, e in s if e.content and name not in unread] for s in sides]
    try:
        calls = permission_changes(*listed, role_arn=change.role)
    except (ValueError, Undecided) as error:
        undecided.append(f"the permissions: {error}")
    old, new = map(dict, sides)
    for name in sorted(unread):
        if old.get(name) != new.get(name):
            effect = Effect.MAY_GAIN if name in new else Effect.MAY_LOSE
            calls.append(AccessChange(effect, Line(f"what the policy {name} allows", (), 0, {})))
    return change._replace(callers=callers, calls=[*calls, *_boundary(pair)], undecided=undecided)


def _boundary(pair: Pair) -> Iterator[AccessChange]:
    before, after = (role.boundary if role else "" for role in pair)
    if before != after and all(pair):
        effect = Effect.MAY_LOSE if not before else Effect.MAY_GAIN
        text = f"what the permissions boundary {before or after} keeps out"
        yield AccessChange(effect, Line(text, (), 0, {}))


def _by_association(old: StackResources, new: StackResources) -> Iterator[tuple[str, AccessChange]]:
    """Yield the service accounts whose associations are others than before, with their roles."""
    before, after = (
        {(e.cluster_arn, e.account, e.role_arn): e for e in s.associations} for s in (old, new)
    )
    roles_before, roles_after = ({role.label: role for role in s.roles} for s in (old, new))
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        verdict = _trusts(roles_after, other)
        effect = EFFECTS.get((_trusts(roles_before, one), verdict))
        who = f"service account {'/'.join(key[1])} by an association in the cluster {key[0]}"
        if one and other and verdict is not Verdict.DENY:
            # Either may give it calls that the role's own policies do not show.
            changed = [word for e, word in _WORDS.items() if getattr(one, e) != getattr(other, e)]
            effect = effect or (Effect.MAY_GAIN if changed else None)
            who += f" with another {' and '.join(changed)}" * bool(changed)
        if effect:
            yield key[2], AccessChange(effect, Line(who, (), 0, {}))


_WORDS = {"target_role_arn": "target role", "policy": "session policy"}


def _trusts(roles: Mapping[str, StackRole], association: Association | None) -> Verdict:
    if association is None:
        return Verdict.DENY
    role = roles.get(association.role_arn)
    if role is None or not association.cluster_arn:
        return Verdict.UNKNOWN
    return trusts_association(
        role.role,
        association.cluster_arn,
        association.account,
        disable_session_tags=association.disable_session_tags,
    ).verdict


def _is_refused(change: AccessChange, label: str, roles: Mapping[str, Role]) -> bool:
    """Return whether a call is AssumeRole alone, on a role of the stack that does not trust it."""
    action, _, arn = change.line.who.partition(" on ")
    if action.lower() != "sts:assumerole" or not {arn, label} <= roles.keys():
        return False
    return may_assume(roles[arn], roles[label])[0] is Verdict.DENY


def _through(
    pairs: Sequence[Pair], changes: Mapping[str, RoleChange]
) -> Iterator[tuple[str, AccessChange]]:
    """Yield the callers who come to a role through another one that they or it newly may assume."""
    before, after = ({_label(p): role.role for p in pairs if (role := p[n])} for n in (0, 1))
    changed = {_label(pair) for pair in pairs if pair[0] != pair[1]}
    trusting: dict[str, list[str]] = defaultdict(list)
    for label, role in after.items():
        statements = statements_of(role.trust_policy)
        listed = (one for statement in statements for one in statement.named("AWS"))
        for principal in {account_named_by(one) or one for one in listed}:
            trusting[principal].append(label)
    targets = {
        label: {*trusting[role.arn], *trusting[role.account], *trusting["*"]} - {label}
        for label, role in after.items()
    }
    arrivals = [
        (label, change.effect, change.line)
        for label, role_change in changes.items()
        for change in role_change.callers
        if change.effect in GAINING and label in after
    ]
    for by, middle in after.items():
        for label in sorted(targets[by] if by in changed else targets[by] & changed):
            old = before.get(by), before.get(label)
            earlier = may_assume(old[1], old[0])[0] if old[0] and old[1] else Verdict.DENY
            effect = EFFECTS.get((earlier, may_assume(after[label], middle)[0]))
            if effect in GAINING:
                for line in callers_of(middle.trust_policy, RoleFacts(middle.account)).lines:
                    arrivals.append((label, effect, _by(line, middle)))
                    yield label, AccessChange(effect, _by(line, middle))
    seen: set[tuple[str, str]] = set()
    while arrivals:
        by, effect, line = arrivals.pop()
        for label in sorted(targets[by]):
            may, _ = may_assume(after[label], after[by])
            if may is Verdict.DENY or (line.text, label) in seen:
                continue
            seen.add((line.text, label))
            gain = effect if may is Verdict.ALLOW else Effect.MAY_GAIN
            arrivals.append((label, gain, _by(line, after[by])))
            yield label, AccessChange(gain, _by(line, after[by]))


def _by(line: Line, middle: Role) -> Line:
    return replace(line, who=f"{line.who.partition(' through ')[0]} through {middle.arn}")
