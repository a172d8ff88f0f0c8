"""The callers of a whole account that may assume a role that trusts the account. Pure.

A trust policy that names an account leaves it to that account's own policies who may:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts
Its root user is not among them: STS lets no root user assume a role. What service control policies
of its organization forbid is not seen here.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import islice, product
from typing import Final

from irsa.access import called_by, judge
from irsa.decide.document import statements_of
from irsa.decide.patterns import Key, Value
from irsa.decide.principals import Caller, caller_from_arn, session_of
from irsa.decide.steps import AssumeRole
from irsa.decide.truth import Verdict
from irsa.identity.policy_json import Json
from irsa.observe.facts import PermissionsPolicy, Principal, Role, Unread

SESSION_NAME: Final = "irsa-explain"
EXTERNAL_ID, SOURCE_IDENTITY = "sts:externalid", "sts:sourceidentity"
SESSION, _TAG = "sts:rolesessionname", "aws:requesttag/"
_TAG_KEYS, _TRANSITIVE = "aws:tagkeys", "sts:transitivetagkeys"
_CONTEXTS: Final = "sts:requestcontext"
_TRIED: Final = 256
"""Calls that are tried for one caller. What none of them shows stays undecided."""
_VARIABLE = re.compile(r"\$\{\s*([^},\s]+)[^}]*\}")

Context = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Asked:
    """Condition keys of policies, in lower case, with the values that stand beside them."""

    values: Mapping[str, list[str]]
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of session tags, as they are written, by name in lower case."""

    def prefixed(self, prefix: str) -> Iterator[str]:
        """The keys that begin with a text."""
        return (key for key in self.values if key.startswith(prefix))


def asked_by(documents: Iterable[Json]) -> Asked:
    """Return the keys of policies; of one that cannot be read, none."""
    values: dict[str, list[str]] = {}
    tags: dict[str, str] = {}
    for document in documents:
        named: list[str] = _VARIABLE.findall(json.dumps(document))
        keys = [(each, list[str]()) for each in named]
        try:
            for statement in statements_of(document):
                keys += [(each.key, [*each.values]) for each in statement.conditions]
        except ValueError:  # the evaluator says why
            continue
        for key, listed in keys:
            values.setdefault(key.lower(), []).extend(listed)
            names = [key[len(_TAG) :]] if key.lower().startswith(_TAG) else []
            names += listed if key.lower() in (_TAG_KEYS, _TRANSITIVE) else []
            tags |= {name.lower(): name for name in names if not set("*?$") & set(name)}
    return Asked(values, tags)


def whatever(asked: Asked) -> Iterator[Context]:
    """Yield contexts that together stand for every call: a value that the caller chooses is not
    known. Tags, a source identity and contexts need permissions: each is sent or certainly not."""
    tags = [*asked.prefixed(_TAG), *({_TAG_KEYS, _TRANSITIVE} & asked.values.keys())]
    source = [SOURCE_IDENTITY] if SOURCE_IDENTITY in asked.values else []
    kinds = [each for each in (tags, source, [*asked.prefixed(_CONTEXTS)]) if each]
    for sent in product([Key.ABSENT, Key.UNKNOWN], repeat=len(kinds)):
        yield {
            **{key: value for keys, value in zip(kinds, sent, strict=True) for key in keys},
            **({EXTERNAL_ID: Key.UNKNOWN} if EXTERNAL_ID in asked.values else {}),
        }


def calls(asked: Asked, known: Context) -> Iterator[Context]:
    """Yield calls with values that the policies ask for; ``known`` are keys for their variables."""

    def chosen(key: str) -> list[str]:
        texts = [_fitting(each, known) for each in asked.values.get(key, ())]
        return list(dict.fromkeys([SESSION_NAME, *filter(None, texts)]))

    optional = [each for each in (EXTERNAL_ID, SOURCE_IDENTITY) if each in asked.values]
    optional += [f"{_TAG}{name}" for name in asked.tags]
    options: dict[str, list[str | None]] = {SESSION: [*chosen(SESSION)]}
    options |= {key: [None, *chosen(key)] for key in optional}
    for picked in islice(product(*options.values()), _TRIED):
        sent = zip(options, picked, strict=True)
        call: dict[str, Value] = {key: value for key, value in sent if value is not None}
        names = tuple(asked.tags[key[len(_TAG) :]] for key in call if key.startswith(_TAG))
        if names:
            call[_TAG_KEYS] = names
        yield call
        if names and _TRANSITIVE in asked.values:
            yield {**call, _TRANSITIVE: names}


def _fitting(pattern: str, known: Context) -> str:
    """Return a text that fits a pattern; empty for one with a variable that is not known."""
    texts = [known.get(each.lower()) for each in _VARIABLE.findall(pattern)]
    if not all(isinstance(each, str) for each in texts):
        return ""
    filled = _VARIABLE.sub(lambda match: str(known[match[1].lower()]), pattern)
    return filled.replace("*", "xx").replace("?", "x")


