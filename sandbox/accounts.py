"""The sandbox's accounts and region. Pure."""

from typing import Final

ACCOUNT_A: Final = "111122223333"
ACCOUNT_B: Final = "444455556666"
REGION: Final = "us-east-1"
ROOT_SECRET: Final = "sandbox"  # noqa: S105 - a twelve-digit key id is its account's root here
