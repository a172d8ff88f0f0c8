"""The Kubernetes provider of a cluster, whichever stack has made the cluster."""

import pulumi_kubernetes as k8s
from pulumi import Input, ResourceOptions


def kubernetes_provider(
    name: str, kubeconfig: Input[str], issuer_url: Input[str], opts: ResourceOptions
) -> k8s.Provider:
    """Reaches the cluster of the kubeconfig, whose tokens ``issuer_url`` issues."""
    return k8s.Provider(
        name,
        kubeconfig=kubeconfig,
        # The issuer changes when the cluster is another one, and at no other time; without
        # it a new certificate would replace everything in the cluster.
        cluster_identifier=issuer_url,
        # Without these two every change replaces, and a moment without the Secret is downtime.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        opts=opts,
    )
