"""The `aws` provider's configuration and what all its types share, against the emulator."""

import json

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.providers.values import UNKNOWN
from tests.sandbox.support.aws_harness import Aws
from tests.sandbox.support.provider_harness import (
    Difference,
    Engine,
    InvalidInput,
    Serving,
    refused,
    shown,
)

pytestmark = pytest.mark.sandbox

ROLE = "aws:iam/role:Role"
ACCOUNT_B_ROLE = f"arn:aws:iam::{ACCOUNT_B}:role/OrganizationAccountAccessRole"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT_A}, "Action": "sts:AssumeRole"}],
}


def role(**inputs: object) -> dict[str, object]:
    return {"assumeRolePolicy": json.dumps(TRUST), **inputs}


def test_without_credentials_it_works_as_the_administrator(engine: Engine, aws: Aws):
    assert engine.invoke("aws:index/getCallerIdentity:getCallerIdentity")["arn"] == (
        aws.emulator.administrator_arn
    )


def test_an_account_that_is_not_allowed_is_refused(provider: Serving):
    assert refused(
        provider.configured, region="us-east-1", allowedAccountIds=f'["{ACCOUNT_B}"]'
    ) == (f"AWS account ID not allowed: {ACCOUNT_A} (allowed are {ACCOUNT_B})")


def test_an_assumed_role_is_who_it_works_as(provider: Serving):
    roles = json.dumps([{"roleArn": ACCOUNT_B_ROLE, "sessionName": "deploy"}])
    other = provider.configured(assumeRoles=roles, allowedAccountIds=f'["{ACCOUNT_B}"]')
    assert other.invoke("aws:index/getCallerIdentity:getCallerIdentity")["arn"] == (
        f"arn:aws:sts::{ACCOUNT_B}:assumed-role/OrganizationAccountAccessRole/deploy"
    )


def test_a_role_that_cannot_be_assumed_is_named(provider: Serving, aws: Aws):
    missing = f"arn:aws:iam::{ACCOUNT_B}:role/none"
    assert refused(provider.configured, assumeRoles=json.dumps([{"roleArn": missing}])) == (
        f"cannot assume role {missing}: AssumeRole: AccessDenied: User: "
        f"{aws.emulator.administrator_arn} is not authorized to perform: sts:AssumeRole on "
        f"resource: {missing}"
    )


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {"profile": "dev"},
            (
                "the sandbox does not know 'profile' in an aws provider's configuration; it knows "
                "accessKey, allowedAccountIds, assumeRoles, defaultTags, region, secretKey, token"
            ),
        ),
        (
            {"assumeRoles": json.dumps([{"roleArn": ACCOUNT_B_ROLE, "policy": "{}"}])},
            "the sandbox does not know 'policy' in assumeRoles of an aws provider",
        ),
    ],
    ids=["profile", "session policy"],
)
def test_configuration_that_it_does_not_know_is_refused_by_name(provider, config, line):
    assert refused(provider.configured, **config) == line


def test_default_tags_go_on_what_has_tags_and_the_resource_s_own_win(aws: Aws, provider: Serving):
    tags = json.dumps({"tags": {"stack": "dev", "team": "platform"}})
    engine = provider.configured(defaultTags=tags)
    made = engine.create(ROLE, role(name="tagged", tags={"team": "data"}))
    merged = {"stack": "dev", "team": "data"}
    assert shown(made.state, "tags", "tagsAll") == {"tags": merged, "tagsAll": merged}

    other = provider.configured(defaultTags=json.dumps({"tags": {"stack": "prod"}}))
    assert other.diff(made, role(name="tagged", tags={"team": "data"})) == Difference(
        ["tags.stack"], []
    )
    engine.delete(made)


def test_a_configuration_that_is_not_known_yet_lets_a_preview_pass(provider: Serving):
    engine = provider.configured(assumeRoles=UNKNOWN)
    assert engine.preview(ROLE, role(name="new"))["arn"] is UNKNOWN
    line = "the configuration of this aws provider is not known in a preview"
    assert refused(engine.create, ROLE, role(name="new")) == line


def test_an_unknown_type_or_input_is_refused_by_name(engine: Engine):
    line = refused(engine.check, "aws:ec2/instance:Instance", {})
    assert line.startswith(
        "the sandbox has no resource type aws:ec2/instance:Instance; it has aws:"
    )
    with pytest.raises(InvalidInput, match="inlinePolicies: the sandbox does not know this input"):
        engine.check(ROLE, role(inlinePolicies=[{}]))
