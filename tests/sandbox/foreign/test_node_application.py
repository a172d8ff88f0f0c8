"""An application in JavaScript, which knows its bucket's name, under a Pod's environment."""

import json

import pytest

from irsa_sandbox.testing.sandbox import Accounts, Sandbox
from tests.sandbox.support import sdk_programs

pytestmark = pytest.mark.sandbox


@pytest.fixture
def role_arn(irsa_sandbox: Sandbox, accounts: Accounts) -> str:
    """Of a role that may list one bucket, in which there is an object, of two."""
    s3, iam = accounts.a.client("s3"), accounts.a.client("iam")
    for bucket in ("acme-reports", "acme-payroll"):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="2026/november.csv", Body=b"day,visits\n")
    trust = irsa_sandbox.trust_policy("reports/nightly")
    made = iam.create_role(RoleName="nightly", AssumeRolePolicyDocument=trust)["Role"]
    statement = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::acme-reports",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="nightly", PolicyName="list", PolicyDocument=document)
    return made["Arn"]


def test_it_lists_its_bucket_and_no_other(pod, role_arn):
    job = pod("reports/nightly", role_arn)
    program = sdk_programs.javascript_bucket()

    own, others = (job.run([*program, bucket]) for bucket in ("acme-reports", "acme-payroll"))

    assert (own.returncode, own.stdout) == (0, "2026/november.csv\n"), own.stderr
    assert others.returncode != 0
    assert "AccessDenied" in others.stderr


def test_it_has_no_credentials_without_the_annotation(irsa_sandbox, pod, role_arn):
    pod("reports/nightly", role_arn)  # makes the namespace, whose service account default has none
    bare = pod("reports/default")

    done = bare.run([*sdk_programs.javascript_bucket(), "acme-reports"])

    assert done.returncode != 0
    assert "AWS_ROLE_ARN" not in bare.environment
