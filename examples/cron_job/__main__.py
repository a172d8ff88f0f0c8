"""A CronJob that reads a bucket each morning, by EKS Pod Identity."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

import irsa_components as irsa

same_name = f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}"
stack = pulumi.StackReference(pulumi.Config().get("platform") or same_name)
platform = irsa.StackCluster("platform", stack)
in_cluster = ResourceOptions(providers=[platform.kubernetes_provider])

billing = irsa.ServiceAccount(namespace="billing", name="invoices")
namespace_args = irsa.NamespaceArgs(namespace=billing.namespace, force_destroy=True)
namespace = irsa.Namespace("billing", namespace_args, in_cluster)
in_namespace = ResourceOptions.merge(in_cluster, ResourceOptions(depends_on=[namespace]))

bucket = irsa.DataBucket("invoices", irsa.DataBucketArgs(force_destroy=True))
role_args = irsa.ServiceAccountRoleArgs(
    pod_identity_clusters=[platform],
    service_accounts=[billing],
    policies={"bucket": bucket.read()},
)
association_args = irsa.PodIdentityAssociationArgs(
    cluster=platform,
    service_account=billing,
    role=irsa.ServiceAccountRole("invoices", role_args),
)
association = irsa.PodIdentityAssociation("invoices", association_args)
identity_args = irsa.WorkloadIdentityArgs(
    service_account=billing,
    pod_identity=irsa.PodIdentityArgs(
        association=association,
        kubeconfig=platform.kubeconfig,  # waits for the association
    ),
)
identity = irsa.WorkloadIdentity("invoices", identity_args, in_namespace)

template = k8s.core.v1.PodTemplateSpecArgs(
    spec=k8s.core.v1.PodSpecArgs(
        restart_policy="OnFailure",
        security_context=k8s.core.v1.PodSecurityContextArgs(run_as_user=65532),
        containers=[
            k8s.core.v1.ContainerArgs(
                name="invoices",
                image="public.ecr.aws/aws-cli/aws-cli:2.31.0",
                args=["s3", "ls", bucket.bucket_name],
            )
        ],
    )
)
k8s.batch.v1.CronJob(
    "invoices",
    metadata=k8s.meta.v1.ObjectMetaArgs(name="invoices", namespace=billing.namespace),
    spec=k8s.batch.v1.CronJobSpecArgs(
        schedule="0 6 * * *",
        job_template=k8s.batch.v1.JobTemplateSpecArgs(
            spec=k8s.batch.v1.JobSpecArgs(template=identity.pod_template(template))
        ),
    ),
    opts=identity.options(in_namespace),
)
