import json

import pytest

from irsa_sandbox.providers.aws.canonical import canonical

A, B = {"Sid": "a"}, {"Sid": "b"}
EQUALS, LIKE = ({each: {"k": "a*"}} for each in ("StringEquals", "StringLike"))


def policy(**elements: object) -> dict[str, object]:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **elements}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.cases(("left", "right"), {
    "order of actions": (policy(Action=["a", "b"]), policy(Action=["b", "a"])),
    "list of one": (policy(Action=["a"]), policy(Action="a")),
    "resource twice": (policy(Resource=["x", "x"]), policy(Resource="x")),
    "account and its root": (policy(Principal={"AWS": ["111122223333"]}),
        policy(Principal={"AWS": "arn:aws:iam::111122223333:root"})),
    "account as a number": (policy(Principal={"AWS": 111122223333}),
        policy(Principal={"AWS": "111122223333"})),
    "condition as a list": (policy(Condition={"Bool": {"aws:SecureTransport": False}}),
        policy(Condition={"Bool": {"aws:SecureTransport": ["false"]}})),
    "one statement": (policy(), {**policy(), "Statement": policy()["Statement"][0]}),
    "empty Sid": (policy(), policy(Sid="")),
    "order of statements": ({**policy(), "Statement": [A, B]}, {**policy(), "Statement": [B, A]}),
})  # fmt: skip
def test_two_spellings_of_one_document_are_one_text(left, right):
    assert canonical(json.dumps(left, indent=3)) == canonical(right)


def test_documents_that_mean_something_else_stay_apart():
    accounts = ({"AWS": "111122223333"}, {"AWS": "444455556666"}, {"Federated": "444455556666"})
    documents = [
        *(policy(), {**policy(), "Version": "2008-10-17"}, policy(Effect="Deny")),
        *(policy(Action="s3:getobject"), policy(NotAction="s3:GetObject")),
        *(policy(Principal=each) for each in ("*", {"AWS": "*"}, *accounts)),
        *(policy(Condition=each) for each in (EQUALS, LIKE)),
        *(policy(**each) for each in (A, B)),
    ]
    assert len({canonical(json.dumps(each)) for each in documents}) == len(documents)


def test_what_is_no_json_object_is_refused_and_an_odd_one_left_for_aws():
    for text in ("", "{", "[]", "null", '"text"', "1"):
        with pytest.raises(ValueError, match=r"Expecting|expected a JSON object"):
            canonical(text)
    odd = [{}, {"Statement": []}, {"Statement": ["text"]}]
    for document in (*odd, policy(Principal=7), policy(Condition=7)):
        assert json.loads(canonical(document)) == document
