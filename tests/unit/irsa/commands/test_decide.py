"""The contract of ``python -m irsa decide``: scenario in, answer out."""

import copy
import json

import pytest

from irsa.__main__ import main
from irsa.decide.json_input import InputError
from tests.unit.irsa.decide.scenarios import (
    A_MAY_NOT,
    ISSUER,
    WEB_IDENTITY_STATEMENT,
    answer,
    assume_step,
    document,
    list_step,
    scenario,
    token,
    web_identity_step,
)


def test_the_whole_chain_is_allowed():
    step = list_step()
    found = answer(web_identity_step(), assume_step(), step)

    assert found == {
        "decision": "allow",
        "failing_step": None,
        "error": None,
        "steps": [
            {"decision": "allow", "reasons": ["trust policy, statement 1: allows it"]},
            {
                "decision": "allow",
                "reasons": [
                    "trust policy, statement 1: allows it",
                    "identity policy 1, statement 1: allows it",
                ],
            },
            {"decision": "allow", "reasons": ["identity policy 1, statement 1: allows it"]},
        ],
    }


def test_a_refused_step_ends_the_chain_with_awss_error():
    found = answer(web_identity_step(), assume_step(identity_policies=[]), list_step())

    assert found == {
        "decision": "deny",
        "failing_step": 2,
        "error": {"code": "AccessDenied", "http": 403, "message": A_MAY_NOT},
        "steps": [
            {"decision": "allow", "reasons": ["trust policy, statement 1: allows it"]},
            {
                "decision": "deny",
                "reasons": [
                    "no statement of these policies allows it: trust policy",
                    "trust policy, statement 1: allows it, which is not enough",
                ],
            },
        ],
    }


def changed(*path, value):
    """The allowed scenario with the value at ``path`` (indices from 0) replaced."""
    found = copy.deepcopy(scenario(web_identity_step(), assume_step(), list_step()))
    place = found
    for each in path[:-1]:
        place = place[each]
    place[path[-1]] = value
    return json.dumps(found)


