"""The workload's AssumeRoleWithWebIdentity, which is allowed: step, token and trust policy."""

from typing import Any

from command.tests.decide.policies import document
from command.tests.decide.principals import ROLE_A
from tests.support.world import ISSUER, NOW, PROVIDER_ARN, SUBJECT

WEB_IDENTITY_STATEMENT: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Federated": PROVIDER_ARN},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": SUBJECT}},
}


def issuer_trust(**condition):
    return document(WEB_IDENTITY_STATEMENT | {"Condition": condition})


def web_identity_step(**changed: Any) -> dict[str, Any]:
    claims = {"iss": f"https://{ISSUER}", "aud": ["sts.amazonaws.com"], "sub": SUBJECT}
    return {
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": ROLE_A,
        "token": claims | {"exp": NOW + 3600, "nbf": NOW, "iat": NOW},
        "trust_policy": document(WEB_IDENTITY_STATEMENT),
        "role_session_name": "app",
        **changed,
    }


def token(**changed: Any) -> dict[str, Any]:
    claims = web_identity_step()["token"] | changed
    return {name: value for name, value in claims.items() if value is not None}
