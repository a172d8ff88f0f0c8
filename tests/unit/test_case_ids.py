"""Ids of parametrized cases tell a reader which case failed."""

import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.case_ids import LIMIT, ROOM, SilentCase, pytest_make_parametrize_id

id_of = partial(pytest_make_parametrize_id, None, argname="seconds")
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def is_wrong(case_id, names):
    """Return whether an id is long, unprintable, or has an argument's name and index as a part."""
    bare = re.search(rf"(^|-)({'|'.join(map(re.escape, names))})_?\d+(-|$)", case_id)
    return len(case_id) > LIMIT or not case_id.isprintable() or bare is not None


def test_every_id_of_the_suite_is_short_printable_and_no_index(request):
    """Of what this run collected: the whole suite in `make test`."""
    cases = [item for item in request.session.items if hasattr(item, "callspec")]
    assert [e.nodeid for e in cases if is_wrong(e.callspec.id, e.callspec.params)] == []
    assert len({item.nodeid for item in cases}) == len(cases)


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_value_of_any_form_is_told_whole_or_refused(value):
    try:
        told = id_of(value)
    except SilentCase:
        return
    assert 0 < len(told) <= ROOM
    assert not re.fullmatch(r"seconds_?\d+", told)


@pytest.mark.cases("value", {
    "document": {"Statement": [{"Action": f"s3:{number}"} for number in range(9)]},
    "function": lambda: None,
    "object": object(),
    "data class": re.compile("a"),
})  # fmt: skip
def test_a_value_that_does_not_tell_its_case_is_refused(value):
    with pytest.raises(SilentCase):
        id_of(value)
