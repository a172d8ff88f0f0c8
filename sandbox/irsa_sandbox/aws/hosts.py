"""The host names of AWS's services, as far as the sandbox answers under them. Pure.

https://docs.aws.amazon.com/general/latest/gr/rande.html
"""

import re
from functools import lru_cache
from typing import NamedTuple

from irsa_core.identity.regions import partition_of_region

PORT = 443
STS = "sts.amazonaws.com"
"""The global host of STS, which every SDK knows."""

SERVICES = ("iam", "sts", "s3", "eks", "ec2", "secretsmanager")
"""MiniStack's, which the sandbox has."""

ANSWERED = (*SERVICES, "s3-control")
_GLOBAL = {
    "iam.amazonaws.com": "iam",
    "iam.global.api.aws": "iam",
    "s3.amazonaws.com": "s3",
    STS: "sts",
}
_HOST = re.compile(
    # EKS Auth has no host in amazonaws.com.
    rf"(?P<service>{'|'.join(set(ANSWERED) - {'iam'})}|eks-auth(?=\.[a-z0-9-]+\.api\.))"
    r"\.(?:dualstack\.)?(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)"
)
_LABELLED = re.compile(r"(?P<label>[a-z0-9.-]+?)\.(?P<of>s3(?:-control)?\..+)")
"""A bucket in front of S3's host, an account in front of S3 Control's.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html"""


_ANY = re.compile(
    r"(?:[a-z0-9-]+\.)*?(?P<service>[a-z0-9-]+)\.(?:dualstack\.)?"
    r"(?:(?P<region>[a-z]+(?:-[a-z]+)+-\d)\.)?(?:amazonaws\.com|api\.aws)"
)


class Host(NamedTuple):
    """The service and the account or bucket of a host."""

    service: str
    """As an SDK's client is called: ``s3``, ``sts``."""

    name: str
    """The service's host itself."""

    label: str = ""
    """The bucket or account that stands in front of it."""

    @property
    def signing_name(self) -> str:
        """The service in the scope of a signature's credential."""
        return "s3" if self.service == "s3-control" else self.service

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Names in the host's certificate: as AWS's, one star for one label."""
        return (self.name, f"*.{self.name}") if self.service.startswith("s3") else (self.name,)


@lru_cache(maxsize=1024)
def parse_host(text: str) -> Host | None:
    """The service behind a host name; None for all that the sandbox does not have."""
    name = text.lower()
    if (found := _service(name)) is not None:
        return Host(found, name)
    match = _LABELLED.fullmatch(name)
    service = _service(match["of"]) if match else None
    return Host(service, match["of"], match["label"]) if match and service else None


def lacks(text: str) -> bool:
    """Return whether a host is one of a service of AWS that the sandbox does not have."""
    match = _ANY.fullmatch(text.lower())
    if match is None or match["service"] in (*ANSWERED, "eks-auth"):
        return False
    return match["region"] is None or _is_aws_region(match["region"])


def _service(name: str) -> str | None:
    if name in _GLOBAL:
        return _GLOBAL[name]
    match = _HOST.fullmatch(name)
    return match["service"] if match and _is_aws_region(match["region"]) else None


def _is_aws_region(region: str) -> bool:
    try:
        return partition_of_region(region) == "aws"
    except ValueError:
        return False
