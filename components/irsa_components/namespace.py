"""A namespace of the cluster: created, or used without changes."""

import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from . import values
from ._component import Component, ComponentArgs


@values.arguments
class NamespaceArgs(ComponentArgs):
    """Arguments of `Namespace`."""

    noun = "namespace"

    namespace: values.NamespaceName
    """Name of the namespace."""

    existing: bool = False
    """Use the existing namespace of that name; it is never changed or deleted."""

    force_destroy: bool = False
    """Delete the namespace, and everything in it, when it leaves the stack. By default it stays."""


class Namespace(Component):
    """A namespace for workloads. Deleting one deletes all that is in it, so it stays by default."""

    namespace: Output[str]
    """Name of the namespace, once it exists."""

    def __init__(self, name: str, args: NamespaceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("Namespace", name, args, opts)
        if args.existing:
            namespace = k8s.core.v1.Namespace.get(name, args.namespace, opts=self.child_options())
        else:
            namespace = k8s.core.v1.Namespace(
                name,
                metadata=k8s.meta.v1.ObjectMetaArgs(name=args.namespace),
                opts=self.child_options(
                    "namespace", k8s.core.v1.Namespace, retain_on_delete=not args.force_destroy
                ),
            )
        self.namespace = namespace.metadata.name
        self.register_outputs({"namespace": self.namespace})
