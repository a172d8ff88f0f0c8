"""What the documents let happen, as IAM decides it: the evaluator judges what components emit."""

from typing import Any

import pytest

from irsa.decide.scenario import scenario_from
from irsa.decide.simulate import simulate
from irsa.identity.arns import provider_arn_for
from irsa.identity.policies import (
    TrustedRole,
    assume_role_permissions_policy,
    bucket_permissions_policy,
    irsa_trust_policy,
    principal_arn_trust_policy,
    role_trust_policy,
)
from irsa.identity.subjects import service_account_pattern, service_account_ref

ACCOUNT_A, ACCOUNT_B = "111122223333", "444455556666"
NOW = 1795561309
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
OTHER_ISSUER = f"{ISSUER[:-1]}0"
ROLE_A = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app-A"
ROLE_B = f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-B"
BUCKET = "arn:aws:s3:::bucket-s3-app"
TRUST = irsa_trust_policy(
    [provider_arn_for(ISSUER, ACCOUNT_A)],
    [service_account_ref("dev", "s3-app"), service_account_pattern("system", "provider-*")],
)


def decide(*steps: dict[str, Any]) -> str:
    providers = [
        {"account": ACCOUNT_A, "url": f"https://{issuer}", "client_ids": ["sts.amazonaws.com", "x"]}
        for issuer in (ISSUER, OTHER_ISSUER)
    ]
    scenario = {"now": NOW, "oidc_providers": providers, "steps": list(steps)}
    return simulate(scenario_from(scenario)).as_json()["decision"]


def with_token(namespace: str, name: str, *, aud: str = "sts.amazonaws.com", iss: str = ISSUER):
    claims = {
        "iss": f"https://{iss}",
        "aud": [aud],
        "sub": f"system:serviceaccount:{namespace}:{name}",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3600,
    }
    return {
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": ROLE_A,
        "token": claims,
        "trust_policy": TRUST,
        "role_session_name": "app",
    }


def to_role_b(trust_policy: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "action": "sts:AssumeRole",
        "resource": ROLE_B,
        "principal": f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/app",
        "principal_role_arn": ROLE_A,
        "principal_id": "AROAEXAMPLE1",
        "trust_policy": trust_policy,
        "identity_policies": [assume_role_permissions_policy(ROLE_B)],
        "role_session_name": "xactarget",
        **changes,
    }


@pytest.mark.parametrize(
    ("namespace", "name"), [("dev", "s3-app"), ("system", "provider-aws"), ("system", "provider-")]
)
def test_the_trusted_service_accounts_get_the_role(namespace, name):
    assert decide(with_token(namespace, name)) == "allow"


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("dev", "default"),
        ("dev", "s3-app2"),
        ("dev", "s3-ap"),
        ("dev", "S3-app"),
        ("dev2", "s3-app"),
        ("prod", "s3-app"),
        ("system", "s3-app"),
        ("dev", "provider-aws"),
        ("system", "provider"),
        ("system2", "provider-aws"),
        ("other-system", "provider-aws"),
    ],
)
def test_everybody_else_of_the_cluster_is_refused(namespace, name):
    assert decide(with_token(namespace, name)) == "deny"


@pytest.mark.parametrize(
    "changes", [{"aud": "x"}, {"iss": OTHER_ISSUER}], ids=["audience", "another-cluster"]
)
def test_another_audience_or_another_cluster_is_refused(changes):
    assert decide(with_token("dev", "s3-app", **changes)) == "deny"
    assert decide(with_token("system", "provider-aws", **changes)) == "deny"


BOTH_FORMS = {
    "role-arn": role_trust_policy([TrustedRole(ROLE_A, "AROAEXAMPLE1")], external_id="tenant-42"),
    "principal-arn": principal_arn_trust_policy([ROLE_A], external_id="tenant-42"),
}


@pytest.mark.parametrize("trust_policy", BOTH_FORMS.values(), ids=BOTH_FORMS)
def test_role_a_comes_to_role_b(trust_policy):
    assert decide(to_role_b(trust_policy, external_id="tenant-42")) == "allow"


@pytest.mark.parametrize("trust_policy", BOTH_FORMS.values(), ids=BOTH_FORMS)
@pytest.mark.parametrize(
    "changes",
    [
        {"external_id": "tenant-43"},
        {"external_id": None},
        {
            "principal": f"arn:aws:sts::{ACCOUNT_A}:assumed-role/other/app",
            "principal_role_arn": f"arn:aws:iam::{ACCOUNT_A}:role/other",
            "principal_id": "AROAOTHER",
        },
        {"identity_policies": []},
        {"identity_policies": [assume_role_permissions_policy(f"{ROLE_B}2")]},
    ],
    ids=["wrong-id", "no-id", "another-role", "no-permission", "permission-for-another"],
)
def test_nobody_else_comes_to_role_b(trust_policy, changes):
    step = to_role_b(trust_policy, **{"external_id": "tenant-42", **changes})

    assert decide({key: value for key, value in step.items() if value is not None}) == "deny"


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ("read", {"s3:ListBucket", "s3:GetObject"}),
        ("read-write", {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"}),
        (
            "full",
            {
                "s3:ListBucket",
                "s3:GetObject",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:PutBucketPolicy",
                "s3:DeleteBucket",
            },
        ),
    ],
)
def test_permissions_allow_what_they_say_on_this_bucket_alone(permissions, allowed):
    objects = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    buckets = {"s3:ListBucket", "s3:PutBucketPolicy", "s3:DeleteBucket"}

    def may(action: str, bucket: str) -> bool:
        step = {
            "action": action,
            "resource": f"{bucket}/key" if action in objects else bucket,
            "resource_account": ACCOUNT_A,
            "principal": f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/app",
            "identity_policies": [bucket_permissions_policy(BUCKET, permissions)],
            "resource_policy": None,
        }
        return decide(step) == "allow"

    assert {action for action in objects | buckets if may(action, BUCKET)} == allowed
    assert not any(may(action, f"{BUCKET}2") for action in objects | buckets)
