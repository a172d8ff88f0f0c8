import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irsa.decide.patterns import Key, Pattern, Template, Wildcard
from irsa.identity.outputs import UNKNOWN_OUTPUT

TEXTS = st.text("ab:", max_size=12)
PIECES = st.lists(st.sampled_from(["a", "b", "ab", ":", Wildcard.RUN, Wildcard.ONE]), max_size=9)


def no_keys(_key):
    return Key.ABSENT


def keys(**values):
    return lambda key: values.get(key.removeprefix("aws:"), Key.ABSENT)


def as_text(pieces):
    return "".join(piece.value if isinstance(piece, Wildcard) else piece for piece in pieces)


@st.composite
def values_of(draw):
    """Pieces, and a value that they may have been made from."""
    pieces = draw(PIECES)
    parts = {Wildcard.RUN: st.text("ab:", max_size=3), Wildcard.ONE: st.sampled_from("ab:")}
    value = "".join(draw(parts[p]) if isinstance(p, Wildcard) else p for p in pieces)
    return pieces, draw(st.just(value) | TEXTS)


@settings(deadline=None, max_examples=300)
@given(values_of())
def test_a_pattern_matches_what_the_same_regular_expression_matches(case):
    pieces, value = case
    words = {Wildcard.RUN: ".*", Wildcard.ONE: "."}
    expression = "".join(words.get(piece) or re.escape(piece) for piece in pieces)

    expected = bool(re.fullmatch(expression, value))
    assert Pattern.from_pieces(pieces).matches(value) == expected
    assert Pattern.parse(as_text(pieces)).matches(value) == expected


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("*" + "a*" * 100_000 + "b", "a" * 20_000),
        ("*" + "?a" * 9_000 + "b*", "a" * 20_000),
        ("?" * 20_000 + "b", "a" * 20_000),
        ("*" * 1_000_000 + "b", "a" * 20_000),
    ],
    ids=["many stars", "long gap", "only gaps", "stars in a row"],
)
def test_a_hostile_pattern_is_answered(pattern, value):
    assert Template(pattern, variables=True, wildcards=True).matches(value, no_keys) is False


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("system:serviceaccount:dev:app-*", "system:serviceaccount:dev:app-", True),
        ("system:serviceaccount:dev:app-*", "system:serviceaccount:dev:app", False),
        ("app-?", "app-", False),
        ("app-?", "app-12", False),
        ("[a-z]*", "b", False),
        ("App", "app", False),
        ("a*a", "a", False),
        ("", "a", False),
        ("*", "", True),
    ],
)
def test_wildcards_are_stars_and_question_marks_only(pattern, value, fits):
    assert Template(pattern, variables=True, wildcards=True).matches(value, no_keys) is fits


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("home/${aws:username}/*", "home/bob/x", True),
        ("home/${aws:username}/*", "home/eve/x", False),
        ("home/${aws:UserName}/*", "home/bob/x", True),
        ("${aws:team, 'all'}", "all", True),
        ("${aws:team, 'all'}", "none", False),
        ("${aws:team}", "${aws:team}", False),
        ("${aws:username, 'all'}", "all", False),
        ("${*}", "*", True),
        ("${*}", "x", False),
        ("${?}", "x", False),
        ("${$}{aws:username}", "${aws:username}", True),
        ("${aws:star}", "anything", False),
        ("${aws:star}", "*", True),
        ("${aws:username", "${aws:username", True),
        ("${ }", "${ }", True),
        ("${aws:username, all}", "bob", False),
        ("a-${aws:username}?", "a-bobx", True),
        ("${aws:username}${aws:username}", "bobbob", True),
        ("${}", "${}", True),
        ("${aws:many}", "a", None),
        ("${aws:hidden}", "a", None),
        ("${aws:team}${aws:hidden}", "a", False),
        ("${aws:hidden}${aws:team}", "a", False),
    ],
)
def test_a_variable_is_replaced_by_its_value_its_default_or_nothing(pattern, value, fits):
    lookup = keys(username="bob", star="*", many=("a", "b"), hidden=Key.UNKNOWN)

    assert Template(pattern, variables=True, wildcards=True).matches(value, lookup) is fits


def test_without_version_2012_a_variable_is_text():
    template = Template("${aws:username}", variables=False, wildcards=True)

    assert template.matches("${aws:username}", keys(username="bob")) is True
    assert template.matches("bob", keys(username="bob")) is False


def test_an_output_that_is_not_known_yet_decides_nothing():
    assert (
        Template(f"x{UNKNOWN_OUTPUT}", variables=True, wildcards=True).matches("y", no_keys) is None
    )


def test_case_is_ignored_on_both_sides_only_when_asked():
    template = Template("S3:List*${aws:username}", variables=True, wildcards=True, ignore_case=True)

    assert template.matches("s3:lISTx-BOB", keys(username="Bob")) is True
    assert template.matches("s3:get-bob", keys(username="Bob")) is False


def test_without_wildcards_or_variables_they_are_text():
    assert Template("a*", variables=True, wildcards=False).matches("a*", no_keys) is True
    assert Template("a*", variables=True, wildcards=False).matches("ab", no_keys) is False
    assert Template("${a:b}*", variables=True, wildcards=False).matches("x*", lambda _: "x") is True
    assert (
        Template("${a:b}*", variables=True, wildcards=False).matches("xy", lambda _: "x") is False
    )
    assert Template("${a:b}", variables=False, wildcards=True).matches("${a:b}", no_keys) is True


def test_the_beginning_may_be_without_variables():
    part = Template("${a:b}:${a:b}", variables=True, wildcards=True, literal=7)

    assert part.matches("${a:b}:x", lambda _: "x") is True
    assert part.matches("x:x", lambda _: "x") is False
