"""A service account with its role, for a chart that Helm, Argo CD or Flux installs."""

import pulumi
from pulumi import ResourceOptions

import irsa_components as irsa

same_name = f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}"
stack = pulumi.StackReference(pulumi.Config().get("platform") or same_name)
platform = irsa.StackCluster("platform", stack)
in_cluster = ResourceOptions(providers=[platform.kubernetes_provider])

exporter = irsa.ServiceAccount(namespace="monitoring", name="exporter")
namespace_args = irsa.NamespaceArgs(namespace=exporter.namespace, force_destroy=True)
namespace = irsa.Namespace("monitoring", namespace_args, in_cluster)
in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))

bucket = irsa.DataBucket("metrics", irsa.DataBucketArgs(force_destroy=True))
role_args = irsa.ServiceAccountRoleArgs(
    irsa_clusters=[platform],
    service_accounts=[exporter],
    policies={"bucket": bucket.read_write()},
)
role = irsa.ServiceAccountRole("exporter", role_args)
identity_args = irsa.WorkloadIdentityArgs(service_account=exporter, role=role)
identity = irsa.WorkloadIdentity("exporter", identity_args, in_namespace)

values = {"serviceAccount": {"create": False, "name": identity.service_account_name}}
pulumi.export("values", values)  # for `helm upgrade --values`, or values= of k8s.helm.v4.Chart
