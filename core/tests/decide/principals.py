"""Principals of two accounts: a role and its session, a role with a path, a user, the root."""

from tests.support.world import ACCOUNT_A, ROLE_A_ARN, ROLE_B_ARN

ROLE_A, ROLE_B = ROLE_A_ARN, ROLE_B_ARN
PATHED = f"arn:aws:iam::{ACCOUNT_A}:role/team/s3-app-A"
SESSION_A = f"arn:aws:sts::{ACCOUNT_A}:assumed-role/s3-app-A/app"
USER, ROOT = f"arn:aws:iam::{ACCOUNT_A}:user/bob", f"arn:aws:iam::{ACCOUNT_A}:root"
