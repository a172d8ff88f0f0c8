import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components import ServiceAccount, Workload, WorkloadArgs

cluster = k8s.Provider("cluster", kubeconfig="~/.kube/config")
web = k8s.core.v1.ContainerArgs(
    name="web",
    image="registry.example/reports:1.4",
    ports=[k8s.core.v1.ContainerPortArgs(container_port=8080)],
)
args = WorkloadArgs(
    service_account=ServiceAccount(namespace="reporting", name="reports"),
    role_arn="arn:aws:iam::111122223333:role/reports",
    pod_spec=k8s.core.v1.PodSpecArgs(containers=[web]),
)
workload = Workload("reports", args, ResourceOptions(providers=[cluster]))
