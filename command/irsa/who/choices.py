"""The values that a caller chooses in a call of AssumeRole, as far as policies ask for them. Pure.

A caller chooses the session's name, the external id, the source identity and the session tags:
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Final

from irsa.decide.document import statements_of
from irsa.decide.patterns import Key, Value
from irsa.identity.policy_json import Json

SESSION_NAME: Final = "irsa-explain"
EXTERNAL_ID, SOURCE_IDENTITY = "sts:externalid", "sts:sourceidentity"
SESSION, _TAG = "sts:rolesessionname", "aws:requesttag/"
_TAG_KEYS, _TRANSITIVE = "aws:tagkeys", "sts:transitivetagkeys"
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
    known. Tags and a source identity need permissions, so that each is sent or certainly not."""
    tags = [*asked.prefixed(_TAG), *({_TAG_KEYS, _TRANSITIVE} & asked.values.keys())]
    source = [SOURCE_IDENTITY] if SOURCE_IDENTITY in asked.values else []
    for with_tags, with_source in product([False, True][: 1 + bool(tags)], [False, True]):
        if with_source and not source:
            continue
        yield {
            **dict.fromkeys(tags, Key.UNKNOWN if with_tags else Key.ABSENT),
            **dict.fromkeys(source, Key.UNKNOWN if with_source else Key.ABSENT),
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
