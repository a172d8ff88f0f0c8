"""An EKS cluster for roles, associations and workloads: what programs use of it."""

from collections.abc import Sequence
from typing import Any

import pulumi_kubernetes as k8s
from pulumi import Input, Output, Resource, ResourceOptions, StackReference

from . import values
from ._component import Component, ComponentArgs


class Cluster(Component):
    """An EKS cluster, its IAM OIDC provider, and a Kubernetes provider that reaches it."""

    cluster_name: Output[str]
    """Name in EKS."""

    cluster_arn: Output[str]
    """ARN of the cluster, for the trust policies of EKS Pod Identity."""

    issuer_url: Output[str]
    """The ``iss`` claim of the cluster's tokens, with ``https://``."""

    provider_arn: Output[str]
    """ARN of the IAM OIDC provider, for trust policies."""

    kubeconfig: Output[str]
    """A kubeconfig as JSON; secret."""

    def _finish(self, name: str, nodes: Sequence[Resource] = ()) -> None:
        """Create the Kubernetes provider, and register the outputs."""
        # Not among the outputs, so that the package for other languages does without it.
        self.kubernetes_provider = k8s.Provider(
            name,
            kubeconfig=self.kubeconfig,
            # The issuer changes when the cluster is another one, and at no other time; without
            # it a new certificate would replace everything in the cluster.
            cluster_identifier=self.issuer_url,
            # Without these two every change replaces, and a moment without the Secret is downtime.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=self.child_options(depends_on=nodes),
        )
        self.register_outputs({key: getattr(self, key) for key in Cluster.__annotations__})


OUTPUTS: dict[str, Any] = {
    **dict.fromkeys(Cluster.__annotations__, str),
    "cluster_name": values.ClusterName,
    "cluster_arn": values.PodIdentityClusterArn,
    "provider_arn": values.ProviderArn,
}
"""Outputs of a `Cluster`, with their checks."""


class StackCluster(Cluster):
    """The cluster of another stack, which exports the outputs of `Cluster` by their names."""

    def __init__(
        self, name: str, stack: StackReference, opts: ResourceOptions | None = None
    ) -> None:
        if not isinstance(stack, StackReference):
            raise ValueError(f"StackCluster {name}: {stack!r} is no stack; give a StackReference")
        super().__init__("StackCluster", name, ComponentArgs(), opts)
        for key, kind in OUTPUTS.items():
            output = values.checked("StackCluster.", key, Input[kind], stack.get_output(key))
            setattr(self, key, output)
        self.kubeconfig = Output.secret(self.kubeconfig)
        self._finish(name)
