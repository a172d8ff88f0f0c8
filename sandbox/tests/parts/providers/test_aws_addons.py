"""Add-ons of clusters: the `aws` provider, against the emulator."""

from collections.abc import Iterator

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A
from tests.sandbox.support.aws_harness import ROLE_ARN
from tests.sandbox.support.provider_harness import (
    Difference,
    Engine,
    Resource,
    refused,
)

pytestmark = pytest.mark.sandbox

CLUSTER, ADDON = "aws:eks/cluster:Cluster", "aws:eks/addon:Addon"
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
GET_VERSION = "aws:eks/getAddonVersion:getAddonVersion"


@pytest.fixture
def dev(engine: Engine) -> Iterator[Resource]:
    made = engine.create(
        CLUSTER,
        {
            "name": "dev",
            "roleArn": ROLE_ARN,
            "version": "1.34",
            "vpcConfig": {"subnetIds": SUBNETS},
        },
    )
    yield made
    engine.delete(made)


def test_an_addon_is_created_changed_imported_and_deleted(engine: Engine, dev: Resource):
    version = engine.invoke(
        GET_VERSION, addonName="vpc-cni", kubernetesVersion="1.34", mostRecent=True
    )["version"]
    wanted = {
        "addonName": "vpc-cni",
        "clusterName": "dev",
        "addonVersion": version,
        "configurationValues": '{"env":{"WARM_ENI_TARGET":"1"}}',
        "preserve": True,
        "resolveConflictsOnCreate": "OVERWRITE",
        "resolveConflictsOnUpdate": "OVERWRITE",
        "tags": {"team": "data"},
    }
    made = engine.create(ADDON, wanted)
    assert made.id == "dev:vpc-cni"
    assert made.state["arn"].startswith(f"arn:aws:eks:us-east-1:{ACCOUNT_A}:addon/dev/vpc-cni/")
    assert engine.refresh(made) == made

    changed = {**wanted, "configurationValues": '{"env":{"WARM_ENI_TARGET":"2"}}', "tags": {}}
    assert engine.diff(made, changed) == Difference(["configurationValues", "tags"], [])
    updated = engine.update(made, changed)
    assert updated.state["configurationValues"] == changed["configurationValues"]
    assert updated.state["tags"] == {}
    assert engine.diff(made, {**wanted, "addonName": "coredns"}).replacing == ["addonName"]

    found = engine.read(ADDON, "dev:vpc-cni")
    assert found is not None
    told = {"preserve", "resolveConflictsOnCreate", "resolveConflictsOnUpdate"}
    assert set(engine.diff(found, changed).in_place) == told
    assert refused(engine.create, ADDON, wanted).startswith(
        "CreateAddon: ResourceInUseException: Addon already exists"
    )
    engine.delete(updated)
    assert engine.refresh(updated) is None


def test_an_addon_needs_a_cluster_and_a_version_that_eks_has(engine: Engine, dev: Resource):
    wanted = {"addonName": "vpc-cni", "clusterName": "none"}
    assert refused(engine.create, ADDON, wanted).startswith(
        "CreateAddon: ResourceNotFoundException: "
    )
    unknown = {"addonName": "vpc-cni", "clusterName": "dev", "addonVersion": "v0.0.1"}
    assert refused(engine.create, ADDON, unknown).startswith(
        "CreateAddon: InvalidParameterException: "
    )
    assert refused(engine.read, ADDON, "vpc-cni") == (
        "'vpc-cni' is not an id of this type; expected CLUSTER:ADD-ON"
    )


def test_an_addon_keeps_its_role_and_cannot_be_without_it_again(engine: Engine, dev: Resource):
    wanted = {"addonName": "vpc-cni", "clusterName": "dev", "serviceAccountRoleArn": ROLE_ARN}
    made = engine.create(ADDON, wanted)
    changed = {**wanted, "configurationValues": "{}"}
    assert engine.update(made, changed).state["serviceAccountRoleArn"] == ROLE_ARN

    del changed["serviceAccountRoleArn"]
    assert refused(engine.update, made, changed) == (
        "InvalidParameterException: Cross-account pass role is not allowed. The aws provider asks "
        "for an empty role (terraform-provider-aws#30645); remove the add-on in one `up` and "
        "create it in the next"
    )
    engine.delete(made)


def test_versions_of_addons_are_looked_up(engine: Engine):
    of_eks = {"addonName": "kube-proxy", "kubernetesVersion": "1.34"}
    newest = engine.invoke(GET_VERSION, **of_eks, mostRecent=True)
    default = engine.invoke(GET_VERSION, **of_eks)
    assert newest["version"].startswith("v1.34.")
    assert default["version"].startswith("v1.34.")
    assert (newest["mostRecent"], default["mostRecent"]) == (True, False)


def test_the_partition_is_that_of_the_region(engine: Engine):
    assert engine.invoke("aws:index/getPartition:getPartition") == {
        "dnsSuffix": "amazonaws.com",
        "id": "aws",
        "partition": "aws",
        "reverseDnsPrefix": "com.amazonaws",
    }
