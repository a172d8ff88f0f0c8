"""The difference between two values, by the engine's own spelling of a path (real-parts, 2)."""

import pytest

from irsa_sandbox.providers.values import UNKNOWN, PropertyChange, changes


@pytest.mark.cases(("old", "new", "found"), {
    "no difference": ({"a": 1}, {"a": 1}, []),
    "deleted": ({"a": 1}, {}, [("a", "delete")]),
    "added": ({}, {"a": 1}, [("a", "add")]),
    "nested": ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, [("a.b", "update"), ("a.c", "add")]),
    "unknown": ({"a": 1}, {"a": UNKNOWN}, [("a", "update")]),
    "key with a dot": ({"a": {"x.y/z": 1}}, {"a": {"x.y/z": 2}}, [('a["x.y/z"]', "update")]),
    "key with a quote": ({"a": {'x"y': 1}}, {"a": {}}, [(r'a["x\"y"]', "delete")]),
    "key with a hyphen": ({"a": {"x-y": 1}}, {"a": {}}, [("a.x-y", "delete")]),
    "item of a list": ({"a": [1, 2]}, {"a": [1, 3]}, [("a[1]", "update")]),
    "shorter list": ({"a": [1, 2]}, {"a": [3]}, [("a[0]", "update"), ("a[1]", "delete")]),
    "object in a list": ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [("a[0].b", "update")]),
    "list becomes an object": ({"a": [1]}, {"a": {"b": 1}}, [("a", "update")]),
})  # fmt: skip
def test_every_place_that_differs(old, new, found):
    assert list(changes(old, new)) == [PropertyChange(*each) for each in found]


@pytest.mark.parametrize("path", ['data["a.conf"]', "data.a", "data[0]", "data"])
def test_a_change_inside_of_a_property_touches_it(path):
    assert PropertyChange(path, "update").touches(["data"])
    assert not PropertyChange(path, "update").touches(["dat", "data2"])
