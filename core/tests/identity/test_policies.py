"""Policy documents, compared whole."""

import json
from functools import partial

import pytest

from irsa_core.identity.policies import (
    TrustedRole,
    assume_role_permissions_policy,
    bucket_permissions_policy,
    condition_block,
    irsa_trust_policy,
    principal_arn_trust_policy,
    role_trust_policy,
    service_trust_policy,
    size,
    tls_only_bucket_policy,
)
from irsa_core.identity.subjects import service_account_pattern, service_account_ref
from tests.support.refusal import refusal
from tests.support.world import ACCOUNT_A, BUCKET_ARN, PROVIDER_ARN, ROLE_A_ARN, ROLE_B_ARN, SUBJECT

SECOND_ARN = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
S3_APP = service_account_ref("dev", "s3-app")
PROVIDERS = service_account_pattern("crossplane-system", "aws-provider-*")
DEV = "system:serviceaccount:dev"
A_AND_B = [service_account_ref("dev", name) for name in ("b", "a", "b")]
READ = (["s3:GetBucketLocation", "s3:ListBucket"], ["s3:GetObject"])
OF_OBJECTS = ("AbortMultipartUpload", "DeleteObject", "GetObject")
READ_WRITE = (
    [*READ[0], "s3:ListBucketMultipartUploads"],
    [f"s3:{each}" for each in (*OF_OBJECTS, *("ListMultipartUploadParts", "PutObject"))],
)
BOTH = [BUCKET_ARN, f"{BUCKET_ARN}/*"]
TRUSTED = TrustedRole(ROLE_A_ARN, "AROAEXAMPLE1")
OTHER = TrustedRole("arn:aws:iam::999988887777:role/team/other", "AROAEXAMPLE2")
ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"
ALLOW = {"Effect": "Allow", "Action": "sts:AssumeRole"}
TENANT = {"StringEquals": {"sts:ExternalId": "tenant-42"}}


