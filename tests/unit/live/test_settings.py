"""The configuration of a live run: the example's, under other names and in other accounts."""

import ast
import json
import re

import pytest

from tests.live.settings import PROJECT_A, PROJECT_B, buckets_of, check, example, stack_settings
from tests.support.paths import ROOT

PREFIX = "irsa-live-abcdefgh"
A, B = "123456789012", "210987654321"


def settings(**changes):
    wanted = {
        "prefix": PREFIX,
        "tags": {"irsa-live-run": "abcdefgh"},
        "region": "eu-west-1",
        "accounts": (A, B),
        "subnets": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"],
        **changes,
    }
    return stack_settings(**wanted)


def test_both_programs_take_it():
    check(settings())


def test_no_name_and_no_account_of_the_example_is_left():
    text = json.dumps(settings())

    for account in ("111122223333", "444455556666"):
        assert account not in text
    names = re.findall(r'"(?:name|namespace|roleName|userName)": "([^"]*)"', text)
    assert len(names) > 10
    assert [name for name in names if not name.startswith(f"{PREFIX}-")] == []


def test_nothing_but_names_accounts_and_the_cluster_s_size_differs_from_the_example():
    of_a, of_b = settings(prefix="X", accounts=("111122223333", "444455556666"), region="us-east-1")
    bare_a, bare_b = (json.loads(json.dumps(each).replace("X-", "")) for each in (of_a, of_b))

    assert (
        bare_a.pop("irsa:tags") == bare_b.pop("irsa-account-b:tags") == settings()[0]["irsa:tags"]
    )
    assert bare_a.pop("irsa:cluster") == {
        "name": "dev",
        "subnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"],
        "nodes": {"instanceTypes": ["t3.medium"], "desiredSize": 1, "minSize": 1, "maxSize": 1},
        "controlPlane": {"logTypes": []},
    }
    example_a, example_b = example(PROJECT_A), example(PROJECT_B)
    del example_a["irsa:cluster"], example_b["irsa-account-b:assumeRoleArn"]
    assert (bare_a, bare_b) == (example_a, example_b)


def test_account_b_s_deployment_is_its_profile_unless_a_role_is_given():
    role = f"arn:aws:iam::{B}:role/deployer"

    assert "irsa-account-b:assumeRoleArn" not in settings()[1]
    assert settings(deployer_b=role)[1]["irsa-account-b:assumeRoleArn"] == role


def test_one_subnet_is_refused_before_anything_is_asked_of_aws():
    with pytest.raises(ValueError, match="subnetIds names 1 of at least 2 subnets"):
        check(settings(subnets=["subnet-0a1b2c3d"]))


def test_the_buckets_are_those_of_both_stacks():
    assert buckets_of(settings()) == [f"{PREFIX}-bucket-s3-app", f"{PREFIX}-bucket-s3-app-b"]


def test_the_live_tests_know_nothing_of_the_sandbox():
    imported = {
        name.partition(".")[0]
        for file in (ROOT / "tests" / "live").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [node.names[0].name])
    }
    assert {"components", "irsa", "tests"} <= imported
    assert "sandbox" not in imported
