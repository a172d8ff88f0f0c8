"""The sandbox's accounts and region. Pure."""

from typing import Final

ACCOUNT_A: Final = "111122223333"
ACCOUNT_B: Final = "444455556666"
ADMINISTRATOR: Final = "sandbox-administrator"
"""The IAM user who deploys. AWS lets no root assume a role, so it takes one."""

REGION: Final = "us-east-1"
