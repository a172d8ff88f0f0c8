"""AWS's regions."""

import botocore.session
import pytest

from irsa.identity.regions import REGIONS, partition_of_region
from tests.support.refusal import refusal


@pytest.mark.parametrize(
    ("region", "meant"),
    [
        ("us-esat-1", "did you mean us-west-1 or us-east-1?"),
        ("eu-wset-3", "did you mean eu-west-3 or eu-west-2?"),
        ("US-EAST-1", "did you mean us-east-1 or us-west-1?"),
        ("narnia", "one looks like 'us-east-1'"),
        ("", "one looks like 'us-east-1'"),
    ],
)
def test_what_is_no_region_has_no_partition(region, meant):
    assert refusal(partition_of_region, region) == (
        f"region {region!r} is not one of AWS's; {meant} "
        "(if it is new, add it to command/irsa/identity/regions.py)"
    )


def test_the_partitions_of_the_regions_are_those_that_botocore_knows():
    session = botocore.session.get_session()
    known = {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sts", partition)
    }

    assert {each: partition_of_region(each) for each in known} == known
    assert sorted(known) == sorted(each for regions in REGIONS.values() for each in regions)
