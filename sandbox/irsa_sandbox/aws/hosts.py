"""The host names of AWS's services, as far as the sandbox answers under them. Pure.

https://docs.aws.amazon.com/general/latest/gr/rande.html
"""

import re
from functools import lru_cache
from typing import NamedTuple

from irsa_core.identity.regions import partition_of_region

PORT = 443
SERVICES = ("iam", "sts", "s3", "eks", "ec2", "secretsmanager")
"""MiniStack's, which the sandbox has."""

ANSWERED = (*SERVICES, "s3-control")
_GLOBAL = frozenset({"iam.amazonaws.com", "s3.amazonaws.com", "sts.amazonaws.com"})
_GLOBAL_IAM = "iam.global.api.aws"
_HOST = re.compile(
    r"(?:(?P<label>[a-z0-9-]+(?:\.[a-z0-9-]+)*?)\.)??(?P<name>(?P<service>[a-z0-9-]+)\."
    r"(?P<dual>dualstack\.)?(?:(?P<region>[a-z]+(?:-[a-z]+)+-\d)\.)?(?:amazonaws\.com|api\.aws))"
)
"""A host of AWS's. A bucket stands in front of S3's, an account in front of S3 Control's.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html"""


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
    if text.lower() == _GLOBAL_IAM:
        return Host("iam", _GLOBAL_IAM)
    match = _HOST.fullmatch(text.lower())
    if match is None:
        return None
    service, name, label = match["service"], match["name"], match["label"] or ""
    if name not in _GLOBAL:
        # EKS Auth has no host in amazonaws.com.
        is_eks_auth = service == "eks-auth" and name.endswith(".api.aws") and not match["dual"]
        regional = is_eks_auth or (service in ANSWERED and service != "iam")
        if not (regional and match["region"] and _is_aws_region(match["region"])):
            return None
    return Host(service, name, label) if service.startswith("s3") or not label else None


def lacks(text: str) -> bool:
    """Return whether a host is one of a service of AWS that the sandbox does not have."""
    match = _HOST.fullmatch(text.lower())
    if match is None or match["service"] in (*ANSWERED, "eks-auth"):
        return False
    return match["region"] is None or _is_aws_region(match["region"])


def _is_aws_region(region: str) -> bool:
    try:
        return partition_of_region(region) == "aws"
    except ValueError:
        return False
