import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irsa.patterns import UNKNOWN_OUTPUT, Fact, Pattern, Template, Wildcard

TEXTS = st.text("ab:", max_size=12)
PIECES = st.lists(st.sampled_from(["a", "b", "ab", ":", Wildcard.RUN, Wildcard.ONE]), max_size=9)


def no_keys(_key):
    return Fact.ABSENT


def keys(**values):
    return lambda key: values.get(key.removeprefix("aws:"), Fact.ABSENT)


@settings(deadline=None)
@given(PIECES, TEXTS)
def test_a_pattern_matches_what_the_same_regular_expression_matches(pieces, value):
    words = {Wildcard.RUN: ".*", Wildcard.ONE: "."}
    expression = "".join(words.get(piece) or re.escape(piece) for piece in pieces)

    expected = bool(re.fullmatch(expression, value))
    assert Pattern.of_pieces(pieces).matches(value) == expected


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
        ("${aws:many}", "a", None),
        ("${aws:hidden}", "a", None),
        ("${aws:team}${aws:hidden}", "a", False),
        ("${aws:hidden}${aws:team}", "a", False),
    ],
)
def test_a_variable_is_replaced_by_its_value_its_default_or_nothing(pattern, value, fits):
    lookup = keys(username="bob", star="*", many=("a", "b"), hidden=Fact.UNKNOWN)

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
