import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components.container import ContainerArgs
from irsa_components.workload import Workload, WorkloadArgs

cluster = k8s.Provider("cluster", kubeconfig="~/.kube/config")
args = WorkloadArgs(
    namespace="reporting",
    service_account_name="reports",
    role_arn="arn:aws:iam::111122223333:role/reports",
    container=ContainerArgs(image="public.ecr.aws/aws-cli/aws-cli:2.31.0"),
)
workload = Workload("reports", args, ResourceOptions(providers=[cluster]))
