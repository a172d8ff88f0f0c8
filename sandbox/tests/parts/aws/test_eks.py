"""EKS in the emulator: updates, add-ons, node groups, access entries, Pod Identity associations."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config

from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.eks_addons import ADDONS
from tests.sandbox.support.aws_harness import ROLE_ARN, SUBNETS, VPC, Aws, allow, refusal
from tests.sandbox.support.pod_identity import AUTO_MODE, pod_role
from tests.support.world import ROLE_B_ARN

pytestmark = pytest.mark.usefixtures("cluster")

VERSION = "1.34"
CLUSTER = {"name": "dev", "version": VERSION, "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC}
AT = {"clusterName": "dev"}
PROXY, DNS, CNI = ({**AT, "addonName": name} for name in ("kube-proxy", "coredns", "vpc-cni"))
NODES = {**AT, "nodegroupName": "nodes"}
GROUP = {**NODES, "subnets": SUBNETS, "nodeRole": ROLE_ARN}
NOT_FOUND = (404, "ResourceNotFoundException")
INVALID = (400, "InvalidParameterException")
LOGS = {"clusterLogging": [{"types": ["api"], "enabled": True}]}
PRIVATE = {"endpointPrivateAccess": True}
SECRETS = {"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:x"}}
ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/s3-app-pods"
ASSOCIATION = {**AT, "namespace": "dev", "serviceAccount": "s3-app", "roleArn": ROLE}
NODE_ROLE = [{"serviceAccount": "aws-node", "roleArn": ROLE}]
TOKEN = "0123456789abcdef" * 3
TEMPLATE = {"LaunchTemplateName": "x", "LaunchTemplateData": {}}


@pytest.fixture
def cluster(restored: None, eks: Any) -> None:
    eks.create_cluster(**CLUSTER)


def update_addon(eks: Any) -> dict[str, Any]:
    eks.create_addon(**DNS)
    return eks.update_addon(**DNS, configurationValues="{}")


def update_nodes(eks: Any) -> dict[str, Any]:
    eks.create_nodegroup(**GROUP)
    return eks.update_nodegroup_config(**NODES, labels={"addOrUpdateLabels": {"a": "b"}})


def update_config(**change: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda eks: eks.update_cluster_config(name="dev", **change)


@pytest.mark.cases(("kind", "change", "at"), {
    "version": ("VersionUpdate", lambda eks: eks.update_cluster_version(name="dev", version="1.35"),
        {}),
    "endpoint access": ("EndpointAccessUpdate", update_config(resourcesVpcConfig=PRIVATE), {}),
    "subnets": ("VpcConfigUpdate", update_config(resourcesVpcConfig={"subnetIds": SUBNETS}), {}),
    "logging": ("LoggingUpdate", update_config(logging=LOGS), {}),
    "deletion protection": ("DeletionProtectionUpdate", update_config(deletionProtection=False),
        {}),
    "access mode": ("AccessConfigUpdate", update_config(accessConfig={"authenticationMode": "API"}),
        {}),
    "encryption": ("AssociateEncryptionConfig",
        lambda eks: eks.associate_encryption_config(**{**AT, "encryptionConfig": [SECRETS]}), {}),
    "nodes": ("ConfigUpdate", update_nodes, {"nodegroupName": "nodes"}),
    "add-on": ("AddonUpdate", update_addon, {"addonName": "coredns"}),
})  # fmt: skip
def test_an_update_can_be_asked_for_afterwards_by_its_own_part(eks, kind, change, at):
    made = change(eks)["update"]
    assert (made["type"], made["status"], made["errors"]) == (kind, "Successful", [])
    asked = {"name": "dev", "updateId": made["id"]}
    assert eks.describe_update(**asked, **at)["update"] == made
    others = [{"nodegroupName": "others"}, {"addonName": "kube-proxy"}, *([{}] if at else [])]
    for other in others:
        missing = (*NOT_FOUND, f"No update found for ID: {made['id']}")
        assert refusal(eks.describe_update, **asked, **other) == missing
    missing = (*NOT_FOUND, "No cluster found for name: other.")
    assert refusal(eks.describe_update, **{**asked, "name": "other"}) == missing


def test_a_recreated_cluster_has_neither_updates_add_ons_nor_associations(eks, role):
    made = {"name": "dev", "updateId": update_addon(eks)["update"]["id"], "addonName": "coredns"}
    association = create(eks)
    eks.delete_cluster(name="dev")
    assert refusal(eks.describe_pod_identity_association, **one(association))[:2] == NOT_FOUND
    eks.create_cluster(**CLUSTER)
    assert refusal(eks.describe_update, **made)[:2] == NOT_FOUND
    assert refusal(eks.describe_addon, **DNS)[:2] == NOT_FOUND
    assert eks.list_addons(**AT)["addons"] == []
    assert eks.list_pod_identity_associations(**AT)["associations"] == []
    assert "_updates" not in eks.describe_cluster(name="dev")["cluster"]


def test_an_add_on_that_is_updated_without_its_role_loses_it(aws: Aws, eks):
    """https://github.com/hashicorp/terraform-provider-aws/issues/19402, and 30645"""
    eks.create_addon(**DNS, serviceAccountRoleArn=ROLE_ARN)
    as_go = Config(parameter_validation=False)  # as Go's SDK
    unchecked = aws.administrator().session.client("eks", config=as_go)
    refused = (*INVALID, "Cross-account pass role is not allowed.")
    assert refusal(unchecked.update_addon, **DNS, serviceAccountRoleArn="") == refused
    eks.update_addon(**DNS, configurationValues="{}", serviceAccountRoleArn=ROLE_ARN)
    assert eks.describe_addon(**DNS)["addon"]["serviceAccountRoleArn"] == ROLE_ARN
    eks.update_addon(**DNS, configurationValues="{}")
    assert "serviceAccountRoleArn" not in eks.describe_addon(**DNS)["addon"]


