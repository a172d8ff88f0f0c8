"""Ids of parametrized cases tell a reader which case failed."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.case_ids import LIMIT, ROOM, table_ids


@dataclass(frozen=True)
class Named:
    name: object = None
    more: object = ()


def is_wrong(case_id, names):
    """Return whether an id is long, unprintable, or has an argument's name and index as a part."""
    bare = re.search(rf"(^|-)({'|'.join(map(re.escape, names))})_?\d+(-|$)", case_id)
    return len(case_id) > LIMIT or not case_id.isprintable() or bare is not None


def test_every_id_of_the_suite_is_short_printable_and_no_index(request):
    """Of what this run collected: the whole suite in `make test`."""
    cases = [item for item in request.session.items if hasattr(item, "callspec")]
    wrong = [e.nodeid for e in cases if is_wrong(e.callspec.id, e.callspec.params)]
    assert wrong == []
    assert len({item.nodeid for item in cases}) == len(cases)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.builds(Named, inner, inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["seconds", "text", "a"]), st.lists(VALUES), min_size=1))
def test_any_table_has_such_ids(columns):
    made = table_ids(columns)
    for (name, _), text in made.items():
        assert (text.isprintable(), re.fullmatch(rf"{name}_?\d+", text)) == (True, None)
    longest = {name: max(len(t) for (n, _), t in made.items() if n == name) for name, _ in made}
    assert sum(longest.values()) <= ROOM


VALUE_IDS = {
    "a number": (7, "seconds=7"),
    "True": (True, "seconds=True"),
    "None": (None, "seconds=None"),
    "text like an index": ("seconds7", "seconds=seconds7"),
    "an empty text": ("", "seconds=''"),
    "a class": (Named, "Named"),
    "fields without their defaults": (Named("x"), "name=x"),
    "a policy": ({"Version": "1", "Statement": [{"Effect": "Deny"}]}, "Effect=Deny"),
    "control characters": ("\x1b[0m\n", r"\x1b[0m\n"),
}


@pytest.mark.parametrize(("value", "expected"), VALUE_IDS.values(), ids=VALUE_IDS)
def test_a_value_is_told_by_what_identifies_it(value, expected):
    assert list(table_ids({"seconds": [value]}).values()) == [expected]


def test_texts_that_begin_alike_show_where_they_differ():
    texts = [f"{'a' * 90}{letter}{'z' * 90}" for letter in "bcd"]
    shown = [text.partition("..")[2].strip("az") for text in table_ids({"text": texts}).values()]
    assert shown == ["b", "c", "d"]