_PRINCIPAL_TAG = "aws:principaltag/"
UNLISTED = "not all of its policies were listed"


@dataclass(frozen=True, slots=True)
class Callers:
    """The users and roles of one account that may assume one role."""

    account: str
    may: tuple[str, ...] = ()
    perhaps: tuple[tuple[str, str], ...] = ()
    """Undecided users and roles, each with the missing fact."""
    unread: Unread | None = None

    @property
    def texts(self) -> list[str]:
        """One line each."""
        if self.unread is not None:
            return [f"{self.unread.text}; {self.unread.remedy}"]
        if not self.may and not self.perhaps:
            return [f"no caller: no policy of account {self.account} allows it"]
        return [*self.may, *(f"perhaps {arn}: {why}" for arn, why in self.perhaps)]


def who_may(role: Role, account: str, callers: Sequence[Principal] | Unread) -> Callers:
    """Return the callers of an account that may assume a role, as the evaluator decides it."""
    if isinstance(callers, Unread):
        return Callers(account, unread=callers)
    may: list[str] = []
    perhaps: list[tuple[str, str]] = []
    for caller in callers:
        if caller.arn == role.arn:
            continue  # it has what it would get
        verdict, why = _judged(role, caller)
        if verdict is Verdict.ALLOW:
            may.append(caller.arn)
        elif verdict is Verdict.UNKNOWN:
            perhaps.append((caller.arn, UNLISTED if _is_unlisted(caller) else why))
    return Callers(account, tuple(may), tuple(perhaps))


def _judged(role: Role, caller: Principal) -> tuple[Verdict, str]:
    """Decide whether any call of the caller gets the role; with the fact that is missing.

    Only what no call can change is a denial.
    """
    asked = asked_by((role.trust_policy, *(each.content for each in _policies(caller))))
    known = _known(role, caller, asked)
    # A session of a role may have further tags, and hide its role's, by those of its own call.
    own = asked.prefixed(_PRINCIPAL_TAG) if isinstance(caller, Role) else ()
    tags = dict.fromkeys(own, Key.UNKNOWN)
    step = cache(partial(called_by, role, caller))  # compiles the policies
    anyone = _session(caller, None)
    answers = [
        judge(partial(_called, step, anyone, {**known, **tags, **context}))
        for context in whatever(asked)
    ]
    by_verdict = {each.verdict: each for each in answers}
    if Verdict.ALLOW in by_verdict or Verdict.UNKNOWN not in by_verdict:
        return (Verdict.ALLOW if Verdict.ALLOW in by_verdict else Verdict.DENY), ""
    variables = known if isinstance(caller, Role) else {**known, "aws:username": caller.name}
    named = _session(caller, SESSION_NAME)
    for call in calls(asked, variables):
        answer = judge(partial(_called, step, named, {**known, **call}))
        if answer.verdict is Verdict.ALLOW:
            return Verdict.ALLOW, ""
    return Verdict.UNKNOWN, by_verdict[Verdict.UNKNOWN].deciding.removeprefix("missing fact: ")


def _known(role: Role, caller: Principal, asked: Asked) -> dict[str, Value]:
    """Return the tags of both sides that policies ask for, as condition keys."""
    own = {
        _PRINCIPAL_TAG: caller.tags,
        "aws:resourcetag/": role.tags,
        "iam:resourcetag/": role.tags,
    }
    known: dict[str, Value] = {}
    for prefix, tags in own.items():
        lower = {name.lower(): value for name, value in tags.items()}
        for key in asked.prefixed(prefix):
            known[key] = lower.get(key.removeprefix(prefix), Key.ABSENT)
    return known


def _policies(caller: Principal) -> list[PermissionsPolicy]:
    listed = (*caller.known_policies, caller.boundary)
    return [each for each in listed if isinstance(each, PermissionsPolicy)]


def _is_unlisted(caller: Principal) -> bool:
    return any(isinstance(each.document, Unread) for each in _policies(caller))


def _session(caller: Principal, name: str | None) -> Caller:
    """A user as a caller, or a session of a role, whose name need not be known."""
    if isinstance(caller, Role):
        return session_of(caller.arn, name, caller.unique_id)
    return caller_from_arn(caller.arn, unique_id=caller.unique_id)


def _called(
    step: Callable[[], AssumeRole], caller: Caller, context: Mapping[str, Value]
) -> AssumeRole:
    external_id, name = context.get(EXTERNAL_ID), context.get(SESSION)
    return replace(
        step(),
        caller=caller,
        session_name=name if isinstance(name, str) else None,
        external_id=external_id if isinstance(external_id, str) else None,
        context=context,
    )
