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

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
PROVIDER_ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
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


def test_a_trust_policy_that_is_not_known_yet_is_said_to_be_unchecked():
    [said] = reports(role(UNKNOWN))

    assert (said.rule, said.name) == ("not-checked", "s3-app")
    assert "not checked yet: its trust policy is known after `up`" in said.message


def test_so_is_one_that_is_no_json():
    [said] = reports(role("{"))

    assert "not checked yet: its trust policy is not JSON" in said.message


def test_an_unknown_beside_the_trust_policy_prevents_no_check():
    bad = role(without(GOOD, ":sub"), arn=UNKNOWN, tagsAll=UNKNOWN, inlinePolicies=[UNKNOWN])

    assert rules(reports(bad)) == [("no-sub", "s3-app")]


def test_a_role_whose_name_is_not_known_is_called_by_its_logical_name():
    bad = resource(
        ROLE, "app", {"name": UNKNOWN, "assumeRolePolicy": json.dumps(without(GOOD, ":sub"))}
    )

    [said] = reports(bad)

    assert said.message.startswith("found   role app: statement 1")


def test_the_account_of_a_provider_counts_only_where_the_roles_is_known():
    foreign = irsa_trust_policy(
        [PROVIDER_ARN.replace(ACCOUNT, "444455556666")], [ServiceAccountRef("dev", "s3-app")]
    )

    assert rules(reports(role(foreign))) == [("foreign-provider", "s3-app")]
    assert reports(role(foreign, account="")) == []
    known = role(foreign, account="", arn=f"arn:aws:iam::{ACCOUNT}:role/s3-app")
    assert rules(reports(known)) == [("foreign-provider", "s3-app")]


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
def test_providers(url, client_ids, found):
    assert [each.rule for each in reports(provider(url, client_ids))] == found


def test_thumbprints_that_iam_may_use_are_shown():
    said = reports(provider("https://k8s.example.com", thumbprintLists=["990f"]))

    assert rules(said) == [("thumbprint", "dev")]


@pytest.mark.parametrize(
    ("props", "what"),
    [
        ({"url": UNKNOWN}, "its URL: known after `up`"),
        ({"clientIdLists": UNKNOWN}, "its client ids: known after `up`"),
        ({"clientIdLists": [UNKNOWN]}, "its client ids: known after `up`"),
    ],
)
def test_a_provider_that_is_not_known_yet_is_said_to_be_unchecked(props, what):
    given = {"url": f"https://{ISSUER}", "clientIdLists": ["vault"], **props}

    [said] = reports(resource(PROVIDER, "dev", given))

    assert said.rule == "not-checked"
    assert f"not checked yet: {what}" in said.message


def test_other_resources_are_none_of_its_business():
    assert reports(resource("aws:s3/bucket:Bucket", "b", {"bucket": UNKNOWN})) == []


def test_what_others_wrote_stays_within_its_line():
    trust = without(GOOD, ":sub")
    trust["Statement"][0]["Condition"]["StringLike"] = {f"{ISSUER}:sub": "*\n\x1b[2Jok"}

    [said] = reports(role(trust))

    assert said.rule == "broad-sub"
    assert len(said.message.splitlines()) == 3
    assert "\x1b" not in said.message
