"""Select the containers of a Pod that the checks judge. Pure.

All of them, init containers included, for the webhook mutates all; with ``--container`` those that
are named. Left out is a container that another webhook added, such as a mesh's proxy, when the
identity webhook left it alone and nothing in it is about AWS. A container that the Pod's own
annotation skips is a finding when it is asked about or is the Pod's first one, which is the one
that `kubectl exec` takes; of another one it is not known whether it needs the role.
"""

from typing import NamedTuple

from irsa.identity.eks import (
    CREDENTIALS_URI_VARIABLE,
    ROLE_ARN_VARIABLE,
)
from irsa.identity.injection import skipped_containers
from irsa.observe.facts import Pod
from irsa.observe.pod_spec import Container, containers, environment, same_container, variables
from irsa.verify.facts import Facts

IDENTITY_VARIABLES = (ROLE_ARN_VARIABLE, CREDENTIALS_URI_VARIABLE)
"""The first of the variables that the webhook injects, for IRSA and for EKS Pod Identity."""


class SortedContainers(NamedTuple):
    """A Pod's containers: judged, doubtful and left out."""

    judged: list[Container]
    doubtful: list[Container]
    """Skipped by the annotation: whether they are to be the role is not known."""
    left_out: list[Container]
    """Of other webhooks, and without AWS."""


def sort_containers(facts: Facts, pod: Pod) -> SortedContainers:
    """Sort a Pod's containers."""
    sorted_out = SortedContainers([], [], [])
    for container in facts.asked(pod):
        if facts.containers:
            sorted_out.judged.append(container)
        elif is_foreign(facts, pod, container):
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
