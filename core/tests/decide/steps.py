"""Steps of a scenario that are allowed, for tests that change one thing in them."""

from typing import Any

from core.tests.decide.policies import allow, document, trust
from core.tests.decide.principals import ROLE_A, ROLE_B, SESSION_A
from tests.support.world import ACCOUNT_B, BUCKET_ARN


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
