"""Ids of parametrized cases tell a reader which case failed."""

import re
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.case_ids import LIMIT, ROOM, table_ids


@dataclass(frozen=True)
class Named:
    name: object = None
    more: object = ()


def bare(case_id, names):
    """Return the parts of an id that are an argument's name and an index."""
    return re.findall(rf"(?:^|-)((?:{'|'.join(map(re.escape, names))})_?\d+)(?=-|$)", case_id)


def test_every_id_of_the_suite_is_short_printable_and_no_index(request):
    """Of what this run collected: the whole suite in `make test`."""
    cases = [item for item in request.session.items if hasattr(item, "callspec")]
    wrong = {
        item.nodeid: (len(item.callspec.id), bare(item.callspec.id, item.callspec.params))
        for item in cases
        if len(item.callspec.id) > LIMIT
        or not item.callspec.id.isprintable()
        or bare(item.callspec.id, item.callspec.params)
    }
    assert wrong == {}
    assert [
        name for name, count in Counter(item.nodeid for item in cases).items() if count > 1
    ] == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.builds(Named, inner, inner)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["seconds", "text", "found", "a"]), st.lists(VALUES), min_size=1
    )
)
def test_any_table_has_such_ids(columns):
    made = table_ids(columns)
    for name, values in columns.items():
        for value in values:
            text = made[name, id(value)]
            assert (text.isprintable(), bare(text, [name])) == (True, []), text
    longest = (
        max((len(made[n, id(v)]) for v in values), default=0) for n, values in columns.items()
    )
    assert sum(longest) <= ROOM - len(columns)


VALUE_IDS = {
    "a number": (7, "seconds=7"),
    "True": (True, "seconds=True"),
    "None": (None, "seconds=None"),
    "text like an index": ("seconds7", "seconds=seconds7"),
    "an empty text": ("", "seconds=''"),
    "a class": (Named, "Named"),
    "a lambda": (lambda: Named("x").name, 'Named("x").name'),
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
