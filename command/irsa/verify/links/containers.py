"""Select the containers of a Pod that the checks judge. Pure.

All of them, init containers included, for the webhook mutates all; with ``--container`` those that
are named. Left out is a container that another webhook added, such as a mesh's proxy, when the
identity webhook left it alone and nothing in it is about AWS. A container that the Pod's own
annotation skips is left out if the irsa components wrote that annotation. Otherwise it is a finding
when it is asked about or is the Pod's first one, which is the one that `kubectl exec` takes; of
another one it is not known whether it needs the role.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE, ROLE_ARN_VARIABLE
from irsa.identity.injection import HASH_ANNOTATION, skipped_containers
from irsa.observe.facts import Pod
from irsa.observe.pod_spec import Container, containers, environment, same_container, variables
from irsa.verify.facts import Facts
from irsa.verify.link import AS_EXPECTED, Check, Link, ShellCommand, unique

NO_POD = "no Pod runs as this service account"
IDENTITY_VARIABLES = (ROLE_ARN_VARIABLE, CREDENTIALS_URI_VARIABLE)
"""The first of the variables that the webhook injects, for IRSA and for EKS Pod Identity."""


class SortedContainers(NamedTuple):
    """A Pod's containers: judged, doubtful and left out."""

    judged: list[Container]
    doubtful: list[Container]
    """Skipped by the annotation: whether they are to be the role is not known."""
    left_out: list[Container]
    """Of other webhooks and without AWS, or excluded by a program of the irsa components."""


def sort_containers(facts: Facts, pod: Pod) -> SortedContainers:
    """Sort a Pod's containers."""
    sorted_out = SortedContainers([], [], [])
    asked = facts.asked(pod)
    excluded = [each for each in asked if is_excluded(pod, each)]
    for container in asked:
        if facts.containers:
            sorted_out.judged.append(container)
        elif is_foreign(facts, pod, container) or (container in excluded and excluded != asked):
            sorted_out.left_out.append(container)
        elif is_skipped(pod, container) and not is_first(pod, container):
            sorted_out.doubtful.append(container)
        else:
            sorted_out.judged.append(container)
    return sorted_out


def is_first(pod: Pod, container: Container) -> bool:
    """Return whether it is the Pod's main container, which `kubectl exec` takes.

    A mesh may put its own one before it, so the template's order counts.
    """
    at = same_container(pod.template["spec"], container) if pod.template else container
    return at is not None and (at.field, at.position) == ("containers", 0)


def is_skipped(pod: Pod, container: Container) -> bool:
    """Return whether the Pod's annotation tells the webhook to leave the container alone."""
    return container.name in skipped_containers(pod.annotations)


def is_excluded(pod: Pod, container: Container) -> bool:
    """Return whether a program of the irsa components excludes the container."""
    return HASH_ANNOTATION in pod.annotations and is_skipped(pod, container)


def is_foreign(facts: Facts, pod: Pod, container: Container) -> bool:
    """Return whether another webhook added the container, and nothing in it is about AWS."""
    if pod.template is not None:
        if same_container(pod.template["spec"], container) is not None:
            return False
    elif is_skipped(pod, container) or not any(is_injected(each) for each in containers(pod.spec)):
        return False  # without a template only the others can tell
    given = environment(container.spec, facts.objects)
    return not any(name.startswith("AWS_") for name in given)


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


class CheckedContainer(NamedTuple):
    """A container that was judged, and its finding."""

    pod: Pod
    container: Container
    problem: Problem | None


def names(listed: Iterable[str]) -> str:
    """A few names, and how many more there are."""
    different = list(dict.fromkeys(listed))
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    return f"{', '.join(different[:SHOWN])}{more}"


def pods_named(pods: Iterable[Pod]) -> str:
    """``Pod a`` or ``Pods a, b, c and 2 more``."""
    named = list(dict.fromkeys(pod.name for pod in pods))
    return f"Pod{'s' if len(named) > 1 else ''} {names(named)}"


def pods_that(pods: Iterable[Pod], one: str, several: str) -> str:
    """The Pods and a verb that agrees with them: ``Pod a is``, ``Pods a, b are``."""
    text = pods_named(pods)
    return f"{text} {several if text.startswith('Pods ') else one}"


def link_of(check: Check, cases: Sequence[CheckedContainer], well: str = AS_EXPECTED) -> Link:
    """One link for all containers: it fails if one does; what differs is named."""
    problems: dict[tuple[str, str, bool], list[CheckedContainer]] = {}
    for case in cases:
        if case.problem is not None:
            found, remedy, _, certain = case.problem
            problems.setdefault((found, remedy, certain), []).append(case)
    if not problems:
        return check.passed(well)
    # What is certain comes first: it is what the link is judged by.
    ordered = sorted(problems.items(), key=lambda item: not item[0][2])
    texts = [f"{_affected(cases, of_it)}{found}" for (found, _, _), of_it in ordered]
    remedies = list(dict.fromkeys(remedy for (_, remedy, _), _ in ordered))
    commands = [
        command
        for _, of_it in ordered
        for case in of_it
        for command in (case.problem.commands if case.problem else ())
    ]
    more = f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    text, remedy = "; ".join(texts[:SHOWN]) + more, "; ".join(remedies[:SHOWN])
    if any(certain for _, _, certain in problems):
        return check.failed(text, remedy, *unique(commands))
    return check.unknown(text, remedy)


def _affected(cases: Sequence[CheckedContainer], of_it: Sequence[CheckedContainer]) -> str:
    """The Pods and containers that a finding is about, as far as others differ."""
    everywhere = len(of_it) == len(cases)
    containers = {(case.container.field, case.container.name) for case in cases}
    one_pod = everywhere and len({case.pod.name for case in cases}) == 1
    parts = [] if one_pod else [pods_named(case.pod for case in of_it)]
    if len(containers) > 1:
        named = [case.container.name for case in of_it]
        several = len(set(named)) > 1
        parts.append(f"container{'s' if several else ''} {names(named)}")
    return f"{', '.join(parts)}: " if parts else ""
