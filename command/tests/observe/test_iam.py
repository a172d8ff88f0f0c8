"""A role's trust policy as IAM describes it."""

import pytest

from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.iam import federated
from tests.support.world import PROVIDER_ARN

TRUST = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("logs", "loki")])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (TRUST, [PROVIDER_ARN]),
        ({"Statement": TRUST["Statement"][0]}, [PROVIDER_ARN]),
        ({"Statement": [{"Principal": {"Federated": ["a", "b"]}}, *TRUST["Statement"]]},
         ["a", "b", PROVIDER_ARN]),
        ({"Statement": [{"Principal": "*"}, {"Principal": {"AWS": "x"}}, "odd"]}, []),
        ({"Statement": [{"NotPrincipal": {"Federated": "a"}}]}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_federated_principals_are_found_in_every_spelling(document, expected):
    assert federated(document) == expected
