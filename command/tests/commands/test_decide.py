"""The contract of ``python -m irsa decide``: scenario in, answer out."""

import copy
import json
import math
import re
from functools import reduce
from operator import getitem

import pytest

from core.tests.decide.messages import A_MAY_NOT
from core.tests.decide.policies import document
from core.tests.decide.scenarios import answer, scenario
from core.tests.decide.steps import assume_step, list_step
from core.tests.decide.web import WEB_IDENTITY_STATEMENT, token, web_identity_step
from irsa.__main__ import main
from irsa.printable import line
from irsa_core.decide.json_input import InputError
from tests.support.world import ISSUER

STATEMENT = "steps.1.identity_policies.0.Statement.0"
BOTH_ACTIONS = {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}
TRUSTED = "trust policy, statement 1: allows it"
GRANTED = "identity policy 1, statement 1: allows it"
NOT_ENOUGH = [
    "no statement of these policies allows it: trust policy",
    f"{TRUSTED}, which is not enough",
]
NOT_CONSIDERED = "resource control policies, the policy of a VPC endpoint, service control policies"


@pytest.mark.cases(("changed", "expected", "steps"), {
    "allowed": ({}, {"decision": "allow", "failing_step": None, "error": None,
        "not_considered": NOT_CONSIDERED}, [[TRUSTED], [TRUSTED, GRANTED], [GRANTED]]),
    "denied at the second step": ({"identity_policies": []}, {"decision": "deny", "failing_step": 2,
        "error": {"code": "AccessDenied", "http": 403, "message": A_MAY_NOT}},
        [[TRUSTED], NOT_ENOUGH]),
})  # fmt: skip
def test_a_chain_is_answered_by_step_until_one_is_denied(changed, expected, steps):
    decisions = [*["allow"] * (len(steps) - 1), expected["decision"]]
    listed = [{"decision": e, "reasons": f} for e, f in zip(decisions, steps, strict=True)]
    result = answer(web_identity_step(), assume_step(**changed), list_step())
    assert result == {**expected, "steps": listed}


def refused(text, tmp_path, capsys):
    """The line that a scenario is refused with."""
    file = tmp_path / "scenario.json"
    file.write_text(text)
    code = main(["decide", str(file)])
    out, err = capsys.readouterr()
    assert (code, err) == (2, f"irsa decide: {line(json.loads(out)['problem'])}\n")
    return err.removeprefix("irsa decide: ")


