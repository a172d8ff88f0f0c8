"""Inputs that leave the program, of which AWS has a value: nothing changes, as with
terraform-provider-aws 6.47.1, whose schema calls them optional and computed."""

from typing import Any

import pytest

from irsa_sandbox.providers.aws import (
    addons,
    bucket_settings,
    eks,
    eks_access,
    eks_pod_identity,
    identities,
    launch_templates,
    roles,
    s3,
)
from tests.sandbox.support.aws_harness import ROLE_ARN, Aws
from tests.sandbox.support.provider_harness import NOTHING, Engine, Resource, shown

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]

CLUSTER = "aws:eks/cluster:Cluster"
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
SCALING = {"minSize": 1, "maxSize": 2, "desiredSize": 1}
NETWORK = {"elasticLoadBalancing": {"enabled": True}}
RULE = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
AUTO_MODE = {
    "computeConfig": {"enabled": True, "nodePools": ["system"], "nodeRoleArn": ROLE_ARN},
    "kubernetesNetworkConfig": NETWORK,
    "storageConfig": {"blockStorage": {"enabled": True}},
}
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    CLUSTER: (
        {
            "name": "other",
            "roleArn": ROLE_ARN,
            "vpcConfig": {"subnetIds": SUBNETS},
            "bootstrapSelfManagedAddons": False,
        },
        {
            **AUTO_MODE,
            "accessConfig": {"authenticationMode": "API"},
            "deletionProtection": True,
            "version": "1.33",
            "vpcConfig": {"subnetIds": SUBNETS, "publicAccessCidrs": ["203.0.113.0/24"]},
        },
    ),
    "aws:eks/nodeGroup:NodeGroup": (
        {
            "clusterName": "dev",
            "nodeGroupName": "nodes",
            "nodeRoleArn": ROLE_ARN,
            "scalingConfig": SCALING,
            "subnetIds": SUBNETS,
        },
        {
            "amiType": "AL2023_x86_64_STANDARD",
            "capacityType": "SPOT",
            "diskSize": 30,
            "instanceTypes": ["m7i.large"],
            "version": "1.34",
        },
    ),
    "aws:eks/accessEntry:AccessEntry": (
        {"clusterName": "dev", "principalArn": ROLE_ARN},
        {"kubernetesGroups": ["viewers"], "userName": "app"},
    ),
    "aws:eks/addon:Addon": (
        {"clusterName": "dev", "addonName": "vpc-cni"},
        {"configurationValues": "{}"},
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        {"name": "nodes"},
        {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}},
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        {"url": "https://issuer.example/other", "clientIdLists": ["sts.amazonaws.com"]},
        {"thumbprintLists": ["a" * 40]},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        {"bucket": "left-out", "rules": [RULE]},
        {"rules": [{**RULE, "bucketKeyEnabled": True}]},
    ),
}
MODULES = (addons, bucket_settings, eks, eks_access, eks_pod_identity, identities)
MODULES += (launch_templates, roles, s3)
BY_OTHER_TESTS = {"addonVersion", "region"}
"""An add-on's version is one of EKS's, and a region is the provider's own."""


@pytest.fixture
def engine_with_cluster(either: Engine, aws: Aws) -> Engine:
    aws.administrator()("s3").create_bucket(Bucket="left-out")
    vpc = {"subnetIds": SUBNETS}
    either.create(
        CLUSTER, {"name": "dev", "roleArn": ROLE_ARN, "version": "1.34", "vpcConfig": vpc}
    )
    return either


@pytest.mark.parametrize("token", ROWS, ids=[token.rpartition(":")[2] for token in ROWS])
def test_what_leaves_the_program_stays_as_it_is(engine_with_cluster: Engine, token):
    engine, (base, optional) = engine_with_cluster, ROWS[token]
    made = engine.create(token, {**base, **optional})

    for name in optional:
        fewer = {n: v for n, v in {**base, **optional}.items() if n != name}
        assert engine.diff(made, {**base, **fewer}) == NOTHING, name
    left = engine.update(made, base)
    assert shown(left.state, *optional) == shown(made.state, *optional)

    # The state has the program's inputs now, and a refresh brings none of the others back.
    seen = engine.refresh(Resource(made.urn, made.id, engine.check(token, base), left.state))
    assert seen is not None
    assert engine.diff(seen, base) == NOTHING
    imported = engine.read(token, made.id)
    assert imported is not None
    # EKS does not tell whether it put add-ons on a cluster.
    assert {*engine.diff(imported, base).replacing} <= {"bootstrapSelfManagedAddons"}


def test_every_input_that_aws_fills_in_has_a_row():
    named = {
        each.token: {path.split(".")[0] for path in (*each.filled, *each.filled_in)}
        for module in MODULES
        for each in module.TYPES
        if each.filled or each.filled_in
    }
    rows = {token: {*optional} for token, (_, optional) in ROWS.items()}
    for token, names in named.items():
        assert names - BY_OTHER_TESTS <= rows.get(token, set()), token
