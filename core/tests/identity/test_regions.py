"""AWS's regions."""

import botocore.session
import pytest

from irsa_core.identity.regions import PARTITIONS, partition_of_region
from tests.support.refusal import refusal

WRONG = ["us-esat-1", "eu-wset-3", "US-EAST-1", "us-east-1a", "us-east-0", "us-east1", "narnia", ""]


@pytest.mark.parametrize("region", WRONG)
def test_what_is_no_region_has_no_partition(region):
    problem = f"region {region!r} is not the name of one; it looks like 'us-east-1'"
    assert refusal(partition_of_region, region) == problem


def test_the_partitions_of_the_regions_are_those_that_botocore_knows():
    session = botocore.session.get_session()
    partitions = {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sts", partition)
    }

    partitions |= {"nz-north-1": "aws", "cn-south-1": "aws-cn"}  # as if opened later
    assert {region: partition_of_region(region) for region in partitions} == partitions
    assert {*partitions.values()} == {*PARTITIONS}