@pytest.mark.cases(("text", "message"), {
    "empty file": ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
    "a list": ("[]", "a list is not a JSON object"),
    "no steps": ("{}", "steps: missing"),
    "empty list of steps": ('{"steps": []}',
        "steps: an empty list; a scenario has at least one step"),
    "step is a number": ('{"steps": [1]}', "steps[1]: 1 is not a JSON object"),
    "field twice": ('{"steps": [], "now": 1, "now": 2}', "now: given twice in one object"),
    "NaN": ('{"now": NaN}', "not JSON: NaN is not a number"),
    "nested too deep": ("[" * 100_000, "not readable: nested too deep"),
    "number out of range": ('{"steps": [1], "now": 1e999}',
        "now: a number out of range is not a number of seconds"),
    "number of 5000 digits": ('{"steps": [1], "now": ' + "9" * 5000 + "}",
        "now: a number out of range is not a num"),
})  # fmt: skip
def test_a_file_without_a_scenario_is_one_line(text, message, tmp_path, capsys):
    assert refused(text, tmp_path, capsys).startswith(message)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("now", True, ": true is not a number of seconds since the epoch"),
        ("extra", 1, ": unknown field; known are jwks, now, oidc_providers, steps"),
        ("jwks", {"keys": [1]}, ".keys[1]: 1 is not a JSON object"),
        ("oidc_providers.0.account", "1", ': "1" is not an account id of 12 digits'),
        ("oidc_providers.0.client_ids", [1], "[1]: 1 is not a string"),
        ("oidc_providers.0.reachable", "no", ': "no" is not true or false'),
        ("steps.0.token.exp", "soon", ': "soon" is not a number of seconds since the epoch'),
        ("steps.0.token.aud", [1], "[1]: 1 is not a string"),
        ("steps.0.token.sub", {}, ": an object is not a string"),
        ("steps.0.token.signature", "odd", ': "odd" is none of valid, unknown_key, tampered, '),
        ("steps.0.trust_policy", [], ": a list is not a JSON object"),
        ("steps.0.action", "AssumeRole", ': "AssumeRole" is not an action like s3:GetObject'),
        ("steps.0.action", None, ": missing"),
        ("steps.0.resource", None, ": missing"),
        ("steps.1.principal", "bob", ": 'bob' is neither the ARN of a session, user, role or "),
        ("steps.1.duration_seconds", 1.5, ": 1.5 is not a whole number"),
        ("steps.1.chained", 0, ": 0 is not true or false"),
        ("steps.1.external_id", "x" * 4097, ": 4097 characters, more than 4096"),
        ("steps.1.identity_policies", {}, ": an object is not a list"),
        ("steps.1.identity_policies.0", "x", ": a policy document is a JSON object"),
        (STATEMENT, 1, ": 1 is not a JSON object"),
        (STATEMENT, {"Conditions": {}}, ": unknown element 'Conditions'; known are Action, Cond"),
        (STATEMENT, BOTH_ACTIONS, ".Action: Action and NotAction exclude each other"),
        (f"{STATEMENT}.Effect", "allow", ": 'allow' is neither 'Allow' nor 'Deny'"),
        (f"{STATEMENT}.Principal", "*", ": only trust and resource policies have it"),
        (f"{STATEMENT}.Action", "AssumeRole", ": 'AssumeRole' is not an action"),
        (f"{STATEMENT}.Action", ["sts:AssumeRole", 1], ": 1 is not a string"),
        (f"{STATEMENT}.Resource", [], ": an empty list"),
        (f"{STATEMENT}.Condition", [], ": a list is not a JSON object"),
        (f"{STATEMENT}.Condition", {"NumericEquals": {"a": math.inf}}, ".NumericEquals.a: "),
        (f"{STATEMENT}.Condition", {"StringEquals": {"a": [[]]}}, ".StringEquals.a: a list is n"),
        ("steps.2.context.s3:prefix", {}, ": an object is not a string, number"),
        ("steps.2.context.S3:Prefix", "x", ": given twice (condition keys ignore case)"),
        ("steps.2.rol\n\u202e", 1, ": unknown field; known are"),
    ],
)
def test_a_wrong_field_is_one_line_that_names_it(path, value, problem, tmp_path, capsys):
    found = copy.deepcopy(scenario(web_identity_step(), assume_step(), list_step()))
    *parents, last = [int(each) if each.isdecimal() else each for each in path.split(".")]
    reduce(getitem, parents, found)[last] = value

    text = json.dumps(found).replace("Infinity", "1e400")

    # Errors have indices from 1.
    shown = re.sub(r"\.(\d+)", lambda found: f"[{int(found[1]) + 1}]", path)
    assert refused(text, tmp_path, capsys).startswith(line(shown) + problem)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    latin = tmp_path / "latin"
    latin.write_bytes(b'{"now": "\xe9"}')
    files = (tmp_path / "none", tmp_path, latin)
    assert [main(["decide", str(file)]) for file in files] == [2, 2, 2]
    for file, said in zip(files, capsys.readouterr().err.splitlines(), strict=True):
        assert said.startswith(f"irsa decide: {file}: ")


@pytest.mark.cases(("changed", "code"), {
    "allow": ({}, 0),
    "deny": ({"token": token(exp=1)}, 1),
    "unknown": ({"trust_policy": None}, 3),
})  # fmt: skip
def test_the_exit_code_is_the_decision(changed, code, tmp_path, capsys):
    file, step = tmp_path / "scenario.json", web_identity_step(**changed)
    file.write_text(json.dumps(scenario(step)))
    assert main(["decide", "--output", "json", str(file)]) == code
    assert json.loads(capsys.readouterr().out) == {"version": 1} | answer(step)


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--x", "a"], ["--output", "text", "a"]])
def test_wrong_usage_is_one_line(arguments, capsys):
    assert main(["decide", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_a_document_of_the_largest_size_is_answered_a_larger_one_refused():
    def sized(count):
        others = [
            WEB_IDENTITY_STATEMENT | {"Condition": {"StringEquals": {f"{ISSUER}:sub": f"x-{n}"}}}
            for n in range(count)
        ]
        return answer(web_identity_step(trust_policy=document(*others, WEB_IDENTITY_STATEMENT)))

    result = sized(330)
    assert (result["decision"], len(result["steps"][0]["reasons"])) == ("allow", 331)
    with pytest.raises(InputError, match=r"trust_policy: \d+ characters, more than 131072"):
        sized(10_000)
    larger = {"Effect": "Allow", "Action": "s3:*", "Resource": "x" * 140_000}
    with pytest.raises(InputError, match=r"identity_policies\[1\]: \d+ characters, more than"):
        answer(assume_step(identity_policies=[document(larger)]))
