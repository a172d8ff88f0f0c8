"""The evaluator's decisions on the trust policies of the components."""

from typing import Any

import pytest

from irsa.decide.scenario import scenario_from
from irsa.decide.simulate import simulate
from irsa.identity.arns import provider_arn_for
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_pattern, service_account_ref

ACCOUNT_A = "111122223333"
NOW = 1795561309
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
OTHER_ISSUER = f"{ISSUER[:-1]}0"
ROLE_A = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app-A"
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
