"""A CronJob that reads a bucket each morning, by EKS Pod Identity."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components import (
    DataBucket,
    DataBucketArgs,
    Namespace,
    NamespaceArgs,
    PodIdentityArgs,
    PodIdentityAssociation,
    PodIdentityAssociationArgs,
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

billing = ServiceAccount(namespace="billing", name="invoices")
namespace_args = NamespaceArgs(namespace=billing.namespace, force_destroy=True)
namespace = Namespace("billing", namespace_args, ResourceOptions(providers=[cluster]))
in_namespace = ResourceOptions(providers=[cluster], depends_on=[namespace])

bucket_args = DataBucketArgs(
    bucket_name="acme-invoices", force_destroy=True, read_policy_name="invoices-read"
)
bucket = DataBucket("invoices", bucket_args)
role_args = ServiceAccountRoleArgs(
    role_name="invoices",
    cluster_arns=[platform.require_output("cluster_arn")],
    service_accounts=[billing],
    policy_arns={"bucket": bucket.read_policy_arn},
)
association_args = PodIdentityAssociationArgs(
    cluster_arn=platform.require_output("cluster_arn"),
    service_account=billing,
    role_arn=ServiceAccountRole("invoices", role_args).role_arn,
)
association = PodIdentityAssociation("invoices", association_args)
identity_args = WorkloadIdentityArgs(
    service_account=billing,
    pod_identity=PodIdentityArgs(
        association_id=association.association_id,
        kubeconfig=platform.require_output("kubeconfig"),  # waits for the association
    ),
)
identity = WorkloadIdentity("invoices", identity_args, in_namespace)

template = k8s.core.v1.PodTemplateSpecArgs(
    spec=k8s.core.v1.PodSpecArgs(
        restart_policy="OnFailure",
        security_context=k8s.core.v1.PodSecurityContextArgs(run_as_user=65532),
        containers=[
            k8s.core.v1.ContainerArgs(
                name="invoices",
                image="public.ecr.aws/aws-cli/aws-cli:2.31.0",
                args=["s3", "ls", "s3://acme-invoices"],
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
