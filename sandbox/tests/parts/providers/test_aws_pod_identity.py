"""EKS Pod Identity and launch templates of nodes: the `aws` provider, against the emulator."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from irsa.identity.policies import service_trust_policy
from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.aws_harness import ROLE_B_ARN
from tests.sandbox.support.provider_harness import NOTHING, Difference, Engine, Resource, refused

pytestmark = pytest.mark.sandbox

ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
ADDON, CLUSTER = "aws:eks/addon:Addon", "aws:eks/cluster:Cluster"
NODES, TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"
ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/pods"
WANTED = {"clusterName": "dev", "namespace": "dev", "serviceAccount": "s3-app", "roleArn": ROLE}
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
POLICY = '{"Statement":[],"Version":"2012-10-17"}'


@pytest.fixture
def role(engine: Engine) -> Iterator[Resource]:
    trust = service_trust_policy("pods.eks.amazonaws.com")
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    inputs = {"name": "pods", "assumeRolePolicy": json.dumps(trust)}
    made = engine.create("aws:iam/role:Role", inputs)
    yield made
    engine.delete(made)


@pytest.fixture(autouse=True)
def dev(engine: Engine, role: Resource) -> Iterator[Resource]:
    inputs: dict[str, Any] = {"name": "dev", "roleArn": ROLE, "vpcConfig": {"subnetIds": SUBNETS}}
    made = engine.create(CLUSTER, inputs)
    yield made
    engine.delete(made)


def test_an_association_is_created_changed_imported_and_deleted(engine: Engine):
    made = engine.create(ASSOCIATION, {**WANTED, "targetRoleArn": ROLE_B_ARN})
    assert made.id == made.state["associationId"]
    assert made.state["externalId"] == f"us-east-1/{ACCOUNT_A}/dev/dev/s3-app"
    assert engine.refresh(made) == made
    assert engine.diff(made, {**made.inputs, "region": "us-east-1"}) == Difference([], [])
    for name in ("clusterName", "namespace", "region", "serviceAccount"):
        moved = {**WANTED, "targetRoleArn": ROLE_B_ARN, name: "other"}
        assert engine.diff(made, moved) == Difference([], [name])

    wanted = {**WANTED, "targetRoleArn": ROLE_B_ARN, "tags": {"team": "data"}}
    wanted |= {"disableSessionTags": True, "policy": POLICY}
    changed = engine.update(made, wanted)
    assert (changed.state["policy"], changed.state["tags"]) == (POLICY, {"team": "data"})
    assert engine.refresh(changed) == changed

    found = engine.read(ASSOCIATION, f"dev,{made.id}")
    assert found is not None
    assert found.id == made.id
    assert engine.diff(found, wanted) == NOTHING
    assert refused(engine.read, ASSOCIATION, made.id).endswith("expected CLUSTER,ASSOCIATION-ID")
    again = refused(engine.create, ASSOCIATION, WANTED)
    assert "ResourceInUseException: Association already exists" in again
    engine.delete(changed)
    assert engine.refresh(changed) is None


def test_a_removed_target_role_stays_as_with_the_published_provider(engine: Engine):
    """It leaves the argument out of its update, which EKS takes for no change."""
    made = engine.create(ASSOCIATION, {**WANTED, "targetRoleArn": ROLE_B_ARN})
    changed = engine.update(made, WANTED)
    assert changed.state["targetRoleArn"] == ROLE_B_ARN
    engine.delete(changed)


def test_an_add_on_has_the_associations_of_its_last_update(engine: Engine):
    wanted: dict[str, Any] = {"addonName": "vpc-cni", "clusterName": "dev"}
    associations = [{"roleArn": ROLE, "serviceAccount": "aws-node"}]
    made = engine.create(ADDON, {**wanted, "podIdentityAssociations": associations})
    assert made.state["podIdentityAssociations"] == associations
    assert engine.refresh(made) == made

    without = engine.update(made, wanted)
    assert without.state["podIdentityAssociations"] == []
    again = engine.update(without, {**wanted, "podIdentityAssociations": associations})
    assert again.state["podIdentityAssociations"] == associations
    engine.delete(again)


def test_nodes_follow_their_launch_template_in_place(engine: Engine):
    options = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    template = engine.create(TEMPLATE, {"metadataOptions": options, "tags": {"a": "1", "b": "2"}})
    assert template.state["arn"].endswith(f"{ACCOUNT_A}:launch-template/{template.id}")
    assert template.state["metadataOptions"] == options
    assert engine.refresh(template) == template
    group: dict[str, Any] = {
        "clusterName": "dev",
        "nodeRoleArn": ROLE,
        "subnetIds": SUBNETS,
        "scalingConfig": {"minSize": 1, "maxSize": 2, "desiredSize": 1},
    }
    nodes = engine.create(NODES, {**group, "launchTemplate": {"id": template.id, "version": "1"}})
    assert engine.refresh(nodes) == nodes

    wanted = {"metadataOptions": {**options, "httpPutResponseHopLimit": 2}, "tags": {"b": "3"}}
    changed = engine.update(template, wanted)
    assert (changed.state["latestVersion"], changed.state["defaultVersion"]) == (2, 1)
    assert changed.state["tags"] == {"b": "3"}
    newer = {**group, "launchTemplate": {"id": template.id, "version": "2"}}
    assert engine.diff(nodes, newer) == Difference(["launchTemplate.version"], [])
    moved = engine.update(nodes, newer)
    assert moved.state["launchTemplate"]["version"] == "2"
    # As terraform-provider-aws: said to be an update, it changes nothing, also the next time.
    assert engine.diff(moved, group) == Difference(["launchTemplate"], [])
    kept = engine.update(moved, group)
    assert kept.state == moved.state
    again = engine.refresh(kept)
    assert again is not None
    assert engine.diff(again, group) == Difference(["launchTemplate"], [])
    engine.delete(moved)
    engine.delete(changed)
    assert engine.refresh(changed) is None


def test_auto_mode_is_switched_in_place(engine: Engine, dev: Resource):
    auto = {
        "computeConfig": {"enabled": True, "nodePools": ["system"], "nodeRoleArn": ROLE},
        "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
        "storageConfig": {"blockStorage": {"enabled": True}},
    }
    changed = engine.update(dev, {**dev.inputs, **auto})
    assert engine.refresh(changed) == changed
    assert changed.state["computeConfig"] == auto["computeConfig"]
    assert engine.diff(changed, {**dev.inputs, **auto}) == NOTHING
    off = {"enabled": False}
    switched_off = {
        "computeConfig": off,
        "kubernetesNetworkConfig": {"elasticLoadBalancing": off},
        "storageConfig": {"blockStorage": off},
    }
    switched = engine.update(changed, {**dev.inputs, **switched_off})
    assert switched.state["computeConfig"]["enabled"] is False
