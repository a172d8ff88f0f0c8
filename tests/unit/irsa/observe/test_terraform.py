"""The state of Terraform and OpenTofu in both forms, and whatever is given instead of one."""

import copy
import json
from typing import Any

import pytest

from irsa.observe.errors import CollectError
from irsa.observe.existing_roles import ExistingRole
from irsa.observe.terraform import read_terraform
from tests.support.engine import ACCOUNT_A, PROVIDER_ARN
from tests.support.roles_of_others import (
    READ_ONLY,
    attachment,
    resource,
    role_attributes,
    shown,
    state,
    terraform_trust,
)

POLICY = f"arn:aws:iam::{ACCOUNT_A}:policy/EXTERNAL_DNS-2024"
LOKI = f"arn:aws:iam::{ACCOUNT_A}:role/platform/loki-2024"
DNS = f"arn:aws:iam::{ACCOUNT_A}:role/dns"
TRUST = terraform_trust(PROVIDER_ARN, "logs/loki")
DNS_TRUST = terraform_trust(PROVIDER_ARN, "dns/external-dns", audience_test="StringLike")
FROM_THE_ACCOUNT = (
    "is CloudFormation's; leave --terraform-state out, and the roles are read from the account"
)
OLD = (
    "is a state of version 3, which Terraform 0.11 and older wrote; a newer one upgrades it "
    "(`terraform apply`), and `terraform state pull` writes it out"
)
WHOLE = "give the whole file that `terraform state pull` or `terraform show -json` wrote"


def two_modules() -> dict[str, Any]:
    """`iam-role-for-service-accounts` and `iam-assumable-role-with-oidc`."""
    loki = role_attributes(
        LOKI, TRUST, description="Logs", max_session_duration=7200,
        managed_policy_arns=[READ_ONLY, POLICY],
        permissions_boundary=f"arn:aws:iam::{ACCOUNT_A}:policy/limits",
        tags={"team": "x"}, tags_all={"team": "x", "env": "prod"},
    )  # fmt: skip
    policy = {"arn": POLICY, "name": "EXTERNAL_DNS-2024", "policy": "{}"}
    return state(
        resource("loki", "aws_iam_role", "this", {0: loki}),
        resource(
            "loki", "aws_iam_role_policy_attachment", "additional",
            {"reader": attachment("loki-2024", READ_ONLY)},
        ),
        resource("loki", "aws_iam_policy", "this", {0: policy}),
        resource(
            "loki", "aws_iam_role_policy_attachment", "this",
            {0: attachment("loki-2024", POLICY)},
        ),
        resource("dns", "aws_iam_role", "this", {0: role_attributes(DNS, DNS_TRUST)}),
        resource(
            "dns", "aws_iam_role_policy_attachment", "custom", {0: attachment("dns", POLICY)},
        ),
        resource("x", "aws_s3_bucket", "this", {None: {"bucket": "x"}}),
    )  # fmt: skip


ROLES = [
    ExistingRole(
        arn=LOKI,
        trust_policy=TRUST,
        description="Logs",
        max_session_duration=7200,
        permissions_boundary=f"arn:aws:iam::{ACCOUNT_A}:policy/limits",
        tags={"team": "x", "env": "prod"},
        attached={READ_ONLY: "reader", POLICY: ""},
        origin="module.loki.aws_iam_role.this[0]",
    ),
    ExistingRole(
        arn=DNS,
        trust_policy=DNS_TRUST,
        attached={POLICY: ""},
        origin="module.dns.aws_iam_role.this[0]",
    ),
]


@pytest.fixture
def read(tmp_path):
    """The roles in a file with that content."""

    def read_one(content: Any) -> list[ExistingRole]:
        text = content if isinstance(content, str) else json.dumps(content)
        file = tmp_path / "terraform.tfstate"
        file.write_text(text)
        return read_terraform(str(file))

    return read_one


@pytest.fixture
def refused(read, tmp_path):
    """The line about such a file, without the file's name in front."""

    def refuse(content: Any) -> str:
        with pytest.raises(CollectError) as raised:
            read(content)
        text = str(raised.value)
        assert "\n" not in text
        assert text.startswith(f"{tmp_path / 'terraform.tfstate'}")
        return text.removeprefix(f"{tmp_path / 'terraform.tfstate'}").lstrip(": ")

    return refuse