def test_an_add_on_has_the_default_version_and_the_tags_of_now(eks):
    addon = eks.create_addon(**PROXY, tags=dict.fromkeys("abde", "1"))["addon"]
    assert addon["addonVersion"] == ADDONS["kube-proxy"].versions[VERSION][-1]
    assert not {"serviceAccountRoleArn", "configurationValues"} & addon.keys()
    eks.untag_resource(resourceArn=addon["addonArn"], tagKeys=["a", "d", "e"])
    eks.tag_resource(resourceArn=addon["addonArn"], tags={"c": "3"})
    assert eks.describe_addon(**PROXY)["addon"]["tags"] == {"b": "1", "c": "3"}


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ({"addonName": "mine"}, "Addon"),
        ({"addonVersion": "v1.0.0-eksbuild.1"}, "Addon version"),
        ({"addonVersion": ADDONS["kube-proxy"].versions["1.33"][0]}, "Addon version"),
    ],
)
def test_an_add_on_that_cannot_be_is_refused(eks, wanted, what):
    message = f"{what} specified is not supported"
    assert refusal(eks.create_addon, **{**PROXY, **wanted}) == (*INVALID, message)
    assert eks.list_addons(**AT)["addons"] == []
    for missing in ("kube-proxy", "mine"):
        assert refusal(eks.update_addon, **AT, addonName=missing)[:2] == NOT_FOUND
    before = eks.create_addon(**PROXY)["addon"]
    assert refusal(eks.update_addon, **PROXY, addonVersion="v1")[:2] == INVALID
    assert eks.describe_addon(**PROXY)["addon"] == before


def test_nodes_take_a_launch_template_that_exists_and_keep_it(ec2, eks):
    data = {"LaunchTemplateName": "nodes", "LaunchTemplateData": {}}
    made = ec2.create_launch_template(**data)["LaunchTemplate"]
    ec2.create_launch_template_version(**data)
    template = {"id": made["LaunchTemplateId"], "version": "1"}
    for wrong in ({"launchTemplate": {"id": "lt-0"}}, {"launchTemplate": template, "diskSize": 9}):
        assert refusal(eks.create_nodegroup, **GROUP, **wrong)[:2] == INVALID
    created = eks.create_nodegroup(**GROUP, launchTemplate=template)["nodegroup"]
    assert created["launchTemplate"] == {**template, "name": "nodes"}
    assert "diskSize" not in created
    newest = {"name": "nodes", "version": "$Latest"}
    eks.update_nodegroup_version(**NODES, launchTemplate=newest)
    launch_template = eks.describe_nodegroup(**NODES)["nodegroup"]["launchTemplate"]
    assert launch_template == {**template, "name": "nodes", "version": "2"}
    eks.delete_nodegroup(**NODES)
    eks.create_nodegroup(**GROUP)
    assert refusal(eks.update_nodegroup_version, **NODES, launchTemplate=newest)[:2] == INVALID


