"""A state of an older program that gives every name: nothing is replaced or deleted."""

from pathlib import Path

import pytest
import yaml

from tests.programs.every_name import account_a, account_b
from tests.support.engine import Engine, deploy, run_program, stack_file
from tests.support.world import CLUSTER_OUTPUTS, ISSUER_URL

STATES = yaml.safe_load(Path(__file__).with_name("states.yaml").read_text())
CLUSTER = {
    **CLUSTER_OUTPUTS,
    "role_a_arn": "arn:aws:iam::111122223333:role/s3-app-A",
    "role_a_unique_id": "AROAEXAMPLE",
}
PROGRAMS = {"irsa": account_a, "irsa-account-b": account_b}
FOLDERS = {
    "forms": "examples/forms",
    "forms-account-b": "examples/forms_account_b",
}
# A mock account has one id; and what a program leaves out, the providers fill in.
OTHER_ACCOUNT = ("444455556666", "111122223333")


def registered(project):
    """Inputs of what a program registers today, by URN without stack and project, and by alias."""
    engine = Engine(stacks={"organization/irsa/dev": CLUSTER})
    if project in PROGRAMS:
        deploy(PROGRAMS[project], engine, project)
    else:
        config = {**stack_file(FOLDERS[project]), f"{project}:issuerUrl": ISSUER_URL}
        run_program(config, engine, folder=FOLDERS[project])
    inputs = {(each.typ, each.name): dict(each.inputs) for each in engine.registered}
    found = {}
    for urn in engine.monitor.depends_on:
        path, name = urn.split("::", 2)[2].removeprefix("pulumi:pulumi:Stack$").split("::", 1)
        kind = path.rpartition("$")[2]
        request = engine.monitor.requests.get((kind, name))  # none for what is only read
        aliases = request.aliases if request else ()
        for each in (name, *(alias.spec.name for alias in aliases if alias.spec.name)):
            found[f"{path}::{each}"] = inputs.get((kind, name), {})
    return found


@pytest.mark.parametrize("project", STATES)
def test_no_resource_is_replaced_or_deleted(project):
    today = registered(project)

    assert STATES[project].keys() <= today.keys(), "a missing one would be deleted"
    for urn, inputs in STATES[project].items():
        given = {key: today[urn][key] for key in inputs if key in today[urn]}
        before = yaml.safe_load(yaml.safe_dump(inputs).replace(*OTHER_ACCOUNT))
        given = {**given, **({"metadata": names(given)} if "metadata" in given else {})}
        assert given == {key: before[key] for key in given}, urn


def names(inputs):
    metadata = inputs["metadata"]
    return {key: metadata[key] for key in ("name", "namespace") if key in metadata}
