"""The module that every team is made of."""

import pulumi
from pulumi import ResourceOptions

import irsa_components as irsa


class Team(pulumi.ComponentResource):
    """A namespace, a bucket, and a service account that reads and writes the bucket."""

    def __init__(self, name: str, cluster: irsa.StackCluster) -> None:
        super().__init__("acme:index:Team", name)
        of_team = ResourceOptions(parent=self)
        in_cluster = ResourceOptions(parent=self, providers=[cluster.kubernetes_provider])
        namespace_args = irsa.NamespaceArgs(namespace=name, force_destroy=True)
        namespace = irsa.Namespace(name, namespace_args, in_cluster)
        in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))

        account = irsa.ServiceAccount(namespace=name, name="app")
        bucket = irsa.DataBucket(name, irsa.DataBucketArgs(force_destroy=True), of_team)
        role_args = irsa.ServiceAccountRoleArgs(
            irsa_clusters=[cluster],
            service_accounts=[account],
            policies={"bucket": bucket.read_write()},
        )
        role = irsa.ServiceAccountRole(name, role_args, of_team)
        identity_args = irsa.WorkloadIdentityArgs(service_account=account, role=role)
        irsa.WorkloadIdentity(name, identity_args, in_namespace)
        self.bucket_name = bucket.bucket_name
        self.register_outputs({"bucket_name": self.bucket_name})
