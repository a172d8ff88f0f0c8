"""The world of tests without a sandbox: two accounts, a cluster, its workload and its roles."""

ACCOUNT_A, ACCOUNT_B = "111122223333", "444455556666"
REGION = "us-east-1"
NOW = 1795561309
"""Seconds since 1970, for tokens and scenarios."""

ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
ISSUER_URL = f"https://{ISSUER}"
PROVIDER_ARN = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}"
CLUSTER_ARN = f"arn:aws:eks:{REGION}:{ACCOUNT_A}:cluster/dev"

NAMESPACE, NAME = "dev", "s3-app"
SUBJECT = f"system:serviceaccount:{NAMESPACE}:{NAME}"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app"
ROLE_A_ARN = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app-A"
ROLE_B_ARN = f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-B"
CLUSTER_OUTPUTS = {
    "cluster_name": "dev",
    "cluster_arn": CLUSTER_ARN,
    "issuer_url": ISSUER_URL,
    "provider_arn": PROVIDER_ARN,
    "kubeconfig": "{}",
}
"""Outputs of a platform's stack."""

BUCKET = "bucket-s3-app"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
