import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components import ServiceAccount, WorkloadIdentity, WorkloadIdentityArgs

cluster = k8s.Provider("cluster", kubeconfig="~/.kube/config")
in_cluster = ResourceOptions(providers=[cluster])
args = WorkloadIdentityArgs(
    service_account=ServiceAccount(namespace="reporting", name="reports"),
    role_arn="arn:aws:iam::111122223333:role/reports",
)
identity = WorkloadIdentity("reports", args, in_cluster)

# A controller of your own takes the identity in its template,
template = k8s.core.v1.PodTemplateSpecArgs(
    spec=k8s.core.v1.PodSpecArgs(
        containers=[k8s.core.v1.ContainerArgs(name="job", image="registry.example/reports:1.4")],
        restart_policy="OnFailure",
    )
)
job = k8s.batch.v1.JobSpecArgs(template=identity.pod_template(template))
k8s.batch.v1.CronJob(
    "reports",
    metadata=k8s.meta.v1.ObjectMetaArgs(namespace="reporting"),
    spec=k8s.batch.v1.CronJobSpecArgs(
        schedule="0 6 * * *", job_template=k8s.batch.v1.JobTemplateSpecArgs(spec=job)
    ),
    opts=identity.options(in_cluster),
)

# and what others make by a transform.
k8s.yaml.v2.ConfigGroup(
    "exporter",
    files=["exporter/*.yaml"],
    opts=ResourceOptions(provider=cluster, transforms=[identity.transform]),
)
