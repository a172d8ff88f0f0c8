"""Policy documents as JSON: single values instead of lists, and edits."""

import pytest

from irsa_core.identity.policy_json import (
    as_list,
    principals,
    principals_by_type,
    statements,
    with_principals,
    with_statements,
    without,
)

FIRST, SECOND = {"Effect": "Allow", "Action": "s3:GetObject"}, {"Effect": "Deny", "Action": "*"}
ROLE = "arn:aws:iam::111122223333:role/s3-app-A"


def test_one_thing_is_a_list_of_one():
    for value, listed in (("a", ["a"]), (["a"], ["a"]), ([], []), (FIRST, [FIRST])):
        assert as_list(value) == statements({"Statement": value}) == listed


def test_statements_are_removed_by_position_and_added_at_the_end():
    document = {"Version": "2012-10-17", "Statement": [FIRST, SECOND]}

    assert without(document, [0]) == {"Version": "2012-10-17", "Statement": [SECOND]}
    assert without({"Statement": FIRST}, [0]) == {"Statement": []}
    assert statements({"Version": "2012-10-17"}) == []
    added = with_statements({"Statement": FIRST}, SECOND, FIRST)
    assert added == {"Statement": [FIRST, SECOND, FIRST]}
    assert document == {"Version": "2012-10-17", "Statement": [FIRST, SECOND]}


def test_principals_by_type_are_those_of_one_element():
    for named in (["*"], [ROLE, "1"]):
        assert principals({"Principal": {"AWS": named}}, "AWS") == named
    assert principals({"Principal": {"AWS": "*"}}, "AWS") == ["*"]
    for others in ("*", {"Service": "s"}):
        assert principals({"Principal": others}, "AWS") == []
    statement = {"NotPrincipal": {"AWS": ROLE}}
    assert principals_by_type(statement, "NotPrincipal") == {"AWS": ROLE}
    assert principals_by_type(statement) == principals_by_type({"Principal": "*"}) == {}


@pytest.mark.parametrize("named", [ROLE, [ROLE, "*"]])
def test_only_the_aws_principals_are_spelt_anew(named):
    statement = {"Sid": ROLE, "Principal": {"AWS": named, "Service": ROLE}}
    respelt = {**statement, "Principal": {"AWS": [], "Service": ROLE}}
    respelt["Principal"]["AWS"] = ROLE.upper() if named == ROLE else [ROLE.upper(), "*"]
    assert with_principals({"Statement": statement}, str.upper) == {"Statement": [respelt]}
    assert with_principals({"Statement": [FIRST]}, str.upper) == {"Statement": [FIRST]}
