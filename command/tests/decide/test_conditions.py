"""Condition operators. Each row is stated in AWS's page on condition operators or set operators.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

import pytest

from irsa.decide.conditions import compile_test, shown
from irsa.decide.document import Condition
from irsa.decide.operators import MATCHERS
from irsa.decide.patterns import Key
from irsa.identity.outputs import UNKNOWN_OUTPUT

ABSENT = Key.ABSENT
PRESENT = Key.PRESENT
UNKNOWN = Key.UNKNOWN
ROLE = "arn:aws:iam::111122223333:role/team/app"


def holds(operator, expected, found, **others):
    test = compile_test(Condition(operator, "aws:Key", tuple(expected)))
    return test.holds(lambda key: others.get(key, found))


CASES = [
    # Strings: exact, case-sensitive, a star is a star.
    ("StringEquals", ["a"], "a", True),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", ["a"], "A", False),
    ("StringEquals", ["a*"], "ab", False),
    ("StringEquals", ["a*"], "a*", True),
    ("StringEquals", ["a?"], "ab", False),
    ("StringEquals", [""], "", True),
    ("StringEquals", ["${*}"], "*", True),
    ("StringEquals", ["${*}"], "x", False),
    ("StringEquals", [], "a", False),
    ("StringNotEquals", ["a", "b"], "c", True),
    ("StringEqualsIgnoreCase", ["Ab"], "aB", True),
    ("StringEqualsIgnoreCase", ["Ab"], "ac", False),
    ("StringNotEqualsIgnoreCase", ["Ab"], "aB", False),
    ("StringNotEqualsIgnoreCase", ["Ab"], "ac", True),
    ("StringLike", ["a*", "b?"], "bc", True),
    ("StringLike", ["a*", "b?"], "b", False),
    ("StringLike", ["A*"], "ab", False),
    ("StringLike", ["a"], "a", True),
    ("StringNotLike", ["a*", "b?"], "bc", False),
    ("StringNotLike", ["a*", "b?"], "cc", True),
    ("stringlike", ["a*"], "ab", True),
    # Numbers.
    ("NumericEquals", ["10"], "10.0", True),
    ("NumericEquals", ["10"], "11", False),
    ("NumericEquals", ["10"], "ten", False),
    ("NumericNotEquals", ["10"], "11", True),
    ("NumericNotEquals", ["10"], "10.0", False),
    ("NumericNotEquals", ["10"], "ten", None),
    ("NumericLessThan", ["10"], "9", True),
    ("NumericLessThan", ["10"], "10", False),
    ("NumericLessThanEquals", ["10"], "10", True),
    ("NumericLessThanEquals", ["10"], "10.1", False),
    ("NumericGreaterThan", ["10"], "10", False),
    ("NumericGreaterThan", ["-10"], "+9", True),
    ("NumericGreaterThanEquals", ["10"], "10", True),
    ("NumericGreaterThanEquals", ["10"], "9.99", False),
    ("NumericEquals", ["ten"], "10", None),
    ("NumericEquals", ["ten", "10"], "10", True),
    # Dates: ISO 8601 or seconds since the epoch.
    ("DateEquals", ["2020-01-01T00:00:00Z"], "1577836800", True),
    ("DateEquals", ["2020-01-01"], "2020-01-01T00:00:00Z", True),
    ("DateEquals", ["2020-02"], "2020-02-01T00:00:00Z", True),
    ("DateEquals", ["2020-13"], "2020-02-01T00:00:00Z", None),
    ("DateEquals", ["2020-01-01T01:00:00+01:00"], "2020-01-01T00:00:00Z", True),
    ("DateEquals", ["2020-01-01T00:00:00Z"], "2020-01-01T00:00:01Z", False),
    ("DateNotEquals", ["2020-01-01T00:00:00Z"], "2020-01-01T00:00:01Z", True),
    ("DateNotEquals", ["2020-01-01T00:00:00Z"], "2020-01-01T00:00:00Z", False),
    ("DateLessThan", ["2020-01-01T00:00:00Z"], "2019-12-31T23:59:59Z", True),
    ("DateLessThanEquals", ["2020-01-01T00:00:00Z"], "2020-01-01T00:00:00Z", True),
    ("DateGreaterThan", ["2020-01-01T00:00:00Z"], "2020-01-02T00:00:00Z", True),
    ("DateGreaterThanEquals", ["2020-01-01T00:00:00Z"], "2020-01-01T00:00:00Z", True),
    ("DateLessThan", ["soon"], "2019-01-01T00:00:00Z", None),
    ("DateLessThan", ["2020-13-01"], "2019-01-01T00:00:00Z", None),
    ("DateLessThan", ["2020-01-01"], "then", False),
    # Booleans and bytes.
    ("Bool", ["true"], "True", True),
    ("Bool", ["true"], "false", False),
    ("Bool", ["false"], "false", True),
    ("Bool", ["true"], "yes", False),
    ("Bool", ["yes"], "true", None),
    ("BinaryEquals", ["QmluYXJ5"], "QmluYXJ5", True),
    ("BinaryEquals", ["QmluYXJ5"], "QmluYXJ6", False),
    ("BinaryEquals", ["QmluYXJ5"], "?", False),
    ("BinaryEquals", ["?"], "QmluYXJ5", None),
    # Addresses.
    ("IpAddress", ["203.0.113.0/24"], "203.0.113.9", True),
    ("IpAddress", ["203.0.113.0/24"], "203.0.114.9", False),
    ("IpAddress", ["203.0.113.7"], "203.0.113.7", True),
    ("IpAddress", ["203.0.113.7/24"], "203.0.113.9", True),
    ("IpAddress", ["203.0.113.0/24"], "203.0.113.0/25", True),
    ("IpAddress", ["203.0.113.0/24"], "203.0.112.0/23", False),
    ("IpAddress", ["2001:db8::/32"], "2001:db8:1::1", True),
    ("IpAddress", ["2001:db8::/32"], "203.0.113.9", False),
    ("IpAddress", ["203.0.113.0/24"], "localhost", False),
    ("IpAddress", ["anywhere"], "203.0.113.9", None),
    ("NotIpAddress", ["203.0.113.0/24"], "203.0.113.9", False),
    ("NotIpAddress", ["203.0.113.0/24"], "198.51.100.1", True),
    # ARNs: six parts, each on its own; Equals and Like are the same.
    ("ArnEquals", [ROLE], ROLE, True),
    ("ArnEquals", ["arn:aws:iam::*:role/*/app"], ROLE, True),
    ("ArnLike", ["arn:aws:iam::111122223333:role/*"], ROLE, True),
    ("ArnLike", ["arn:aws:iam::111122223333:role/TEAM/app"], ROLE, False),
    ("ArnLike", ["arn:*:role/team/app"], ROLE, None),
    ("ArnLike", ["arn:aws:*::*:role/team/app"], ROLE, True),
    ("ArnLike", ["arn:aws:iam::111122223333:*"], "arn:aws:iam::111122223333:a:b", True),
    ("ArnLike", ["arn:aws:*:111122223333:role/team/app"], ROLE, None),
    ("ArnLike", ["*"], ROLE, True),
    ("ArnLike", [ROLE], "no ARN", False),
    ("ArnNotEquals", [ROLE], ROLE, False),
    ("ArnNotLike", ["arn:aws:iam::444455556666:role/*"], ROLE, True),
    ("ArnNotLike", ["arn:aws:iam::111122223333:role/*"], ROLE, False),
    # A key that the request does not carry.
    ("StringEquals", ["a"], ABSENT, False),
    ("StringLike", ["*"], ABSENT, False),
    ("ArnLike", ["*"], ABSENT, False),
    ("Bool", ["false"], ABSENT, False),
    ("StringNotEquals", ["a"], ABSENT, True),
    ("ArnNotLike", [ROLE], ABSENT, True),
    ("NotIpAddress", ["203.0.113.0/24"], ABSENT, True),
    ("DateNotEquals", ["2020-01-01"], ABSENT, True),
    ("StringEqualsIfExists", ["a"], ABSENT, True),
    ("StringEqualsIfExists", ["a"], "b", False),
    ("BoolIfExists", ["true"], ABSENT, True),
    ("BoolIfExists", ["true"], "false", False),
    ("Null", ["true"], ABSENT, True),
    ("Null", ["true"], "a", False),
    ("Null", ["false"], "a", True),
    ("Null", ["false"], ABSENT, False),
    ("Null", ["true"], (), True),
    ("Null", ["maybe"], "a", None),
    # Several values, under set operators and without.
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), True),
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "c"), False),
    ("ForAllValues:StringEquals", ["a"], (), True),
    ("ForAllValues:StringEquals", ["a"], ABSENT, True),
    ("ForAllValues:StringEquals", ["a"], "b", False),
    ("ForAllValues:StringNotEquals", ["a"], ("b", "c"), True),
    ("ForAllValues:StringLike", ["a*"], ("a1", "a2"), True),
    ("ForAnyValue:StringEquals", ["a", "b"], ("b", "c"), True),
    ("ForAnyValue:StringEquals", ["a", "b"], ("c", "d"), False),
    ("ForAnyValue:StringEquals", ["a"], (), False),
    ("ForAnyValue:StringEquals", ["a"], ABSENT, False),
    ("ForAnyValue:StringEqualsIfExists", ["a"], ABSENT, True),
    ("ForAnyValue:StringNotEquals", ["a"], ("a", "b"), True),
    ("ForAnyValue:StringNotEquals", ["a"], ("a",), False),
    ("ForAnyValue:StringNotEquals", ["a"], ABSENT, False),
    ("StringEquals", ["a"], ("a",), None),
    ("StringEquals", ["a"], ("a", "b"), None),
    ("StringEquals", ["a", "b"], ("a", "b"), None),
    ("StringEquals", ["a"], ("b", "c"), None),
    ("ForAllValues:StringEquals", ["a"], "", True),
    ("ForAnyValue:StringEquals", ["a"], "", False),
    ("StringEquals", ["a"], (), False),
    # What is not known is not guessed.
    ("StringEquals", ["a"], UNKNOWN, None),
    ("StringEquals", ["a"], PRESENT, None),
    ("StringEqualsIfExists", ["a"], PRESENT, None),
    ("Null", ["true"], PRESENT, False),
    ("Null", ["false"], PRESENT, True),
    ("StringNotEquals", ["a"], UNKNOWN, None),
    ("StringEqualsIfExists", ["a"], UNKNOWN, None),
    ("Null", ["true"], UNKNOWN, None),
    ("StringEqualz", ["a"], "a", None),
    ("NullIfExists", ["true"], "a", None),
    ("ForAllValues:Null", ["true"], "a", None),
    ("StringEquals", [UNKNOWN_OUTPUT], "a", None),
    ("StringNotEquals", [UNKNOWN_OUTPUT], "a", None),
    ("ArnLike", [f"arn:aws:iam::1:role/{UNKNOWN_OUTPUT}"], "arn:aws:iam::1:role/x", None),
    ("ArnLike", [f"arn:aws:iam::1:role/{UNKNOWN_OUTPUT}"], "arn:aws:iam::2:role/x", False),
    # Variables.
    ("StringEquals", ["${aws:PrincipalTag/team}"], "red", True),
    ("StringEquals", ["${aws:PrincipalTag/team}"], "blue", False),
    ("StringEquals", ["${aws:PrincipalTag/none}"], "red", False),
    ("StringNotEquals", ["${aws:PrincipalTag/none}"], "red", True),
    ("StringNotEquals", ["${aws:PrincipalTag/team}"], "red", False),
    ("StringLike", ["${aws:PrincipalTag/team}-*"], "red-1", True),
    ("ArnLike", ["arn:aws:s3:::${aws:PrincipalTag/team}-*"], "arn:aws:s3:::red-1", True),
    ("ArnLike", ["arn:aws:s3:::${aws:PrincipalTag/team}"], "arn:aws:s3:::blue", False),
    ("ArnLike", ["arn:aws:s3::${aws:PrincipalTag/team}:x:y"], "arn:aws:s3::red:x:y", True),
    ("ArnLike", ["arn:aws:s3::${aws:PrincipalTag/team}:x"], "arn:aws:s3::red:x:y", False),
    ("Bool", ["${aws:PrincipalTag/on}"], "True", True),
    ("Bool", ["${aws:PrincipalTag/on}"], "false", False),
    ("Bool", ["${aws:PrincipalTag/none}"], "true", False),
    ("ArnNotLike", ["arn:aws:s3:::${aws:PrincipalTag/none}"], "arn:aws:s3:::blue", True),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "expected", "found", "answer"), CASES)
def test_an_operator_answers_as_aws_documents_it(operator, expected, found, answer):
    tags = {"team": "red", "on": "true", "none": ABSENT}
    tags = {f"aws:principaltag/{name}": value for name, value in tags.items()}

    assert holds(operator, expected, found, **tags) is answer


def test_every_operator_is_in_the_table():
    prefixes = ("ForAllValues:", "ForAnyValue:")
    tested = {case[0] for case in CASES}
    bare = {each.removesuffix("IfExists").split(":")[-1].lower() for each in tested}

    assert set(MATCHERS) | {"null"} == bare - {"stringequalz"}
    assert all(any(each.startswith(prefix) for each in tested) for prefix in prefixes)


def test_a_test_says_what_the_policy_and_what_the_request_or_token_say():
    test = compile_test(Condition("StringEquals", "aws:Key", tuple("abcdefg")))

    values = "'a' or 'b' or 'c' or 'd' or 'e' or 2 more"
    assert [test.describe(lambda _key, found=found: found) for found in ("x", ABSENT, UNKNOWN)] == [
        f"condition StringEquals aws:Key: the policy says {values}, the request {says}"
        for says in ("says 'x'", "has no such key", "has a value that is not known")
    ]
    test = compile_test(Condition("StringEquals", "id.example:sub", ("Dev:app",)))
    assert test.describe(lambda _key: "dev:app") == (
        "condition StringEquals id.example:sub: the policy says 'Dev:app', the token says "
        "'dev:app'; only upper and lower case differ"
    )


@pytest.mark.parametrize(
    ("operator", "expected", "found", "facts"),
    [
        ("StringEquals", ["a"], UNKNOWN, ["condition key aws:Key"]),
        ("Null", ["true"], UNKNOWN, ["condition key aws:Key"]),
        ("Null", ["maybe"], "a", ["a value of Null aws:Key that is true or false"]),
        ("StringEqualz", ["a"], "a", ["condition operator StringEqualz"]),
        ("StringEquals", ["${aws:Other}"], "a", ["condition key aws:Other"]),
        ("StringEquals", [UNKNOWN_OUTPUT], "a", ["an output that is not known yet"]),
        ("NumericEquals", ["ten"], "a", ["what 'ten' stands for"]),
        ("ArnLike", ["arn:x"], ROLE, ["the ARN 'arn:x'"]),
        ("StringEquals", ["a"], ("a", "b"), ["what StringEquals aws:Key makes of this value"]),
    ],
)
def test_an_undecided_test_names_the_missing_fact(operator, expected, found, facts):
    test = compile_test(Condition(operator, "aws:Key", tuple(expected)))

    assert test.missing(lambda key: UNKNOWN if key == "aws:other" else found) == facts


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
