"""A StatefulSet that archives to a bucket, with a volume of the default storage class."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components import (
    DataBucket,
    DataBucketArgs,
    Namespace,
    NamespaceArgs,
    ServiceAccount,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
    WorkloadIdentity,
    WorkloadIdentityArgs,
)

same_name = f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}"
platform = pulumi.StackReference(pulumi.Config().get("platform") or same_name)
cluster = k8s.Provider(
    "platform",
    kubeconfig=platform.require_output("kubeconfig"),
    cluster_identifier=platform.require_output("issuer_url"),  # else a new certificate replaces all
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
)

ledger = ServiceAccount(namespace="ledger", name="ledger")
namespace_args = NamespaceArgs(namespace=ledger.namespace, force_destroy=True)
namespace = Namespace("ledger", namespace_args, ResourceOptions(providers=[cluster]))
in_namespace = ResourceOptions(providers=[cluster], depends_on=[namespace])

bucket_args = DataBucketArgs(
    bucket_name="acme-ledger", force_destroy=True, read_write_policy_name="ledger-write"
)
bucket = DataBucket("ledger", bucket_args)
role_args = ServiceAccountRoleArgs(
    role_name="ledger",
    provider_arns=[platform.require_output("provider_arn")],
    service_accounts=[ledger],
    policy_arns={"bucket": bucket.read_write_policy_arn},
)
role = ServiceAccountRole("ledger", role_args)
identity_args = WorkloadIdentityArgs(service_account=ledger, role_arn=role.role_arn)
identity = WorkloadIdentity("ledger", identity_args, in_namespace)

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
