"""Configuration becomes dataclasses, or one line that says where the mistake is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest

from components.config.reader import read
from components.config.texts import RoleName
from irsa.identity.arns import AccountId


@dataclass(frozen=True, kw_only=True)
class Wheel:
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size {self.size} is not positive")


@dataclass(frozen=True, kw_only=True)
class Car:
    name: str
    wheels: tuple[Wheel, ...] = ()
    fuel: Literal["petrol", "sun"] = "sun"
    fast_lane: bool = False
    spare: Wheel | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Owner:
    name: str
    account: AccountId
    cars: tuple[Car, ...]
    roles: Mapping[str, RoleName] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Boat:
    SECTION: ClassVar[str] = "sail"
    WAYS_OUT: ClassVar[Mapping[str, str]] = {"wheel": "boats have rudders", "mast": "put one up"}

    sail: Wheel
    mast: str


@dataclass(frozen=True, kw_only=True)
class Bicycle:
    wheel: Wheel


ACCOUNT = "111122223333"
OWNER = {"name": "o", "account": ACCOUNT, "cars": [{"name": "a"}]}


def test_a_mapping_becomes_a_dataclass():
    value = {
        "name": "a",
        "wheels": [{"size": 1}, {"size": 2}],
        "fuel": "petrol",
        "fastLane": True,
        "spare": {"size": 3},
        "labels": {"x": "y"},
    }

    assert read(Car, value, "p:") == Car(
        name="a",
        wheels=(Wheel(size=1), Wheel(size=2)),
        fuel="petrol",
        fast_lane=True,
        spare=Wheel(size=3),
        labels={"x": "y"},
    )


def test_what_is_left_out_or_null_has_its_default():
    assert read(Car, {"name": "a", "spare": None}, "p:") == Car(name="a")


def test_the_strings_of_a_stack_file_are_understood():
    value = {"name": "a", "wheels": json.dumps([{"size": "1"}]), "fastLane": "true"}

    assert read(Car, value, "p:") == Car(name="a", wheels=(Wheel(size=1),), fast_lane=True)


def test_fields_given_by_the_caller_are_no_keys():
    assert read(Wheel, {}, "p:", size=4) == Wheel(size=4)
    with pytest.raises(ValueError, match="p: unknown key 'size'"):
        read(Wheel, {"size": 1}, "p:", size=4)


KEYS = "(keys here: name, wheels, fuel, fastLane, spare, labels)"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"nmae": "a"}, f"p: unknown key 'nmae'; did you mean 'name'? {KEYS}"),
        ({"name": "a", "zzz": 1}, f"p: unknown key 'zzz'; remove it {KEYS}"),
        (
            {"name": "a", "fast_lane": True},
            f"p: unknown key 'fast_lane'; did you mean 'fastLane'? {KEYS}",
        ),
        ({}, f"p: 'name' is missing; add it {KEYS}"),
        ({"name": None}, f"p: 'name' is missing; add it {KEYS}"),
        ({"name": 5}, "p:name: 5 is not text; put it in quotes"),
        ({"name": ""}, "p:name is empty; give it a value, or leave it out for its default"),
        ({"name": "a", "fuel": "coal"}, "p:fuel: 'coal' is none of petrol, sun"),
        ({"name": "a", "fastLane": "yes"}, "p:fastLane: 'yes' is neither true nor false"),
        ({"name": "a", "fastLane": 1}, "p:fastLane: 1 is neither true nor false"),
        ({"name": "a", "wheels": {}}, "p:wheels: {} is not a list"),
        ({"name": "a", "wheels": "x"}, "p:wheels: 'x' is not a list"),
        ({"name": "a", "wheels": [3]}, "p:wheels[0]: 3 is not a mapping"),
        (
            {"name": "a", "wheels": [{"size": 1}, {}]},
            "p:wheels[1]: 'size' is missing; add it (keys here: size)",
        ),
        ({"name": "a", "wheels": [{"size": True}]}, "p:wheels[0].size: True is not a whole number"),
        ({"name": "a", "wheels": [{"size": 1.5}]}, "p:wheels[0].size: 1.5 is not a whole number"),
        ({"name": "a", "spare": {"size": "x"}}, "p:spare.size: 'x' is not a whole number"),
        ({"name": "a", "spare": {"size": 0}}, "p:spare: size 0 is not positive"),
        (
            {"name": "a", "spare": {"sise": 0}},
            "p:spare: unknown key 'sise'; did you mean 'size'? (keys here: size)",
        ),
        ({"name": "a", "labels": {"x": 1}}, "p:labels.x: 1 is not text; put it in quotes"),
        ({"name": "a", "labels": []}, "p:labels: [] is not a mapping"),
    ],
)
def test_a_mistake_is_one_line_with_place_value_and_remedy(value, line):
    with pytest.raises(ValueError, match=r".") as caught:
        read(Car, value, "p:")
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"cars": [{"name": "a"}, {"name": "b", "wheels": [{"size": 0}]}]},
            "p:cars[b].wheels[0]: size 0 is not positive",
        ),
        ({"cars": [{"name": "a"}, {"name": 5}]}, "p:cars[1].name: 5 is not text; put it in quotes"),
        ({"cars": [{"fuel": "sun"}]}, f"p:cars[0]: 'name' is missing; add it {KEYS}"),
        ({"cars": []}, "p:cars is empty; fill it, or write 'none' if that is meant"),
        ({"cars": "[]"}, "p:cars is empty; fill it, or write 'none' if that is meant"),
        ({"cars": None}, "p: 'cars' is missing; add it (keys here: name, account, cars, roles)"),
        (
            {"account": 1234},
            (
                "p:account: account id '1234' is not 12 digits "
                "(put it in quotes, or YAML drops zeros at its beginning)"
            ),
        ),
        (
            {"roles": {"x": "a b"}},
            "p:roles.x: role name 'a b' may have letters, digits and any of _+=,.@- only",
        ),
        ({"account": 1.5}, "p:account: 1.5 is not text; put it in quotes"),
    ],
)
def test_a_mistake_is_put_down_to_an_entrys_name_and_to_its_key(changes, line):
    """F i."""
    with pytest.raises(ValueError, match=r".") as caught:
        read(Owner, {**OWNER, **changes}, "p:")
    assert str(caught.value) == line


def test_a_list_that_must_be_given_says_that_it_is_empty():
    assert read(Owner, {**OWNER, "cars": "none"}, "p:").cars == ()


def test_an_account_id_may_be_a_number_that_lost_nothing():
    assert read(Owner, {**OWNER, "account": int(ACCOUNT)}, "p:").account == ACCOUNT


def test_a_section_says_which_of_several_classes_is_meant():
    wheel = {"size": 1}

    assert read(Boat | Bicycle, {"sail": wheel, "mast": "m"}, "p:") == Boat(
        sail=Wheel(size=1), mast="m"
    )
    assert read(Boat | Bicycle, {"wheel": wheel, "sail": None}, "p:") == Bicycle(
        wheel=Wheel(size=1)
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            {"sail": {"size": 1}, "mast": "m", "wheel": {}},
            "p: unknown key 'wheel'; boats have rudders",
        ),
        ({"sail": {"size": 1}}, "p: 'mast' is missing; put one up"),
        (
            {"wheel": {"size": 1}, "mast": "m"},
            "p: unknown key 'mast'; remove it (keys here: wheel)",
        ),
        ({"mats": None}, "p: unknown key 'mats'; remove it (keys here: wheel)"),
    ],
)
def test_a_class_says_what_to_do_about_its_keys(value, line):
    with pytest.raises(ValueError, match=r".") as caught:
        read(Boat | Bicycle, value, "p:")
    assert str(caught.value) == line


def test_broken_json_is_named():
    with pytest.raises(ValueError, match=r"^p:wheels: '\[1,' is not valid JSON"):
        read(Car, {"name": "a", "wheels": "[1,"}, "p:")
