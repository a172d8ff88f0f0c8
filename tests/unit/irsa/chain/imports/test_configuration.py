"""Roles become entries of irsa:roles, each under a name of its own, and nothing of them is lost."""

from typing import Any

import pytest

from irsa.chain.imports.configuration import ClusterTarget, Imported, import_roles
from irsa.chain.imports.trust import Trusted
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_pattern, service_account_ref
from irsa.observe.existing_roles import ExistingRole
from tests.support.engine import ACCOUNT_A, ISSUER, PROVIDER_ARN
from tests.support.roles_of_others import READ_ONLY, eksctl_trust, terraform_trust, without_audience

CLUSTER = ClusterTarget(name="dev", region="us-east-1", provider_arn=PROVIDER_ARN)
OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")


def role(name: str, trust: Any, path: str = "/", **more: Any) -> ExistingRole:
    return ExistingRole(
        arn=f"arn:aws:iam::{ACCOUNT_A}:role{path}{name}", trust_policy=trust, **more
    )


def app(name: str = "app", account: str = "dev/app", **more: Any) -> ExistingRole:
    return role(name, terraform_trust(PROVIDER_ARN, account), **more)


def taken(*roles: ExistingRole) -> Imported:
    imported = import_roles(roles, CLUSTER)
    assert imported.left_out == ()
    return imported


def names(*roles: ExistingRole) -> list[str]:
    return [each.entry["name"] for each in taken(*roles).taken]


def reason(left: ExistingRole) -> str:
    imported = import_roles([left], CLUSTER)
    assert imported.taken == ()
    [only] = imported.left_out
    assert only.role is left
    assert "\n" not in only.reason
    return only.reason


def test_a_plain_role():
    assert taken(app()).configuration == {
        "aws:region": "us-east-1",
        "irsa:accountId": ACCOUNT_A,
        "irsa:cluster": {"name": "dev", "existing": True, "providerArn": PROVIDER_ARN},
        "irsa:workloads": "none",
        "irsa:roles": [
            {
                "name": "app",
                "namespace": "dev",
                "serviceAccount": "app",
                "role": {"name": "app", "imported": True},
            }
        ],
    }


def test_everything_that_a_role_has_is_in_its_entry():
    boundary = f"arn:aws:iam::{ACCOUNT_A}:policy/limits"
    own = f"arn:aws:iam::{ACCOUNT_A}:policy/team/AmazonS3ReadOnlyAccess"
    trust = irsa_trust_policy(
        [OTHER, PROVIDER_ARN],
        [
            service_account_ref("ops", "app"),
            service_account_pattern("dev", "*", allow_whole_namespace=True),
            service_account_pattern("ops", "job-*"),
        ],
        audience="vault",
    )
    whole = role(
        "Reports_2024",
        trust,
        "/team/x/",
        description="They read.",
        max_session_duration=7200,
        permissions_boundary=boundary,
        tags={"team": "x", "aws:cloudformation:stack-name": "eksctl-dev"},
        attached={READ_ONLY: "", own: "", f"{own}-2": "bucket"},
    )

    [only] = taken(whole).taken

    assert only.entry == {
        "name": "app",
        "namespace": "ops",
        "serviceAccount": "app",
        "audience": "vault",
        "role": {
            "name": "Reports_2024",
            "path": "/team/x/",
            "permissionsBoundary": boundary,
            "maxSessionDuration": 7200,
            "policyArns": {
                "AmazonS3ReadOnlyAccess": own,
                "AmazonS3ReadOnlyAccess-2": READ_ONLY,
                "bucket-2": f"{own}-2",
            },
            "providerArns": [OTHER],
            "alsoTrusted": [
                {"namespace": "dev", "serviceAccountPattern": "*", "allowWholeNamespace": True},
                {"namespace": "ops", "serviceAccountPattern": "job-*"},
            ],
            "description": "They read.",
            "tags": {"team": "x"},
            "imported": True,
        },
    }
    assert not only.rewritten


def test_entries_are_named_after_service_accounts_and_by_namespace_where_two_are_alike():
    assert names(
        app("a", "dev/app"), app("b", "ops/app"), app("c", "dev/loki"), app("d", "dev/web.v2")
    ) == ["dev-app", "ops-app", "loki", "web-v2"]


def test_entries_of_the_same_service_account_are_named_after_their_roles():
    assert names(app("App_Read"), app("App_Write")) == ["app-read", "app-write"]


def test_no_two_entries_have_one_name():
    long = "x" * 64
    found = names(
        app("a.b", "dev/app"), app("a-b", "dev/app"), app("a_b", "dev/app"),
        app(long, "dev/b"), app(f"{long[:-1]}y", "dev/b"), app("a-b-2", "x/dev-app"),
    )  # fmt: skip

    assert len(set(found)) == 6
    assert all(len(name) <= 63 for name in found)


