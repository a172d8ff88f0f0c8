"""Clients of the emulator: account A's as its administrator, account B's as its root."""

from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_B
from tests.sandbox.support.aws_harness import Aws


def client_of(service: str) -> Any:
    """Return a fixture: account A's client of a service."""
    return pytest.fixture(scope="module")(lambda aws: aws.administrator()(service))


ec2, eks, iam, s3, s3control = map(client_of, ("ec2", "eks", "iam", "s3", "s3control"))


@pytest.fixture(scope="module")
def iam_b(aws: Aws) -> Any:
    return aws.emulator.client("iam", ACCOUNT_B)
