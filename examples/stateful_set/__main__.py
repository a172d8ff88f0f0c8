"""A StatefulSet that archives to a bucket, with a volume of the default storage class."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import irsa_components as irsa

same_name = f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}"
stack = pulumi.StackReference(pulumi.Config().get("platform") or same_name)
platform = irsa.StackCluster("platform", stack)
in_cluster = ResourceOptions(providers=[platform.kubernetes_provider])

ledger = irsa.ServiceAccount(namespace="ledger", name="ledger")
namespace_args = irsa.NamespaceArgs(namespace=ledger.namespace, force_destroy=True)
namespace = irsa.Namespace("ledger", namespace_args, in_cluster)
in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))

bucket = irsa.DataBucket("ledger", irsa.DataBucketArgs(force_destroy=True))
role_args = irsa.ServiceAccountRoleArgs(
    irsa_clusters=[platform],
    service_accounts=[ledger],
    policies={"bucket": bucket.read_write()},
)
role = irsa.ServiceAccountRole("ledger", role_args)
identity_args = irsa.WorkloadIdentityArgs(service_account=ledger, role=role)
identity = irsa.WorkloadIdentity("ledger", identity_args, in_namespace)

labels = {"app.kubernetes.io/name": "ledger"}
template = k8s.core.v1.PodTemplateSpecArgs(
    metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
    spec=k8s.core.v1.PodSpecArgs(
        containers=[
            k8s.core.v1.ContainerArgs(
                name="ledger",
                image="registry.example/ledger:3.0",
                volume_mounts=[k8s.core.v1.VolumeMountArgs(name="data", mount_path="/data")],
            )
        ]
    ),
)
data = k8s.core.v1.PersistentVolumeClaimArgs(
    metadata=k8s.meta.v1.ObjectMetaArgs(name="data"),
    spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
        access_modes=["ReadWriteOnce"],
        resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": "10Gi"}),
    ),
)
k8s.apps.v1.StatefulSet(
    "ledger",
    metadata=k8s.meta.v1.ObjectMetaArgs(name="ledger", namespace=ledger.namespace),
    spec=k8s.apps.v1.StatefulSetSpecArgs(
        service_name="ledger",
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
        template=identity.pod_template(template),
        volume_claim_templates=[data],
    ),
    opts=identity.options(in_namespace),
)