def statement(subjects, provider_arn=PROVIDER_ARN, operator="StringEquals", audience=""):
    issuer = provider_arn.partition("oidc-provider/")[2]
    condition = {"StringEquals": {f"{issuer}:aud": audience or "sts.amazonaws.com"}}
    condition.setdefault(operator, {})[f"{issuer}:sub"] = subjects
    by = {"Principal": {"Federated": provider_arn}, "Condition": condition}
    return {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", **by}


EXACT, PATTERN = statement(SUBJECT), statement(PROVIDERS.subject, operator="StringLike")
TWO, SECOND = [PROVIDER_ARN, SECOND_ARN, PROVIDER_ARN], statement(SUBJECT, SECOND_ARN)


@pytest.mark.cases(("providers", "subjects", "audience", "statements"), {
    "exact": ([PROVIDER_ARN], [S3_APP], {}, [EXACT]),
    "pattern": ([PROVIDER_ARN], [PROVIDERS], {}, [PATTERN]),
    "both": ([PROVIDER_ARN], [PROVIDERS, S3_APP], {}, [EXACT, PATTERN]),
    "one-kind": ([PROVIDER_ARN], A_AND_B, {}, [statement([f"{DEV}:a", f"{DEV}:b"])]),
    "clusters": (TWO, [S3_APP], {}, [EXACT, SECOND]),
    "audience": ([PROVIDER_ARN], [S3_APP], {"audience": "vault"},
        [statement(SUBJECT, audience="vault")]),
})  # fmt: skip
def test_service_accounts_are_trusted_by_subject(providers, subjects, audience, statements):
    """Exact subjects and patterns, and each cluster, have statements of their own."""
    document = irsa_trust_policy(providers, subjects, **audience)
    assert document == {"Version": "2012-10-17", "Statement": statements}


def test_a_policy_above_the_quota_is_refused_with_its_size():
    subjects = [service_account_ref("dev", f"service-account-{n:03}") for n in range(50)]
    allowed = irsa_trust_policy([PROVIDER_ARN], subjects, quota=4096)

    assert refusal(irsa_trust_policy, [PROVIDER_ARN], subjects) == (
        f"the trust policy has {size(allowed)} characters and the quota is 2048: trust fewer "
        "subjects or clusters, use a pattern, or have AWS raise the quota and set "
        "trust_policy_quota"
    )
    assert irsa_trust_policy([PROVIDER_ARN], subjects, quota=size(allowed)) == allowed
    assert refusal(irsa_trust_policy, [PROVIDER_ARN], subjects, quota=size(allowed) - 1)
    assert size(allowed) == len("".join(json.dumps(allowed, indent=4).split()))


def test_the_usual_quota_holds_31_subjects_or_four_clusters():
    """Merged into one list; a statement each would stop at four subjects."""
    subjects = [service_account_ref("dev", f"service-account-n{n:02}") for n in range(31)]
    clusters = [f"{PROVIDER_ARN[:-1]}{n}" for n in range(7)]

    assert irsa_trust_policy([PROVIDER_ARN], subjects)
    assert irsa_trust_policy(clusters[:4], [S3_APP])
    assert "the quota is 2048" in refusal(irsa_trust_policy, clusters[:5], [S3_APP])
    assert "clusters (4 of 7 fit), use" in refusal(irsa_trust_policy, clusters, [S3_APP])


@pytest.mark.cases(
    ("permissions", "actions"), {"read": ("read", READ), "read-write": ("read-write", READ_WRITE)}
)
def test_permissions_are_for_this_bucket_and_its_objects(permissions, actions):
    of_bucket, of_objects = actions
    both = (("Bucket", of_bucket, BUCKET_ARN), ("Objects", of_objects, BOTH[1]))
    names = ("Sid", "Action", "Resource")
    statements = [{"Effect": "Allow", **dict(zip(names, parts, strict=True))} for parts in both]
    policy = bucket_permissions_policy(BUCKET_ARN, permissions)
    assert policy == {"Version": "2012-10-17", "Statement": statements}
    limit = {"StringLike": {"s3:prefix": "reports/*"}}
    assert bucket_permissions_policy(BUCKET_ARN, permissions, "reports/")["Statement"] == [
        {**statements[0], "Action": "s3:GetBucketLocation"},
        {**statements[0], "Sid": "List", "Action": "s3:ListBucket", "Condition": limit},
        {**statements[1], "Resource": f"{BUCKET_ARN}/reports/*"},
    ]
    assert bucket_permissions_policy(BUCKET_ARN) == bucket_permissions_policy(BUCKET_ARN, "read")
    full = {"Sid": "Everything", "Effect": "Allow", "Action": "s3:*", "Resource": BOTH}
    assert bucket_permissions_policy(BUCKET_ARN, "full")["Statement"] == [full]


def test_requests_without_tls_are_denied_to_everybody():
    statement = {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    statement |= {"Resource": BOTH, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert tls_only_bucket_policy(BUCKET_ARN)["Statement"] == [statement]


def test_roles_are_trusted_in_order_by_arn_with_their_unique_ids_in_the_sids():
    """Without the Sid a recreated role would leave the document equal, and the trust unwritten."""
    ids = {ROLE_A_ARN: "AssumeFromAROAEXAMPLE1", OTHER.arn: "AssumeFromAROAEXAMPLE2"}
    trusting = [{**ALLOW, "Sid": ids[arn], "Principal": {"AWS": arn}} for arn in ids]
    for roles in ([OTHER, TRUSTED, OTHER], [TRUSTED, OTHER]):
        assert role_trust_policy(roles) == {"Version": "2012-10-17", "Statement": trusting}
    by_tenant = role_trust_policy([TRUSTED, OTHER], external_id="tenant-42")["Statement"]
    assert by_tenant == [{**each, "Condition": TENANT} for each in trusting]


def test_trust_by_condition_groups_roles_by_account_and_keeps_its_partition():
    second, china = f"arn:aws:iam::{ACCOUNT_A}:role/z", "arn:aws-cn:iam::999999999999:role/x"
    policy = principal_arn_trust_policy([second, OTHER.arn, china, ROLE_A_ARN])

    assert {s["Principal"]["AWS"]: s["Condition"]["ArnEquals"] for s in policy["Statement"]} == {
        ROOT: {"aws:PrincipalArn": [ROLE_A_ARN, second]},
        "arn:aws:iam::999988887777:root": {"aws:PrincipalArn": OTHER.arn},
        "arn:aws-cn:iam::999999999999:root": {"aws:PrincipalArn": china},
    }
    condition = {"ArnEquals": {"aws:PrincipalArn": ROLE_A_ARN}, **TENANT}
    by_tenant = principal_arn_trust_policy([ROLE_A_ARN], external_id="tenant-42")["Statement"]
    assert by_tenant == [{**ALLOW, "Principal": {"AWS": ROOT}, "Condition": condition}]


def test_a_service_is_trusted_by_name_and_permission_is_for_one_role():
    statement = {**ALLOW, "Principal": {"Service": "ec2.amazonaws.com"}}
    assert service_trust_policy("ec2.amazonaws.com")["Statement"] == [statement]
    may_assume = {"Version": "2012-10-17", "Statement": [{**ALLOW, "Resource": ROLE_B_ARN}]}
    assert assume_role_permissions_policy(ROLE_B_ARN) == may_assume


ASSUMED = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/x/y"
TWICE = [("StringEquals", "x:aud", "a"), ("StringEquals", "x:aud", "b")]
NEITHER = "at least one OIDC provider and one subject"
NO_ROLE = "is not the ARN of a role; expected arn:aws:iam::<account>:role/<name>"
NO_EXTERNAL_ID = "must be 2 to 1224 letters, digits and any of"


@pytest.mark.cases(("make", "message"), {
    "no provider": (lambda: irsa_trust_policy([], [S3_APP]), NEITHER),
    "no subject": (lambda: irsa_trust_policy([PROVIDER_ARN], []), NEITHER),
    "condition twice": (lambda: condition_block(*TWICE),
        "condition StringEquals x:aud is given twice"),
    **{f"{form}, {kind}": (partial(make, arn), NO_ROLE)
        for kind, arn in {"unique id": "AROAEXAMPLE1", "session": ASSUMED}.items()
        for form, make in {"trusted": lambda arn: role_trust_policy([TrustedRole(arn, "AROA")]),
            "in a condition": lambda arn: principal_arn_trust_policy([arn]),
            "assumed": assume_role_permissions_policy}.items()},
    **{f"external id {each[:9]!r}": (partial(role_trust_policy, [TRUSTED], external_id=each),
        NO_EXTERNAL_ID) for each in ("", "x", "a b", "x" * 1225, "täglich")},
})  # fmt: skip
def test_what_aws_would_refuse_is_refused_first(make, message):
    assert message in refusal(make)
