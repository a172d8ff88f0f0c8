"""Scenarios that are allowed, for tests that change one thing in them."""

import copy
from typing import Any

from irsa.decide.scenario import scenario_from
from irsa.decide.simulate import simulate
from tests.support.world import ACCOUNT_A, ACCOUNT_B, BUCKET_ARN, ISSUER, NOW, PROVIDER_ARN, SUBJECT
from tests.support.world import ROLE_A_ARN as ROLE_A
from tests.support.world import ROLE_B_ARN as ROLE_B

SESSION_A = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/app"

MAXIMUM = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
CHAINED = (
    "The requested DurationSeconds exceeds the 1 hour session limit "
    "for roles assumed by role chaining."
)
A_MAY_NOT = f"User: {SESSION_A} is not authorized to perform: sts:AssumeRole on resource: {ROLE_B}"
USER = f"arn:aws:iam::{ACCOUNT_A}:user/bob"
ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"
PATHED = f"arn:aws:iam::{ACCOUNT_A}:role/team/s3-app-A"

WEB_IDENTITY_STATEMENT: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Federated": PROVIDER_ARN},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": SUBJECT}},
}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [copy.deepcopy(each) for each in statements]}


def allow(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


FOR_ALL = {"Principal": "*"}


def trust(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}


def trusts(*statements: dict[str, Any]) -> dict[str, Any]:
    """A change of a step: another trust policy."""
    return {"trust_policy": document(*statements)}


def grants(*statements: dict[str, Any]) -> dict[str, Any]:
    """A change of a step: another policy of the caller's own."""
    return {"identity_policies": [document(*statements)]}


def web_identity_step(**changed: Any) -> dict[str, Any]:
    return {
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": ROLE_A,
        "token": {
            "iss": f"https://{ISSUER}",
            "aud": ["sts.amazonaws.com"],
            "sub": SUBJECT,
            "exp": NOW + 3600,
            "nbf": NOW,
            "iat": NOW,
        },
        "trust_policy": document(WEB_IDENTITY_STATEMENT),
        "role_session_name": "app",
        **changed,
    }


def token(**changed: Any) -> dict[str, Any]:
    claims = web_identity_step()["token"] | changed
    return {name: value for name, value in claims.items() if value is not None}


def assume_step(**changed: Any) -> dict[str, Any]:
    return {
        "action": "sts:AssumeRole",
        "resource": ROLE_B,
        "principal": SESSION_A,
        "trust_policy": document(trust({"AWS": ROLE_A})),
        "identity_policies": [document(allow("sts:AssumeRole", ROLE_B))],
        "role_session_name": "xactarget",
        **changed,
    }


def list_step(**changed: Any) -> dict[str, Any]:
    return {
        "action": "s3:ListBucket",
        "resource": BUCKET_ARN,
        "resource_account": ACCOUNT_B,
        "resource_policy": None,
        "identity_policies": [document(allow("s3:ListBucket", BUCKET_ARN))],
        "context": {"s3:prefix": ""},
        **changed,
    }


def scenario(*steps: dict[str, Any], **changed: Any) -> dict[str, Any]:
    provider = {
        "account": ACCOUNT_A,
        "url": f"https://{ISSUER}",
        "client_ids": ["sts.amazonaws.com"],
    }
    return {"now": NOW, "oidc_providers": [provider], "steps": list(steps), **changed}


def answer(*steps: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return simulate(scenario_from(scenario(*steps, **changed))).as_json()


def decision(*steps: dict[str, Any], **changed: Any) -> str:
    return answer(*steps, **changed)["decision"]


def provider(**changed):
    return [scenario()["oidc_providers"][0] | changed]


def issuer_trust(**condition):
    return document(WEB_IDENTITY_STATEMENT | {"Condition": condition})


def error(*steps, **changed):
    found = answer(*steps, **changed)["error"]
    return found and (found["code"], found["http"], found["message"])


def outside(value: str, field: str, constraint: str) -> str:
    """AWS's message for a parameter that is out of range."""
    found = f"1 validation error detected: Value '{value}' at '{field}'"
    return f"{found} failed to satisfy constraint: Member must {constraint}"
