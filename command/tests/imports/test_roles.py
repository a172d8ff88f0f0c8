"""Existing roles become arguments of the component, with all their settings."""

from dataclasses import replace
from typing import Any

import pytest

from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_pattern, service_account_ref
from irsa.imports.roles import Imported, import_roles
from irsa.observe.iam import ExistingRole
from tests.support.roles_of_others import READ_ONLY, eksctl_trust, terraform_trust, without_audience
from tests.support.world import ACCOUNT_A, PROVIDER_ARN, REGION

OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")


def role(name: str, trust: Any, path: str = "/", **more: Any) -> ExistingRole:
    return ExistingRole(
        arn=f"arn:aws:iam::{ACCOUNT_A}:role{path}{name}", trust_policy=trust, **more
    )


def app(name: str = "app", account: str = "dev/app", **more: Any) -> ExistingRole:
    return role(name, terraform_trust(PROVIDER_ARN, account), **more)


def import_all(*roles: ExistingRole) -> Imported:
    imported = import_roles(roles, PROVIDER_ARN, REGION)
    assert imported.left_out == []
    return imported


def reason(left: ExistingRole, **options: Any) -> str:
    imported = import_roles([left], PROVIDER_ARN, REGION, **options)
    assert imported.taken == []
    [only] = imported.left_out
    assert only.role is left
    assert "\n" not in only.reason
    return only.reason


def test_every_setting_of_a_role_becomes_an_argument():
    boundary = f"arn:aws:iam::{ACCOUNT_A}:policy/limits"
    own = f"arn:aws:iam::{ACCOUNT_A}:policy/team/AmazonS3ReadOnlyAccess"
    subjects = [
        service_account_ref("ops", "app"),
        service_account_pattern("dev", "*", allow_whole_namespace=True),
        service_account_pattern("ops", "job-*"),
    ]
    settings = {
        "description": "They read.",
        "max_session_duration": 7200,
        "permissions_boundary": boundary,
    }
    whole = role(
        "Reports_2024",
        irsa_trust_policy([OTHER, PROVIDER_ARN], subjects, audience="vault"),
        "/team/x/",
        tags={"team": "x", "owner": "", "aws:cloudformation:stack-name": "eksctl-dev"},
        attached={READ_ONLY: "", own: "", f"{own}-2": "bucket"},
        **settings,
    )

    [only] = import_all(whole).taken

    assert (only.name, only.trust_policy) == ("app", "unchanged")
    assert only.arguments == settings | {
        "role_name": "Reports_2024",
        "provider_arns": [OTHER, PROVIDER_ARN],
        "subjects": ["dev/*", "ops/app", "ops/job-*"],
        "allow_whole_namespace": True,
        "audience": "vault",
        "policy_arns": {
            "AmazonS3ReadOnlyAccess": own,
            "AmazonS3ReadOnlyAccess-2": READ_ONLY,
            "bucket": f"{own}-2",
        },
        "path": "/team/x/",
        "tags": {"owner": "", "team": "x"},
        "imported": True,
    }


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        ([app("a", "dev/web"), app("b", "dev/api")], ["web", "api"]),
        ([app("a", "dev/app"), app("b", "ops/app"), app("c", "dev/x")], ["a", "b", "x"]),
        ([app("b", "dev/c"), app("c", "dev/d"), app("d", "dev/d")], ["b", "c", "d"]),
        ([role("a", terraform_trust(PROVIDER_ARN, "dev/x", "dev/y"))], ["a"]),
    ],
    ids=["accounts", "one account name", "the name of another role", "two accounts"],
)
def test_logical_names_are_service_accounts_if_unique_or_else_role_names(roles, names):
    assert [each.name for each in import_all(*roles).taken] == names
    assert import_all(*roles) == import_all(*reversed(roles))


@pytest.mark.parametrize(
    ("trust", "change"),
    [
        (terraform_trust(PROVIDER_ARN, "dev/app"), "unchanged"),
        (eksctl_trust(PROVIDER_ARN, "dev/app"), "unchanged"),
        (terraform_trust(PROVIDER_ARN, "ops/app", "dev/app"), "unchanged"),
        (terraform_trust(PROVIDER_ARN, "dev/app", audience_test="StringLike"), "rewritten"),
        (terraform_trust(PROVIDER_ARN, "dev/app", test="StringLike"), "rewritten"),
    ],
    ids=["module", "eksctl", "other order", "audience by StringLike", "all by StringLike"],
)
def test_a_trust_policy_that_will_be_rewritten_is_known(trust, change):
    [only] = import_all(role("app", trust)).taken

    assert only.trust_policy == change


def test_roles_of_other_clusters_and_of_no_cluster_are_counted():
    ec2 = {"Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}}
    imported = import_all(
        app(tags={"project": "x"}), role("n", ec2), role("x", terraform_trust(OTHER, "dev/app"))
    )

    assert (len(imported.taken), imported.others) == (1, 2)


def test_a_long_policy_raises_the_quota_and_never_over_the_accounts():
    many = [f"dev/service-account-{number:03}" for number in range(60)]
    [only] = import_all(role("app", terraform_trust(PROVIDER_ARN, *many))).taken
    assert 2048 < only.arguments["trust_policy_quota"] < 8192

    # A pattern among exact subjects makes two statements of what was one.
    grows = terraform_trust(PROVIDER_ARN, *[each[:-15] + each[-3:] for each in many[:37]],
                            "dev/b*", test="StringLike")  # fmt: skip
    assert "characters and the quota is" in reason(role("app", grows))


FOREIGN = replace(app(), arn="arn:aws:iam::444455556666:role/app")
OF_STACK = {"project": "irsa", "stack": "dev", "team": "a"}


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (
            app(inline=("s3", "sqs", "s3")),
            "it has inline policies (s3, sqs); replace them by managed policies, which the",
        ),
        (FOREIGN, f"it is not in account {ACCOUNT_A}, whose OIDC provider it trusts"),
        (app(tags=OF_STACK), "belongs to stack dev of project irsa"),
    ],
    ids=["inline", "another-account", "another-stack"],
)  # fmt: skip
def test_a_role_that_the_component_cannot_express_is_left_out(left, why):
    assert why in reason(left)


def test_a_role_for_every_audience_is_imported_with_add_audience():
    open_to_all = role("app", without_audience(terraform_trust(PROVIDER_ARN, "dev/app")))
    assert "--add-audience imports it" in reason(open_to_all)

    imported = import_roles(
        [open_to_all, app("web", "dev/web")], PROVIDER_ARN, REGION, add_audience=True
    )

    assert imported.left_out == []
    assert [(each.name, each.trust_policy) for each in imported.taken] == [
        ("app", "tightened"),
        ("web", "unchanged"),
    ]
    plain = {"role_name": "app", "provider_arns": [PROVIDER_ARN], "subjects": ["dev/app"]}
    assert imported.taken[0].arguments == {**plain, "imported": True}
