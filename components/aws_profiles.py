"""The AWS config file that chains role A to role B. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from irsa.identity.names import check_external_id, check_session_name
from irsa.identity.quotas import CHAINED_SESSION_MAX

REFRESH_WINDOW: Final = 900
"""Seconds before its end at which SDKs renew a session; a shorter one is renewed every time."""

_PROFILE_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True)
class ProfilesSpec:
    """How the two profiles look and how the pod finds them."""

    own: str = "A"
    """Name of the profile of the workload role."""

    target: str = "B"
    """Name of the profile of role B."""

    session_name: str = "xactarget"
    """Session name in both accounts, which CloudTrail shows."""

    external_id: str | None = None
    """External id that role B's trust policy asks for."""

    duration_seconds: int | None = None
    """Length of role B's sessions in seconds (901 to 3600); an hour if left out."""

    layout: Literal["injected", "profile-only"] = "injected"
    """``injected``: the webhook injects role A, and the application asks for the target profile.
    ``profile-only``: nothing is injected and ``AWS_PROFILE`` is the target, for SDKs that prefer
    injected variables to a profile (Go v2)."""

    def __post_init__(self) -> None:
        for profile in (self.own, self.target):
            if not _PROFILE_NAME.fullmatch(profile):
                raise ValueError(
                    f"profile name {profile!r} may have letters, digits and any of _.- only"
                )
            if profile.lower() == "default":
                raise ValueError(
                    f"profile {profile!r} would change what runs without a profile; name it"
                )
        if self.own == self.target:
            raise ValueError(f"both profiles are named {self.own!r}; rename one")
        check_session_name(self.session_name)
        if self.external_id is not None:
            check_external_id(self.external_id)
        _check_duration(self.duration_seconds)


def _check_duration(seconds: int | None) -> None:
    if seconds is None:
        return
    if seconds > CHAINED_SESSION_MAX:
        raise ValueError(
            f"durationSeconds {seconds} is above {CHAINED_SESSION_MAX}: a chained session lasts at "
            "most an hour, whatever the role allows; leave it out"
        )
    if seconds <= REFRESH_WINDOW:
        raise ValueError(
            f"durationSeconds {seconds} is not above {REFRESH_WINDOW}: SDKs renew a session that "
            "close to its end, so every request would assume the role again; leave it out"
        )


def aws_config(
    spec: ProfilesSpec, *, role_a_arn: str, role_b_arn: str, token_file: str, region: str
) -> str:
    """The config file: role A by web identity, role B from A's session, and no default profile."""
    shared = {
        "role_session_name": spec.session_name,
        "region": region,
        "sts_regional_endpoints": "regional",
    }
    own = {"role_arn": role_a_arn, "web_identity_token_file": token_file, **shared}
    target = {
        "role_arn": role_b_arn,
        "source_profile": spec.own,
        "external_id": spec.external_id,
        "duration_seconds": spec.duration_seconds,
        **shared,
    }
    return f"{_section(spec.own, own)}\n{_section(spec.target, target)}"


def _section(profile: str, values: Mapping[str, str | int | None]) -> str:
    lines = [f"{key} = {value}\n" for key, value in values.items() if value is not None]
    return f"[profile {profile}]\n{''.join(lines)}"
