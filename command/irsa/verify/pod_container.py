"""One container of one Pod, with the settings that decide which AWS identity it gets. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from irsa.identity.injection import HASH_ANNOTATION, skipped_containers
from irsa.identity.policy_json import Json
from irsa.observe.aws_config import Profile, profiles
from irsa.observe.facts import ConfigFile, Pod, Unread
from irsa.observe.pod_spec import (
    CONFIG,
    CREDENTIALS,
    Container,
    Variable,
    aws_file,
    environment,
    read_file,
    same_container,
    variables,
)
from irsa.verify.facts import Facts


@dataclass(frozen=True, slots=True)
class AwsFiles:
    """A container's AWS config and credentials files."""

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


@dataclass(frozen=True, eq=False)
class PodContainer:
    """A container of a Pod of the chain."""

    facts: Facts
    pod: Pod
    item: Container

    @property
    def name(self) -> str:
        """Its name."""
        return self.item.name

    @property
    def spec(self) -> Json:
        """Its spec, as the webhook left it."""
        return self.item.spec

    @cached_property
    def given(self) -> Mapping[str, Variable]:
        """All its variables."""
        return environment(self.spec, self.facts.objects)

    @cached_property
    def template(self) -> Container | None:
        """The container in its owner's template; None where the template does not have it."""
        return same_container(self.pod.template["spec"], self.item) if self.pod.template else None

    @cached_property
    def set_by_hand(self) -> Mapping[str, str | None]:
        """The variables that the template sets."""
        return variables(self.template.spec) if self.template else {}

    @property
    def is_first(self) -> bool:
        """True if it is the Pod's main container, which `kubectl exec` takes.

        A mesh may put its own one before it, so the template's order counts.
        """
        at = self.template if self.pod.template else self.item
        return at is not None and (at.field, at.position) == ("containers", 0)

    @property
    def is_skipped(self) -> bool:
        """True if the Pod's annotation tells the webhook to leave the container alone."""
        return self.name in skipped_containers(self.pod.annotations)

    @property
    def is_excluded(self) -> bool:
        """True if a program of the irsa components excludes the container."""
        return HASH_ANNOTATION in self.pod.annotations and self.is_skipped

    @cached_property
    def files(self) -> AwsFiles:
        """Both its files."""
        config, credentials = self.read(CONFIG), self.read(CREDENTIALS)
        texts = [e.text or "" if isinstance(e, ConfigFile) else "" for e in (config, credentials)]
        try:
            return AwsFiles(config, credentials, profiles(*texts))
        except ValueError as error:
            return AwsFiles(config, credentials, {}, str(error))

    def read(
        self, variable: tuple[str, str], given: Mapping[str, Variable] | None = None
    ) -> ConfigFile | Unread | None:
        """A file that a variable names; None when nothing says that it has one."""
        file = aws_file(self.pod.spec, self.spec, variable, given or self.given)
        return read_file(file, self.facts.objects) if file else None


def containers_of(facts: Facts, *pods: Pod) -> list[PodContainer]:
    """The containers that are asked about, of these Pods or else of all that are judged."""
    return [
        PodContainer(facts, pod, item) for pod in pods or facts.judged for item in facts.asked(pod)
    ]