AT = "steps[2].identity_policies[1].Statement[1]"
POLICY = ("steps", 1, "identity_policies", 0, "Statement", 0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[]", "a list is not a JSON object"),
        ("{}", "steps: missing"),
        ('{"steps": []}', "steps: an empty list; a scenario has at least one step"),
        ('{"steps": [1]}', "steps[1]: 1 is not a JSON object"),
        ('{"now": 1, "now": 2}', "now: given twice in one object"),
        ('{"now": NaN}', "not JSON: NaN is not a number"),
        ('{"now": -Infinity}', "not JSON: -Infinity is not a number"),
        ("[" * 100_000, "not readable: nested too deep"),
        (
            changed("now", value=1e999).replace("Infinity", "1e999"),
            "now: a number out of range is not a number of seconds since the epoch",
        ),
        (
            '{"steps": [1], "now": ' + "9" * 5000 + "}",
            "now: a number out of range is not a number of seconds since the epoch",
        ),
        (changed("now", value=True), "now: true is not a number of seconds since the epoch"),
        (
            changed("extra", value=1),
            "extra: unknown field; known are jwks, now, oidc_providers, steps",
        ),
        (changed("jwks", value={"keys": [1]}), "jwks.keys[1]: 1 is not a JSON object"),
        (changed("jwks", value={}), "jwks.keys: null is not a list"),
        (
            changed("oidc_providers", 0, "account", value="1"),
            'oidc_providers[1].account: "1" is not an account id of 12 digits',
        ),
        (
            changed("oidc_providers", 0, "client_ids", value=[1]),
            "oidc_providers[1].client_ids[1]: 1 is not a string",
        ),
        (
            changed("oidc_providers", 0, "reachable", value="no"),
            'oidc_providers[1].reachable: "no" is not true or false',
        ),
        (
            changed("steps", 0, "token", "exp", value="soon"),
            'steps[1].token.exp: "soon" is not a number of seconds since the epoch',
        ),
        (
            changed("steps", 0, "token", "aud", value=[1]),
            "steps[1].token.aud[1]: 1 is not a string",
        ),
        (
            changed("steps", 0, "token", "sub", value={}),
            "steps[1].token.sub: an object is not a string",
        ),
        (
            changed("steps", 0, "token", "signature", value="odd"),
            'steps[1].token.signature: "odd" is none of valid, unknown_key, tampered, alg_none, ',
        ),
        (
            changed("steps", 0, "trust_policy", value=[]),
            "steps[1].trust_policy: a list is not a JSON object",
        ),
        (
            changed("steps", 0, "action", value="AssumeRole"),
            'steps[1].action: "AssumeRole" is not an action like s3:GetObject',
        ),
        (
            changed("steps", 0, "action", value="s3:*"),
            'steps[1].action: "s3:*" is not an action like s3:GetObject',
        ),
        (changed("steps", 0, "action", value=None), "steps[1].action: missing"),
        (
            changed("steps", 0, "action", value="sts:AssumeRoleWithSAML"),
            "steps[1].action: SAML is not modelled here",
        ),
        (changed("steps", 0, "resource", value=None), "steps[1].resource: missing"),
        (
            changed("steps", 1, "principal", value="bob"),
            "steps[2].principal: 'bob' is neither the ARN of a session, user, role or account",
        ),
        (
            changed("steps", 1, "duration_seconds", value=1.5),
            "steps[2].duration_seconds: 1.5 is not a whole number",
        ),
        (changed("steps", 1, "chained", value=0), "steps[2].chained: 0 is not true or false"),
        (
            changed("steps", 1, "external_id", value="x" * 4097),
            "steps[2].external_id: 4097 characters, more than 4096",
        ),
        (
            changed("steps", 1, "identity_policies", value={}),
            "steps[2].identity_policies: an object is not a list",
        ),
        (
            changed(*POLICY, "Effect", value="allow"),
            f"{AT}.Effect: 'allow' is neither 'Allow' nor 'Deny'",
        ),
        (
            changed(*POLICY, "Principal", value="*"),
            f"{AT}.Principal: only trust and resource policies have it",
        ),
        (
            changed(*POLICY, "Action", value="AssumeRole"),
            f"{AT}.Action: 'AssumeRole' is not an action",
        ),
        (
            changed("steps", 1, "identity_policies", 0, value="x"),
            "steps[2].identity_policies[1]: a policy document is a JSON object",
        ),
        (
            changed(*POLICY, "Condition", value={"NumericEquals": {"a": float("inf")}}).replace(
                "Infinity", "1e400"
            ),
            f"{AT}.Condition.NumericEquals.a: ",
        ),
        (
            changed(*POLICY, value=1),
            f"{AT}: 1 is not a JSON object",
        ),
        (
            changed(*POLICY, "Condition", value=[]),
            f"{AT}.Condition: a list is not a JSON object",
        ),
        (
            changed(*POLICY, "Action", value=["sts:AssumeRole", 1]),
            f"{AT}.Action: 1 is not a string",
        ),
        (
            changed(*POLICY, "NotAction", value="*"),
            f"{AT}.Action: Action and NotAction exclude each other",
        ),
        (
            changed(*POLICY, "Sid", value=1),
            f"{AT}.Sid: 1 is not a string",
        ),
        (
            changed(*POLICY, "Conditions", value={}),
            f"{AT}: unknown element 'Conditions'; known are Action, Condition",
        ),
        (
            changed(*POLICY, "Resource", value=[]),
            f"{AT}.Resource: an empty list",
        ),
        (
            changed(*POLICY, "Condition", value={"StringEquals": {"a": [[]]}}),
            f"{AT}.Condition.StringEquals.a: a list is not a string, number or boolean",
        ),
        (
            changed("steps", 2, "context", "s3:prefix", value={}),
            "steps[3].context.s3:prefix: an object is not a string, number",
        ),
        (
            changed("steps", 2, "context", "S3:Prefix", value="x"),
            "steps[3].context.S3:Prefix: given twice (condition keys ignore case)",
        ),
        (
            changed("steps", 2, "rol\n\u202e", value=1),
            "steps[3].rol\\n\\u202e: unknown field; known are",
        ),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(text, line, tmp_path, capsys):
    file = tmp_path / "scenario.json"
    file.write_text(text)

    assert main(["decide", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"irsa decide: {line}")
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    latin = tmp_path / "latin"
    latin.write_bytes(b'{"now": "\xe9"}')

    assert [main(["decide", str(file)]) for file in (tmp_path / "none", tmp_path, latin)] == [
        2,
        2,
        2,
    ]
    assert capsys.readouterr().err.splitlines() == [
        f"irsa decide: {tmp_path / 'none'}: cannot be read: No such file or directory",
        f"irsa decide: {tmp_path}: cannot be read: Is a directory",
        "irsa decide: not UTF-8: byte 10 is 0xe9",
    ]


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([web_identity_step()], 0),
        ([web_identity_step(token=token(exp=1))], 1),
        ([web_identity_step(trust_policy=None)], 3),
    ],
)
def test_the_exit_code_says_what_the_answer_says(steps, code, tmp_path, capsys):
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(scenario(*steps)))

    assert main(["decide", "--output", "json", str(file)]) == code
    assert json.loads(capsys.readouterr().out) == answer(*steps)


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--x", "a"], ["--output", "text", "a"]])
def test_wrong_usage_is_one_line(arguments, capsys):
    assert main(["decide", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(("size", "answered"), [(330, True), (10_000, False)])
def test_a_document_of_the_largest_size_is_answered_and_a_larger_one_is_refused(size, answered):
    statements = [
        WEB_IDENTITY_STATEMENT | {"Condition": {"StringEquals": {f"{ISSUER}:sub": f"other-{n}"}}}
        for n in range(size)
    ]
    step = web_identity_step(trust_policy=document(*statements, WEB_IDENTITY_STATEMENT))

    if answered:
        found = answer(step)
        assert (found["decision"], len(found["steps"][0]["reasons"])) == ("allow", size + 1)
        return
    with pytest.raises(InputError, match=r"trust_policy: \d+ characters, more than 131072"):
        answer(step)
