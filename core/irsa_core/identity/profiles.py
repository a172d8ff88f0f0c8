"""Profiles of an AWS config file that chain roles. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

import re
from collections.abc import Mapping
from typing import Final

from irsa_core.identity.arns import partition_of
from irsa_core.identity.eks import CONTAINER_SOURCE
from irsa_core.identity.quotas import CHAINED_SESSION_MAX
from irsa_core.identity.regions import partition_of_region

REFRESH_WINDOW: Final = 900
"""SDKs renew a session this many seconds before its end; a shorter one, at every request."""

_PROFILE_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def check_profile_name(profile: str) -> str:
    """Return the name of a profile, or raise ValueError."""
    if not _PROFILE_NAME.fullmatch(profile):
        raise ValueError(f"profile name {profile!r} may have letters, digits and any of _.- only")
    if profile.lower() == "default":
        raise ValueError(
            f"profile name {profile!r} would change requests without a profile; choose another"
        )
    return profile


def check_chained_duration(seconds: int) -> int:
    """Return the seconds of a chained session, or raise ValueError."""
    if seconds > CHAINED_SESSION_MAX:
        raise ValueError(
            f"{seconds} is above {CHAINED_SESSION_MAX}: a chained session lasts "
            "at most an hour, whatever the role allows; leave it out"
        )
    if seconds <= REFRESH_WINDOW:
        raise ValueError(
            f"{seconds} is not above {REFRESH_WINDOW}: SDKs would assume the role "
            "for every request; leave it out"
        )
    return seconds


def aws_config(
    role_a: Mapping[str, object] | None,
    targets: Mapping[str, Mapping[str, object]],
    *,
    own_profile: str,
    region: str,
    session_name: str,
) -> str:
    """Return a config file with a profile for each of ``targets``, of which None is left out.

    They start from ``role_a``, the settings of ``own_profile``, or for None from the container's
    credentials. The file has no default profile. Raises ValueError for a role of another partition
    than the region's, whose STS does not know it.
    """
    partition = partition_of_region(region)
    for profile, settings in {**targets, own_profile: role_a or {}}.items():
        arn = str(settings.get("role_arn", ""))
        if arn and partition_of(arn) != partition:
            raise ValueError(
                f"region {region} is in partition {partition}, and the role of profile {profile} "
                f"is {arn}; give a region of the role's partition"
            )
    shared = {
        "role_session_name": session_name,
        "region": region,
        "sts_regional_endpoints": "regional",
    }
    source = {"source_profile": own_profile} if role_a else {"credential_source": CONTAINER_SOURCE}
    sections = {own_profile: {**role_a, **shared}} if role_a else {}
    for profile, settings in targets.items():
        role = {"role_arn": settings["role_arn"], **source}
        sections[profile] = {**role, **settings, **shared}
    return "\n".join(_section(*section) for section in sections.items())


def _section(profile: str, settings: Mapping[str, object]) -> str:
    lines = [f"{key} = {value}\n" for key, value in settings.items() if value is not None]
    return f"[profile {profile}]\n{''.join(lines)}"
