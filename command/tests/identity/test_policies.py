"""Policy documents, compared whole."""

import json

import pytest

from irsa.identity.policies import (
    bucket_permissions_policy,
    condition_block,
    irsa_trust_policy,
    service_trust_policy,
    size,
    tls_only_bucket_policy,
)
from irsa.identity.subjects import service_account_pattern, service_account_ref
from tests.support.refusal import refusal

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
PROVIDER_ARN = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
SECOND_ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/FEDCBA9876543210FEDCBA9876543210"
SECOND_PROVIDER_ARN = f"arn:aws:iam::111122223333:oidc-provider/{SECOND_ISSUER}"
S3_APP = service_account_ref("dev", "s3-app")
PROVIDERS = service_account_pattern("crossplane-system", "aws-provider-*")
BUCKET = "arn:aws:s3:::bucket-s3-app"


def exact_statement(provider_arn, issuer, subjects, audience="sts.amazonaws.com"):
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:aud": audience, f"{issuer}:sub": subjects}},
    }


def pattern_statement(provider_arn, issuer, subjects):
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{issuer}:sub": subjects},
        },
    }


def test_one_service_account_is_trusted_by_subject_and_audience():
    assert irsa_trust_policy([PROVIDER_ARN], [S3_APP]) == {
        "Version": "2012-10-17",
        "Statement": [exact_statement(PROVIDER_ARN, ISSUER, "system:serviceaccount:dev:s3-app")],
    }


def test_a_pattern_is_under_string_like_its_audience_under_string_equals():
    assert irsa_trust_policy([PROVIDER_ARN], [PROVIDERS])["Statement"] == [
        pattern_statement(
            PROVIDER_ARN, ISSUER, "system:serviceaccount:crossplane-system:aws-provider-*"
        )
    ]


def test_exact_subjects_and_patterns_stand_in_two_statements():
    assert irsa_trust_policy([PROVIDER_ARN], [PROVIDERS, S3_APP])["Statement"] == [
        exact_statement(PROVIDER_ARN, ISSUER, "system:serviceaccount:dev:s3-app"),
        pattern_statement(
            PROVIDER_ARN, ISSUER, "system:serviceaccount:crossplane-system:aws-provider-*"
        ),
    ]


def test_subjects_of_one_kind_share_a_statement_in_a_stable_order():
    subjects = [service_account_ref("dev", name) for name in ("b", "a", "b")]

    assert irsa_trust_policy([PROVIDER_ARN], subjects)["Statement"] == [
        exact_statement(
            PROVIDER_ARN, ISSUER, ["system:serviceaccount:dev:a", "system:serviceaccount:dev:b"]
        )
    ]


def test_every_cluster_has_statements_of_its_own():
    policy = irsa_trust_policy([PROVIDER_ARN, SECOND_PROVIDER_ARN, PROVIDER_ARN], [S3_APP])

    assert policy["Statement"] == [
        exact_statement(PROVIDER_ARN, ISSUER, "system:serviceaccount:dev:s3-app"),
        exact_statement(SECOND_PROVIDER_ARN, SECOND_ISSUER, "system:serviceaccount:dev:s3-app"),
    ]


def test_another_audience_replaces_the_usual_one():
    policy = irsa_trust_policy([PROVIDER_ARN], [S3_APP], audience="vault")

    assert policy["Statement"] == [
        exact_statement(PROVIDER_ARN, ISSUER, "system:serviceaccount:dev:s3-app", "vault")
    ]


@pytest.mark.parametrize(("providers", "subjects"), [([], [S3_APP]), ([PROVIDER_ARN], [])])
def test_a_role_without_a_principal_is_refused(providers, subjects):
    with pytest.raises(ValueError, match="at least one OIDC provider and one subject"):
        irsa_trust_policy(providers, subjects)


