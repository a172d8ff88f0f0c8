"""A team's stack: a workload and its bucket, in the cluster of the platform team's stack."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa_components.container import ContainerArgs
from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_components.namespace import Namespace, NamespaceArgs
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_components.workload import Workload, WorkloadArgs

same_name = f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}"
platform = pulumi.StackReference(pulumi.Config().get("platform") or same_name)
cluster = k8s.Provider(
    "platform",
    kubeconfig=platform.require_output("kubeconfig"),
    cluster_identifier=platform.require_output("issuer_url"),  # else a new certificate replaces all
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
)

namespace_args = NamespaceArgs(namespace="team-1", force_destroy=True)
namespace = Namespace("team-1", namespace_args, ResourceOptions(providers=[cluster]))
bucket = DataBucket(
    "reports",
    DataBucketArgs(
        bucket_name="acme-team-1-reports",
        force_destroy=True,
        policies={"team-1-reports-read": "read"},
    ),
)
role = ServiceAccountRole(
    "reports",
    ServiceAccountRoleArgs(
        role_name="team-1-reports",
        provider_arns=[platform.require_output("provider_arn")],
        subjects=["team-1/reports"],
        policy_arns={"bucket": bucket.policy_arns["team-1-reports-read"]},
    ),
)
Workload(
    "reports",
    WorkloadArgs(
        namespace="team-1",
        role_arn=role.role_arn,
        container=ContainerArgs(
            image="public.ecr.aws/aws-cli/aws-cli:2.31.0", command=["sleep", "infinity"]
        ),
    ),
    ResourceOptions(providers=[cluster], depends_on=[namespace]),
)
