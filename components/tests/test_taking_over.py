"""Resources of this stack that a component takes over from another URN."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pulumi
import pytest

import irsa_components as irsa
from tests.support.engine import deploy
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN, ROLE_ARN

OWN = "urn:pulumi:dev::irsa::"
ACCOUNT = irsa.ServiceAccount(namespace="dev", name="reports")
POLICY = "arn:aws:iam::111122223333:policy/read"
ROLE = {"provider_arns": [PROVIDER_ARN], "service_accounts": [ACCOUNT], "role_name": "reports"}
TRUSTED = irsa.TrustedRoleArgs(role_arn=ROLE_ARN, unique_id="AROAEXAMPLE1")
QUEUE = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
SSE = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"


def made(component: Any, args: Any, **given: Any) -> Callable[..., None]:
    return lambda taken_over: component("reports", args(**given, taken_over=taken_over))


# Component, and its children: key, type, logical name.
COMPONENTS = {
    "role": (
        made(
            irsa.ServiceAccountRole,
            irsa.ServiceAccountRoleArgs,
            **ROLE,
            policy_arns={"read": POLICY},
            policies={"queue": {"Version": "2012-10-17", "Statement": [QUEUE]}},
            role_b_arns=[ROLE_ARN],
        ),
        {
            "role": ("aws:iam/role:Role", "reports"),
            "read": ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "reports-read"),
            "queue": ("aws:iam/rolePolicy:RolePolicy", "reports-queue"),
            "assume-role": (
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                "reports-assume-role",
            ),
            "assume-role-policy": ("aws:iam/policy:Policy", "reports-assume-role"),
        },
    ),
    "role B": (
        made(irsa.CrossAccountRole, irsa.CrossAccountRoleArgs, trusted_roles=[TRUSTED]),
        {"role": ("aws:iam/role:Role", "reports")},
    ),
    "user": (
        made(irsa.AccessKeyUser, irsa.AccessKeyUserArgs, policy_arns={"read": POLICY}),
        {
            "user": ("aws:iam/user:User", "reports"),
            "key": ("aws:iam/accessKey:AccessKey", "reports-v1"),
            "read": ("aws:iam/userPolicyAttachment:UserPolicyAttachment", "reports-read"),
        },
    ),
    "bucket": (
        made(irsa.DataBucket, irsa.DataBucketArgs, managed_policies=["read"]),
        {
            "bucket": ("aws:s3/bucket:Bucket", "reports"),
            "public-access": ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "reports"),
            "ownership": ("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "reports"),
            "encryption": (SSE, "reports"),
            "versioning": ("aws:s3/bucketVersioning:BucketVersioning", "reports"),
            "policy": ("aws:s3/bucketPolicy:BucketPolicy", "reports"),
            "read": ("aws:iam/policy:Policy", "reports-read"),
        },
    ),
    "association": (
        made(
            irsa.PodIdentityAssociation,
            irsa.PodIdentityAssociationArgs,
            cluster_arn=CLUSTER_ARN,
            role_arn=ROLE_ARN,
            service_account=ACCOUNT,
        ),
        {
            "association": (
                "aws:eks/podIdentityAssociation:PodIdentityAssociation",
                "reports/dev/reports",
            )
        },
    ),
    "workload": (
        made(
            irsa.Workload,
            irsa.WorkloadArgs,
            service_account=ACCOUNT,
            role_arn=ROLE_ARN,
            pod_spec={"containers": [{"name": "app", "image": "app"}]},
        ),
        {
            "service-account": ("kubernetes:core/v1:ServiceAccount", "dev/reports"),
            "deployment": ("kubernetes:apps/v1:Deployment", "reports"),
        },
    ),
    "namespace": (
        made(irsa.Namespace, irsa.NamespaceArgs, namespace="dev"),
        {"namespace": ("kubernetes:core/v1:Namespace", "reports")},
    ),
    "cluster": (
        made(irsa.EksCluster, irsa.EksClusterArgs, cluster_name="dev"),
        {"provider": ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "reports")},
    ),
}
each_component = pytest.mark.parametrize(
    ("component", "children"), COMPONENTS.values(), ids=COMPONENTS
)


def part(kind: str) -> str:
    return f"acme:aws:Irsa${kind}::old"


@each_component
def test_each_child_keeps_its_resource_under_the_old_urn(component, children):
    engine = deploy(lambda: component({key: part(kind) for key, (kind, _) in children.items()}))

    for kind, name in children.values():
        aliases = {each.urn for each in engine.options(kind, name).aliases}
        assert OWN + part(kind) in aliases


@each_component
def test_a_child_that_is_left_out_is_refused(component, children):
    taken_over = {key: part(kind) for key, (kind, _) in children.items()}
    for key in children:
        without = {other: urn for other, urn in taken_over.items() if other != key}
        if without:
            with pytest.raises(ValueError, match=f"taken_over lacks '{key}'; give its URN of tod"):
                deploy(lambda: component(without))  # noqa: B023 - called at once
        engine = deploy(lambda: component({**taken_over, key: "new"}))  # noqa: B023
        kind, name = children[key]
        assert not [each for each in engine.options(kind, name).aliases if each.urn]


@pytest.mark.parametrize(
    ("urn", "said"),
    [
        (part("aws:iam/policy:Policy"), "is no URN of type aws:iam/role:Role"),
        ("reports", "is no URN of type aws:iam/role:Role"),
        (f"urn:pulumi:prod::irsa::{part('aws:iam/role:Role')}", "is of another stack; run `pulumi"),
    ],
    ids=["another type", "a name", "another stack"],
)
def test_a_urn_that_cannot_be_the_childs_is_refused(urn, said):
    component, _ = COMPONENTS["role B"]
    with pytest.raises(ValueError, match=said):
        deploy(lambda: component({"role": urn}))


def test_a_key_that_is_no_child_or_two_is_refused():
    component, _ = COMPONENTS["role B"]
    with pytest.raises(ValueError, match=r"taken_over\['raed'\] is no child; give role"):
        deploy(lambda: component({"role": part("aws:iam/role:Role"), "raed": "new"}))
    twice = made(
        irsa.CrossAccountRole,
        irsa.CrossAccountRoleArgs,
        trusted_roles=[TRUSTED],
        policy_arns={"role": POLICY},
    )
    with pytest.raises(ValueError, match="'role' names two children in taken_over; rename the pol"):
        deploy(lambda: twice({"role": "new"}))


def test_imported_and_taken_over_exclude_each_other():
    role = {"role": part("aws:iam/role:Role")}
    with pytest.raises(ValueError, match="imported names a role of no stack"):
        irsa.ServiceAccountRoleArgs(**ROLE, imported=True, taken_over=role)


def test_a_type_of_an_older_pulumi_aws_is_the_childs():
    component, children = COMPONENTS["bucket"]
    old = {key: part(kind) for key, (kind, _) in children.items()}
    old["bucket"] = "aws:s3/bucketV2:BucketV2::old"
    engine = deploy(lambda: component(old))
    aliases = engine.options("Bucket", "reports").aliases
    assert OWN + old["bucket"] in {each.urn for each in aliases}


def test_a_full_urn_of_this_stack_is_taken_as_it_is():
    component, _ = COMPONENTS["role B"]
    urn = OWN + part("aws:iam/role:Role")
    engine = deploy(lambda: component({"role": urn}))
    assert pulumi.get_stack() in urn
    assert [each.urn for each in engine.options("Role", "reports").aliases] == [urn]


@pytest.mark.parametrize(
    ("component", "args", "key"),
    [
        (irsa.EksCluster, partial(irsa.EksClusterArgs, cluster_name="dev"), "provider"),
        (irsa.Namespace, partial(irsa.NamespaceArgs, namespace="dev"), "namespace"),
    ],
    ids=["cluster", "namespace"],
)
def test_what_a_component_only_reads_is_no_child_that_it_could_take_over(component, args, key):
    """Else the old resource would leave the program, and the `up` would delete it."""
    given = args(existing=True, taken_over={key: "new"})
    with pytest.raises(ValueError, match=rf"taken_over\['{key}'\] is no child; remove it"):
        deploy(lambda: component("reports", given))
