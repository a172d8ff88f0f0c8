"""A namespace of the cluster: created, or used as it is."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from irsa.identity.subjects import check_namespace

from .existing import refuse_existing_in_cluster
from .specs import check_stays


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """Arguments of `Namespace`."""

    namespace: str
    """Name of the namespace."""

    existing: bool = False
    """Use the namespace of that name as it is; it is never changed or deleted."""

    force_destroy: bool = False
    """Whether the namespace goes with the stack, and everything in it with the namespace, whoever
    put it there. By default it stays when it leaves the stack."""

    kubeconfig: Input[str] | None = None
    """Kubeconfig of the cluster, so that a preview says whether the namespace exists already. Left
    out, only the `up` does."""

    def __post_init__(self) -> None:
        check_namespace(self.namespace)
        check_stays(f"namespace {self.namespace!r}", self.existing, self.force_destroy)


class Namespace(pulumi.ComponentResource):
    """A namespace for workloads. Deleting one deletes all that is in it, so it stays by default."""

    namespace: Output[str]
    """Its name, once it is there."""

    resource: k8s.core.v1.Namespace
    """What is in the namespace depends on it."""

    def __init__(self, name: str, args: NamespaceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("irsa:index:Namespace", name, {}, opts)
        if args.existing:
            self.resource = k8s.core.v1.Namespace.get(
                name, args.namespace, opts=ResourceOptions(parent=self)
            )
        else:
            self.resource = k8s.core.v1.Namespace(
                name,
                metadata=k8s.meta.v1.ObjectMetaArgs(name=args.namespace),
                opts=ResourceOptions(
                    parent=self,
                    retain_on_delete=not args.force_destroy,
                    hooks=refuse_existing_in_cluster(f"namespace {name}", args.kubeconfig),
                ),
            )
        self.namespace = self.resource.metadata.name
        self.register_outputs({"namespace": self.namespace})
