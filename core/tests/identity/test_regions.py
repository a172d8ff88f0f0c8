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


def test_a_region_that_is_opened_later_has_a_partition():
    assert [partition_of_region(each) for each in ("nz-north-1", "cn-south-1")] == ["aws", "aws-cn"]


def test_the_partitions_of_the_regions_are_those_that_botocore_knows():
    session = botocore.session.get_session()
    known = {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sts", partition)
    }

    assert {each: partition_of_region(each) for each in known} == known
    assert {*known.values()} == {*PARTITIONS}
