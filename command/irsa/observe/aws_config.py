"""The AWS config and credentials files of a Pod: their profiles, and edits of them. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from configparser import (
    DuplicateOptionError,
    DuplicateSectionError,
    MissingSectionHeaderError,
    ParsingError,
    RawConfigParser,
)
from dataclasses import dataclass, field
from typing import Any

_SECRET = re.compile(
    r"(?im)^(\s*(?:aws_secret_access_key|aws_session_token|aws_access_key_id)\s*[=:]).*$"
)
TOKEN_FILE = "web_identity_token_file"  # noqa: S105 - a setting's name
_TEXTS = ("role_arn", "source_profile", TOKEN_FILE, "role_session_name", "external_id",
          "credential_source", "region")  # fmt: skip
_OTHER_SECTIONS = ("sso-session", "services", "plugins", "preview")


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
    """True if it holds a static access key."""
    credential_source: str = ""
    """``Environment``, ``Ec2InstanceMetadata`` or ``EcsContainer``."""
    other_source: str = ""
    """``credential_process`` or ``sso``, for a profile that gets credentials that way."""
    region: str = ""
    settings: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    """All that it says."""


def profiles(config: str, credentials: str = "") -> dict[str, Profile]:
    """The profiles of both files by name; ValueError when one cannot be read.

    The credentials file's headers are the names alone, and its settings win, as in every SDK.
    """
    named = {name: values for each, values in _sections(config).items() if (name := _name(each))}
    for name, values in _sections(credentials).items():
        named.setdefault(name, {}).update(values)
    return {name: _profile(name, values) for name, values in named.items()}


def unprefixed(text: str) -> list[str]:
    """Sections of a config file that lack the word ``profile``, so that SDKs do not see them."""
    return [
        section
        for section in _sections(text)
        if section != "default" and " " not in section and section not in _OTHER_SECTIONS
        and section != "profile"
    ]  # fmt: skip


def header(name: str) -> str:
    """The header of a profile in a config file."""
    return "[default]" if name == "default" else f"[profile {name}]"


def without_secrets(text: str) -> str:
    """The file without the values of its keys; which profiles have some is still to be seen."""
    return _SECRET.sub(r"\1 (not kept)", text)


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Settings by section; ValueError for what SDKs' parsers refuse as well."""
    parser = RawConfigParser(default_section="")
    try:
        parser.read_string(text)
    except (DuplicateOptionError, DuplicateSectionError) as error:
        raise ValueError(f"AWS config file: {' '.join(str(error).split())}") from None
    except ParsingError as error:  # its own text quotes the line, which may hold a secret
        line = error.lineno if isinstance(error, MissingSectionHeaderError) else error.errors[0][0]
        text = f"AWS config file: line {line} is neither a header nor a setting"
        raise ValueError(text) from None
    return {section.strip(): dict(parser.items(section)) for section in parser.sections()}


def _name(section: str) -> str:
    """The profile that a section of the config file is; empty for other sections."""
    if section.strip() == "default":
        return "default"
    try:
        kind, *names = shlex.split(section)
    except ValueError:
        return ""
    return names[0] if kind == "profile" and len(names) == 1 else ""


def _profile(name: str, values: dict[str, str]) -> Profile:
    seconds = values.get("duration_seconds")
    if seconds is not None and not seconds.isdecimal():
        raise ValueError(f"AWS config file: duration_seconds {seconds!r} of profile {name!r}")
    sso = "sso" if {"sso_session", "sso_start_url"} & values.keys() else ""
    texts: dict[str, Any] = {key: values[key] for key in _TEXTS if key in values}
    return Profile(
        name,
        duration_seconds=None if seconds is None else int(seconds),
        has_keys="aws_access_key_id" in values,
        other_source="credential_process" if "credential_process" in values else sso,
        settings=values,
        **texts,
    )


@dataclass(frozen=True, slots=True)
class ProfileChain:
    """The roles that a profile assumes one after the other, and its first credentials."""

    roles: tuple[str, ...] = ()
    start: str = ""
    """``token``, ``keys``, ``credential_process``, ``sso``, a credential source; empty when the
    profile holds no credentials, so that SDKs go on to the variables."""
    problem: str = ""
    """The reason why SDKs refuse the profile; empty if they do not."""


def profile_chain(by_name: Mapping[str, Profile], name: str) -> ProfileChain:
    """Return the chain of a profile, which must be in the file.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    """
    roles: list[str] = []
    asking: list[str] = []
    while (profile := by_name[name]).role_arn:
        if problem := _problem(by_name, profile, asking):
            return ProfileChain(problem=problem)
        roles.insert(0, profile.role_arn)
        start = "token" if profile.web_identity_token_file else profile.credential_source
        if start or profile.source_profile == name:
            return ProfileChain(tuple(roles), start or "keys")
        asking.append(name)
        name = profile.source_profile
    start = "keys" if profile.has_keys else profile.other_source
    if roles and not start:
        return ProfileChain(problem=f"source_profile {name} has no credentials")
    return ProfileChain(tuple(roles), start)


def _problem(by_name: Mapping[str, Profile], profile: Profile, asking: Sequence[str]) -> str:
    """The reason why SDKs refuse a profile that has a role, without asking AWS; empty without one.
    ``asking`` are the profiles that have it as their source."""
    settings, source = sources(profile), profile.source_profile
    if len(settings) > 1:
        # With a token file, boto3 ignores the other one, Go refuses, JavaScript takes the other.
        end = "SDKs do different things" if settings[-1] == TOKEN_FILE else "SDKs refuse that"
        return f"profile {profile.name} contains both {' and '.join(settings)}: {end}"
    if not settings:
        return (
            f"profile {profile.name} has a role_arn, and neither source_profile nor "
            "credential_source nor web_identity_token_file"
        )
    if source and source not in by_name:
        return (
            f"profile {profile.name} has source_profile {source}, which is no profile of the file"
        )
    if source and (source in asking or (source == profile.name and not profile.has_keys)):
        return f"profile {profile.name} is its own source"
    return ""


def sources(profile: Profile) -> list[str]:
    """The settings of a profile that say where its role's caller gets credentials."""
    names = ("source_profile", "credential_source", TOKEN_FILE)
    return [name for name in names if getattr(profile, name)]
