"""Containers of the Pods: their settings, those that are judged, and one link for all. Pure.

All are judged, init containers included, for the webhook mutates all; with ``--container`` those
that are named. Left out is a container that another webhook added, such as a mesh's proxy, when the
identity webhook left it alone and nothing in it is about AWS. A container that the Pod's own
annotation skips is left out if the irsa components wrote that annotation. Otherwise it is a finding
when it is asked about or is the Pod's first one, which is the one that `kubectl exec` takes; of
another one it is not known whether it needs the role.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from irsa.observe.aws_config import Profile, profiles
from irsa.observe.facts import ConfigFile, Pod, Role, Unread
from irsa.observe.pod_spec import (
    CONFIG,
    CREDENTIALS,
    Container,
    Variable,
    aws_file,
    containers,
    environment,
    read_file,
    same_container,
    variables,
)
from irsa.verify.facts import SESSION_NAME, ByAssociation, Facts, documents_of
from irsa.verify.link import AS_EXPECTED, Check, Link, ShellCommand, unique
from irsa_core.identity.eks import CREDENTIALS_URI_VARIABLE, ROLE_ARN_VARIABLE
from irsa_core.identity.injection import HASH_ANNOTATION, skipped_containers
from irsa_core.identity.names import check_session_name
from irsa_core.identity.policy_json import Json


@dataclass(frozen=True, slots=True)
class AwsFiles:
    """A container's AWS config and credentials files."""

    profiles: Mapping[str, Profile]
    """The profiles of both; none of a file that cannot be read."""
    unread: Unread | None
    """The first of the two that is there and was not read."""
    refused: str = ""
    """The error of SDKs' parsers; empty without one."""


@dataclass(frozen=True, eq=False)
class PodContainer:
    """A container of a Pod of the chain."""

    facts: Facts
    pod: Pod
    item: Container

    @cached_property
    def given(self) -> Mapping[str, Variable]:
        """All its variables."""
        return environment(self.item.spec, self.facts.objects)

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
        return self.item.name in skipped_containers(self.pod.annotations)

    @property
    def is_excluded(self) -> bool:
        """True if a program of the irsa components excludes the container."""
        return HASH_ANNOTATION in self.pod.annotations and self.is_skipped

    @cached_property
    def files(self) -> AwsFiles:
        """Both its files."""
        both = self.read(CONFIG), self.read(CREDENTIALS)
        texts = [e.text or "" if isinstance(e, ConfigFile) else "" for e in both]
        unread = next((e for e in both if isinstance(e, Unread)), None)
        try:
            return AwsFiles(profiles(*texts), unread)
        except ValueError as error:
            return AwsFiles({}, unread, str(error))

    def read(
        self, variable: tuple[str, str], given: Mapping[str, Variable] | None = None
    ) -> ConfigFile | Unread | None:
        """A file that a variable names; None when nothing says that it has one."""
        file = aws_file(self.pod.spec, self.item.spec, variable, given or self.given)
        return read_file(file, self.facts.objects) if file else None


def containers_of(facts: Facts, *pods: Pod) -> list[PodContainer]:
    """The containers that are asked about, of these Pods or else of all that are judged."""
    return [PodContainer(facts, pod, e) for pod in pods or facts.judged for e in facts.asked(pod)]


VARIABLE = "AWS_ROLE_SESSION_NAME"
UNNAMED = (
    "a policy goes by the session's name, which is not known here; set AWS_ROLE_SESSION_NAME in "
    "the container, or role_session_name in the profile"
)
_NAMED = re.compile(r'sts:rolesessionname|:assumed-role/|\baroa\w*:(?!\*")|\$\{aws:userid')


def session_name(facts: Facts) -> str | None:
    """Return the name of the role's session, any if no policy goes by it; None if not known."""
    if isinstance(facts, ByAssociation):
        return None
    role_b = facts.role_b.role if facts.role_b else None
    generated = None if goes_by_name(facts.role, role_b, facts.bucket_policy) else SESSION_NAME
    # The one valid name that the Pods send.
    files, base = facts.pod_profiles, facts.own_profile if facts.profile_only else None
    base = files.get(files[facts.profile].source_profile, base) if facts.profile in files else base
    envs = [container.given for container in containers_of(facts)]
    unset = Variable("")
    names = {env.get(VARIABLE, unset).value or "" for env in envs if ROLE_ARN_VARIABLE in env}
    names = {base.role_session_name} if base and base.web_identity_token_file else names
    try:
        return check_session_name(names.pop()) if len(names) == 1 else generated
    except ValueError:
        return generated


