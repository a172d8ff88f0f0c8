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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the last page of the listing is missing"),
        (page(OTHER, IsTruncated=True), "the last page of the listing is missing"),
        (page(OTHER, NextToken="x"), "the last page of the listing is missing"),
        (page(OTHER) + "x", "it is not JSON"),
        (page(), "it has roles of 0 accounts, one is read"),
        ("[1]", "it has roles of 0 accounts, one is read"),
        (page(OTHER, FAR), "it has roles of 2 accounts, one is read"),
        (page({"Arn": "x"}), "it is not a listing of an account"),
        (json.dumps({"RoleDetailList": 1}), "it is not a listing of an account"),
        (page(TEXT), f"a policy of {OTHER['Arn']} is not a JSON object"),
    ],
)
def test_what_is_no_whole_account_is_one_line(tmp_path, capsys, text, problem):
    code, out, err = audited(tmp_path, capsys, text)
    file = tmp_path / "account.json"
    problem = f"{file}: {problem}; {SAVE}"
    assert (code, json.loads(out)["problem"], err) == (2, problem, f"irsa audit: {problem}\n")
