"""A team's web service: two containers, probes, an autoscaler, and a bucket that it writes to."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import irsa_components as irsa

same_name = f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}"
stack = pulumi.StackReference(pulumi.Config().get("platform") or same_name)
platform = irsa.StackCluster("platform", stack)
in_cluster = ResourceOptions(providers=[platform.kubernetes_provider])

shop = irsa.ServiceAccount(namespace="shop", name="orders")
namespace_args = irsa.NamespaceArgs(namespace=shop.namespace, force_destroy=True)
namespace = irsa.Namespace("shop", namespace_args, in_cluster)
in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))
in_shop = k8s.meta.v1.ObjectMetaArgs(name=shop.name, namespace=shop.namespace)

bucket = irsa.DataBucket("orders", irsa.DataBucketArgs(force_destroy=True))
role_args = irsa.ServiceAccountRoleArgs(
    irsa_clusters=[platform],
    service_accounts=[shop],
    policies={"bucket": bucket.read_write()},
)
role = irsa.ServiceAccountRole("orders", role_args)

certificate = k8s.core.v1.Secret(
    "orders",
    metadata=in_shop,
    string_data={"tls.crt": pulumi.Config().require_secret("certificate")},
    opts=in_namespace,
)
web = k8s.core.v1.ContainerArgs(
    name="web",
    image="registry.example/orders:1.4",
    env=[k8s.core.v1.EnvVarArgs(name="BUCKET", value=bucket.bucket_name)],
    ports=[k8s.core.v1.ContainerPortArgs(name="http", container_port=8080)],
    readiness_probe=k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path="/ready", port="http")
    ),
    resources=k8s.core.v1.ResourceRequirementsArgs(
        requests={"cpu": "100m", "memory": "128Mi"}, limits={"memory": "256Mi"}
    ),
)
proxy = k8s.core.v1.ContainerArgs(
    name="proxy",
    image="registry.example/tls-proxy:2.1",
    ports=[k8s.core.v1.ContainerPortArgs(name="https", container_port=8443)],
    volume_mounts=[k8s.core.v1.VolumeMountArgs(name="certificate", mount_path="/etc/tls")],
)
volume = k8s.core.v1.VolumeArgs(
    name="certificate",
    secret=k8s.core.v1.SecretVolumeSourceArgs(secret_name=certificate.metadata.name),
)
workload = irsa.Workload(
    "orders",
    irsa.WorkloadArgs(
        service_account=shop,
        role=role,
        containers=["web"],  # the proxy needs nothing of AWS
        pod_spec=k8s.core.v1.PodSpecArgs(containers=[web, proxy], volumes=[volume]),
    ),
    in_namespace,
)
k8s.core.v1.Service(
    "orders",
    metadata=in_shop,
    spec=k8s.core.v1.ServiceSpecArgs(
        selector=workload.pod_labels,
        ports=[k8s.core.v1.ServicePortArgs(port=443, target_port="https")],
    ),
    opts=in_namespace,
)
k8s.autoscaling.v2.HorizontalPodAutoscaler(
    "orders",
    metadata=in_shop,
    spec=k8s.autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
        min_replicas=2,
        max_replicas=10,
        scale_target_ref=k8s.autoscaling.v2.CrossVersionObjectReferenceArgs(
            api_version="apps/v1", kind="Deployment", name="orders"
        ),
    ),
    opts=in_namespace,
)
