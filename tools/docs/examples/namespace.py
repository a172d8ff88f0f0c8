import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components import Namespace, NamespaceArgs

cluster = k8s.Provider("cluster", kubeconfig="~/.kube/config")
reporting = Namespace(
    "reporting",
    NamespaceArgs(namespace="reporting", force_destroy=True),
    ResourceOptions(providers=[cluster]),
)
