"""`python -m irsa verify` on tokens from files: what STS refuses is named."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from irsa_sandbox.session import claims_of, with_claims
from tests.sandbox.support.kubectl import NAME

pytestmark = pytest.mark.sandbox


def signed_by_a_stranger(workload, token):
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims_of(token), key, algorithm="RS256", headers={"kid": "rotated-away"})


TOKENS = {
    "expired": (lambda workload, token: workload.session.expired(token), "ExpiredTokenException"),
    "tampered": (lambda workload, token: with_claims(token, jti="other"), "InvalidIdentityToken"),
    "unknown-key": (signed_by_a_stranger, "Couldn't retrieve verification key"),
    "other-account": (
        lambda workload, token: workload.session.token(workload.namespace, "default"),
        "sub system:serviceaccount:verify-",
    ),
    "other-audience": (
        lambda workload, token: workload.session.token(workload.namespace, NAME, audience="vault"),
        "aud ['vault']",
    ),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_sts_refuses_is_the_failing_link(workload, tmp_path, name):
    change, found = TOKENS[name]
    fresh = workload.session.token(workload.namespace, NAME)
    file = tmp_path / "token"
    file.write_text(change(workload, fresh))

    refused = workload.verify("--token-file", str(file))
    file.write_text(fresh)  # what the kubelet does
    accepted = workload.verify("--token-file", str(file))

    [result] = refused.json
    [link] = [each for each in result["links"] if each["link"] == "token"]
    assert (refused.code, result["failing_link"]) == (1, "token")
    assert found in link["found"]
    assert link["commands"] == [
        f"kubectl rollout restart deployment/app --namespace {workload.namespace}"
    ]
    assert accepted.code == 0, accepted.out


def test_the_token_of_a_file_that_holds_none_is_one_line(workload, tmp_path):
    file = tmp_path / "token"
    file.write_text("no.jwt")

    done = workload.verify("--token-file", str(file))

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
