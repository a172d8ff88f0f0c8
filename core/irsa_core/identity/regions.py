"""AWS's partitions by the form of a region's name. Pure.

By form, and not by a list: AWS opens a region before this is released again. A test compares the
answers with botocore's regions.
https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
"""

import re
from typing import Final

PARTITIONS: Final = {
    "aws": "[a-bd-z][a-z]|c[a-mo-z]",  # a part of the world; cn is a partition
    "aws-cn": "cn",
    "aws-us-gov": "us-gov",
    "aws-iso": "us-iso",
    "aws-iso-b": "us-isob",
    "aws-iso-e": "eu-isoe",
    "aws-iso-f": "us-isof",
    "aws-eusc": "eusc-[a-z]{2}",
}
"""Beginnings of the names of a partition's regions, as regular expressions."""
_REST = r"(central|(north|south)?(east|west)|north|south)-[1-9]"


def partition_of_region(region: str) -> str:
    """The partition (``aws``, ``aws-cn``, ``aws-us-gov``, …) that a region belongs to.

    ValueError for a text that is no region's name: ARNs and trust policies are made from it long
    before AWS is asked.
    """
    for partition, beginning in PARTITIONS.items():
        if re.fullmatch(f"({beginning})-{_REST}", region):
            return partition
    raise ValueError(f"region {region!r} is not the name of one; it looks like 'us-east-1'")
