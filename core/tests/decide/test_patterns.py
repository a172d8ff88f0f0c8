import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irsa_core.decide.patterns import Key, Pattern, Template, Wildcard
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

PIECES = st.lists(st.sampled_from(["a", "b", "ab", ":", Wildcard.RUN, Wildcard.ONE]), max_size=9)


def template(text, **options):
    return Template(text, **{"variables": True, "wildcards": True} | options)


def keys(**values):
    return lambda key: values.get(key.removeprefix("aws:"), Key.ABSENT)


@settings(deadline=None, max_examples=100)
@given(PIECES, st.data())
def test_a_pattern_matches_what_the_same_regular_expression_matches(pieces, data):
    parts = {Wildcard.RUN: st.text("ab:", max_size=3), Wildcard.ONE: st.sampled_from("ab:")}
    fitting = "".join(data.draw(parts[p]) if isinstance(p, Wildcard) else p for p in pieces)
    value = data.draw(st.just(fitting) | st.text("ab:", max_size=12))
    words = {Wildcard.RUN: ".*", Wildcard.ONE: "."}
    expression = "".join(words.get(piece) or re.escape(piece) for piece in pieces)

    expected = bool(re.fullmatch(expression, value))
    assert Pattern(pieces).matches(value) == expected
    text = "".join(piece.value if isinstance(piece, Wildcard) else piece for piece in pieces)
    assert Pattern.parse(text).matches(value) == expected


@pytest.mark.cases(("pattern", "value"), {
    "many stars": ("*" + "a*" * 100_000 + "b", "a" * 20_000),
    "long gap": ("*" + "?a" * 9_000 + "b*", "a" * 20_000),
    "only gaps": ("?" * 20_000 + "b", "a" * 20_000),
    "stars in a row": ("*" * 1_000_000 + "b", "a" * 20_000),
})  # fmt: skip
def test_a_hostile_pattern_is_answered(pattern, value):
    assert template(pattern).matches(value, keys()) is False


@pytest.mark.parametrize(
    ("pattern", "answers"),
    [
        ("dev:app-*", {"dev:app-": True, "dev:app": False}),
        ("app-?", {"app-": False, "app-12": False}),
        ("[a-z]*", {"b": False}),
        ("App", {"app": False}),
        ("a*a", {"a": False}),
        ("*a?b*", {"xayb": True, "xyba": False}),
        ("", {"a": False}),
        ("*", {"": True}),
        # Variables, which have a value, a default, or none.
        ("home/${aws:UserName}/*", {"home/bob/x": True, "home/eve/x": False}),
        ("${aws:team, 'all'}", {"all": True, "none": False}),
        ("${aws:team}", {"${aws:team}": False}),
        ("${aws:username, 'all'}", {"all": False}),
        ("${*}", {"*": True, "x": False}),
        ("${?}", {"x": False}),
        ("${$}{aws:username}", {"${aws:username}": True}),
        ("${aws:star}", {"anything": False, "*": True}),
        ("${aws:username", {"${aws:username": True}),
        ("${ }${}", {"${ }${}": True}),
        ("${aws:username, all}", {"bob": False}),
        ("a-${aws:username}?", {"a-bobx": True}),
        ("${aws:username}${aws:username}", {"bobbob": True}),
        ("${aws:many}", {"a": None}),
        ("${aws:hidden}", {"a": None}),
        ("${aws:team}${aws:hidden}", {"a": False}),
        ("${aws:hidden}${aws:team}", {"a": False}),
        (f"x{UNKNOWN_OUTPUT}", {"y": None}),
    ],
)
def test_a_text_of_a_policy_matches_as_aws_documents(pattern, answers):
    lookup = keys(username="bob", star="*", many=("a", "b"), hidden=Key.UNKNOWN)
    for value, fits in answers.items():
        assert template(pattern).matches(value, lookup) is fits


@pytest.mark.parametrize(
    ("pattern", "options", "answers"),
    [
        # Without version 2012-10-17 a variable is text.
        ("${aws:a}", {"variables": False}, {"${aws:a}": True, "Bob": False}),
        ("a*", {"wildcards": False}, {"a*": True, "ab": False}),
        ("${aws:a}*", {"wildcards": False}, {"Bob*": True, "Boby": False}),
        ("S3:List*${aws:a}", {"ignore_case": True}, {"s3:lISTx-BOB": True, "s3:get-bob": False}),
        # The beginning may be without variables.
        ("${aws:a}:${aws:a}", {"literal": 9}, {"${aws:a}:Bob": True, "Bob:Bob": False}),
    ],
)
def test_wildcards_variables_and_case_count_as_the_place_of_the_text_says(
    pattern, options, answers
):
    for value, fits in answers.items():
        assert template(pattern, **options).matches(value, keys(a="Bob")) is fits
