"""Clients of the emulator: account A's as its administrator, account B's as its root."""

from typing import Any

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_B
from tests.sandbox.support.aws_harness import Aws


@pytest.fixture(scope="module")
def iam(aws: Aws) -> Any:
    return aws.administrator()("iam")


@pytest.fixture(scope="module")
def iam_b(aws: Aws) -> Any:
    return aws.emulator.client("iam", ACCOUNT_B)


@pytest.fixture(scope="module")
def eks(aws: Aws) -> Any:
    return aws.administrator()("eks")


@pytest.fixture(scope="module")
def ec2(aws: Aws) -> Any:
    return aws.administrator()("ec2")


@pytest.fixture(scope="module")
def s3(aws: Aws) -> Any:
    return aws.administrator()("s3")
