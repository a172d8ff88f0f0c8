"""Configuration of the cluster's namespaces, checked. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..specs import check_stays
from .texts import NamespaceName

# https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces
ALWAYS_THERE = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True, kw_only=True)
class NamespaceSettings:
    """A namespace that workloads run in."""

    name: NamespaceName
    """Name of the namespace."""

    existing: bool = False
    """Use the namespace as it is; it is never changed or deleted."""

    force_destroy: bool = False
    """Whether the namespace goes with the stack, and everything in it with the namespace, whoever
    put it there. By default it stays when it leaves the stack."""

    def __post_init__(self) -> None:
        if self.name in ALWAYS_THERE:
            raise ValueError(f"namespace {self.name!r} is in every cluster; remove it here")
        check_stays(f"namespace {self.name!r}", self.existing, self.force_destroy)


def check_is_listed(workload: str, namespace: str, listed: Iterable[NamespaceSettings]) -> None:
    """Raise ValueError for a workload in a namespace that nobody creates."""
    if namespace not in ALWAYS_THERE and namespace not in {known.name for known in listed}:
        raise ValueError(
            f"workload {workload!r}: namespace {namespace!r} is not in irsa:namespaces; add it "
            "there, with existing: true if somebody else creates it"
        )
