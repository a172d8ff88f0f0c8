"""Our evaluator against an enforcer that we did not write.

The volume goes through the functions that MiniStack's API calls enforce with; a sample goes through
the API itself, to show that these are the same.
"""

import json
from functools import partial

import botocore.exceptions
import pytest

from command.tests.decide import scenarios
from command.tests.decide.scenarios import decision, list_step, provider, web_identity_step
from tests.sandbox.support.aws_harness import BUCKET, ISSUER, ROLE_ARN, SUBJECT, Aws, trust
from tests.sandbox.support.differential import (
    DECIDED,
    Generator,
    call_answers,
    trust_answers,
)

pytestmark = pytest.mark.sandbox

CASES = 3_500
SESSION = f"arn:aws:sts::{scenarios.ACCOUNT_A}:assumed-role/s3-app/app"


@pytest.mark.parametrize("judge", [trust_answers, call_answers])
def test_both_judge_thousands_of_cases_alike(judge):
    make = Generator(20261125)
    answers = [judge(make) for _ in range(CASES)]

    assert [each for each in answers if each[1] != each[2]] == []
    # The cases must be worth something: both answers often, and never "unknown".
    counted = [sum(ours == verdict for _, ours, _ in answers) for verdict in DECIDED]
    assert (sum(counted), min(counted) > CASES // 10) == (CASES, True)


def allowed(call) -> str:
    try:
        call()
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        return "deny" if code == "AccessDenied" else code
    return "allow"


def test_the_api_judges_trust_policies_like_our_evaluator(aws: Aws):
    """Web identities through the sandbox's STS, which checks the token as the scenario says."""
    make = Generator(7, principal_types=["Federated", "*"])
    iam = aws.emulator.client("iam", scenarios.ACCOUNT_A)
    answers = []
    for _ in range(60):
        policy = json.loads(json.dumps(make.trust(web=True)).replace(scenarios.ISSUER, ISSUER))
        iam.update_assume_role_policy(RoleName="s3-app", PolicyDocument=json.dumps(policy))
        claims = scenarios.token(iss=f"https://{ISSUER}", sub=SUBJECT)
        step = web_identity_step(trust_policy=policy, resource=ROLE_ARN, token=claims)
        ours = decision(step, oidc_providers=provider(url=f"https://{ISSUER}"))
        answers.append((policy, ours, allowed(aws.assume)))

    assert [each for each in answers if each[1] != each[2]] == []
    assert {ours for _, ours, _ in answers} == set(DECIDED)


def test_the_api_judges_calls_like_our_evaluator(aws: Aws):
    """A role's session on a bucket in its own account, under identity and bucket policies."""
    make = Generator(8, principals=[ROLE_ARN, scenarios.ROOT, scenarios.USER])
    iam, s3 = (aws.emulator.client(name, scenarios.ACCOUNT_A) for name in ("iam", "s3"))
    iam.create_user(UserName="bob")
    iam.update_assume_role_policy(
        RoleName="s3-app", PolicyDocument=trust(sub=SUBJECT, aud="sts.amazonaws.com")
    )
    s3.delete_public_access_block(Bucket=BUCKET)
    session = aws.session()("s3")
    answers = []
    for _ in range(60):
        policies = [make.call_policy(BUCKET, principal=principal) for principal in (False, True)]
        identity, resource = policies
        iam.put_role_policy(
            RoleName="s3-app", PolicyName="s3-app", PolicyDocument=json.dumps(identity)
        )
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(resource))
        step = list_step(
            principal=SESSION,
            principal_role_arn=ROLE_ARN,
            resource=f"arn:aws:s3:::{BUCKET}",
            resource_account=scenarios.ACCOUNT_A,
            identity_policies=[identity],
            resource_policy=resource,
            context={"aws:SecureTransport": "true", "s3:prefix": ""},
        )
        call = partial(session.list_objects_v2, Bucket=BUCKET, Prefix="")
        answers.append((policies, decision(step), allowed(call)))

    assert [each for each in answers if each[1] != each[2]] == []
    assert {ours for _, ours, _ in answers} == set(DECIDED)
