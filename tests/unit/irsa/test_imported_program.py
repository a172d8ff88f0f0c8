"""The printed programs in Python and in Pulumi YAML."""

import json
import subprocess
import sys
from typing import Any

import yaml

from irsa.commands.imports import report
from irsa.identity.pod_identity import service_account_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.imports.program import python_program, yaml_program
from irsa.imports.roles import Imported, import_roles
from irsa.observe.eks import Association
from irsa.observe.iam import ExistingRole
from tests.support.engine import Engine, deploy
from tests.support.roles_of_others import READ_ONLY, terraform_trust
from tests.support.world import ACCOUNT_A, CLUSTER_ARN, PROVIDER_ARN, REGION, ROLE_B_ARN


def role(name: str, *accounts: str, **more: Any) -> ExistingRole:
    trust = terraform_trust(PROVIDER_ARN, *accounts)
    return ExistingRole(arn=f"arn:aws:iam::{ACCOUNT_A}:role/{name}", trust_policy=trust, **more)


def imported(*roles: ExistingRole) -> Imported:
    return import_roles(roles, PROVIDER_ARN, REGION)


def deployed(found: Imported) -> Engine:
    """The registrations of the printed program."""
    program = compile(python_program(found), "__main__.py", "exec")
    return deploy(lambda: exec(program, {"__name__": "__main__"}))  # noqa: S102


DESCRIPTION = 'Grafana\'s "loki" in ${cluster}'
TAGS = {"team": "observability", "cost": "1e3"}
LOKI = role(
    "loki-2024", "logs/loki", attached={READ_ONLY: "reader"}, description=DESCRIPTION, tags=TAGS
)


def test_the_python_program_imports_the_role_and_its_policies():
    engine = deployed(imported(LOKI))

    provider = engine.one("aws").inputs
    assert json.loads(provider["defaultTags"]) == {"tags": {"project": "irsa", "stack": "dev"}}
    assert (provider["region"], json.loads(provider["allowedAccountIds"])) == (REGION, [ACCOUNT_A])
    registered = engine.one("Role")
    assert registered.inputs["description"] == DESCRIPTION
    assert registered.inputs["tags"] == TAGS
    assert engine.options("Role", registered.name).importId == "loki-2024"
    assert (
        engine.options("RolePolicyAttachment", "loki-2024-reader").importId
        == f"loki-2024/{READ_ONLY}"
    )
    provider_reference = engine.options("Role", registered.name).provider
    assert provider_reference.endswith("$pulumi:providers:aws::account::account-id")


def test_the_program_in_pulumi_yaml_has_the_same_arguments():
    text = yaml_program(imported(LOKI))
    program = yaml.safe_load(text)

    assert {key: each["value"] for key, each in program["config"].items()} == {
        "aws:region": REGION,
        "aws:allowedAccountIds": [ACCOUNT_A],
    }
    assert 'cost: "1e3"' in text, "Pulumi would read a number"
    assert program["resources"]["loki"] == {
        "type": "irsa:ServiceAccountRole",
        "properties": {
            "roleName": "loki-2024",
            "providerArns": [PROVIDER_ARN],
            "subjects": ["logs/loki"],
            "policyArns": {"reader": READ_ONLY},
            "description": DESCRIPTION.replace("$", "$$"),
            "tags": TAGS | {"project": "imported-roles", "stack": "${pulumi.stack}"},
            "imported": True,
        },
    }


MANY = [
    role("app", *(f"dev/service-account-{number}" for number in range(9))),
    role("jobs", "ops/jobs", tags={f"tag-{n}": "x" * 30 for n in range(4)}),
    role("quoted", "dev/q", description='both \' and " and " \\ \n é'),
    role("single", "dev/s", description='only " here'),
    role("web", "dev/web", attached=dict.fromkeys([READ_ONLY, f"{READ_ONLY}2"], "")),
]


def test_the_python_program_is_formatted_as_ruff_formats():
    text = python_program(imported(*MANY))

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=100", "-"],
        input=text, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == text


def association(number: int, namespace: str, name: str, **more: Any) -> Association:
    arn = CLUSTER_ARN.replace("cluster/dev", f"podidentityassociation/dev/a-{number}")
    account = ServiceAccountRef(namespace, name)
    role_arn = f"arn:aws:iam::{ACCOUNT_A}:role/{name}"
    return Association(**{"arn": arn, "account": account, "role_arn": role_arn} | more)


def test_associations_are_imported_except_those_of_add_ons():
    policy = '{"Version": "2012-10-17", "Statement": []}'
    more = {"policy": policy, "disable_session_tags": True}
    tags = {"team": "logs", "aws:eks:x": "1"}
    own = association(1, "logs", "loki", target_role_arn=ROLE_B_ARN, tags=tags, **more)
    owner = "arn:aws:eks:us-east-1:1:addon/dev/vpc-cni/42"
    owned = association(2, "kube-system", "aws-node", owner_arn=owner, **more)
    of_stack = association(3, "logs", "other", tags={"project": "team", "stack": "dev"}, **more)
    trust = service_account_trust_policy(
        [own.account], provider_arns=[PROVIDER_ARN], cluster_arns=[CLUSTER_ARN],
        disable_session_tags=True,
    )  # fmt: skip

    found = import_roles(
        [ExistingRole(arn=own.role_arn, trust_policy=trust)], PROVIDER_ARN, REGION,
        associations=[own, owned, of_stack],
    )  # fmt: skip
    engine = deployed(found)

    assert [each.trust_policy for each in found.taken] == ["unchanged"]
    assert found.taken[0].arguments["cluster_arns"] == [CLUSTER_ARN]
    inputs = engine.one("PodIdentityAssociation").inputs
    assert engine.options("PodIdentityAssociation", "logs-loki/logs/loki").importId == "dev,a-1"
    assert inputs["policy"] == policy
    assert (inputs["roleArn"], inputs["targetRoleArn"]) == (own.role_arn, ROLE_B_ARN)
    in_yaml = yaml.safe_load(yaml_program(found))["resources"]["logs-loki-association"]
    assert in_yaml["properties"]["importedId"] == "dev,a-1"
    assert "tags" not in in_yaml["properties"]
    assert report(found).splitlines() == [
        f"taken      {own.role_arn}, as loki",
        "taken      association dev,a-1, as logs-loki",
        "untagged   association dev,a-1: `pulumi up` removes its tags team",
        f"left out   association of kube-system/aws-node: {owner} manages it",
        "left out   association of logs/other: stack dev of project team manages it",
        "1 role taken, 0 left out",
    ]


def test_associations_whose_names_would_be_alike_have_their_ids():
    accounts = [("a-b", "c"), ("a", "b-c"), ("a", "d")]
    alike = [association(n, *each) for n, each in enumerate(accounts)]

    found = import_roles([], PROVIDER_ARN, REGION, associations=alike)

    assert [each.name for each in found.associations] == ["a-0", "a-1", "a-d"]
