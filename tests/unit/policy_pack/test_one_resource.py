"""Findings of the pack for one role, and for one OIDC provider."""

import json

import pytest

from command.tests.audit.test_policies import CASES
from command.tests.audit.test_policies import rules as audit_rules
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa_policies.rules import NEED_MORE
from tests.support.policy_pack import (
    ACCOUNT,
    PROVIDER,
    ROLE,
    UNKNOWN,
    Reported,
    reports,
    resource,
    rules,
)
from tests.support.world import ISSUER, PROVIDER_ARN

GOOD = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "s3-app")])


def role(document, name="s3-app", account=ACCOUNT, **props):
    text = document if isinstance(document, str) else json.dumps(document)
    return resource(ROLE, name, {"name": name, "assumeRolePolicy": text, **props}, account)


def provider(url, client_ids=("sts.amazonaws.com",), **props):
    return resource(PROVIDER, "dev", {"url": url, "clientIdLists": list(client_ids), **props})


def without(document, claim):
    [statement] = document["Statement"]
    conditions = {
        operator: {key: value for key, value in keys.items() if not key.endswith(claim)}
        for operator, keys in statement["Condition"].items()
    }
    return {**document, "Statement": [{**statement, "Condition": conditions}]}


def test_what_the_components_write_is_clean():
    assert reports(role(GOOD)) == []


@pytest.mark.parametrize("name", CASES)
def test_the_pack_finds_what_the_audit_finds(name):
    statement, _ = CASES[name]
    document = {"Version": "2012-10-17", "Statement": [statement]}

    said = [each.rule for each in reports(role(document))]

    assert set(said) == set(audit_rules(statement)) - set(NEED_MORE)


def test_a_message_names_the_statement_what_was_found_and_the_remedy():
    two = {**GOOD, "Statement": [*GOOD["Statement"], *without(GOOD, ":sub")["Statement"]]}

    assert reports(role(two)) == [
        Reported(
            "no-sub",
            "s3-app",
            f"found   role arn:aws:iam::{ACCOUNT}:role/s3-app: statement 2: conditions on aud of "
            f"{ISSUER}\n"
            "why     anyone who can create a Pod in any namespace gets the role\n"
            "remedy  add StringEquals on the issuer's sub with the service account's subject",
        )
    ]


@pytest.mark.parametrize(
    ("resource", "what"),
    [
        (role(UNKNOWN), "its trust policy is known after `up`"),
        (role("{"), "its trust policy is not JSON"),
        (provider(UNKNOWN, ["vault"]), "its URL: known after `up`"),
        (provider(f"https://{ISSUER}", clientIdLists=UNKNOWN), "its client ids: known after `up`"),
        (provider(f"https://{ISSUER}", [UNKNOWN]), "its client ids: known after `up`"),
    ],
)
def test_what_is_not_known_yet_is_said_to_be_unchecked(resource, what):
    [said] = reports(resource)

    assert said.rule == "not-checked"
    assert f"not checked yet: {what}" in said.message


@pytest.mark.parametrize(
    ("props", "called"),
    [
        # An unknown beside the trust policy prevents no check.
        (
            {"arn": UNKNOWN, "tagsAll": UNKNOWN, "inlinePolicies": [UNKNOWN]},
            f"role arn:aws:iam::{ACCOUNT}:role/s3-app: ",
        ),
        ({"name": UNKNOWN}, "role logical: "),
    ],
)
def test_a_role_is_called_by_the_name_that_is_known(props, called):
    trust = {"name": "s3-app", "assumeRolePolicy": json.dumps(without(GOOD, ":sub"))}

    [said] = reports(resource(ROLE, "logical", {**trust, **props}))

    assert said.rule == "no-sub"
    assert said.message.startswith(f"found   {called}statement 1")


def test_the_account_of_a_provider_counts_only_where_the_roles_is_known():
    elsewhere = PROVIDER_ARN.replace(ACCOUNT, "444455556666")
    foreign = irsa_trust_policy([elsewhere], [ServiceAccountRef("dev", "s3-app")])
    known = role(foreign, account="", arn=f"arn:aws:iam::{ACCOUNT}:role/s3-app")

    assert reports(role(foreign, account="")) == []
    for each in (role(foreign), known):
        assert rules(reports(each)) == [("foreign-provider", "s3-app")]


def test_a_trust_policy_above_the_quota():
    names = [ServiceAccountRef("dev", f"app-{number:03}") for number in range(70)]
    long = irsa_trust_policy([PROVIDER_ARN], names, quota=4096)

    assert rules(reports(role(long))) == [("trust-quota", "s3-app")]
    assert reports(role(long), config={"trust-quota": {"quota": 4096}}) == []


@pytest.mark.parametrize(
    ("url", "client_ids", "found"),
    [
        (f"https://{ISSUER}", ["sts.amazonaws.com"], []),
        (ISSUER, ["sts.amazonaws.com"], []),
        (f"https://{ISSUER}", ["vault"], ["client-ids"]),
        (f"https://{ISSUER}/", ["sts.amazonaws.com"], ["issuer-url"]),
        (
            "https://oidc-eks.us-east-1.api.aws/id/0123456789ABCDEF",
            ["sts.amazonaws.com"],
            ["dual-stack-issuer"],
        ),
        ("https://token.actions.githubusercontent.com", ["sts.amazonaws.com"], []),
    ],
)
def test_a_provider_that_no_token_or_sdk_fits_is_reported(url, client_ids, found):
    assert [each.rule for each in reports(provider(url, client_ids))] == found


def test_thumbprints_that_iam_may_use_are_shown():
    said = reports(provider("https://k8s.example.com", thumbprintLists=["990f"]))

    assert rules(said) == [("thumbprint", "dev")]


def test_other_resources_are_none_of_its_business():
    assert reports(resource("aws:s3/bucket:Bucket", "b", {"bucket": UNKNOWN})) == []


def test_what_others_wrote_stays_within_its_line():
    trust = without(GOOD, ":sub")
    trust["Statement"][0]["Condition"]["StringLike"] = {f"{ISSUER}:sub": "*\n\x1b[2Jok"}

    [said] = reports(role(trust))

    assert said.rule == "broad-sub"
    assert len(said.message.splitlines()) == 3
    assert "\x1b" not in said.message
