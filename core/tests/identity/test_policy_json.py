"""Policy documents as JSON: single values instead of lists, and edits."""

import pytest

from irsa_core.identity import policy_json

FIRST, SECOND = {"Effect": "Allow", "Action": "s3:GetObject"}, {"Effect": "Deny", "Action": "*"}
ROLE = "arn:aws:iam::111122223333:role/s3-app-A"


def test_one_thing_is_a_list_of_one():
    for value, listed in (("a", ["a"]), (["a"], ["a"]), ([], []), (FIRST, [FIRST])):
        assert policy_json.as_list(value) == policy_json.statements({"Statement": value}) == listed


def test_statements_are_removed_by_position_and_added_at_the_end():
    document = {"Version": "2012-10-17", "Statement": [FIRST, SECOND]}

    assert policy_json.without(document, [0]) == {"Version": "2012-10-17", "Statement": [SECOND]}
    assert policy_json.without({"Statement": FIRST}, [0]) == {"Statement": []}
    assert policy_json.statements({"Version": "2012-10-17"}) == []
    added = policy_json.with_statements({"Statement": FIRST}, SECOND, FIRST)
    assert added == {"Statement": [FIRST, SECOND, FIRST]}
    assert document == {"Version": "2012-10-17", "Statement": [FIRST, SECOND]}


def test_principals_by_type_are_those_of_one_element():
    for named in (["*"], [ROLE, "1"]):
        assert policy_json.principals({"Principal": {"AWS": named}}, "AWS") == named
    assert policy_json.principals({"Principal": {"AWS": "*"}}, "AWS") == ["*"]
    for others in ("*", {"Service": "s"}):
        assert policy_json.principals({"Principal": others}, "AWS") == []
    statement = {"NotPrincipal": {"AWS": ROLE}}
    assert policy_json.principals_by_type(statement, "NotPrincipal") == {"AWS": ROLE}
    for without_types in (statement, {"Principal": "*"}):
        assert policy_json.principals_by_type(without_types) == {}


@pytest.mark.parametrize("named", [ROLE, [ROLE, "*"]])
def test_only_the_aws_principals_are_spelt_anew(named):
    statement = {"Sid": ROLE, "Principal": {"AWS": named, "Service": ROLE}}
    respelt = {**statement, "Principal": {"AWS": [], "Service": ROLE}}
    respelt["Principal"]["AWS"] = ROLE.upper() if named == ROLE else [ROLE.upper(), "*"]
    document = policy_json.with_principals({"Statement": statement}, str.upper)
    assert document == {"Statement": [respelt]}
    assert policy_json.with_principals({"Statement": [FIRST]}, str.upper) == {"Statement": [FIRST]}
