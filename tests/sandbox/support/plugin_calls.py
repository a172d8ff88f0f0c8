"""The written list of calls that the published plugins make, and its replay."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import jmespath
import yaml
from botocore.exceptions import BotoCoreError, ClientError

FOLDER = Path(__file__).parents[1] / "aws" / "plugin_calls"
SERVICES = ("provider", "iam", "ec2", "eks", "s3")
"""The files of the folder, in the order in which what they make needs each other."""

STEPS = ("create", "read", "update", "delete", "gone")


class Call(NamedTuple):
    """One call; `plugin_calls/README.md` says what the fields are."""

    name: str
    """``SERVICE.OPERATION``, as boto3 has them."""
    arguments: Mapping[str, Any]
    gives: Mapping[str, Any]
    keep: Mapping[str, str]
    absent: str | None
    refusal_will_do: str | None


class Entry(NamedTuple):
    """A resource type or a function."""

    token: str
    kind: str
    """``resource`` or ``function``."""
    source: list[str]
    calls: Mapping[str, list[Call]]
    """By operation."""


class Outcome(NamedTuple):
    """What became of a call."""

    token: str
    step: str
    call: str
    code: str
    """The refusal's code; empty for an answer."""
    problem: str
    """Why the plugin could not go on; empty when it could."""


class Missing(Exception):
    """A call needs a part of an answer that there was not."""


def entries() -> list[Entry]:
    """Everything in the list, in order."""
    return [
        _entry(written)
        for service in SERVICES
        for written in yaml.safe_load((FOLDER / f"{service}.yaml").read_text())
    ]


class Replay:
    """Makes the calls, and remembers what they give to the later ones."""

    def __init__(self, client: Callable[[str], Any], names: Mapping[str, Any]) -> None:
        self._client = client
        self.names = dict(names)

    def run(self, wanted: Iterable[Entry]) -> list[Outcome]:
        """Make, read, change and read everything, and then delete it, the last first."""
        order = list(wanted)
        outcomes = [
            outcome
            for entry in order
            for step in _there(entry)
            for outcome in self._step(entry, step)
        ]
        for entry in reversed(order):
            for step in ("delete", "gone"):
                outcomes += self._step(entry, step)
        return outcomes

    def _step(self, entry: Entry, step: str) -> Iterator[Outcome]:
        for call in entry.calls.get(step, ()):
            code, problem = self._make(call)
            yield Outcome(entry.token, step, call.name, code, problem)

    def _make(self, call: Call) -> tuple[str, str]:
        service, operation = call.name.split(".")
        try:
            arguments = self._filled(call.arguments)
            answer = _plain(getattr(self._client(service), operation)(**arguments))
            if call.absent is not None:
                return "", f"answered, where the plugin counts on {call.absent}"
            for path, expected in self._filled(call.gives).items():
                if (found := jmespath.search(path, answer)) != expected:
                    return "", f"{path} is {found!r}, not {expected!r}"
            self.names |= {n: jmespath.search(path, answer) for n, path in call.keep.items()}
        except ClientError as error:
            code, message = (error.response["Error"].get(part, "") for part in ("Code", "Message"))
            fine = code in (call.absent, call.refusal_will_do)
            return code, "" if fine else f"{code}: {message}"
        except (BotoCoreError, Missing) as error:
            return type(error).__name__, str(error)
        return "", ""

    def _filled(self, value: Any) -> Any:
        """The value with what the names in it stand for."""
        if isinstance(value, Mapping):
            return {self._text(key): self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        try:
            return Template(text).substitute(self.names)
        except KeyError as error:
            raise Missing(f"nothing gave {error}") from error


def _there(entry: Entry) -> Iterator[str]:
    """The operations up to a deletion; every change ends in a read."""
    for step in ("create", "update"):
        if step in entry.calls:
            yield from (step, "read")
    if entry.kind == "function":
        yield "read"


def _entry(written: Mapping[str, Any]) -> Entry:
    (kind,) = written.keys() & {"resource", "function"}
    steps = {name: [_call(each) for each in written[name]] for name in STEPS if name in written}
    left = written.keys() - {kind, "source", *STEPS}
    assert not left, f"{written[kind]} has the unknown keys {sorted(left)}"
    return Entry(written[kind], kind, written["source"], steps)


def _call(written: Mapping[str, Any]) -> Call:
    settings = dict(written)
    (name,) = (key for key in settings if "." in key)
    arguments = settings.pop(name)
    call = Call(
        name,
        arguments,
        settings.pop("gives", {}),
        settings.pop("keep", {}),
        settings.pop("absent", None),
        settings.pop("or", None),
    )
    assert not settings, f"{name} has the unknown keys {sorted(settings)}"
    return call


def _plain(value: Any) -> Any:
    """An answer with its times as text, which JMESPath knows."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
