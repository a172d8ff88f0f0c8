"""Condition operators. Each row is stated in AWS's page on condition operators or set operators.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

import pytest

from irsa_core.decide.conditions import compile_test, shown
from irsa_core.decide.document import Condition
from irsa_core.decide.operators import MATCHERS
from irsa_core.decide.patterns import Key
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

ABSENT, PRESENT, UNKNOWN = Key.ABSENT, Key.PRESENT, Key.UNKNOWN
ROLE = "arn:aws:iam::111122223333:role/team/app"
NEGATIONS = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
}


def holds(operator, expected, found, **others):
    test = compile_test(Condition(operator, "aws:Key", tuple(expected)))
    return test.holds(lambda key: others.get(key, found))


@pytest.mark.parametrize(
    ("operator", "expected", "answers"),
    [
        # Strings: exact, case-sensitive, a star is a star.
        ("StringEquals", ["a", "b"], {"b": True, "A": False, ("a",): None, (): False}),
        ("StringEquals", ["a"], {("a", "b"): None, ("b", "c"): None}),
        ("StringEquals", ["a*"], {"ab": False, "a*": True}),
        ("StringEquals", [""], {"": True}),
        ("StringEquals", ["${*}"], {"*": True, "x": False}),
        ("StringEquals", [], {"a": False}),
        ("StringEqualsIgnoreCase", ["Ab"], {"aB": True, "ac": False}),
        ("StringLike", ["A*", "b?", "a"], {"bc": True, "b": False, "ab": False, "a": True}),
        ("stringlike", ["a*"], {"ab": True}),
        # Numbers.
        ("NumericEquals", ["10"], {"10.0": True, "11": False}),
        ("NumericLessThan", ["10"], {"9": True, "10": False}),
        ("NumericLessThanEquals", ["10"], {"10": True, "10.1": False}),
        ("NumericGreaterThan", ["-10"], {"+9": True, "-10": False}),
        ("NumericGreaterThanEquals", ["10"], {"10": True, "9.99": False}),
        ("NumericEquals", ["ten", "10"], {"10": True, "11": None}),
        # Dates: ISO 8601 or seconds since the epoch.
        ("DateEquals", ["2020-01-01"], {"1577836800": True, "2020-01-01T00:00:01Z": False}),
        ("DateEquals", ["2020-01"], {"2020-01-01T00:00:00Z": True}),
        ("DateEquals", ["2020-13"], {"2020-02-01T00:00:00Z": None}),
        ("DateEquals", ["2020-01-01T01:00:00+01:00"], {"2020-01-01T00:00:00Z": True}),
        ("DateLessThan", ["2020-01-01T00:00:00Z"], {"2019-12-31T23:59:59Z": True}),
        ("DateLessThanEquals", ["2020-01-01T00:00:00Z"], {"2020-01-01T00:00:00Z": True}),
        ("DateGreaterThan", ["2020-01-01T00:00:00Z"], {"2020-01-02T00:00:00Z": True}),
        ("DateGreaterThanEquals", ["2020-01-01T00:00:00Z"], {"2020-01-01T00:00:00Z": True}),
        ("DateLessThan", ["soon", "2020-13-01"], {"2019-01-01T00:00:00Z": None}),
        # Booleans and bytes.
        ("Bool", ["true"], {"True": True, "false": False}),
        ("Bool", ["false"], {"false": True}),
        ("Bool", ["yes"], {"true": None}),
        ("BinaryEquals", ["QmluYXJ5"], {"QmluYXJ5": True, "QmluYXJ6": False}),
        ("BinaryEquals", ["?"], {"QmluYXJ5": None}),
        # Addresses.
        ("IpAddress", ["203.0.113.0/24"], {"203.0.113.0/25": True, "203.0.112.0/23": False}),
        ("IpAddress", ["203.0.113.7/24"], {"203.0.113.9": True, "203.0.114.9": False}),
        ("IpAddress", ["203.0.113.7"], {"203.0.113.7": True}),
        ("IpAddress", ["2001:db8::/32"], {"2001:db8:1::1": True, "203.0.113.9": False}),
        ("IpAddress", ["anywhere"], {"203.0.113.9": None}),
        # ARNs: six parts, each on its own; Equals and Like are the same.
        ("ArnEquals", ["arn:aws:iam::*:role/*/app"], {ROLE: True}),
        ("ArnLike", ["arn:aws:iam::111122223333:role/TEAM/app"], {ROLE: False}),
        ("ArnLike", ["arn:*:role/team/app"], {ROLE: None}),
        ("ArnLike", ["arn:aws:*:111122223333:role/team/app"], {ROLE: None}),
        ("ArnLike", ["arn:aws:*::*:*"], {"arn:aws:iam::1:a:b": True, "no ARN": False}),
        ("ArnLike", ["*"], {ROLE: True, PRESENT: True}),
        # A key that the request does not carry.
        ("StringEqualsIfExists", ["a"], {"b": False}),
        ("Null", ["true"], {ABSENT: True, "a": False, (): True, PRESENT: False, UNKNOWN: None}),
        ("Null", ["false"], {"a": True, ABSENT: False, PRESENT: True}),
        ("Null", ["maybe"], {"a": None}),
        # A key that a request certainly carries, with any value: a star alone decides.
        ("StringLike", ["*"], {PRESENT: True}),
        ("StringLike", ["a*", "?*", "${aws:username}"], {PRESENT: None}),
        ("ForAllValues:ArnLike", ["*"], {PRESENT: True}),
        ("ForAllValues:StringNotLike", ["*"], {PRESENT: None, "": True, "a": False}),
        ("ForAnyValue:StringLike", ["*"], {PRESENT: True}),
        ("ForAnyValue:ArnNotEquals", ["*"], {PRESENT: False}),
        # Several values, under set operators and without.
        ("ForAllValues:StringEquals", ["a", "b"], {("a", "b"): True, ("a", "c"): False}),
        ("ForAllValues:StringEquals", ["a"], {(): True, "b": False, "": True}),
        ("ForAllValues:StringNotEquals", ["a"], {("b", "c"): True}),
        ("ForAllValues:StringLike", ["a*"], {("a1", "a2"): True}),
        ("ForAnyValue:StringEquals", ["a"], {("a", "b"): True, ("b",): False, "": False}),
        ("ForAnyValue:StringNotEquals", ["a"], {("a", "b"): True, ("a",): False, (): False}),
        # What is not known is not guessed.
        ("StringEqualz", ["a"], {"a": None}),
        ("NullIfExists", ["true"], {"a": None}),
        ("ForAllValues:Null", ["true"], {"a": None}),
        ("StringEquals", [UNKNOWN_OUTPUT], {"a": None}),
        ("ArnLike", [f"arn:aws:iam::1:{UNKNOWN_OUTPUT}"], {ROLE: False, "arn:aws:iam::1:x": None}),
        # Variables.
        ("StringEquals", ["${aws:PrincipalTag/team}"], {"red": True, "blue": False}),
        ("StringEquals", ["${aws:PrincipalTag/none}"], {"red": False}),
        ("StringLike", ["${aws:PrincipalTag/team}-*"], {"red-1": True}),
        ("ArnLike", ["arn:aws:s3:::${aws:PrincipalTag/team}-*"], {"arn:aws:s3:::red-1": True}),
        ("ArnLike", ["arn:aws:s3:::${aws:PrincipalTag/team}"], {"arn:aws:s3:::blue": False}),
        ("ArnLike", ["arn:aws:s3::${aws:PrincipalTag/team}:x:y"], {"arn:aws:s3::red:x:y": True}),
        ("ArnLike", ["arn:aws:s3::${aws:PrincipalTag/team}:x"], {"arn:aws:s3::red:x:y": False}),
        ("Bool", ["${aws:PrincipalTag/on}"], {"True": True, "false": False}),
        ("Bool", ["${aws:PrincipalTag/none}"], {"true": False}),
        ("ArnLike", ["arn:aws:s3:::${aws:PrincipalTag/none}"], {"arn:aws:s3:::blue": False}),
    ],
)
def test_an_operator_and_its_negation_answer_as_aws_documents(operator, expected, answers):
    tags = {"team": "red", "on": "true", "none": ABSENT}
    tags = {f"aws:principaltag/{name}": value for name, value in tags.items()}

    for found, answer in answers.items():
        assert holds(operator, expected, found, **tags) is answer
        # A key without values is absent.
        if operator in NEGATIONS and found != ():
            opposite = None if answer is None else not answer
            assert holds(NEGATIONS[operator], expected, found, **tags) is opposite


@pytest.mark.parametrize(
    ("operator", "expected", "found"),
    [("NumericEquals", "10", "ten"), ("DateEquals", "2020-01-01", "then"), ("Bool", "true", "yes"),
     ("IpAddress", "203.0.113.0/24", "localhost"), ("BinaryEquals", "QmluYXJ5", "?")],
)  # fmt: skip
def test_a_value_that_an_operator_cannot_read_is_no_match_nor_a_miss(operator, expected, found):
    assert holds(operator, [expected], found) is False
    assert operator not in NEGATIONS or holds(NEGATIONS[operator], [expected], found) is None


def test_a_list_that_a_request_certainly_carries_takes_a_set_operator():
    names = "aws:PrincipalServiceNamesList"
    for operator, answer in (("StringLike", None), ("ForAnyValue:StringLike", True)):
        assert compile_test(Condition(operator, names, ("*",))).holds(lambda _: PRESENT) is answer


@pytest.mark.parametrize("operator", MATCHERS)
def test_an_absent_key_fulfils_negations_and_ifexists_alone(operator):
    assert holds(operator, ["1"], ABSENT) is ("not" in operator)
    assert holds(f"{operator}IfExists", ["1"], ABSENT) is True
    assert holds(f"ForAllValues:{operator}", ["1"], ABSENT) is True
    assert holds(f"ForAnyValue:{operator}", ["1"], ABSENT) is False
    for name, found in ((operator, UNKNOWN), (operator, PRESENT), (f"{operator}IfExists", PRESENT)):
        assert holds(name, ["1"], found) is None


def test_a_test_says_what_the_policy_and_what_the_request_or_token_say():
    test = compile_test(Condition("StringEquals", "aws:Key", tuple("abcdefg")))

    values = "'a' or 'b' or 'c' or 'd' or 'e' or 2 more"
    assert [test.describe(lambda _key, value=value: value) for value in ("x", ABSENT, UNKNOWN)] == [
        f"condition StringEquals aws:Key: the policy says {values}, the request {says}"
        for says in ("says 'x'", "has no such key", "has a value that is not known")
    ]
    test = compile_test(Condition("StringEquals", "id.example:sub", ("Dev:app",)))
    assert test.describe(lambda _key: "dev:app") == (
        "condition StringEquals id.example:sub: the policy says 'Dev:app', the token says "
        "'dev:app'; only upper and lower case differ"
    )


@pytest.mark.parametrize(
    ("operator", "expected", "found", "fact"),
    [
        ("StringEquals", ["a"], UNKNOWN, "condition key aws:Key"),
        ("Null", ["true"], UNKNOWN, "condition key aws:Key"),
        ("Null", ["maybe"], "a", "a value of Null aws:Key that is true or false"),
        ("StringEqualz", ["a"], "a", "condition operator StringEqualz"),
        ("StringEquals", ["${aws:Other}"], "a", "condition key aws:Other"),
        ("StringEquals", [UNKNOWN_OUTPUT], "a", "an output that is not known yet"),
        ("NumericEquals", ["ten"], "a", "what 'ten' stands for"),
        ("ArnLike", ["arn:x"], ROLE, "the ARN 'arn:x'"),
        ("StringEquals", ["a"], ("a", "b"), "what StringEquals aws:Key makes of this value"),
    ],
)
def test_an_undecided_test_names_the_missing_fact(operator, expected, found, fact):
    test = compile_test(Condition(operator, "aws:Key", tuple(expected)))
    assert test.missing(lambda key: UNKNOWN if key == "aws:other" else found) == [fact]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("x" * 300, f"'{'x' * 300}'"),
        ("x" * 301, f"'{'x' * 300}… (301 characters)'"),
        ((), "no values"),
        (("a", "b"), "'a', 'b'"),
        (tuple("abcde"), "'a', 'b', 'c', 'd', 'e'"),
        (tuple("abcdefg"), "'a', 'b', 'c', 'd', 'e', 2 more"),
        (PRESENT, "a value that is not known"),
    ],
)
def test_a_value_is_shown_with_its_beginning(found, words):
    assert shown(found) == words
