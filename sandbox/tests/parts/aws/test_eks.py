"""EKS in the emulator: updates that can be asked for, and add-ons that AWS has.

Versions of add-ons are tested in sandbox/tests/unit/aws/test_eks_addons.py.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config

from irsa_sandbox.aws.clients import session_of
from irsa_sandbox.aws.eks_addons import ADDONS
from tests.sandbox.support.aws_harness import ROLE_ARN, SUBNETS, VPC, Aws, refusal
from tests.sandbox.support.pod_identity import AUTO_MODE

pytestmark = pytest.mark.sandbox

NAME, VERSION = "dev", "1.34"
CLUSTER = {"name": NAME, "version": VERSION, "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC}
PROXY, DNS = ({"clusterName": NAME, "addonName": name} for name in ("kube-proxy", "coredns"))
NOT_FOUND = (404, "ResourceNotFoundException")
INVALID = (400, "InvalidParameterException")


@pytest.fixture(autouse=True)
def cluster(eks: Any) -> Iterator[None]:
    eks.create_cluster(**CLUSTER)
    yield
    eks.delete_cluster(name=NAME)


def update_addon(eks: Any) -> dict[str, Any]:
    eks.create_addon(**DNS)
    return eks.update_addon(**DNS, configurationValues="{}")


def update_nodes(eks: Any) -> dict[str, Any]:
    nodes = {"clusterName": NAME, "nodegroupName": "nodes"}
    eks.create_nodegroup(**nodes, subnets=SUBNETS, nodeRole=ROLE_ARN)
    try:
        return eks.update_nodegroup_config(**nodes, labels={"addOrUpdateLabels": {"a": "b"}})
    finally:
        eks.delete_nodegroup(**nodes)


def update_config(**change: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda eks: eks.update_cluster_config(name=NAME, **change)


def encrypt(eks: Any) -> dict[str, Any]:
    keys = [{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:x"}}]
    return eks.associate_encryption_config(clusterName=NAME, encryptionConfig=keys)


@pytest.mark.parametrize(
    ("kind", "change", "at"),
    [
        ("VersionUpdate", lambda eks: eks.update_cluster_version(name=NAME, version="1.35"), {}),
        (
            "EndpointAccessUpdate",
            update_config(resourcesVpcConfig={"endpointPrivateAccess": True}),
            {},
        ),
        ("VpcConfigUpdate", update_config(resourcesVpcConfig={"subnetIds": SUBNETS}), {}),
        (
            "LoggingUpdate",
            update_config(logging={"clusterLogging": [{"types": ["api"], "enabled": True}]}),
            {},
        ),
        ("DeletionProtectionUpdate", update_config(deletionProtection=False), {}),
        ("AccessConfigUpdate", update_config(accessConfig={"authenticationMode": "API"}), {}),
        ("AssociateEncryptionConfig", encrypt, {}),
        ("ConfigUpdate", update_nodes, {"nodegroupName": "nodes"}),
        ("AddonUpdate", update_addon, {"addonName": "coredns"}),
    ],
)
def test_an_update_can_be_asked_for_afterwards_by_its_own_part(eks, kind, change, at):
    made = change(eks)["update"]
    assert (made["type"], made["status"], made["errors"]) == (kind, "Successful", [])

    asked = {"name": NAME, "updateId": made["id"]}
    assert eks.describe_update(**asked, **at)["update"] == made
    others = [{"nodegroupName": "others"}, {"addonName": "kube-proxy"}, *([{}] if at else [])]
    for other in others:
        missing = (*NOT_FOUND, f"No update found for ID: {made['id']}")
        assert refusal(eks.describe_update, **asked, **other) == missing


def test_an_unknown_update_is_not_found(eks):
    assert refusal(eks.describe_update, name=NAME, updateId="x")[:2] == NOT_FOUND
    missing = (*NOT_FOUND, "No cluster found for name: other.")
    assert refusal(eks.describe_update, name="other", updateId="x") == missing


def test_a_recreated_cluster_has_neither_updates_nor_add_ons(eks):
    made = {"name": NAME, "updateId": update_addon(eks)["update"]["id"], "addonName": "coredns"}
    eks.delete_cluster(name=NAME)
    eks.create_cluster(**CLUSTER)

    assert refusal(eks.describe_update, **made)[:2] == NOT_FOUND
    assert refusal(eks.describe_addon, **DNS)[:2] == NOT_FOUND
    assert eks.list_addons(clusterName=NAME)["addons"] == []
    assert "_updates" not in eks.describe_cluster(name=NAME)["cluster"]


def test_an_add_on_that_is_updated_without_its_role_loses_it(aws: Aws, eks):
    """https://github.com/hashicorp/terraform-provider-aws/issues/19402, and 30645"""
    eks.create_addon(**DNS, serviceAccountRoleArn=ROLE_ARN)
    emulator = aws.emulator
    session = session_of(emulator.administrator, emulator.proxy, aws.authority.ca_file)
    unchecked = session.client("eks", config=Config(parameter_validation=False))  # as Go's SDK
    refused = (*INVALID, "Cross-account pass role is not allowed.")
    assert refusal(unchecked.update_addon, **DNS, serviceAccountRoleArn="") == refused
    eks.update_addon(**DNS, configurationValues="{}", serviceAccountRoleArn=ROLE_ARN)
    assert eks.describe_addon(**DNS)["addon"]["serviceAccountRoleArn"] == ROLE_ARN
    eks.update_addon(**DNS, configurationValues="{}")
    assert "serviceAccountRoleArn" not in eks.describe_addon(**DNS)["addon"]


