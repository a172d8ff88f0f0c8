"""The stand-in for `eks.Cluster`, in the real engine; a test beside this compares it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest

from sandbox.engine.stack import SandboxStack
from sandbox.providers.eks.server import EksProvider
from sandbox.session import Session
from sandbox.state import SandboxError
from tests.sandbox.support.eks_program import cluster_stack
from tests.sandbox.support.networks import network

pytestmark = pytest.mark.sandbox

NAME = "alone"
"""Another than that of the example, which an earlier module may have left in the sandbox."""
LEAST = {"skip_default_node_group": True, "authentication_mode": "API", "name": NAME}
Open = Callable[..., SandboxStack]


@pytest.fixture
def opened(session: Session, tmp_path: Path) -> Iterator[Open]:
    """Opens the stack of a cluster; destroyed at the end."""

    def open_stack(**cluster: Any) -> SandboxStack:
        return cluster_stack(session.state, tmp_path, {**LEAST, **cluster})

    yield open_stack
    open_stack().destroy()


def made(stack: SandboxStack) -> dict[str, str]:
    """Types of what the stack holds below the cluster, by their names."""
    return {
        each["urn"].rpartition("::")[2]: each["type"]
        for each in stack.export()["resources"]
        if "eks:index:Cluster$" in each["urn"]
    }


def test_a_cluster_without_groups_has_a_role_and_addons(opened: Open):
    stack = opened(skip_default_security_groups=True)
    assert stack.up() == {"create": 11}
    assert stack.preview() == {"same": 11}
    assert stack.refresh() == {"same": 11}
    assert made(stack) == {
        "dev-eks-k8s": "pulumi:providers:kubernetes",
        "dev-eksCluster": "aws:eks/cluster:Cluster",
        "dev-eksRole": "eks:index:ServiceRole",
        "dev-eksRole-4b490823": "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "dev-eksRole-role": "aws:iam/role:Role",
        "dev-kube-proxy": "aws:eks/addon:Addon",
        "dev-vpc-cni": "aws:eks/addon:Addon",
    }
    assert stack.destroy() == {"delete": 11}


def test_a_cluster_with_groups_can_be_entered_by_its_nodes(opened: Open, session: Session):
    stack = opened()
    stack.up()
    assert stack.preview().keys() == {"same"}
    groups = {name for name, kind in made(stack).items() if kind.endswith(":SecurityGroup")}
    rules = {name for name, kind in made(stack).items() if kind.endswith(":SecurityGroupRule")}
    assert groups == {"dev-eksClusterSecurityGroup", "dev-nodeSecurityGroup"}
    assert len(rules) == 6

    ec2, outputs = session.aws("ec2"), stack.outputs()
    nodes, control_plane = outputs["node_security_group_id"], outputs["cluster_security_group_id"]
    found = ec2.describe_security_groups(GroupIds=[nodes, control_plane])["SecurityGroups"]
    by_id = {group["GroupId"]: group for group in found}
    assert {p["IpProtocol"] for p in by_id[nodes]["IpPermissionsEgress"]} == {"-1"}
    (to_api_server,) = by_id[control_plane]["IpPermissions"]
    assert (to_api_server["FromPort"], to_api_server["ToPort"]) == (443, 443)
    assert to_api_server["UserIdGroupPairs"][0]["GroupId"] == nodes
    cluster = session.aws("eks").describe_cluster(name=NAME)["cluster"]
    assert cluster["resourcesVpcConfig"]["securityGroupIds"] == [control_plane]
    assert cluster["tags"]["Name"] == "dev-eksCluster"


def test_p1_subnets_without_their_vpc_are_refused_by_eks(opened: Open, session: Session):
    """pulumi-eks puts its groups into the default VPC then, wherever the subnets are."""
    _, subnets = network(session.aws("ec2"), "a", "b")
    with pytest.raises(SandboxError, match="are not in the same VPC as the subnets"):
        opened(subnet_ids=subnets).up()
    alone = opened(subnet_ids=subnets, skip_default_security_groups=True)
    alone.up()
    assert alone.preview().keys() == {"same"}


def test_the_older_way_of_access_has_its_config_map(opened: Open, session: Session):
    stack = opened(authentication_mode="API_AND_CONFIG_MAP", skip_default_security_groups=True)
    stack.up()
    assert stack.preview().keys() == {"same"}
    assert made(stack)["dev-nodeAccess"] == "kubernetes:core/v1:ConfigMap"


def test_public_blocks_need_a_public_endpoint(opened: Open):
    with pytest.raises(SandboxError, match="`publicAccessCidrs` can only be set when"):
        opened(endpoint_public_access=False, public_access_cidrs=["203.0.113.0/24"]).preview()


def test_the_kubeconfig_is_pulumi_eks_own(opened: Open):
    role = "arn:aws:iam::111122223333:role/deployer"
    stack = opened(skip_default_security_groups=True, provider_credential_opts={"role_arn": role})
    stack.up()
    outputs = stack.outputs()
    config = outputs["kubeconfig"]
    assert json.loads(outputs["kubeconfig_json"]) == config
    assert config["current-context"] == "aws"
    assert config["clusters"][0]["name"] == "kubernetes"
    assert config["users"][0]["user"]["exec"]["args"] == [
        *["--region", "us-east-1", "eks", "get-token"],
        *["--cluster-name", NAME, "--output", "json", "--role", role],
    ]


INPUTS = {"name": "dev", "skipDefaultNodeGroup": True}


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"accessEntries": {}}, "the sandbox does not know the input accessEntries"),
        ({"useDefaultVpcCni": True}, "the sandbox does not know the input useDefaultVpcCni"),
        ({"createOidcProvider": True}, "the sandbox creates no OIDC provider here"),
        ({"skipDefaultNodeGroup": False}, "the sandbox has no self-managed nodes"),
        ({"authenticationMode": "NONE"}, "authenticationMode is 'NONE'; it can be CONFIG_MAP, API"),
    ],
)
def test_p1_the_stand_in_for_pulumi_eks_refuses_what_it_does_not_do(inputs, reason):
    with pytest.raises(pulumi.RunError) as caught:
        EksProvider().construct("dev", "eks:index:Cluster", {**INPUTS, **inputs})
    assert str(caught.value).startswith(f"eks:index:Cluster dev: {reason}")


def test_other_components_and_methods_are_refused_by_name():
    with pytest.raises(pulumi.RunError, match="no component eks:index:ManagedNodeGroup; it has"):
        EksProvider().construct("dev", "eks:index:ManagedNodeGroup", {})
    with pytest.raises(pulumi.RunError, match="no method eks:index:Cluster/getKubeconfig; the"):
        EksProvider().call("eks:index:Cluster/getKubeconfig", {})