def test_the_order_in_which_roles_are_read_does_not_matter():
    roles = [app("a", "dev/app"), app("b", "ops/app"), app("c")]

    assert taken(*roles).configuration == taken(*reversed(roles)).configuration


@pytest.mark.parametrize(
    ("trust", "rewritten"),
    [
        (terraform_trust(PROVIDER_ARN, "dev/app"), False),
        (eksctl_trust(PROVIDER_ARN, "dev/app"), False),
        (terraform_trust(PROVIDER_ARN, "ops/app", "dev/app"), False),
        (terraform_trust(PROVIDER_ARN, "dev/app", audience_test="StringLike"), True),
        (terraform_trust(PROVIDER_ARN, "dev/app", test="StringLike"), True),
    ],
    ids=["module", "eksctl", "other order", "audience by StringLike", "all by StringLike"],
)
def test_what_will_be_written_anew_is_known(trust, rewritten):
    [only] = taken(role("app", trust)).taken

    assert only.rewritten is rewritten


def test_roles_of_other_clusters_and_of_no_cluster_are_counted():
    ec2 = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
    imported = import_roles(
        [app(), role("node", ec2), role("far", terraform_trust(OTHER, "dev/app"))], CLUSTER
    )

    assert (len(imported.taken), len(imported.left_out), imported.others) == (1, 0, 2)


def test_an_account_whose_quota_was_raised_keeps_it():
    many = [f"dev/service-account-{number:03}" for number in range(60)]
    imported = taken(role("app", terraform_trust(PROVIDER_ARN, *many)))

    assert 2048 < imported.configuration["irsa:trustPolicyQuota"] < 8192


def test_a_policy_that_would_grow_over_the_quota_is_left_out():
    many = [f"a{number:02}" for number in range(37)]
    trust = terraform_trust(PROVIDER_ARN, *(f"dev/{each}" for each in many), test="StringLike")
    statement = trust["Statement"][0]
    values = statement["Condition"]["StringLike"][f"{ISSUER}:sub"]
    # A few patterns, so that there are two statements for what was one.
    values += ["system:serviceaccount:dev:b*"]
    assert "characters and the quota is" in reason(role("app", trust))


def test_what_the_configuration_cannot_hold_is_left_out_with_the_reason():
    assert reason(app(inline=("s3", "sqs", "s3"))) == (
        "the configuration has no inline policies, and it has s3, sqs; attach what they say as a "
        "managed policy, delete them, and import it then"
    )
    assert reason(app(tags={"team": "x", "owner": ""})) == (
        "its tag 'owner' has no value; give it one, and import it then"
    )
    assert "it has 20 policies; the configuration holds 19" in reason(
        app(attached={f"{READ_ONLY}{number}": "" for number in range(20)})
    )
    assert "is not the ARN of a managed policy" in reason(app(attached={"ReadOnly": ""}))
    assert "of another account" in reason(
        role(
            "app",
            irsa_trust_policy(
                [PROVIDER_ARN, PROVIDER_ARN.replace(ACCOUNT_A, "444455556666")],
                [service_account_ref("dev", "app")],
            ),
        )
    )
    foreign = ExistingRole(
        arn="arn:aws:iam::444455556666:role/app",
        trust_policy=terraform_trust(PROVIDER_ARN, "dev/app"),
    )
    assert f"not in account {ACCOUNT_A}" in reason(foreign)


def test_a_role_that_was_read_wrongly_is_not_taken(monkeypatch):
    """The evaluator is asked once more, in case the reader of trust policies is wrong."""
    wrong = Trusted((PROVIDER_ARN,), (service_account_ref("dev", "other"),), "sts.amazonaws.com")
    monkeypatch.setattr("irsa.chain.imports.configuration.read_trust", lambda _: wrong)

    assert reason(app()) == (
        f"the configuration would treat dev/other of {ISSUER} with audience sts.amazonaws.com in "
        "another way"
    )


def test_a_role_for_every_audience_is_taken_when_it_may_be_tightened():
    open_to_all = role("app", without_audience(terraform_trust(PROVIDER_ARN, "dev/app")))
    assert "--add-audience takes it" in reason(open_to_all)

    imported = import_roles([open_to_all, app("web", "dev/web")], CLUSTER, add_audience=True)

    assert imported.left_out == ()
    assert [(each.entry["name"], each.tightened) for each in imported.taken] == [
        ("app", True),
        ("web", False),
    ]
    assert imported.taken[0].role is open_to_all
    assert imported.taken[0].entry == taken(app()).taken[0].entry


def test_tightening_takes_nothing_else_that_has_no_words():
    trust = terraform_trust(PROVIDER_ARN, "dev/app")
    trust["Statement"][0]["Condition"] = {}
    every_account = role("app", trust)
    [left] = import_roles([every_account], CLUSTER, add_audience=True).left_out
    assert "every service account" in left.reason