def test_a_policy_above_the_quota_is_refused_with_its_size():
    subjects = [service_account_ref("dev", f"service-account-{n:03}") for n in range(50)]
    allowed = irsa_trust_policy([PROVIDER_ARN], subjects, quota=4096)

    assert refusal(irsa_trust_policy, [PROVIDER_ARN], subjects) == (
        f"the trust policy has {size(allowed)} characters and the quota is 2048: trust fewer "
        "subjects or clusters, use a pattern, or have AWS raise the quota and set "
        "trust_policy_quota"
    )


def test_a_policy_above_the_quota_is_refused_with_the_clusters_that_fit():
    providers = [f"{PROVIDER_ARN}{number}" for number in range(7)]

    assert "clusters (4 of 7 fit), use" in refusal(irsa_trust_policy, providers, [S3_APP])


def test_a_policy_at_the_quota_is_accepted_and_one_character_more_is_not():
    exact = size(irsa_trust_policy([PROVIDER_ARN], [S3_APP]))

    assert irsa_trust_policy([PROVIDER_ARN], [S3_APP], quota=exact)
    assert "the quota is" in refusal(irsa_trust_policy, [PROVIDER_ARN], [S3_APP], quota=exact - 1)


def test_the_usual_quota_holds_31_subjects_or_four_clusters():
    """Merged into one list; a statement each would stop at four subjects."""
    subjects = [service_account_ref("dev", f"service-account-n{n:02}") for n in range(31)]
    clusters = [f"{PROVIDER_ARN[:-1]}{n}" for n in range(5)]

    assert irsa_trust_policy([PROVIDER_ARN], subjects)
    assert irsa_trust_policy(clusters[:4], [S3_APP])
    assert "the quota is 2048" in refusal(irsa_trust_policy, clusters, [S3_APP])


def test_white_space_is_not_counted():
    document = irsa_trust_policy([PROVIDER_ARN], [S3_APP])

    assert size(document) == len("".join(json.dumps(document, indent=4).split()))


def test_a_condition_given_twice_is_refused():
    with pytest.raises(ValueError, match=r"^condition StringEquals x:aud is given twice$"):
        condition_block(("StringEquals", "x:aud", "a"), ("StringEquals", "x:aud", "b"))


def test_conditions_are_grouped_by_operator():
    assert condition_block(
        ("StringEquals", "x:aud", "a"),
        ("StringLike", "x:sub", "b*"),
        ("StringEquals", "x:sub", ["c", "d"]),
    ) == {"StringEquals": {"x:aud": "a", "x:sub": ["c", "d"]}, "StringLike": {"x:sub": "b*"}}


READ = (["s3:GetBucketLocation", "s3:ListBucket"], ["s3:GetObject"])
READ_WRITE = (
    [*READ[0], "s3:ListBucketMultipartUploads"],
    [
        *("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject"),
        *("s3:ListMultipartUploadParts", "s3:PutObject"),
    ],
)


@pytest.mark.parametrize(("permissions", "actions"), [("read", READ), ("read-write", READ_WRITE)])
def test_permissions_are_for_this_bucket_and_its_objects(permissions, actions):
    of_bucket, of_objects = actions
    assert bucket_permissions_policy(BUCKET, permissions) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Bucket", "Effect": "Allow", "Action": of_bucket, "Resource": BUCKET},
            {"Sid": "Objects", "Effect": "Allow", "Action": of_objects, "Resource": f"{BUCKET}/*"},
        ],
    }
    assert bucket_permissions_policy(BUCKET) == bucket_permissions_policy(BUCKET, "read")


def test_full_is_every_action_on_this_bucket_alone():
    both = {"Action": "s3:*", "Resource": [BUCKET, f"{BUCKET}/*"]}
    full = {"Sid": "Everything", "Effect": "Allow", **both}
    assert bucket_permissions_policy(BUCKET, "full")["Statement"] == [full]


def test_requests_without_tls_are_denied_to_everybody():
    assert tls_only_bucket_policy(BUCKET) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [BUCKET, f"{BUCKET}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def test_a_service_is_trusted_by_name():
    assert service_trust_policy("ec2.amazonaws.com")["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
