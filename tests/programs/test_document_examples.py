"""The configuration that the documents show is accepted, and fits together."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.support.engine import ROOT, Engine, deploy, outputs_of, run_program, stack_file

STACK_A = "organization/irsa/dev"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(document: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in BLOCK.findall((ROOT / document).read_text())]


def test_the_cluster_of_the_document_is_accepted():
    (example,) = examples("docs/cluster.md")
    zones = dict(zip(example["irsa:cluster"]["subnetIds"], "ab", strict=True))
    subnets = {subnet: ("vpc-0a", f"us-east-1{zone}") for subnet, zone in zones.items()}

    engine = run_program({**stack_file(), **example}, Engine(subnets=subnets))
    assert engine.one("eks:index:Cluster").inputs["vpcId"] == "vpc-0a"


@pytest.mark.parametrize("document", ["docs/two-accounts.md", "docs/access-key.md"])
def test_every_example_is_accepted_and_account_bs_fits_the_account_a_before_it(document):
    found = examples(document)
    exported: dict[str, Any] = {}
    for example in found:
        if "irsa:workloads" in example:
            exported = outputs_of({**stack_file(), **example})
        else:
            engine = Engine(stacks={STACK_A: exported})
            run_program({**stack_file("account_b"), **example}, engine, folder="account_b")
            assert engine.one("aws:iam/role:Role").inputs["name"].startswith("s3-app-")
    assert found


def test_the_program_of_the_readme_runs_and_trusts_one_service_account():
    (program,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S
    )

    engine = deploy(lambda: exec(compile(program, "README.md", "exec"), {}), Engine())  # noqa: S102

    (statement,) = json.loads(engine.one("aws:iam/role:Role").inputs["assumeRolePolicy"])[
        "Statement"
    ]
    assert list(statement["Condition"]) == ["StringEquals"]
    assert sorted(key.rpartition(":")[2] for key in statement["Condition"]["StringEquals"]) == [
        "aud",
        "sub",
    ]


def test_the_configuration_of_the_readme_is_accepted():
    (example,) = examples("README.md")

    assert "s3-app" in outputs_of({**stack_file(), **example})["workloads"]
