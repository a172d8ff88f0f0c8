"""Sets of callers in words, a line for each pattern that no other one contains. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

from irsa.callers.classes import Linear, text
from irsa.callers.facts import NOTHING_KNOWN, SAME, Fact, RoleFacts, Way
from irsa.callers.sets import CallerClass, Undecided, admits, admitted, compares_itself, linear
from irsa_core.decide.condition_keys import OPAQUE
from irsa_core.decide.conditions import Test
from irsa_core.decide.document import Condition, Statement, statements_of
from irsa_core.decide.evaluate import StepAnswer
from irsa_core.decide.operators import read_operator
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principals import UNIQUE_ID, Directness
from irsa_core.decide.reasons import named
from irsa_core.decide.statements import CompiledStatement, Policy
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.identity.arns import (
    account_named_by,
    account_of,
    is_oidc_provider,
    issuer_of_principal,
    kind_of,
)
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json
from irsa_core.rules.issuers import is_dual_stack, is_misspelt_eks


@dataclass(frozen=True, slots=True)
class Line:
    """Callers that one statement allows."""

    who: str
    conditions: tuple[str, ...]
    """Further conditions, in the policy's own words."""
    statement: int
    """The statement's number, from 1."""
    witness: Mapping[str, Value]
    """The facts of one of them, with the shortest values."""
    account: str = ""
    """The account that decides by its own policies who of it may; empty for all else."""
    extent: tuple[frozenset[Value], ...] = ()
    """The values that are told apart, of each fact of identity."""
    many: bool = False
    """True if patterns with wildcards say who they are."""
    patterns: tuple[str, ...] = ()
    """The pattern of each fact of identity; empty for any value."""
    in_part: bool = False
    """True if others that the statement is about, with the same patterns, are not meant."""

    @property
    def text(self) -> str:
        """The whole in one line."""
        return f"{self.who} if {' and '.join(self.conditions)}" if self.conditions else self.who

    @property
    def example(self) -> str:
        """The witness in words."""
        values = {n: v for n, v in self.witness.items() if not isinstance(v, Key)}
        shown = (f"{n} {' and '.join(v) if isinstance(v, tuple) else v}" for n, v in values.items())
        return f"such as {', '.join(shown)}"

    def contains(self, other: "Line") -> bool:
        """Return whether all callers of another line of the same way are callers of this one."""
        return (self.conditions, self.account) == (other.conditions, other.account) and all(
            mine >= its for mine, its in zip(self.extent, other.extent, strict=True)
        )


class Callers(NamedTuple):
    """The callers of a trust policy."""

    lines: Sequence[Line] = ()
    denied: Sequence[str] = ()
    """The statements that deny, in words."""
    undecided: str = ""
    """The reason why they are not all known."""
    empty: Sequence[str] = ()
    """If no caller can use the role: what keeps the callers of each statement out."""

    @property
    def notes(self) -> list[str]:
        """The rest, a line each."""
        undecided = [f"undecided: {self.undecided}"] if self.undecided else []
        return [*(f"no caller: {each}" for each in self.empty), *self.denied, *undecided]


def callers_of(trust_policy: Json, facts: RoleFacts = NOTHING_KNOWN) -> Callers:
    """Return the callers of a trust policy, as far as ``facts`` of its role go."""
    statements = statements_of(trust_policy)
    denied = [_denial(deny) for deny in statements if not deny.allows and deny.assume_actions]
    try:
        may_come = admitted(accepted(trust_policy), facts)
        callers = [*once(line for way, kinds in may_come for line in lines(way, [*kinds]))]
    except (ValueError, Undecided) as error:
        return Callers((), denied, str(error))
    callers += [line for statement in statements if statement.allows for line in unread(statement)]
    undecided = "an output that is not known yet" * (UNKNOWN_OUTPUT in str(trust_policy))
    empty = () if callers or undecided else shut_out(trust_policy, facts)
    return Callers(callers, denied, undecided, empty)


def accepted(trust_policy: Json) -> Policy:
    """Compile a trust policy; raises ValueError for one that IAM refuses."""
    policy = compile_trust_policy(trust_policy)
    conditions = (test.condition for each in policy.statements for test in each.conditions)
    if unknown := [e.operator for e in conditions if not read_operator(e.operator).known]:
        raise ValueError(f"there is no operator {unknown[0]!r}, and IAM refuses the policy")
    return policy


def shut_out(trust_policy: Json, facts: RoleFacts) -> list[str]:
    """If no caller can use a role: what keeps the callers of each statement out. Empty for others,
    and for what is not decided; raises ValueError for a policy that IAM refuses."""
    policy, statements = accepted(trust_policy), statements_of(trust_policy)
    unread_ones = any([*unread(statement)] for statement in statements if statement.allows)
    if not statements or unread_ones or UNKNOWN_OUTPUT in str(trust_policy):
        return []
    try:
        if admits(policy, facts):
            return []
        allowing = [n for n, statement in enumerate(policy.statements) if statement.allow]
        reasons = [f"statement {place + 1}: {_reason(policy, place, facts)}" for place in allowing]
        return reasons or ["no statement allows"]
    except Undecided:
        return []


