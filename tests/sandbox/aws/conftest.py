"""What tests of EC2 share."""

from typing import Any

import pytest

from tests.sandbox.support.aws_harness import Aws


@pytest.fixture(scope="module")
def ec2(aws: Aws) -> Any:
    """As account A's administrator."""
    return aws.administrator()("ec2")


@pytest.fixture(scope="module")
def vpc(ec2: Any) -> str:
    """A VPC that is not the default one."""
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
