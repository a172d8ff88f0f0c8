"""Gains and losses of access by a change of a stack. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from irsa.callers.difference import Change, Effect, permission_changes, trust_changes
from irsa.callers.lines import Line, callers_of
from irsa.callers.members import who_may
from irsa.callers.sets import Undecided
from irsa.callers.ways import ClientIds, Known
from irsa.decide.document import statements_of
from irsa.identity.arns import account_named_by, account_of, name_of
from irsa.observe.facts import Role, Unread
from irsa.observe.pulumi import LATER, StackResources, StackRole

GAINING = (Effect.GAINS, Effect.MAY_GAIN)


class RoleChange(NamedTuple):
    """Effects of a change on one role."""

    role: str
    """Its ARN, or its name while that is not known."""
    callers: Sequence[Change] = ()
    calls: Sequence[Change] = ()
    """Calls that its own permissions allow."""
    undecided: Sequence[str] = ()
    """Reasons why it is not all known."""


Pair = tuple[StackRole | None, StackRole | None]
"""A role before and after; None where it does not exist."""


def stack_changes(old: StackResources, new: StackResources) -> list[RoleChange]:
    """Compare the roles of a stack, and follow those that may assume others of them."""
    ids = [{each.arn: each.client_ids for each in stack.providers} for stack in (old, new)]
    pairs = [*_pairs(old.roles, new.roles)]
    found = {_label(pair): _of_role(pair, *ids) for pair in pairs}
    associations = {False: {*old.associations}, True: {*new.associations}}
    for is_new, effect in ((True, Effect.GAINS), (False, Effect.LOSES)):
        changed = associations[is_new] - associations[not is_new]
        for each in sorted(changed, key=lambda each: each.arn):
            who = f"service account {'/'.join(each.account)} by the association {each.arn}"
            own = found.get(each.role_arn, RoleChange(each.role_arn))
            change = Change(effect, Line(who, (), 0, {}))
            found[each.role_arn] = own._replace(callers=[*own.callers, change])
    roles = {_label(pair): _role(pair[1]) for pair in pairs if pair[1]}
    for label, own in found.items():
        found[label] = own._replace(
            calls=[e for e in own.calls if not _is_refused(e, label, roles)]
        )
    for label, change in _through(pairs, found):
        own = found[label]
        if change not in own.callers:
            found[label] = own._replace(callers=[*own.callers, change])
    return [each for each in found.values() if any(each[1:])]


def _label(pair: Pair) -> str:
    return next(each.label for each in reversed(pair) if each)


def _pairs(old: Sequence[StackRole], new: Sequence[StackRole]) -> Iterator[Pair]:
    """Pair the roles by their ARNs, and those whose ARNs are known later by their names."""
    left = {each.label: each for each in old}
    for each in new:
        before = left.pop(each.label, None)
        if before is None and each.arn == LATER:
            same = [label for label in left if name_of(label) == each.name]
            before = left.pop(same[0]) if len(same) == 1 else None
        yield before, each
    yield from ((each, None) for each in left.values())


def _of_role(pair: Pair, earlier: ClientIds, ids: ClientIds) -> RoleChange:
    own = RoleChange(_label(pair))
    if pair[0] == pair[1] and earlier == ids:
        return own
    trusts = [each and each.trust_policy for each in pair]
    hidden = next((each for each in trusts if isinstance(each, str)), "")
    undecided = [f"the trust policy is {hidden}"] if hidden and trusts[0] != trusts[1] else []
    known = Known(account_of(own.role), ids)
    try:
        before, after = (None if isinstance(each, str) else each for each in trusts)
        callers = [] if hidden else trust_changes(before, after, known, earlier)
    except (ValueError, Undecided) as error:
        callers, undecided = [], [*undecided, f"the trust policy: {error}"]
    calls: list[Change] = []
    policies = [each.policies if each else () for each in pair]
    try:
        listed = [[p.content for p in each if p.content] for each in policies]
        calls = permission_changes(*listed, role_arn=own.role)
    except (ValueError, Undecided) as error:
        undecided.append(f"the permissions: {error}")
    return own._replace(callers=callers, calls=[*calls, *_unread(pair)], undecided=undecided)


def _unread(pair: Pair) -> Iterator[Change]:
    """The policies whose documents are not known, and the permissions boundary."""

    def names(role: StackRole | None) -> set[str]:
        listed = role.policies if role else ()
        return {e.arn or e.name for e in listed if isinstance(e.document, Unread)}

    old, new = map(names, pair)
    for effect, changed in ((Effect.MAY_GAIN, new - old), (Effect.MAY_LOSE, old - new)):
        for each in sorted(changed):
            yield Change(effect, Line(f"what the policy {each} allows", (), 0, {}))
    before, after = (each.boundary if each else "" for each in pair)
    if before != after and all(pair):
        effect = Effect.MAY_LOSE if not before else Effect.MAY_GAIN
        text = f"what the permissions boundary {before or after} keeps out"
        yield Change(effect, Line(text, (), 0, {}))


def _is_refused(change: Change, label: str, roles: Mapping[str, Role]) -> bool:
    """Return whether a call is AssumeRole alone, on a role of the stack that does not trust it."""
    action, _, arn = change.line.who.partition(" on ")
    if action.lower() != "sts:assumerole" or not {arn, label} <= roles.keys():
        return False
    return not _assumes(roles[label], roles[arn])


def _through(
    pairs: Sequence[Pair], found: Mapping[str, RoleChange]
) -> Iterator[tuple[str, Change]]:
    """Yield the callers who come to a role through another one that they or it newly may assume."""
    before, after = ({_label(p): _role(each) for p in pairs if (each := p[n])} for n in (0, 1))
    changed = {_label(pair) for pair in pairs if pair[0] != pair[1]}
    waiting = [
        (label, change.effect, change.line)
        for label, own in found.items()
        for change in own.callers
        if change.effect in GAINING and label in after
    ]
    names = {label: _named(each) for label, each in after.items()}
    for middle, target in _pairs_of(after, names, changed):
        old = before.get(middle.arn), before.get(target.arn)
        if _assumes(middle, target) and not (old[0] and old[1] and _assumes(old[0], old[1])):
            for line in callers_of(middle.trust_policy, Known(middle.account)).lines:
                waiting.append((target.arn, Effect.GAINS, _by(line, middle)))
                yield target.arn, Change(Effect.GAINS, _by(line, middle))
    seen: set[tuple[str, str]] = set()
    while waiting:
        label, effect, line = waiting.pop()
        for middle, target in _pairs_of(after, names, {label}):
            new = middle.arn == label and (line.text, target.arn) not in seen
            if new and _assumes(middle, target):
                seen.add((line.text, target.arn))
                waiting.append((target.arn, effect, _by(line, middle)))
                yield target.arn, Change(effect, _by(line, middle))


def _role(role: StackRole) -> Role:
    trust = role.trust_policy if not isinstance(role.trust_policy, str) else {}
    return Role(role.label, "", trust, policies=role.policies)


def _by(line: Line, middle: Role) -> Line:
    return replace(line, who=f"{line.who.partition(' through ')[0]} through {middle.arn}")


def _named(role: Role) -> set[str]:
    """The roles, accounts and "*" that a trust policy names."""
    listed = [one for each in statements_of(role.trust_policy) for one in each.named("AWS")]
    return {account_named_by(each) or each for each in listed}


def _pairs_of(
    roles: Mapping[str, Role], names: Mapping[str, set[str]], some: set[str]
) -> Iterator[tuple[Role, Role]]:
    """Yield two roles, of which the first is named by the second's trust policy, and one of which
    is among ``some``."""
    own = [roles[each] for each in sorted(some & roles.keys())]
    for label, named in names.items():
        for middle in (roles.values() if label in some else own) if named else ():
            if middle.arn != label and not named.isdisjoint((middle.arn, middle.account, "*")):
                yield middle, roles[label]


def _assumes(middle: Role, target: Role) -> bool:
    members = who_may(target, middle.account, [middle])
    return bool(members.may or members.perhaps)