def test_auto_mode_is_enabled_alone_whole_and_without_add_ons(eks):
    inputs, without = {**CLUSTER, "name": "auto"}, {"bootstrapSelfManagedAddons": False}
    for refused in (
        *({**AUTO_MODE, name: {}, **without} for name in AUTO_MODE),
        AUTO_MODE,
        {"kubernetesNetworkConfig": {"ipFamily": "ipv6"}},
        {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.2.0.0/16"}},
    ):
        assert refusal(eks.create_cluster, **inputs, **refused)[0] == 400
    part = {"storageConfig": AUTO_MODE["storageConfig"]}
    assert refusal(eks.update_cluster_config, name="dev", **part)[:2] == INVALID
    two = {"resourcesVpcConfig": {"endpointPrivateAccess": True, "subnetIds": SUBNETS}}
    message = "Only one type of update can be allowed."
    assert refusal(eks.update_cluster_config, name="dev", **two) == (*INVALID, message)
    eks.create_cluster(**inputs, **AUTO_MODE, **without)
    eks.update_cluster_config(name="dev", **AUTO_MODE)
    for name in ("auto", "dev"):
        cluster = eks.describe_cluster(name=name)["cluster"]
        assert cluster["computeConfig"] == AUTO_MODE["computeConfig"]
        assert cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
        assert cluster["storageConfig"] == AUTO_MODE["storageConfig"]


@pytest.mark.parametrize(
    ("principal", "name"),
    [
        ("role/teams/admin", f"arn:aws:sts::{ACCOUNT_A}:assumed-role/admin/{{{{SessionName}}}}"),
        ("user/ann", f"arn:aws:iam::{ACCOUNT_A}:user/ann"),
    ],
)
def test_an_access_entry_has_a_user_name_and_no_group_of_kubernetes(eks, principal, name):
    entry = {**AT, "principalArn": f"arn:aws:iam::{ACCOUNT_A}:{principal}"}
    groups = {"kubernetesGroups": ["viewers", "system:masters"]}
    message = "The kubernetes group name system:masters is invalid, it cannot start with system:"
    assert refusal(eks.create_access_entry, **entry, **groups) == (*INVALID, message)
    made = eks.create_access_entry(**entry, kubernetesGroups=["viewers"])["accessEntry"]
    assert made["username"] == name
    assert refusal(eks.update_access_entry, **entry, **groups) == (*INVALID, message)
    changed = eks.update_access_entry(**entry, username="ann")["accessEntry"]
    assert (changed["username"], changed["kubernetesGroups"]) == ("ann", ["viewers"])


@pytest.fixture
def role(cluster: None, iam: Any) -> None:
    """The role of Pods that associations name."""
    pod_role(iam, "s3-app-pods", "dev", ServiceAccountRef("dev", "s3-app"))


def create(eks: Any, **changed: Any) -> dict[str, Any]:
    return eks.create_pod_identity_association(**{**ASSOCIATION, **changed})["association"]


def one(association: dict[str, Any]) -> dict[str, str]:
    return {**AT, "associationId": association["associationId"]}


def test_an_association_is_created_described_and_deleted(eks, role):
    made = create(eks, targetRoleArn=ROLE_B_ARN, tags={"team": "data"})
    id_ = made["associationId"]
    assert made == {
        **ASSOCIATION,
        "associationArn": f"arn:aws:eks:{REGION}:{ACCOUNT_A}:podidentityassociation/dev/{id_}",
        "associationId": id_,
        "createdAt": made["createdAt"],
        "disableSessionTags": False,
        "externalId": f"{REGION}/{ACCOUNT_A}/dev/dev/s3-app",
        "modifiedAt": made["createdAt"],
        "tags": {"team": "data"},
        "targetRoleArn": ROLE_B_ARN,
    }
    assert eks.describe_pod_identity_association(**one(made))["association"] == made
    again = (409, "ResourceInUseException", f"Association already exists: {id_}")
    assert refusal(eks.create_pod_identity_association, **ASSOCIATION) == again
    changed = eks.update_pod_identity_association(**one(made), targetRoleArn="")["association"]
    emptied = {name: made[name] for name in made.keys() - {"externalId", "targetRoleArn"}}
    assert {**changed, "modifiedAt": made["modifiedAt"]} == emptied
    eks.delete_pod_identity_association(**one(made))
    assert refusal(eks.describe_pod_identity_association, **one(made))[:2] == NOT_FOUND


@pytest.mark.cases(("changed", "message"), {
    "role with another path": ({"roleArn": ROLE.replace("role/", "role/x/")},
        "Role provided in the request does not"),
    "role of another account": ({"roleArn": ROLE_B_ARN},
        "Role provided in the request does not exist."),
    "role that does not trust": ({"roleArn": ROLE_ARN},
        "Trust policy of the role provided is invalid."),
    "policy with tags": ({"policy": allow("s3:GetObject", "*")},
        "disableSessionTags must be set to true"),
    "policy too long": ({"policy": " " * 2049, "disableSessionTags": True},
        "policy is longer than 2048"),
    "target without an ARN": ({"targetRoleArn": "s3-app-B"}, "The target role ARN is invalid"),
})  # fmt: skip
def test_what_eks_cannot_use_is_refused(eks, role, changed, message):
    refused = refusal(eks.create_pod_identity_association, **{**ASSOCIATION, **changed})
    assert refused[:2] == INVALID
    assert refused[2].startswith(message)
    made = create(eks)
    assert refusal(eks.update_pod_identity_association, **one(made), **changed) == refused
    assert eks.describe_pod_identity_association(**one(made))["association"] == made


def test_associations_are_listed_in_pages_and_without_their_roles(eks, role):
    made = [create(eks, serviceAccount=name) for name in ("a", "b", "c")]
    create(eks, namespace="other")
    pages = eks.get_paginator("list_pod_identity_associations").paginate(
        **AT, namespace="dev", PaginationConfig={"PageSize": 2}
    )
    lists = [page["associations"] for page in pages]
    assert [len(page) for page in lists] == [2, 1]
    summary = {"associationArn", "associationId", "clusterName", "namespace", "serviceAccount"}
    listed = sorted((entry for page in lists for entry in page), key=lambda e: e["serviceAccount"])
    assert listed == [{name: association[name] for name in summary} for association in made]


def test_an_add_on_owns_its_associations_and_takes_none_of_others(eks, role):
    """Each update writes all of them, unless it says nothing of them."""
    theirs = create(eks, namespace="kube-system", serviceAccount="aws-node")
    refused = refusal(eks.create_addon, **CNI, podIdentityAssociations=NODE_ROLE)
    assert refused[:2] == (409, "ResourceInUseException")
    other = [{"serviceAccount": "s3-app", "roleArn": ROLE}]
    assert refusal(eks.create_addon, **CNI, podIdentityAssociations=other)[:2] == INVALID
    assert eks.list_addons(**AT)["addons"] == []
    eks.delete_pod_identity_association(**one(theirs))
    addon = eks.create_addon(**CNI, podIdentityAssociations=NODE_ROLE)["addon"]
    (arn,) = addon["podIdentityAssociations"]
    at = {**AT, "associationId": arn.rpartition("/")[2]}
    made = eks.describe_pod_identity_association(**at)["association"]
    assert (made["namespace"], made["serviceAccount"]) == ("kube-system", "aws-node")
    assert (made["roleArn"], made["ownerArn"]) == (ROLE, addon["addonArn"])
    for call in (eks.update_pod_identity_association, eks.delete_pod_identity_association):
        refused = refusal(call, **at)
        assert refused[:2] == (400, "InvalidRequestException")
        assert f"is owned by {addon['addonArn']}" in refused[2]
    eks.update_addon(**CNI, configurationValues="{}")
    eks.update_addon(**CNI, podIdentityAssociations=NODE_ROLE)
    assert eks.describe_addon(**CNI)["addon"]["podIdentityAssociations"] == [arn]
    eks.update_addon(**CNI, podIdentityAssociations=[])
    assert eks.list_pod_identity_associations(**AT)["associations"] == []
    eks.update_addon(**CNI, podIdentityAssociations=NODE_ROLE)
    eks.delete_addon(**CNI, preserve=True)
    assert eks.list_pod_identity_associations(**AT)["associations"] == []


def test_a_call_with_the_same_token_is_made_once(aws: Aws, eks, ec2):
    """An SDK makes it again by itself when an answer was lost."""
    eks.create_addon(**CNI)
    for call, inputs, other in (
        (eks.create_cluster, {**CLUSTER, "name": "x"}, {"version": "1.33"}),
        (eks.update_addon, {**CNI, "configurationValues": "{}"}, {"configurationValues": ""}),
        (ec2.create_launch_template, TEMPLATE, {"LaunchTemplateName": "y"}),
    ):
        name = "ClientToken" if inputs is TEMPLATE else "clientRequestToken"
        token = {name: f"{call.__name__}-{TOKEN}"}
        first, again = call(**inputs, **token), call(**inputs, **token)
        assert {**again, "ResponseMetadata": None} == {**first, "ResponseMetadata": None}
        status, code, message = refusal(call, **{**inputs, **other}, **token)
        assert status == 400
        assert code in ("InvalidParameterException", "IdempotentParameterMismatch")
        assert message.endswith("was used with other parameters")


def test_a_token_is_one_accounts_and_one_calls_that_was_not_refused(aws: Aws, eks):
    clients = (aws.emulator.client("ec2", account) for account in (ACCOUNT_A, ACCOUNT_B))
    made = [each.create_launch_template(**TEMPLATE, ClientToken=TOKEN) for each in clients]
    assert len({each["LaunchTemplate"]["LaunchTemplateId"] for each in made}) == 2
    token = {"clientRequestToken": TOKEN[::-1]}
    entry = {"clusterName": "late", "principalArn": f"arn:aws:iam::{ACCOUNT_A}:role/admins"}
    assert refusal(eks.create_access_entry, **entry, **token)[0] == 404
    eks.create_cluster(**{**CLUSTER, "name": "late"})
    assert eks.create_access_entry(**entry, **token)["accessEntry"]["clusterName"] == "late"
