"""The checks of a run, read from `checks.yaml`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.live.answers import GRANTED, Answer


@dataclass(frozen=True)
class Check:
    """A question to AWS, and the answer that it must give."""

    key: str
    title: str
    question: Mapping[str, Any]
    code: str
    contains: Sequence[str]
    lacks: Sequence[str]

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Check":
        """Return the check of one entry."""
        question = dict(written)
        key, title, code = question.pop("key"), question.pop("title"), question.pop("code", GRANTED)
        contains, lacks = (question.pop(part, ()) for part in ("contains", "lacks"))
        return cls(key, title, question, code, contains, lacks)

    def holds(self, answer: Answer, fill: Callable[[str], str]) -> bool:
        """Return whether code and text are as they must be."""
        return (
            answer.code == self.code
            and all(fill(part) in answer.text for part in self.contains)
            and not any(part in answer.text for part in self.lacks)
        )


CHECKS = [
    Check.read(each)
    for each in yaml.safe_load(Path(__file__).with_name("checks.yaml").read_text("utf-8"))
]
