"""Select the containers of a Pod that the checks judge. Pure.

All of them, init containers included, for the webhook mutates all; with ``--container`` those that
are named. Left out is a container that another webhook added, such as a mesh's proxy, when the
identity webhook left it alone and nothing in it is about AWS. A container that the Pod's own
annotation skips is left out if the irsa components wrote that annotation. Otherwise it is a finding
when it is asked about or is the Pod's first one, which is the one that `kubectl exec` takes; of
another one it is not known whether it needs the role.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE, ROLE_ARN_VARIABLE
from irsa.observe.facts import Pod
from irsa.observe.pod_spec import Container, containers, variables
from irsa.verify.facts import Facts
from irsa.verify.link import AS_EXPECTED, Check, Link, ShellCommand, unique
from irsa.verify.pod_container import PodContainer, containers_of

NO_POD = "no Pod runs as this service account"
IDENTITY_VARIABLES = (ROLE_ARN_VARIABLE, CREDENTIALS_URI_VARIABLE)
"""The first of the variables that the webhook injects, for IRSA and for EKS Pod Identity."""


class SortedContainers(NamedTuple):
    """The Pods' containers: judged, doubtful and left out."""

    judged: list[PodContainer]
    doubtful: list[PodContainer]
    """Skipped by the annotation: whether they are to be the role is not known."""
    left_out: list[PodContainer]
    """Of other webhooks and without AWS, or excluded by a program of the irsa components."""


def sort_containers(facts: Facts) -> SortedContainers:
    """Sort the containers of the Pods that are judged."""
    sorted_out = SortedContainers([], [], [])
    for pod in facts.judged:
        asked = containers_of(facts, pod)
        whole = all(each.is_excluded for each in asked)
        for each in asked:
            if facts.containers:
                sorted_out.judged.append(each)
            elif is_foreign(each) or (each.is_excluded and not whole):
                sorted_out.left_out.append(each)
            elif each.is_skipped and not each.is_first:
                sorted_out.doubtful.append(each)
            else:
                sorted_out.judged.append(each)
    return sorted_out


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
    named = list(dict.fromkeys(pod.name for pod in pods))
    return f"Pod{'s' if len(named) > 1 else ''} {names(named)}"


def pods_that(pods: Iterable[Pod], one: str, several: str) -> str:
    """The Pods and a verb that agrees with them: ``Pod a is``, ``Pods a, b are``."""
    text = pods_named(pods)
    return f"{text} {several if text.startswith('Pods ') else one}"


def link_of(check: Check, findings: Findings, well: str = AS_EXPECTED) -> Link:
    """One link for all containers: it fails if one does; what differs is named."""
    problems: dict[tuple[str, str, bool], list[PodContainer]] = {}
    commands: dict[tuple[str, str, bool], list[ShellCommand]] = {}
    # What is certain comes first: it is what the link is judged by.
    ordered = sorted(findings.items(), key=lambda each: each[1] is None or not each[1].certain)
    for container, problem in ordered:
        if problem is not None:
            found, remedy, _, certain = problem
            problems.setdefault((found, remedy, certain), []).append(container)
            commands.setdefault((found, remedy, certain), []).extend(problem.commands)
    if not problems:
        return check.passed(well)
    texts = [f"{_affected(findings, of_it)}{found}" for (found, _, _), of_it in problems.items()]
    remedies = list(dict.fromkeys(remedy for _, remedy, _ in problems))
    more = f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    text, remedy = "; ".join(texts[:SHOWN]) + more, "; ".join(remedies[:SHOWN])
    if any(certain for _, _, certain in problems):
        return check.failed(text, remedy, *unique(chain(*commands.values())))
    return check.unknown(text, remedy)


def _affected(judged: Iterable[PodContainer], of_it: Sequence[PodContainer]) -> str:
    """The Pods and containers that a finding is about, as far as others differ."""
    judged = list(judged)
    everywhere = len(of_it) == len(judged)
    containers = {(each.item.field, each.name) for each in judged}
    one_pod = everywhere and len({each.pod.name for each in judged}) == 1
    parts = [] if one_pod else [pods_named(each.pod for each in of_it)]
    if len(containers) > 1:
        named = [each.name for each in of_it]
        several = len(set(named)) > 1
        parts.append(f"container{'s' if several else ''} {names(named)}")
    return f"{', '.join(parts)}: " if parts else ""
