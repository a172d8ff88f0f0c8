"""AWS's regions by partition: data. Pure.

https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html; a test compares
this with botocore's list. A region that AWS has opened since is one more line here.
"""

import difflib
from collections.abc import Mapping
from typing import Final

REGIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "aws": (
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ),
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
    "aws-us-gov": ("us-gov-east-1", "us-gov-west-1"),
    "aws-iso": ("us-iso-east-1", "us-iso-west-1"),
    "aws-iso-b": ("us-isob-east-1", "us-isob-west-1"),
    "aws-iso-e": ("eu-isoe-west-1",),
    "aws-iso-f": ("us-isof-east-1", "us-isof-south-1"),
    "aws-eusc": ("eusc-de-east-1",),
}
"""Names of the regions, by the partition that an ARN names."""


def partition_of_region(region: str) -> str:
    """The partition (``aws``, ``aws-cn``, ``aws-us-gov``, …) that a region belongs to.

    ValueError for a region that AWS does not have: ARNs and trust policies are made from its name
    long before AWS is asked.
    """
    for partition, regions in REGIONS.items():
        if region in regions:
            return partition
    known = [name for regions in REGIONS.values() for name in regions]
    close = difflib.get_close_matches(region.lower(), known, n=2)
    meant = f"did you mean {' or '.join(close)}?" if close else "one looks like 'us-east-1'"
    raise ValueError(
        f"region {region!r} is not one of AWS's; {meant} "
        "(if it is new, add it to command/irsa/identity/regions.py)"
    )
