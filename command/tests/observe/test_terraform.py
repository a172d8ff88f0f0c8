"""The state of Terraform and OpenTofu, and files that are none."""

import json
import random
from typing import Any

import pytest

from irsa.observe.errors import CollectError
from irsa.observe.iam import ExistingRole
from irsa.observe.terraform import read_terraform
from tests.support.damage import replace_one_value
from tests.support.roles_of_others import (
    READ_ONLY,
    attachment,
    resource,
    role_attributes,
    state,
    terraform_trust,
)
from tests.support.world import ACCOUNT_A, PROVIDER_ARN

POLICY = f"arn:aws:iam::{ACCOUNT_A}:policy/EXTERNAL_DNS-2024"
LOKI = f"arn:aws:iam::{ACCOUNT_A}:role/platform/loki-2024"
DNS = f"arn:aws:iam::{ACCOUNT_A}:role/dns"
TRUST = terraform_trust(PROVIDER_ARN, "logs/loki")
DNS_TRUST = terraform_trust(PROVIDER_ARN, "dns/external-dns", audience_test="StringLike")
WAY_OUT = "give the whole output of `terraform state pull`"


LIMITS = f"arn:aws:iam::{ACCOUNT_A}:policy/limits"


def two_modules() -> dict[str, Any]:
    """`iam-role-for-service-accounts` and `iam-assumable-role-with-oidc`."""
    loki = role_attributes(
        LOKI, TRUST, description="Logs", max_session_duration=7200,
        managed_policy_arns=[READ_ONLY, POLICY], permissions_boundary=LIMITS,
        tags={"team": "x"}, tags_all={"team": "x", "env": "prod"},
    )  # fmt: skip
    policy = {"arn": POLICY, "name": "EXTERNAL_DNS-2024", "policy": "{}"}
    attached = "aws_iam_role_policy_attachment"
    reader = {"reader": attachment("loki-2024", READ_ONLY)}
    return state(
        resource("loki", "aws_iam_role", "this", {0: loki}),
        resource("loki", attached, "additional", reader),
        resource("loki", "aws_iam_policy", "this", {0: policy}),
        resource("loki", attached, "this", {0: attachment("loki-2024", POLICY)}),
        resource("dns", "aws_iam_role", "this", {0: role_attributes(DNS, DNS_TRUST)}),
        resource("dns", attached, "custom", {0: attachment("dns", POLICY)}),
        resource("x", "aws_s3_bucket", "this", {None: {"bucket": "x"}}),
    )


ROLES = [
    ExistingRole(
        arn=LOKI, trust_policy=TRUST, description="Logs", max_session_duration=7200,
        permissions_boundary=LIMITS, tags={"team": "x", "env": "prod"},
        attached={READ_ONLY: "reader", POLICY: ""}, origin="module.loki.aws_iam_role.this[0]",
    ),
    ExistingRole(
        arn=DNS, trust_policy=DNS_TRUST, attached={POLICY: ""},
        origin="module.dns.aws_iam_role.this[0]",
    ),
]  # fmt: skip


@pytest.fixture
def read(tmp_path):
    """The roles in a file with that content, or the error."""

    def read_one(content: Any) -> list[ExistingRole] | str:
        file = tmp_path / "state"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        try:
            return read_terraform(str(file))
        except CollectError as error:
            return str(error).replace(str(file), "FILE")

    return read_one


def test_the_roles_of_both_modules_are_read_with_their_policies(read):
    assert read(two_modules()) == ROLES
    assert read(state()) == []


def test_policies_of_other_resources_belong_to_the_role(read):
    document = two_modules()
    inline = {"id": "dns:zones", "name": "zones", "role": "dns"}
    shared = {"roles": ["dns"], "policy_arn": READ_ONLY}
    document["resources"] += [
        resource("dns", "aws_iam_role_policy", "more", {None: inline}),
        resource("dns", "aws_iam_policy_attachment", "more", {None: shared}),
    ]
    attributes = document["resources"][1]["instances"][0]["attributes"]
    attributes["inline_policy"] = [{"name": "", "policy": ""}, {"name": "s3", "policy": "{}"}]

    loki, dns = read(document)

    assert (loki.inline, dns.inline) == (("s3",), ("zones",))
    assert dns.attached == {POLICY: "", READ_ONLY: ""}


def test_a_deposed_instance_is_no_role(read):
    document = two_modules()
    [role] = document["resources"][1]["instances"]
    document["resources"][1]["instances"].append({**role, "deposed": "0a1b2c3d"})

    assert read(document) == ROLES


OTHERS = "not a state of Terraform or OpenTofu in version 4"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"serial": 1, "encrypted_data": "eA=="}, "an encrypted OpenTofu state cannot be read"),
        ({"format_version": "1.2", "planned_values": {}}, OTHERS),
        ({"version": 3, "deployment": {"resources": []}}, OTHERS),
        ({"version": 3, "terraform_version": "0.11.14", "modules": []}, OTHERS),
        ({"version": 5, "terraform_version": "3.0.0", "resources": []}, OTHERS),
        ({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}, OTHERS),
        ("[]", "not a JSON object"),
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
    ids=["encrypted", "plan", "Pulumi", "version 3", "version 5", "template", "list", "empty"],
)
def test_another_file_is_refused_with_the_way_out(read, content, problem):
    assert read(content) == f"FILE: {problem}; {WAY_OUT}"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("arn", None), ("name", 5), ("assume_role_policy", "{"), ("assume_role_policy", "[]")],
)
def test_a_role_without_its_attributes_is_named(read, attribute, value):
    document = two_modules()
    document["resources"][1]["instances"][0]["attributes"][attribute] = value

    problem = "module.loki.aws_iam_role.this[0] has no arn, name or assume_role_policy"
    assert read(document) == f"FILE: {problem}; {WAY_OUT}"


def test_a_state_of_any_shape_is_no_traceback(read):
    dice = random.Random(7)  # noqa: S311 - chooses test cases
    for _ in range(200):
        document = two_modules()
        replace_one_value(document, dice)
        read(document)
