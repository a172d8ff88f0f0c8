"""Tables as YAML: each row is checked against its class."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import pytest

from irsa_core import tables
from tests.support.refusal import refusal


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Wheel:
    size: str


@dataclass(frozen=True)
class Car:
    key: str
    wheels: tuple[Wheel, ...]
    colours: frozenset[Colour] = frozenset()
    colour: Colour | None = None
    kind: Literal["van", "bus"] = "van"
    plate: re.Pattern[str] | None = None


ROW = {"wheels": [{"size": "large"}]}


def read(**more):
    return tables.rows(Car, {"a": {**ROW, **more}}, {"DIGITS": ["1+", "2+"]})["a"]


def test_a_row_becomes_an_object_of_its_class():
    given = {"colours": ["RED"], "colour": "RED", "kind": "bus", "plate": ["a<DIGITS>", "b"]}

    assert read(**given) == Car(
        "a", (Wheel("large"),), frozenset({Colour.RED}), Colour.RED, "bus",
        re.compile("a(?:1+|2+)|b", re.IGNORECASE),
    )  # fmt: skip


KNOWN = "key, wheels, colours, colour, kind, plate"


@pytest.mark.cases(("mistake", "message"), {
    "unknown key": ({"wheel": []}, f"a: unknown key wheel; known are {KNOWN}"),
    "missing key": ({"wheels": [{}]}, "a.wheels: no size"),
    "number for text": ({"wheels": [{"size": 1}]}, "a.wheels.size: 1 is no str"),
    "empty text": ({"wheels": [{"size": ""}]}, "a.wheels.size: '' is no str"),
    "text for a list": ({"wheels": "large"}, "a.wheels: 'large' is no tuple"),
    "text for an object": ({"wheels": ["large"]}, "a.wheels: 'large' is no Wheel"),
    "unknown colour": ({"colour": "red"}, "a.colour: 'red' is no Colour"),
    "unknown kind": ({"kind": "car"}, "a.kind: 'car' is no Literal"),
    "number for a pattern": ({"plate": 1}, "a.plate: 1 is no Pattern"),
})  # fmt: skip
def test_a_mistake_names_row_key_and_value(mistake, message):
    assert refusal(read, **mistake) == message
