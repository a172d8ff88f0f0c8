"""EKS Pod Identity in three forms, both mechanisms on one role, and federation without a chain.

The cluster is that of the stack ``irsa``; `examples/forms_account_b` is account B, and goes first.
"""

import json
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

from irsa.identity.arns import role_arn
from irsa_components.container import ContainerArgs
from irsa_components.credentials import PodIdentityArgs
from irsa_components.data_bucket import DataBucket, DataBucketArgs
from irsa_components.namespace import Namespace, NamespaceArgs
from irsa_components.pod_identity_association import (
    PodIdentityAssociation,
    PodIdentityAssociationArgs,
)
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_components.workload import Workload, WorkloadArgs

config = pulumi.Config()
same_name = f"{pulumi.get_organization()}/irsa/{pulumi.get_stack()}"
irsa = pulumi.StackReference(config.get("cluster") or same_name)
cluster_arn, kubeconfig = irsa.require_output("cluster_arn"), irsa.require_output("kubeconfig")
provider = k8s.Provider(
    "cluster",
    kubeconfig=kubeconfig,
    cluster_identifier=irsa.require_output("issuer_url"),  # else a new certificate replaces all
)
namespace_args = NamespaceArgs(namespace="forms", force_destroy=True)
namespace = Namespace("forms", namespace_args, ResourceOptions(providers=[provider]))
in_namespace = ResourceOptions(providers=[provider], depends_on=[namespace])
aws_cli = ContainerArgs(
    image="public.ecr.aws/aws-cli/aws-cli:2.31.0", command=["sleep", "infinity"]
)
bucket_args = DataBucketArgs(
    bucket_name="acme-forms", force_destroy=True, policies={"acme-forms-read": "read"}
)
bucket = DataBucket("acme-forms", bucket_args)
read = {"bucket": bucket.policy_arns["acme-forms-read"]}


def run(name: str, **identity: Any) -> None:
    """Create a workload of the service account of that name."""
    args = WorkloadArgs(namespace="forms", container=aws_cli, **identity)
    Workload(name, args, in_namespace)


def pod_identity(name: str, role: ServiceAccountRole, **more: Any) -> PodIdentityArgs:
    """Create the association of a service account, whose pods wait for its credentials."""
    args = PodIdentityAssociationArgs(
        cluster_arn=cluster_arn,
        namespace="forms",
        service_account_name=name,
        role_arn=role.role_arn,
        **more,
    )
    association = PodIdentityAssociation(name, args)
    return PodIdentityArgs(association_id=association.association_id, kubeconfig=kubeconfig)


# EKS Pod Identity: no OIDC provider and no annotation; the association gives the role.
role = ServiceAccountRole(
    "reports",
    ServiceAccountRoleArgs(
        role_name="forms-reports",
        cluster_arns=[cluster_arn],
        subjects=["forms/reports"],
        policy_arns=read,
    ),
)
run("reports", pod_identity=pod_identity("reports", role))

# With a target role: EKS assumes role B of account B for the pods, which know nothing of it.
role_b_arn = role_arn(config.require("accountBId"), "forms-ledger-B")
role_a = ServiceAccountRole(
    "ledger",
    ServiceAccountRoleArgs(
        role_name="forms-ledger-A",
        cluster_arns=[cluster_arn],
        subjects=["forms/ledger"],
        role_b_arns=[role_b_arn],
    ),
)
run("ledger", pod_identity=pod_identity("ledger", role_a, target_role_arn=role_b_arn))

# With a session policy: a shared role, of which this service account gets a part.
shared = ServiceAccountRole(
    "archive",
    ServiceAccountRoleArgs(
        role_name="forms-shared",
        cluster_arns=[cluster_arn],
        subjects=["forms/archive"],
        disable_session_tags=True,  # EKS applies a session policy only without them
        policy_arns=read,
    ),
)
statement = {
    "Effect": "Allow",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::acme-forms/2026/*",
}
only_2026 = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
archive = pod_identity("archive", shared, session_policy=only_2026, disable_session_tags=True)
run("archive", pod_identity=archive)

# Both on one role, as in a move from one to the other: new pods get the association's credentials.
both = ServiceAccountRole(
    "both",
    ServiceAccountRoleArgs(
        role_name="forms-both",
        provider_arns=[irsa.require_output("provider_arn")],
        cluster_arns=[cluster_arn],
        subjects=["forms/both"],
        policy_arns=read,
    ),
)
run("both", role_arn=both.role_arn, pod_identity=pod_identity("both", both))

# Federation: account B trusts the cluster's issuer itself, so the pods are its role at once.
run("direct", role_arn=role_arn(config.require("accountBId"), "forms-direct"))
