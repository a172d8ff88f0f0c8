"""The evaluator's second opinion sees whatever `read_trust` might get wrong."""

from typing import Any

import pytest

from irsa.chain.imports.same_callers import first_difference
from irsa.chain.imports.trust import read_trust
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_pattern, service_account_ref
from tests.support.engine import PROVIDER_ARN

ARN = "arn:aws:iam::111122223333:role/app"
APP = service_account_ref("dev", "app")
JOBS = service_account_pattern("dev", "job-*")
OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")


def written(*subjects: Any, providers: Any = (PROVIDER_ARN,), **options: Any) -> Any:
    return irsa_trust_policy(providers, subjects, **options)


def test_a_policy_is_like_itself():
    document = written(APP, JOBS, providers=(PROVIDER_ARN, OTHER))

    assert first_difference(ARN, document, document, read_trust(document)) is None


@pytest.mark.parametrize(
    "other",
    [
        written(APP),
        written(JOBS),
        written(APP, service_account_pattern("dev", "job-*x")),
        written(APP, service_account_pattern("dev", "*", allow_whole_namespace=True)),
        written(APP, JOBS, audience="vault"),
        written(APP, JOBS, providers=(OTHER,)),
        written(APP, JOBS, service_account_ref("kube-system", "app")),
    ],
    ids=range(7),
)
def test_a_caller_more_or_less_is_seen(other):
    document = written(APP, JOBS)

    assert first_difference(ARN, document, other, read_trust(document)) is not None


def test_a_condition_less_is_seen():
    document, open_to_all = written(APP), written(APP)
    del open_to_all["Statement"][0]["Condition"]["StringEquals"][
        f"{PROVIDER_ARN.partition('oidc-provider/')[2]}:aud"
    ]

    assert first_difference(ARN, document, open_to_all, read_trust(document)) is not None