@pytest.mark.parametrize("form", [lambda document: document, shown], ids=["state", "show -json"])
def test_the_roles_of_both_modules_are_read_with_their_policies(read, form):
    assert read(form(two_modules())) == ROLES


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("aws_iam_role_policy", {"id": "dns:zones", "name": "zones", "role": "dns"}),
        ("aws_iam_policy_attachment", {"roles": ["dns"], "policy_arn": READ_ONLY}),
    ],
)
def test_what_other_resources_give_to_a_role_is_its(read, kind, attributes):
    document = two_modules()
    document["resources"].append(resource("dns", kind, "more", {None: attributes}))

    [_, dns] = read(document)

    assert (dns.inline, dns.attached) == (
        (("zones",), {POLICY: ""})
        if kind == "aws_iam_role_policy"
        else ((), {POLICY: "", READ_ONLY: ""})
    )


def test_inline_policies_of_the_role_itself_are_read(read):
    document = two_modules()
    attributes = document["resources"][1]["instances"][0]["attributes"]
    attributes["inline_policy"] = [{"name": "", "policy": ""}, {"name": "s3", "policy": "{}"}]

    assert [each.inline for each in read(document)] == [("s3",), ()]


def test_what_waits_to_be_deleted_is_no_role(read):
    document = two_modules()
    deposed = copy.deepcopy(document["resources"][1]["instances"][0])
    document["resources"][1]["instances"].append({**deposed, "deposed": "0a1b2c3d"})

    assert read(document) == ROLES


def test_a_state_without_roles_has_none(read):
    assert read(state()) == []
    assert read({"format_version": "1.0"}) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"serial": 1, "lineage": "x", "meta": {}, "encrypted_data": "eA==",
             "encryption_version": "v0"},
            "is an encrypted OpenTofu state; give what `tofu show -json` writes of it",
        ),
        (
            {"version": 3, "deployment": {"resources": []}},
            "is the state of a Pulumi stack; `pulumi state move` brings its roles into another one",
        ),
        (
            {"version": 3, "checkpoint": {"latest": {}}},
            "is the state of a Pulumi stack; `pulumi state move` brings its roles into another one",
        ),
        (
            {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}},
            FROM_THE_ACCOUNT,
        ),
        (
            {"Stacks": [{"StackName": "eksctl-dev-addon-iamserviceaccount-logs-loki"}]},
            FROM_THE_ACCOUNT,
        ),
        (
            {"format_version": "1.2", "planned_values": {}, "resource_changes": []},
            f"is a plan, and not what there is; {WHOLE}",
        ),
        (
            {"version": 3, "terraform_version": "0.11.14", "modules": []},
            OLD,
        ),
        (
            {"version": 5, "terraform_version": "3.0.0", "resources": []},
            f"is a state of version 5, which is not known here; {WHOLE}",
        ),
        ({"hello": "world"}, f"is not a state of Terraform or OpenTofu; {WHOLE}"),
        ({"version": 4}, f"is damaged: resources is not a list; {WHOLE}"),
        (
            {"version": 4, "resources": ["x"]},
            f"is damaged: resources has something else than an object in it; {WHOLE}",
        ),
        ("[]", f"not a JSON object; {WHOLE}"),
        ("", f"not JSON: Expecting value: line 1 column 1 (char 0); {WHOLE}"),
    ],
    ids=[
        "encrypted", "pulumi export", "pulumi file", "template", "stacks", "plan", "version 3",
        "version 5", "other", "no resources", "odd resources", "list", "empty",
    ],
)  # fmt: skip
def test_what_is_no_state_is_named_with_the_way_out(refused, content, line):
    assert refused(content) == line


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_state_is_named_with_the_way_out(refused, cut):
    text = json.dumps(two_modules())

    line = refused(text[: int(len(text) * cut)])

    assert line.startswith("not JSON: ")
    assert line.endswith(f"; {WHOLE}")


@pytest.mark.parametrize("content", [{**state(), "resources": None}, b"\xff\xfe{\x00"])
def test_no_damaged_file_ends_in_a_traceback(tmp_path, content):
    file = tmp_path / "state"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())

    with pytest.raises(CollectError):
        read_terraform(str(file))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("arn", None), ("name", 5), ("assume_role_policy", "{"), ("assume_role_policy", None),
     ("assume_role_policy", "[]"), ("tags_all", ["x"])],
)  # fmt: skip
def test_a_damaged_role_is_named(refused, attribute, value):
    document = two_modules()
    document["resources"][1]["instances"][0]["attributes"][attribute] = value

    line = refused(document)

    assert line.startswith("is damaged: ")
    assert "module.loki.aws_iam_role.this[0]" in line


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CollectError) as raised:
        read_terraform(str(tmp_path / "none"))
    assert "No such file or directory" in str(raised.value)
