"""Effects of changed inputs, for every type of the `aws` provider: an update or a replacement.

The same as with terraform-provider-aws 6.47.1, where its plugin is on PATH.
"""

from typing import Any

import pytest

from irsa.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.providers.aws.provider import package
from tests.sandbox.support.aws_harness import ROLE_ARN, Aws, allow, trust
from tests.sandbox.support.pod_identity import pod_role
from tests.sandbox.support.provider_harness import Difference, Engine

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
TRUST, OTHER_TRUST = trust(sub="a"), trust(sub="b")
POLICY, OTHER_POLICY = allow("s3:GetObject", "*"), allow("s3:PutObject", "*")
OF_AWS = "arn:aws:iam::aws:policy"
POD_ROLE, OTHER_POD_ROLE = (f"arn:aws:iam::{ACCOUNT_A}:role/{name}" for name in ("app", "other"))
TAGS = {"team": "a"}
VIEW, EDIT = (
    f"arn:aws:eks::aws:cluster-access-policy/AmazonEKS{name}Policy" for name in ("View", "Edit")
)
EVERYWHERE, ONE = {"type": "cluster"}, {"type": "namespace", "namespaces": ["dev"]}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "aws:iam/role:Role": (
        {"name": "planned", "assumeRolePolicy": TRUST},
        {"assumeRolePolicy": OTHER_TRUST, "description": "x", "maxSessionDuration": 7200,
         "permissionsBoundary": f"{OF_AWS}/ReadOnlyAccess", "tags": TAGS},
        {"name": "other-name", "path": "/x/"},
    ),
    "aws:iam/policy:Policy": (
        {"name": "planned", "policy": POLICY},
        {"policy": OTHER_POLICY, "tags": TAGS},
        {"name": "other-name", "path": "/x/", "description": "x"},
    ),
    "aws:iam/user:User": ({"name": "planned"}, {"tags": TAGS}, {}),
    "aws:iam/accessKey:AccessKey": ({"user": "keyed"}, {}, {"user": "other"}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (
        {"role": "app", "policyArn": f"{OF_AWS}/ReadOnlyAccess"},
        {},
        {"role": "other", "policyArn": f"{OF_AWS}/AdministratorAccess"},
    ),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": (
        {"user": "keyed", "policyArn": f"{OF_AWS}/ReadOnlyAccess"},
        {},
        {"user": "other", "policyArn": f"{OF_AWS}/AdministratorAccess"},
    ),
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": (
        {"roleName": "app", "policyArns": []},
        {"policyArns": [f"{OF_AWS}/ReadOnlyAccess"]},
        {"roleName": "other"},
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        {"role": "app", "name": "planned", "policy": POLICY},
        {"policy": OTHER_POLICY},
        {"role": "other", "name": "other-name"},
    ),
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": (
        {"roleName": "app", "policyNames": []},
        {},
        {"roleName": "other"},
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        {"url": "https://planned.example", "clientIdLists": ["a"]},
        {"clientIdLists": ["b"], "tags": TAGS},
        {"url": "https://other.example"},
    ),
    "aws:s3/bucket:Bucket": (
        {"bucket": "planned"},
        {"tags": TAGS, "forceDestroy": True},
        {"bucket": "other-name"},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        {"bucket": "made", "blockPublicAcls": True},
        {"blockPublicAcls": False, "blockPublicPolicy": True},
        {"bucket": "other"},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        {"bucket": "made", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "ObjectWriter"}},
        {"bucket": "other"},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (
        {"bucket": "made", "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        {"bucket": "other"},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        {"bucket": "made",
         "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]},
        {"bucket": "other"},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": (
        {"bucket": "made", "policy": POLICY.replace('"*"', '"arn:aws:s3:::made/*"').replace(
            '"Effect"', '"Principal": "*", "Effect"').replace("Allow", "Deny")},
        {"policy": OTHER_POLICY.replace('"*"', '"arn:aws:s3:::made/*"').replace(
            '"Effect"', '"Principal": "*", "Effect"').replace("Allow", "Deny")},
        {"bucket": "other"},
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        {"name": "planned", "metadataOptions": {"httpTokens": "required"}},
        {"description": "x", "metadataOptions": {"httpTokens": "optional"}, "tags": TAGS},
        {"name": "other-name"},
    ),
    "aws:eks/cluster:Cluster": (
        {"name": "planned", "roleArn": ROLE_ARN, "version": "1.33",
         "vpcConfig": {"subnetIds": SUBNETS}},
        {"version": "1.34", "deletionProtection": True, "enabledClusterLogTypes": ["api"],
         "vpcConfig": {"subnetIds": SUBNETS, "publicAccessCidrs": ["203.0.113.0/24"]},
         "tags": TAGS},
        {"name": "other-name", "bootstrapSelfManagedAddons": False},
    ),
    "aws:eks/nodeGroup:NodeGroup": (
        {"clusterName": "dev", "nodeGroupName": "planned", "nodeRoleArn": POD_ROLE,
         "subnetIds": SUBNETS, "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1}},
        {"scalingConfig": {"minSize": 1, "maxSize": 3, "desiredSize": 1}, "labels": TAGS,
         "tags": TAGS},
        {"nodeGroupName": "x", "nodeRoleArn": OTHER_POD_ROLE, "subnetIds": SUBNETS[:1],
         "instanceTypes": ["m7i.large"], "capacityType": "SPOT", "diskSize": 30},
    ),
    "aws:eks/addon:Addon": (
        {"clusterName": "dev", "addonName": "coredns"},
        {"configurationValues": "{}", "serviceAccountRoleArn": POD_ROLE, "tags": TAGS},
        {"addonName": "kube-proxy"},
    ),
    "aws:eks/accessEntry:AccessEntry": (
        {"clusterName": "dev", "principalArn": POD_ROLE},
        {"kubernetesGroups": ["viewers"], "userName": "x", "tags": TAGS},
        {"principalArn": OTHER_POD_ROLE, "type": "EC2_LINUX"},
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": (
        {"clusterName": "dev", "principalArn": OTHER_POD_ROLE, "policyArn": VIEW,
         "accessScope": EVERYWHERE},
        {},
        {"policyArn": EDIT, "accessScope": ONE, "principalArn": POD_ROLE},
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": (
        {"clusterName": "dev", "namespace": "dev", "serviceAccount": "app", "roleArn": POD_ROLE},
        {"roleArn": OTHER_POD_ROLE, "targetRoleArn": ROLE_ARN, "policy": POLICY,
         "disableSessionTags": True, "tags": TAGS},
        {"namespace": "x", "serviceAccount": "x"},
    ),
}  # fmt: skip
"""For each type: inputs, those that change in place, those that replace."""


@pytest.fixture
def world(either: Engine, aws: Aws) -> Engine:
    clients = aws.administrator()
    iam, eks, s3 = clients("iam"), clients("eks"), clients("s3")
    for name in ("made", "other"):
        s3.create_bucket(Bucket=name)
    for name in ("keyed", "other"):
        iam.create_user(UserName=name)
    for name in ("app", "other"):
        pod_role(iam, name, "dev", ServiceAccountRef("dev", "app"))
    vpc = {"subnetIds": SUBNETS}
    eks.create_cluster(name="dev", version="1.34", roleArn=ROLE_ARN, resourcesVpcConfig=vpc)
    eks.create_access_entry(clusterName="dev", principalArn=OTHER_POD_ROLE)
    return either


def effect(found: Difference) -> str:
    return "replace" if found.replacing else "update" if found.in_place else "nothing"


@pytest.mark.parametrize("token", CASES, ids=[token.rpartition(":")[2] for token in CASES])
def test_a_change_has_the_same_effect_in_both_providers(world: Engine, token):
    inputs, in_place, replacing = CASES[token]
    made = world.create(token, inputs)

    effects = {n: effect(world.diff(made, {**inputs, n: v})) for n, v in in_place.items()}
    replaced = {n: effect(world.diff(made, {**inputs, n: v})) for n, v in replacing.items()}
    assert effects == dict.fromkeys(in_place, "update")
    assert replaced == dict.fromkeys(replacing, "replace")
    assert effect(world.diff(made, inputs)) == "nothing"


def test_every_type_is_compared(aws: Aws):
    emulator = aws.emulator
    known = package(emulator.proxy, aws.authority.ca_file, emulator.administrator)
    assert {each.token for each in known.types} == {*CASES}