def _reason(policy: Policy, place: int, facts: RoleFacts) -> str:
    statement = policy.statements[place]
    tests = statement.conditions

    def opens(conditions: Sequence[Test]) -> bool:
        listed = [*policy.statements]
        listed[place] = statement._replace(conditions=tuple(conditions))
        return admits(policy._replace(statements=tuple(listed)), facts)

    for dropped in (subset for size in (1, 2) for subset in combinations(tests, size)):
        if opens([test for test in tests if test not in dropped]):
            parts = [f"{e.condition.text} is {_values_in(e.condition)}" for e in dropped]
            beside = " beside the rest of the policy" if len(parts) == 1 and opens(dropped) else ""
            return f"{' and '.join(parts)}, which no caller meets{beside}"
    if tests and opens(()):
        return "its conditions, which no caller meets at once"
    allowing = policy._replace(statements=tuple(e for e in policy.statements if e.allow))
    if admits(allowing, facts):
        return "a statement denies all of its callers"
    element = statement.principal
    entries = sorted(e for names in element.entries.values() for e in names) if element else []
    for entry in entries:
        if UNIQUE_ID.fullmatch(entry):
            return f"{entry} was deleted"
        if is_oidc_provider(entry) and "://" in entry:
            return f"no ARN of an OIDC provider has the :// of {entry}"
        name = issuer_of_principal(entry)
        if is_misspelt_eks(name) or is_dual_stack(name):
            return f"EKS writes no issuer {name} into tokens"
        foreign = facts.account and account_of(entry) not in ("", facts.account)
        if foreign and is_oidc_provider(entry):
            return f"a role trusts OIDC providers of its own account, not {entry}"
        if facts.every_provider and is_oidc_provider(entry) and entry not in facts.client_ids:
            return f"{entry} is not registered"
    return f"{', '.join(entries)} cannot make the calls that it allows"


def once(found: Iterable[Line]) -> Iterator[Line]:
    """Yield lines, each text once, with its shortest witness."""
    by_text: dict[tuple[str, str], Line] = {}
    for each in found:
        key = each.text, each.account
        if key not in by_text or _length(each.witness) < _length(by_text[key].witness):
            by_text[key] = each
    yield from by_text.values()


def lines(
    way: Way, callers: Sequence[CallerClass], number: int = 0, others: Sequence[CallerClass] = ()
) -> Iterator[Line]:
    """Yield lines for kinds of callers by one way, and not for others, from the statements of a
    document."""
    mine: list[Line] = []
    decided = (kind.answers[number].decision for kind in callers)
    policy = next((decision.policies.resource_side for decision in decided if decision), None)
    for place, statement in enumerate(policy.statements if policy else ()):
        matching = [e for e in callers if applies(place, e.answers[number])]
        rest = [e for e in others if applies(place, e.answers[number])]
        if statement.allow and matching:
            mine += _of_statement(way, statement, place + 1, matching, rest)
    yield from widest(mine)


def widest(listed: Sequence[Line]) -> Iterator[Line]:
    """Yield the lines of one way that no other one contains."""
    for place, each in enumerate(listed):
        wider = [n for n, e in enumerate(listed) if n != place and e.contains(each)]
        if not any(n < place or not each.contains(listed[n]) for n in wider):
            yield each


def applies(place: int, answer: StepAnswer) -> bool:
    """Return whether a statement may apply to a call."""
    decision = answer.decision
    if decision is None or decision.policies.resource_side is None:
        return False
    statement, request = decision.policies.resource_side.statements[place], decision.request
    most = named(statement, request.caller, decision.policies)[1]
    fits = statement.applies(request.action, request.resource, request.value)
    return most is not Directness.NONE and fits is not False


class _Option(NamedTuple):
    """A value by which a statement says who the caller is."""

    text: str = ""
    """Empty for any."""
    pattern: Linear | None = None
    account: str = ""


