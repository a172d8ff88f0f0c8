"""The AWS config file of a Pod: its profiles and the roles they chain. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from configparser import ConfigParser, Error
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile; empty where the file says nothing."""

    name: str
    role_arn: str = ""
    source_profile: str = ""
    web_identity_token_file: str = ""
    role_session_name: str = ""
    external_id: str = ""
    duration_seconds: int | None = None
    has_keys: bool = False
    """Whether it holds a static access key."""


def profiles(text: str) -> dict[str, Profile]:
    """The profiles of a config file by name; ValueError when it cannot be read."""
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text)
    except Error as error:
        raise ValueError(f"AWS config file: {' '.join(str(error).split())}") from None
    found: dict[str, Profile] = {}
    for section in parser.sections():
        kind, _, name = section.partition(" ")
        if section == "default" or (kind == "profile" and name):
            values = dict(parser.items(section))
            found[name.strip() or section] = _profile(name.strip() or section, values)
    return found


def _profile(name: str, values: dict[str, str]) -> Profile:
    seconds = values.get("duration_seconds")
    if seconds is not None and not seconds.isdecimal():
        raise ValueError(f"AWS config file: duration_seconds {seconds!r} of profile {name!r}")
    return Profile(
        name,
        values.get("role_arn", ""),
        values.get("source_profile", ""),
        values.get("web_identity_token_file", ""),
        values.get("role_session_name", ""),
        values.get("external_id", ""),
        None if seconds is None else int(seconds),
        "aws_access_key_id" in values,
    )