def test_an_add_on_has_the_default_version_and_the_tags_of_now(eks):
    addon = eks.create_addon(**PROXY, tags={"a": "1", "b": "2"})["addon"]
    assert addon["addonVersion"] == ADDONS["kube-proxy"].versions[VERSION][-1]
    assert not {"serviceAccountRoleArn", "configurationValues"} & addon.keys()
    eks.untag_resource(resourceArn=addon["addonArn"], tagKeys=["a"])
    eks.tag_resource(resourceArn=addon["addonArn"], tags={"c": "3"})
    assert eks.describe_addon(**PROXY)["addon"]["tags"] == {"b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ({"addonName": "mine"}, "Addon"),
        ({"addonVersion": "v1.0.0-eksbuild.1"}, "Addon version"),
        ({"addonVersion": ADDONS["kube-proxy"].versions["1.33"][0]}, "Addon version"),
    ],
    ids=["unknown", "unknown version", "for another Kubernetes version"],
)
def test_an_add_on_that_cannot_be_is_refused(eks, wanted, what):
    message = f"{what} specified is not supported"
    assert refusal(eks.create_addon, **{**PROXY, **wanted}) == (*INVALID, message)
    assert eks.list_addons(clusterName=NAME)["addons"] == []
    for missing in ("kube-proxy", "mine"):
        refused = refusal(eks.update_addon, clusterName=NAME, addonName=missing)
        assert refused[:2] == NOT_FOUND

    before = eks.create_addon(**PROXY)["addon"]
    assert refusal(eks.update_addon, **PROXY, addonVersion="v1")[:2] == INVALID
    assert eks.describe_addon(**PROXY)["addon"] == before


def test_nodes_take_a_launch_template_that_exists_and_keep_it(ec2, eks):
    data = {"LaunchTemplateName": "nodes", "LaunchTemplateData": {}}
    made = ec2.create_launch_template(**data)["LaunchTemplate"]
    ec2.create_launch_template_version(**data)
    nodes = {"clusterName": NAME, "nodegroupName": "nodes"}
    group = {**nodes, "subnets": SUBNETS, "nodeRole": ROLE_ARN}
    template = {"id": made["LaunchTemplateId"], "version": "1"}
    for wrong in ({"launchTemplate": {"id": "lt-0"}}, {"launchTemplate": template, "diskSize": 9}):
        assert refusal(eks.create_nodegroup, **group, **wrong)[:2] == INVALID

    created = eks.create_nodegroup(**group, launchTemplate=template)["nodegroup"]
    assert created["launchTemplate"] == {**template, "name": "nodes"}
    assert "diskSize" not in created
    newest = {"name": "nodes", "version": "$Latest"}
    eks.update_nodegroup_version(**nodes, launchTemplate=newest)
    found = eks.describe_nodegroup(**nodes)["nodegroup"]["launchTemplate"]
    assert found == {**template, "name": "nodes", "version": "2"}

    eks.delete_nodegroup(**nodes)
    eks.create_nodegroup(**group)
    assert refusal(eks.update_nodegroup_version, **nodes, launchTemplate=newest)[:2] == INVALID
    eks.delete_nodegroup(**nodes)
    ec2.delete_launch_template(LaunchTemplateName="nodes")


def test_auto_mode_is_enabled_whole_and_without_add_ons(eks):
    wanted = {"name": "auto", "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC}
    for name in AUTO_MODE:
        part = {**AUTO_MODE, name: {}, "bootstrapSelfManagedAddons": False}
        assert refusal(eks.create_cluster, **wanted, **part)[:2] == INVALID
    assert refusal(eks.create_cluster, **wanted, **AUTO_MODE)[:2] == INVALID
    part = {"storageConfig": AUTO_MODE["storageConfig"]}
    assert refusal(eks.update_cluster_config, name=NAME, **part)[:2] == INVALID

    eks.create_cluster(**wanted, **AUTO_MODE, bootstrapSelfManagedAddons=False)
    eks.update_cluster_config(name=NAME, **AUTO_MODE)
    for name in ("auto", NAME):
        found = eks.describe_cluster(name=name)["cluster"]
        assert found["computeConfig"] == AUTO_MODE["computeConfig"]
        assert found["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
        assert found["storageConfig"] == AUTO_MODE["storageConfig"]
    eks.delete_cluster(name="auto")


@pytest.mark.parametrize("network", [{"ipFamily": "ipv6"}, {"serviceIpv4Cidr": "10.2.0.0/16"}])
def test_a_cluster_has_the_addresses_of_the_sandboxs_control_plane(eks, network):
    wanted = {"name": "other", "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC}
    assert refusal(eks.create_cluster, **wanted, kubernetesNetworkConfig=network)[0] == 400


def test_an_access_entry_has_a_user_name_and_no_group_of_kubernetes(eks):
    for principal, name in (
        ("role/teams/admin", "arn:aws:sts::111122223333:assumed-role/admin/{{SessionName}}"),
        ("user/ann", "arn:aws:iam::111122223333:user/ann"),
    ):
        entry = {"clusterName": NAME, "principalArn": f"arn:aws:iam::111122223333:{principal}"}
        groups = {"kubernetesGroups": ["viewers", "system:masters"]}
        message = (
            "The kubernetes group name system:masters is invalid, it cannot start with system:"
        )
        assert refusal(eks.create_access_entry, **entry, **groups) == (*INVALID, message)
        made = eks.create_access_entry(**entry, kubernetesGroups=["viewers"])["accessEntry"]
        assert made["username"] == name
        assert refusal(eks.update_access_entry, **entry, **groups) == (*INVALID, message)
        changed = eks.update_access_entry(**entry, username="ann")["accessEntry"]
        assert (changed["username"], changed["kubernetesGroups"]) == ("ann", ["viewers"])