def _of_statement(
    way: Way,
    statement: CompiledStatement,
    number: int,
    callers: Sequence[CallerClass],
    rest: Sequence[CallerClass],
) -> Iterator[Line]:
    conditions = [test.condition for test in statement.conditions]
    identity = [fact for fact in way.facts if fact.identity]
    options: list[list[_Option]] = []
    used: list[Condition] = []
    for fact in identity:
        mine = [e for e in conditions if e.positive and fact.keys.get(e.key.lower()) == SAME]
        read = [(condition, linear(condition, SAME)) for condition in mine]
        named = next(((condition, patterns) for condition, patterns in read if patterns), None)
        if fact.apart is not None:
            options.append([*_entries(way, fact, statement)])
        elif named:
            used.append(named[0])
            options.append([_Option(*e) for e in zip(named[0].values, named[1], strict=True)])
        else:
            options.append([_Option()])
    left = (limit for limit in conditions if limit not in used and not compares_itself(limit))
    others = tuple(words(condition, way.principal) for condition in left)
    everyone = statement.principal is not None and statement.principal.everyone and not used
    for chosen in product(*options):
        globs = {
            fact.name: option.pattern
            for fact, option in zip(identity, chosen, strict=True)
            if option.pattern is not None
        }
        live = [one for kind in callers if (one := _witness(kind, globs))]
        if live:
            passed = _passed_by_all(live)
            yield Line(
                ("everyone" if everyone else way.who(*(option.text for option in chosen))) + passed,
                others,
                number,
                min(live, key=_length),
                next((option.account for option in chosen if option.account), ""),
                tuple(frozenset(_values(callers, f.name, globs.get(f.name))) for f in identity),
                any(place.others for glob in globs.values() for place in glob),
                tuple(option.text if option.pattern is not None else "" for option in chosen),
                any(_witness(kind, globs) for kind in rest),
            )


def _passed_by_all(witnesses: Sequence[Mapping[str, Value]]) -> str:
    """Return the things that all of them pass on to their sessions, in words."""
    sent = [[n for n, value in e.items() if value is not Key.ABSENT] for e in witnesses]
    tags = all(any(name.startswith("tag ") for name in names) for names in sent)
    source = all("source identity" in names for names in sent)
    return " with session tags" * tags + " with a source identity" * source


def _entries(way: Way, fact: Fact, statement: CompiledStatement) -> Iterator[_Option]:
    """Yield the users or roles of an account, or the session, that a Principal element names."""
    element = statement.principal
    listed = element.entries.get("AWS", ()) if element else ()
    if element and element.negated:
        named = ", ".join(e for names in element.entries.values() for e in names)
        yield _Option(f"everyone except {named}")
        return
    account = way.principal.partition(" ")[0]
    for entry in listed:
        if entry == "*":
            yield _Option("everyone")
        elif account_named_by(entry) == account:
            yield _Option(f"every caller that account {account} allows", None, account)
        elif text(entry) in (fact.apart or ()):
            yield _Option(entry, text(entry))


def _values(own: Sequence[CallerClass], name: str, pattern: Linear | None) -> Iterator[Value]:
    members = (member for kind in own for member in kind.groups[name].items())
    return (value for value, fits in members if pattern is None or pattern in fits)


def _witness(kind: CallerClass, wanted: Mapping[str, Linear]) -> dict[str, Value]:
    """The shortest values that fit the patterns; empty if there are none."""
    found: dict[str, Value] = {}
    for name in kind.groups:
        value = next(_values([kind], name, wanted.get(name)), None)
        if value is None:
            return {}
        found[name] = value
    return found


def _length(witness: Mapping[str, Value]) -> int:
    return sum(len(str(each)) for each in witness.values() if each is not Key.ABSENT)


def words(condition: Condition, principal: str = "") -> str:
    """Return a condition in the policy's own words."""
    key = condition.key.removeprefix(f"{issuer_of_principal(principal)}:")  # said already
    return f"{key} {condition.operator} {_values_in(condition)}"


def _values_in(condition: Condition) -> str:
    """The values in words; in quotes where their ends cannot be seen."""
    return " or ".join(v if v == v.strip() != "" else repr(v) for v in condition.values)


def _denial(statement: Statement) -> str:
    names = [name for each in statement.principals.values() for name in each]
    who = "everyone" if "*" in names else ", ".join(names)
    if statement.excepts:
        who = f"everyone except {', '.join(names)}"
    conditions = " and ".join(map(words, statement.conditions))
    return f"denied: {who}{f' if {conditions}' if conditions else ''}"


def unread(statement: Statement) -> Iterator[Line]:
    """The users of SAML providers and of issuers whose tokens are no JWTs, which are not read."""
    federated, named = statement.named("Federated"), list[str]()
    if statement.covers("sts:AssumeRoleWithSAML"):
        everyone = "*" in (*federated, *statement.named("AWS"))
        saml = [arn for arn in federated if kind_of(arn) == "saml-provider"]
        named = ["any SAML provider"] if everyone else saml
    if statement.covers("sts:AssumeRoleWithWebIdentity"):
        named += [arn for arn in federated if arn in OPAQUE]
    others = tuple(map(words, statement.conditions))
    for provider in named:
        yield Line(f"every user who signs in at {provider}", others, statement.number, {})
