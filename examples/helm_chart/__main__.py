"""A service account with its role, for a chart that Helm, Argo CD or Flux installs."""

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

exporter = ServiceAccount(namespace="monitoring", name="exporter")
namespace_args = NamespaceArgs(namespace=exporter.namespace, force_destroy=True)
namespace = Namespace("monitoring", namespace_args, ResourceOptions(providers=[cluster]))
in_namespace = ResourceOptions(providers=[cluster], depends_on=[namespace])

bucket_args = DataBucketArgs(
    bucket_name="acme-metrics", force_destroy=True, read_write_policy_name="metrics-write"
)
bucket = DataBucket("metrics", bucket_args)
role_args = ServiceAccountRoleArgs(
    role_name="exporter",
    provider_arns=[platform.require_output("provider_arn")],
    service_accounts=[exporter],
    policy_arns={"bucket": bucket.read_write_policy_arn},
)
role = ServiceAccountRole("exporter", role_args)
identity_args = WorkloadIdentityArgs(service_account=exporter, role_arn=role.role_arn)
identity = WorkloadIdentity("exporter", identity_args, in_namespace)

values = {"serviceAccount": {"create": False, "name": identity.service_account_name}}
pulumi.export("values", values)  # for `helm upgrade --values`, or values= of k8s.helm.v4.Chart
