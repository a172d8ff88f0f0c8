"""The AWS files of a container, and the profile that SDKs take there. Pure.

Tried with the AWS CLI, boto3, JavaScript v3 and Go v2; the table of docs/forms.md shows it.
https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from irsa.observe.aws_config import Profile, credentials_profiles, merged, profiles
from irsa.observe.facts import ConfigFile, Pod, Unread
from irsa.observe.pod_spec import (
    CONFIG,
    CREDENTIALS,
    Container,
    Variable,
    aws_file,
    environment,
    read_file,
)
from irsa.verify.facts import Facts

PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class AwsFiles:
    """A container's AWS config and credentials files."""

    given: Mapping[str, Variable]
    """All its variables."""
    config: ConfigFile | Unread | None
    credentials: ConfigFile | Unread | None
    profiles: Mapping[str, Profile]
    """The profiles of both; none of a file that cannot be read."""
    refused: str = ""
    """The error of SDKs' parsers; empty without one."""

    @property
    def unread(self) -> Unread | None:
        """The first of the two that is there and was not read."""
        return next((e for e in (self.config, self.credentials) if isinstance(e, Unread)), None)


def aws_files(facts: Facts, pod: Pod, container: Container) -> AwsFiles:
    """Both files of a container."""
    given = environment(container.spec, facts.objects)
    files: list[ConfigFile | Unread | None] = []
    for variable in (CONFIG, CREDENTIALS):
        file = aws_file(pod.spec, container.spec, variable, given)
        files.append(read_file(file, facts.objects) if file else None)
    config, credentials = files
    try:
        known = merged(
            profiles(_text(config)),
            credentials_profiles(_text(credentials)),
        )
    except ValueError as error:
        return AwsFiles(given, config, credentials, {}, str(error))
    return AwsFiles(given, config, credentials, known)


def _text(file: ConfigFile | Unread | None) -> str:
    return file.text or "" if isinstance(file, ConfigFile) else ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The profile that SDKs take unless the program names one."""

    name: str
    """Empty when it is in a variable of an unknown value."""
    variable: str = ""
    """The variable that names it; empty for ``default``."""

    @property
    def text(self) -> str:
        """The choice as text."""
        return f"{self.variable}={self.name}" if self.variable else "the profile [default]"


def chosen(given: Mapping[str, Variable]) -> Chosen:
    """The profile that most SDKs take."""
    return next(all_chosen(given))


def all_chosen(given: Mapping[str, Variable]) -> Iterator[Chosen]:
    """The profiles that SDKs take: with both variables set, boto3 and the CLI take the second."""
    chosen_by_variable = False
    for name in PROFILE_VARIABLES:
        if name in given:
            chosen_by_variable = True
            yield Chosen(given[name].value or "", name)
    if not chosen_by_variable:
        yield Chosen(DEFAULT)
