"""The sandbox's accounts and region. Pure."""

from typing import Final

ACCOUNT_A: Final = "111122223333"
ACCOUNT_B: Final = "444455556666"
REGION: Final = "us-east-1"
