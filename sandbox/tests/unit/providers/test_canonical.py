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


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (policy(Action=["a", "b"]), policy(Action=["b", "a"])),
        (policy(Action=["a"]), policy(Action="a")),
        (policy(Resource=["x", "x"]), policy(Resource="x")),
        (policy(Principal={"AWS": ["111122223333"]}), policy(Principal={"AWS": ROOT})),
        (policy(Principal={"AWS": 111122223333}), policy(Principal={"AWS": "111122223333"})),
        (policy(Condition=SECURE), policy(Condition={"Bool": {"aws:SecureTransport": ["false"]}})),
        (policy(), {**policy(), "Statement": policy()["Statement"][0]}),
        (policy(), policy(Sid="")),
        ({**policy(), "Statement": [A, B]}, {**policy(), "Statement": [B, A]}),
    ],
)
def test_two_spellings_of_one_document_are_one_text(left, right):
    assert canonical(json.dumps(left, indent=3)) == canonical(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (policy(Action="s3:GetObject"), policy(Action="s3:getobject")),
        (policy(Action="a"), policy(NotAction="a")),
        (policy(Effect="Allow"), policy(Effect="Deny")),
        (policy(Principal="*"), policy(Principal={"AWS": "*"})),
        (policy(Principal={"AWS": "111122223333"}), policy(Principal={"AWS": "444455556666"})),
        (policy(Principal={"AWS": "x"}), policy(Principal={"Federated": "x"})),
        (policy(Condition=EQUALS), policy(Condition=LIKE)),
        (policy(Condition=EQUALS), policy()),
        (policy(Sid="a"), policy(Sid="b")),
        ({**policy(), "Version": "2008-10-17"}, policy()),
    ],
)
def test_documents_that_mean_something_else_stay_apart(left, right):
    assert canonical(json.dumps(left)) != canonical(json.dumps(right))


def test_what_is_no_json_object_is_refused_and_an_odd_one_left_for_aws():
    for text in ("", "{", "[]", "null", '"text"', "1"):
        with pytest.raises(ValueError, match=r"Expecting|expected a JSON object"):
            canonical(text)
    odd = [{}, {"Statement": []}, {"Statement": ["text"]}]
    for document in (*odd, policy(Principal=7), policy(Condition=7)):
        assert json.loads(canonical(document)) == document
