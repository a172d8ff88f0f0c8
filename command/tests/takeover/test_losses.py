"""`irsa audit --stack` of previews that delete what they import or create."""

import json

import pytest

from command.tests.takeover.states import READ, attachment, resource, role
from irsa.__main__ import main
from irsa.takeover.children import CHILDREN
from irsa.takeover.losses import losses
from irsa_core.identity.pulumi_types import ATTACHMENT, ROLE

NAMES = {"name": "n", "role": "reports", "user": "u", "policyArn": READ, "bucket": "b", "id": "i"}
NAMES |= {"clusterName": "dev", "associationId": "a-1", "url": "https://x"}
NAMES |= {"metadata": {"namespace": "dev", "name": "app"}}
NEW = "irsa:index:ServiceAccountRole$"


def step(operation, old=None, new=None):
    return {"op": operation, "urn": (new or old)["urn"], "oldState": old, "newState": new}


def new(state, operation="create", component="reports", **more):
    """The step that makes a resource of a state under another URN."""
    part = f"{NEW}{state['type']}::{component}-read"
    made = {**state, **more, "urn": f"urn:pulumi:dev::shop::{part}"}
    del made["id"], made["outputs"]
    made["parent"] = f"urn:pulumi:dev::shop::{NEW[:-1]}::{component}"
    imported = {"importID": state["id"]} if operation == "import" else {}
    return step(operation, None, made | imported)


def rules(*steps):
    return [each.rule for each in losses({"steps": [*steps]})]


@pytest.mark.parametrize("kind", CHILDREN)
@pytest.mark.parametrize("made", ["import", "create", "replace"])
@pytest.mark.parametrize("gone", ["delete", "replace"])
def test_what_one_plan_makes_and_deletes_is_an_error(kind, made, gone):
    old = resource(f"{kind}::old", "physical", NAMES)

    deleted = step(gone, old, {**old, "inputs": {}})
    assert rules(deleted, new(old, made)) == ["imported-and-deleted"]
    assert rules(deleted) == rules(new(old, made)) == rules(step("same", old, old), new(old)) == []
    for kept in ({"retainOnDelete": True}, {"external": True}):
        assert rules(step("delete", {**old, **kept}), new(old, made)) == []
    renamed = {key: f"{value}2" for key, value in NAMES.items()} | {"metadata": {}}
    assert rules(deleted, new({**old, "id": "other"}, made, inputs=renamed)) == []


def test_roles_of_one_name_in_two_accounts_are_told_apart():
    old, elsewhere = role(), {"provider": "urn:pulumi:dev::shop::pulumi:providers:aws::b::2"}
    made = new(old, "import", **elsewhere)
    read = {**made["newState"], "outputs": {"arn": old["outputs"]["arn"]}}
    foreign = {**read, "outputs": {"arn": "arn:aws:iam::444455556666:role/reports"}}

    gone = step("delete", old)
    assert rules(made, gone) == ["perhaps-deleted"]
    assert rules(made, step("update", read, read), gone) == ["imported-and-deleted"]
    assert rules(made, step("update", foreign, foreign), gone) == []
    # The provider's account is known by the role, and so is that of its attachments.
    both = new(attachment(), **elsewhere), step("delete", attachment())
    assert rules(made, step("update", foreign, foreign), *both, gone) == []


def test_audit_names_both_urns_and_the_lines(tmp_path, capsys):
    owned = {"logical": f"{NEW}{ROLE}::reports"}
    made = [new(role(), "import"), new(attachment())]
    made[0]["newState"]["urn"] = f"urn:pulumi:dev::shop::{owned['logical']}"
    file = tmp_path / "preview.json"
    gone = [step("delete", role()), step("delete", attachment())]
    steps = [*gone[::-1], *made[::-1]]  # the engine's order differs between runs
    file.write_text(json.dumps({"steps": steps, "changeSummary": {}}))

    code = main(["audit", "--stack", str(file), "--output", "json"])

    report = json.loads(capsys.readouterr().out)
    findings = [entry for entry in report["findings"] if entry["severity"] == "error"]
    assert (code, len(findings)) == (1, 2)
    lines = {"role": f"{ROLE}::reports", "read": f"{ATTACHMENT}::reports-0"}
    for finding, before, after in zip(findings, gone, made, strict=True):
        assert before["oldState"]["urn"] in finding["found"]
        assert after["newState"]["urn"] in finding["found"]
        assert f"taken_over={json.dumps(lines)}" in finding["remedy"]
