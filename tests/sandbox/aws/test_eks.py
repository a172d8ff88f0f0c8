"""EKS in the emulator: updates that can be asked for, and add-ons that AWS has."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws.eks_addons import ADDONS
from tests.sandbox.support.aws_harness import ROLE_ARN, Aws, refusal

pytestmark = pytest.mark.sandbox

NAME = "dev"
VERSION = "1.34"
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
NOT_FOUND = (404, "ResourceNotFoundException")
INVALID = (400, "InvalidParameterException")


@pytest.fixture(scope="module")
def eks(aws: Aws) -> Any:
    return aws.administrator()("eks")


@pytest.fixture(autouse=True)
def cluster(eks: Any) -> Iterator[None]:
    create(eks)
    yield
    eks.delete_cluster(name=NAME)


def create(eks: Any, **settings: Any) -> None:
    wanted = {"name": NAME, "version": VERSION, "roleArn": ROLE_ARN, **settings}
    network = {"subnetIds": SUBNETS, **settings.get("resourcesVpcConfig", {})}
    eks.create_cluster(**{**wanted, "resourcesVpcConfig": network})


def update_addon(eks: Any) -> dict[str, Any]:
    eks.create_addon(clusterName=NAME, addonName="coredns")
    return eks.update_addon(clusterName=NAME, addonName="coredns", configurationValues="{}")


def update_nodes(eks: Any) -> dict[str, Any]:
    nodes = {"clusterName": NAME, "nodegroupName": "nodes"}
    eks.create_nodegroup(**nodes, subnets=SUBNETS, nodeRole=ROLE_ARN)
    try:
        return eks.update_nodegroup_config(**nodes, labels={"addOrUpdateLabels": {"a": "b"}})
    finally:
        eks.delete_nodegroup(**nodes)


UPDATES = {
    "VersionUpdate": ({}, lambda eks: eks.update_cluster_version(name=NAME, version="1.35")),
    "EndpointAccessUpdate": (
        {},
        lambda eks: eks.update_cluster_config(
            name=NAME, resourcesVpcConfig={"endpointPrivateAccess": True}
        ),
    ),
    "VpcConfigUpdate": (
        {},
        lambda eks: eks.update_cluster_config(name=NAME, resourcesVpcConfig={"subnetIds": SUBNETS}),
    ),
    "LoggingUpdate": (
        {},
        lambda eks: eks.update_cluster_config(
            name=NAME, logging={"clusterLogging": [{"types": ["api"], "enabled": True}]}
        ),
    ),
    "DeletionProtectionUpdate": (
        {},
        lambda eks: eks.update_cluster_config(name=NAME, deletionProtection=False),
    ),
    "AccessConfigUpdate": (
        {},
        lambda eks: eks.update_cluster_config(
            name=NAME, accessConfig={"authenticationMode": "API"}
        ),
    ),
    "AssociateEncryptionConfig": (
        {},
        lambda eks: eks.associate_encryption_config(
            clusterName=NAME,
            encryptionConfig=[{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:x"}}],
        ),
    ),
    "ConfigUpdate": ({"nodegroupName": "nodes"}, update_nodes),
    "AddonUpdate": ({"addonName": "coredns"}, update_addon),
}


@pytest.mark.parametrize("kind", UPDATES)
def test_an_update_can_be_asked_for_afterwards(eks, kind):
    of, change = UPDATES[kind]
    made = change(eks)["update"]
    assert made["type"] == kind

    found = eks.describe_update(name=NAME, updateId=made["id"], **of)["update"]

    assert found == made
    assert (found["status"], found["errors"]) == ("Successful", [])


@pytest.mark.parametrize(
    ("kind", "of"),
    [
        ("ConfigUpdate", {}),
        ("ConfigUpdate", {"nodegroupName": "others"}),
        ("AddonUpdate", {}),
        ("AddonUpdate", {"addonName": "kube-proxy"}),
        ("LoggingUpdate", {"nodegroupName": "nodes"}),
    ],
)
def test_an_update_of_something_else_is_not_found(eks, kind, of):
    made = UPDATES[kind][1](eks)["update"]["id"]
    refused = refusal(lambda: eks.describe_update(name=NAME, updateId=made, **of))
    assert refused == (*NOT_FOUND, f"No update found for ID: {made}")


def test_an_update_that_nobody_made_is_not_found(eks):
    assert refusal(lambda: eks.describe_update(name=NAME, updateId="x"))[:2] == NOT_FOUND
    assert refusal(lambda: eks.describe_update(name="other", updateId="x")) == (
        *NOT_FOUND,
        "No cluster found for name: other.",
    )


def test_a_recreated_cluster_has_neither_updates_nor_add_ons(eks):
    made = update_addon(eks)["update"]["id"]
    eks.delete_cluster(name=NAME)
    create(eks)

    of = {"addonName": "coredns"}
    assert refusal(lambda: eks.describe_update(name=NAME, updateId=made, **of))[:2] == NOT_FOUND
    assert refusal(lambda: eks.describe_addon(clusterName=NAME, **of))[:2] == NOT_FOUND
    assert eks.list_addons(clusterName=NAME)["addons"] == []
    assert "_updates" not in eks.describe_cluster(name=NAME)["cluster"]


def test_an_add_on_without_a_version_gets_the_default_one(eks):
    addon = eks.create_addon(clusterName=NAME, addonName="vpc-cni")["addon"]
    assert addon["addonVersion"] == ADDONS["vpc-cni"].versions[VERSION][-1]
    assert not {"serviceAccountRoleArn", "configurationValues"} & addon.keys()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"addonName": "mine"}, "Addon specified is not supported"),
        ({"addonVersion": "v1.0.0-eksbuild.1"}, "Addon version specified is not supported"),
        (
            {"addonVersion": ADDONS["kube-proxy"].versions["1.33"][0]},
            "Addon version specified is not supported",
        ),
    ],
    ids=["unknown", "unknown version", "for another Kubernetes version"],
)
def test_an_add_on_that_cannot_be_is_refused(eks, wanted, message):
    addon = {"clusterName": NAME, "addonName": "kube-proxy", **wanted}
    assert refusal(lambda: eks.create_addon(**addon)) == (*INVALID, message)
    assert eks.list_addons(clusterName=NAME)["addons"] == []


def test_pod_identities_of_an_add_on_are_refused_by_name(eks):
    addon = {"clusterName": NAME, "addonName": "kube-proxy"}
    pods = {"podIdentityAssociations": [{"serviceAccount": "kube-proxy", "roleArn": ROLE_ARN}]}
    assert (
        "is not supported by the sandbox" in refusal(lambda: eks.create_addon(**addon, **pods))[2]
    )
    eks.create_addon(**addon)
    assert (
        "is not supported by the sandbox" in refusal(lambda: eks.update_addon(**addon, **pods))[2]
    )


def test_an_add_on_that_is_not_there_is_not_updated(eks):
    for name in ("kube-proxy", "mine"):
        refused = refusal(lambda name=name: eks.update_addon(clusterName=NAME, addonName=name))
        assert refused[:2] == NOT_FOUND


def test_tags_of_an_add_on_are_shown_as_they_are_now(eks):
    addon = {"clusterName": NAME, "addonName": "kube-proxy"}
    arn = eks.create_addon(**addon, tags={"a": "1", "b": "2"})["addon"]["addonArn"]
    eks.untag_resource(resourceArn=arn, tagKeys=["a"])
    eks.tag_resource(resourceArn=arn, tags={"c": "3"})
    assert eks.describe_addon(**addon)["addon"]["tags"] == {"b": "2", "c": "3"}


def test_a_security_group_stays_while_a_cluster_has_it(aws, eks):
    ec2 = aws.administrator()("ec2")
    group = ec2.create_security_group(GroupName="of-cluster", Description="x")["GroupId"]
    eks.delete_cluster(name=NAME)
    create(eks, resourcesVpcConfig={"securityGroupIds": [group]})

    assert refusal(lambda: ec2.delete_security_group(GroupId=group))[1] == "DependencyViolation"
    eks.delete_cluster(name=NAME)
    ec2.delete_security_group(GroupId=group)
    create(eks)


def test_add_ons_and_updates_are_not_for_everybody(aws, eks):
    made = update_addon(eks)["update"]["id"]
    workload = aws.session()("eks")
    addon = {"clusterName": NAME, "addonName": "coredns"}
    calls: dict[str, dict[str, Any]] = {
        "create_addon": {"clusterName": NAME, "addonName": "vpc-cni"},
        "delete_addon": addon,
        "describe_addon": addon,
        "describe_addon_versions": {},
        "describe_update": {"name": NAME, "updateId": made},
        "update_addon": addon,
    }
    refused = {name: refusal(lambda n=name: getattr(workload, n)(**calls[n])) for name in calls}
    assert {name: answer[:2] for name, answer in refused.items()} == dict.fromkeys(
        calls, (403, "AccessDeniedException")
    )
    assert eks.list_addons(clusterName=NAME)["addons"] == ["coredns"]
