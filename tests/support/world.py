"""Accounts and a cluster's issuer, as tests without a sandbox name them."""

ACCOUNT_A = "111122223333"
ACCOUNT_B = "444455556666"
REGION = "us-east-1"
ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
ISSUER_URL = f"https://{ISSUER}"
PROVIDER_ARN = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER}"
