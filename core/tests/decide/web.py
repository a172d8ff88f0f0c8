"""The workload's AssumeRoleWithWebIdentity, which is allowed: step, token and trust policy."""

import json
from base64 import urlsafe_b64encode
from typing import Any

from core.tests.decide.policies import document
from core.tests.decide.principals import ROLE_A
from irsa_core.identity.errors import invalid_token
from irsa_core.identity.token import NO_KEY, Token
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


JWKS = {"keys": [{"kid": "cluster"}]}


def signed(**changed: Any) -> str:
    """Return a token whose signature `check_signature` takes."""
    parts = ({"alg": "RS256", "kid": "cluster"}, token(**changed))
    texts = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{'.'.join(texts)}.signed"


def check_signature(jwks: Any, of: Token) -> None:
    """Stand in for `irsa.signatures`, which needs PyJWT."""
    assert jwks == JWKS
    if not of.raw.endswith(".signed"):
        raise invalid_token(NO_KEY)
