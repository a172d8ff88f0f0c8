import json

import pytest

from irsa_sandbox.providers.aws.canonical import canonical

ROOT = "arn:aws:iam::111122223333:root"
SECURE = {"Bool": {"aws:SecureTransport": False}}
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
        policy(Principal={"AWS": ROOT})),
    "account as a number": (policy(Principal={"AWS": 111122223333}),
        policy(Principal={"AWS": "111122223333"})),
    "condition as a list": (policy(Condition=SECURE),
        policy(Condition={"Bool": {"aws:SecureTransport": ["false"]}})),
    "one statement": (policy(), {**policy(), "Statement": policy()["Statement"][0]}),
    "empty Sid": (policy(), policy(Sid="")),
    "order of statements": ({**policy(), "Statement": [A, B]}, {**policy(), "Statement": [B, A]}),
})  # fmt: skip
def test_two_spellings_of_one_document_are_one_text(left, right):
    assert canonical(json.dumps(left, indent=3)) == canonical(right)


@pytest.mark.cases(("left", "right"), {
    "case of an action": (policy(Action="s3:GetObject"), policy(Action="s3:getobject")),
    "Action and NotAction": (policy(Action="a"), policy(NotAction="a")),
    "Allow and Deny": (policy(Effect="Allow"), policy(Effect="Deny")),
    "everyone, under AWS or not": (policy(Principal="*"), policy(Principal={"AWS": "*"})),
    "two accounts": (policy(Principal={"AWS": "111122223333"}),
        policy(Principal={"AWS": "444455556666"})),
    "AWS and Federated": (policy(Principal={"AWS": "x"}), policy(Principal={"Federated": "x"})),
    "StringEquals and StringLike": (policy(Condition=EQUALS), policy(Condition=LIKE)),
    "condition and none": (policy(Condition=EQUALS), policy()),
    "two Sids": (policy(Sid="a"), policy(Sid="b")),
    "two versions": ({**policy(), "Version": "2008-10-17"}, policy()),
})  # fmt: skip
def test_documents_that_mean_something_else_stay_apart(left, right):
    assert canonical(json.dumps(left)) != canonical(json.dumps(right))


def test_what_is_no_json_object_is_refused_and_an_odd_one_left_for_aws():
    for text in ("", "{", "[]", "null", '"text"', "1"):
        with pytest.raises(ValueError, match=r"Expecting|expected a JSON object"):
            canonical(text)
    odd = [{}, {"Statement": []}, {"Statement": ["text"]}]
    for document in (*odd, policy(Principal=7), policy(Condition=7)):
        assert json.loads(canonical(document)) == document
