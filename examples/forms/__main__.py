"""EKS Pod Identity in three forms, both mechanisms on one role, and federation without a chain.

The cluster is that of the stack ``irsa``; `examples/forms_account_b` is account B, and goes first.
"""

import json
from typing import Any

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
    Workload,
    WorkloadArgs,
    role_arn,
)

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
aws_cli: k8s.core.v1.ContainerArgsDict = {
    "name": "app",
    "image": "public.ecr.aws/aws-cli/aws-cli:2.31.0",
    "command": ["sleep", "infinity"],
}
pod_spec: k8s.core.v1.PodSpecArgsDict = {
    "security_context": {"run_as_user": 65532},
    "containers": [aws_cli],
}
bucket_args = DataBucketArgs(
    bucket_name="acme-forms", force_destroy=True, read_policy_name="acme-forms-read"
)
bucket = DataBucket("acme-forms", bucket_args)
read = {"bucket": bucket.read_policy_arn}


reports, ledger, archive, both, direct = (
    ServiceAccount(namespace="forms", name=name)
    for name in ("reports", "ledger", "archive", "both", "direct")
)


def run(account: ServiceAccount, **identity: Any) -> None:
    """Create a workload of a service account."""
    args = WorkloadArgs(service_account=account, pod_spec=pod_spec, **identity)
    Workload(account.name, args, in_namespace)


def pod_identity(account: ServiceAccount, role: ServiceAccountRole, **more: Any) -> PodIdentityArgs:
    """Create the association of a service account, whose pods wait for its credentials."""
    args = PodIdentityAssociationArgs(
        cluster_arn=cluster_arn, service_account=account, role=role, **more
    )
    association = PodIdentityAssociation(account.name, args)
    return PodIdentityArgs(association=association, kubeconfig=kubeconfig)


# EKS Pod Identity: no OIDC provider and no annotation; the association gives the role.
role = ServiceAccountRole(
    "reports",
    ServiceAccountRoleArgs(
        role_name="forms-reports",
        cluster_arns=[cluster_arn],
        service_accounts=[reports],
        policy_arns=read,
    ),
)
run(reports, pod_identity=pod_identity(reports, role))

# With a target role: EKS assumes role B of account B for the pods, which know nothing of it.
role_b_arn = role_arn(config.require("accountBId"), "forms-ledger-B")
role_a = ServiceAccountRole(
    "ledger",
    ServiceAccountRoleArgs(
        role_name="forms-ledger-A",
        cluster_arns=[cluster_arn],
        service_accounts=[ledger],
        role_b_arns=[role_b_arn],
    ),
)
run(ledger, pod_identity=pod_identity(ledger, role_a, target_role_arn=role_b_arn))

# With a session policy: a shared role, of which this service account gets a part.
shared = ServiceAccountRole(
    "archive",
    ServiceAccountRoleArgs(
        role_name="forms-shared",
        cluster_arns=[cluster_arn],
        service_accounts=[archive],
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
of_archive = pod_identity(archive, shared, session_policy=only_2026, disable_session_tags=True)
run(archive, pod_identity=of_archive)

# Both on one role, as in a move from one to the other: new pods get the association's credentials.
role_of_both = ServiceAccountRole(
    "both",
    ServiceAccountRoleArgs(
        role_name="forms-both",
        provider_arns=[irsa.require_output("provider_arn")],
        cluster_arns=[cluster_arn],
        service_accounts=[both],
        policy_arns=read,
    ),
)
run(both, role=role_of_both, pod_identity=pod_identity(both, role_of_both))

# Federation: account B trusts the cluster's issuer itself, so the pods are its role at once.
run(direct, role_arn=role_arn(config.require("accountBId"), "forms-direct"))
