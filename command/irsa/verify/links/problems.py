"""Problems of containers, and one link for all of them. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from irsa.observe.facts import Pod
from irsa.observe.pod_spec import Container
from irsa.verify.link import AS_EXPECTED, Check, Link
from irsa.verify.remedy import ShellCommand, unique

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