def goes_by_name(*known: Role | Json | Unread | None) -> bool:
    """Return whether a policy among these may decide by a session's name."""
    return any(_NAMED.search(json.dumps(each).lower()) for e in known for each in documents_of(e))


NO_POD = "no Pod runs as this service account"
IDENTITY_VARIABLES = (ROLE_ARN_VARIABLE, CREDENTIALS_URI_VARIABLE)
"""The first of the variables that the webhook injects, for IRSA and for EKS Pod Identity."""


Containers = list[PodContainer]


def sort_containers(facts: Facts) -> tuple[Containers, Containers, Containers]:
    """Sort the containers of the Pods into those that are judged, doubtful ones and those left out.

    Doubtful are those that the annotation skips: whether they are to be the role is not known.
    """
    judged, doubtful, left_out = Containers(), Containers(), Containers()
    for pod in facts.judged:
        asked = containers_of(facts, pod)
        whole = all(container.is_excluded for container in asked)
        for container in asked:
            if facts.containers:
                judged.append(container)
            elif is_foreign(container) or (container.is_excluded and not whole):
                left_out.append(container)
            elif container.is_skipped and not container.is_first:
                doubtful.append(container)
            else:
                judged.append(container)
    return judged, doubtful, left_out


def is_foreign(container: PodContainer) -> bool:
    """Return whether another webhook added the container, and nothing in it is about AWS."""
    pod = container.pod
    if container.template is not None:
        return False
    by_others = any(is_injected(each) for each in containers(pod.spec))
    if pod.template is None and (container.is_skipped or not by_others):
        return False  # without a template only the others can tell
    return not any(name.startswith("AWS_") for name in container.given)


def is_injected(container: Container) -> bool:
    """Return whether a container has an AWS identity, as the webhook gives it."""
    return not variables(container.spec).keys().isdisjoint(IDENTITY_VARIABLES)


SHOWN = 3
"""Names and findings in one line; there may be hundreds of Pods."""


class Problem(NamedTuple):
    """A finding."""

    found: str
    remedy: str
    commands: Sequence[ShellCommand] = ()
    certain: bool = True
    """False if the finding cannot be confirmed from the facts read."""


Findings = Mapping[PodContainer, Problem | None]
"""The containers that were judged, each with its finding."""


def names(listed: Iterable[str]) -> str:
    """A few names, and how many more there are."""
    different = list(dict.fromkeys(listed))
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    return f"{', '.join(different[:SHOWN])}{more}"


def pods_named(pods: Iterable[Pod]) -> str:
    """``Pod a`` or ``Pods a, b, c and 2 more``."""
    return _named("Pod", [pod.name for pod in pods])


def _named(kind: str, listed: Sequence[str]) -> str:
    return f"{kind}{'s' if len({*listed}) > 1 else ''} {names(listed)}"


def pods_that(pods: Iterable[Pod], one: str, several: str) -> str:
    """The Pods and a verb that agrees with them: ``Pod a is``, ``Pods a, b are``."""
    text = pods_named(pods)
    return f"{text} {several if text.startswith('Pods ') else one}"


def link_of(check: Check, findings: Findings, well: str = AS_EXPECTED) -> Link:
    """One link for all containers: it fails if one does; what differs is named."""
    problems = {container: problem for container, problem in findings.items() if problem}
    same: dict[Problem, list[PodContainer]] = {}
    # What is certain comes first: it is what the link is judged by.
    for container in sorted(problems, key=lambda container: not problems[container].certain):
        same.setdefault(problems[container]._replace(commands=()), []).append(container)
    if not same:
        return check.passed(well)
    texts = [f"{_affected(findings, of_it)}{problem.found}" for problem, of_it in same.items()]
    remedies = list(dict.fromkeys(problem.remedy for problem in same))
    more = f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    text, remedy = "; ".join(texts[:SHOWN]) + more, "; ".join(remedies[:SHOWN])
    if not next(iter(same)).certain:
        return check.unknown(text, remedy=remedy)
    ordered = (problems[container] for of_it in same.values() for container in of_it)
    return check.failed(text, remedy, *unique(e for problem in ordered for e in problem.commands))


def _affected(judged: Collection[PodContainer], of_it: Sequence[PodContainer]) -> str:
    """The Pods and containers that a finding is about, as far as others differ."""
    containers = {(container.item.field, container.item.name) for container in judged}
    one_pod = len({container.pod.name for container in judged}) == 1
    everywhere = one_pod and len(of_it) == len(judged)
    parts = [] if everywhere else [pods_named(container.pod for container in of_it)]
    if len(containers) > 1:
        parts.append(_named("container", [container.item.name for container in of_it]))
    return f"{', '.join(parts)}: " if parts else ""
