"""`python -m irsa audit FILE`: an account as the AWS CLI prints it."""

import json
from datetime import datetime

import pytest

from irsa.__main__ import main
from tests.support.fleet import Fleet

SAVE = "give all that `aws iam get-account-authorization-details` prints"
[BARE, DATED, OTHER] = Fleet(3).roles
del BARE["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
FAR = {**OTHER, "Arn": OTHER["Arn"].replace("111122223333", "444455556666")}
TEXT = {**OTHER, "AssumeRolePolicyDocument": "%7B%7D"}


def page(*roles, **more):
    return json.dumps({"RoleDetailList": roles, **more}, indent=4, default=datetime.isoformat)


def audited(tmp_path, capsys, text):
    (tmp_path / "account.json").write_text(text)
    code = main(["audit", str(tmp_path / "account.json"), "--output", "json"])
    return (code, *capsys.readouterr())


def test_a_saved_account_is_audited_as_one_page_or_several(tmp_path, capsys):
    first, last = page(BARE, IsTruncated=True, Marker="x"), page(DATED, OTHER, IsTruncated=False)

    whole = audited(tmp_path, capsys, page(BARE, DATED, OTHER))

    assert whole == audited(tmp_path, capsys, f"{first}\n{last}\n")
    code, out, err = whole
    found = {(each["rule"], each["subject"]) for each in json.loads(out)["findings"]}
    assert (code, found) == (1, {(rule, f"role {BARE['Arn']}") for rule in ("no-sub", "no-aud")})
    assert "not checked: rules on service accounts, associations and OIDC providers" in err


@pytest.mark.cases(("text", "problem"), {
    "empty file": ("", "the last page of the listing is missing"),
    "truncated listing": (page(OTHER, IsTruncated=True), "the last page of the listing is missing"),
    "listing with a next token": (page(OTHER, NextToken="x"),
        "the last page of the listing is missing"),
    "text behind the JSON": (page(OTHER) + "x", "it is not JSON"),
    "no roles": (page(), "it has roles of 0 accounts, one is read"),
    "a list": ("[1]", "it has roles of 0 accounts, one is read"),
    "roles of two accounts": (page(OTHER, FAR), "it has roles of 2 accounts, one is read"),
    "ARN of no role": (page({"Arn": "x"}), "it is not a listing of an account"),
    "number for roles": (json.dumps({"RoleDetailList": 1}), "it is not a listing of an account"),
    "policy is no object": (page(TEXT), f"a policy of {OTHER['Arn']} is not a JSON object"),
})  # fmt: skip
def test_what_is_no_whole_account_is_one_line(tmp_path, capsys, text, problem):
    code, out, err = audited(tmp_path, capsys, text)
    problem = f"{tmp_path / 'account.json'}: {problem}; {SAVE}"
    assert (code, json.loads(out)["problem"], err) == (2, problem, f"irsa audit: {problem}\n")
