"""What a run costs, so that it can be said before anything is made. Pure."""

from typing import NamedTuple

NODE = "t3.medium"
MINUTES = 40
"""How long a run takes on AWS, most of it for the cluster to come and go."""


class Price(NamedTuple):
    """One thing that AWS bills by the hour."""

    what: str
    an_hour: float
    """US dollars in us-east-1."""

    page: str


PRICES = (
    Price("EKS control plane, in standard support", 0.10, "https://aws.amazon.com/eks/pricing/"),
    Price(f"one node, {NODE}", 0.0416, "https://aws.amazon.com/ec2/pricing/on-demand/"),
    Price("its public IPv4 address", 0.005, "https://aws.amazon.com/vpc/pricing/"),
    Price("its disk, 20 GB", 0.0028, "https://aws.amazon.com/ebs/pricing/"),
)
AN_HOUR = sum(price.an_hour for price in PRICES)


def estimate(run_id: str) -> str:
    """The estimate as text."""
    lines = [f"  ${price.an_hour:<7.4f}{price.what}  ({price.page})" for price in PRICES]
    a_run = AN_HOUR * MINUTES / 60
    return "\n".join(
        (
            "AWS bills account A by the hour (prices of us-east-1; the pages have those of today):",
            *lines,
            f"  ${AN_HOUR:.2f} an hour; a run takes about {MINUTES} minutes: ${a_run:.2f}",
            "Requests and two objects in S3 come to less than a cent. No NAT gateway is made; in",
            "subnets that need one, yours carries about 500 MB of images.",
            "Everything is removed at the end, after a failure too. Should that not be possible,",
            f"it goes on at ${AN_HOUR * 24:.2f} a day until `make test-aws CLEAN={run_id} …`.",
        )
    )
