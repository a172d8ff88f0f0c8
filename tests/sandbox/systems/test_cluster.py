"""A cluster in the real engine: its network, its options and its protection."""

from contextlib import closing
from dataclasses import replace

import pulumi
import pulumi_aws as aws
import pulumi_eks
import pytest
from pulumi import ResourceOptions

from irsa_components import AccessEntryArgs, ControlPlaneArgs, EksCluster, EksClusterArgs
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.demo import left_overs
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.snapshots import Snapshots
from tests.sandbox.support.aws_harness import network
from tests.sandbox.support.programs import TRUST, refusal, stack_of, unchanged

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/0a1b2c3d"
ANN = f"arn:aws:iam::{ACCOUNT_A}:user/ann"


@pytest.fixture(scope="module")
def eks(session):
    return session.aws("eks")


@pytest.fixture(scope="module")
def where(session):
    """A VPC beside the default one, with two subnets; the sandbox is put back afterwards."""
    # The sandbox's cluster has one issuer, and so an account has one OIDC provider for it.
    SandboxStack(session.state).destroy()
    with closing(Snapshots(session.state.path, session.state.snapshots)):
        vpc, subnets = network(session.aws("ec2"), "a", "b")
        yield {"vpc_id": vpc, "subnet_ids": subnets}


def open_cluster(session, name="vpc", **args):
    cluster_args = EksClusterArgs(cluster_name=name, **args)
    return stack_of(session, "cluster", lambda: EksCluster("dev", cluster_args))


def test_a_created_cluster_has_the_agent_and_a_vpc_cni_of_its_own(session, eks, where):
    stack = open_cluster(session, **where)
    assert stack.up().keys() == {"create"}
    unchanged(stack)

    made = eks.describe_cluster(name="vpc")["cluster"]
    assert made["resourcesVpcConfig"]["vpcId"] == where["vpc_id"]
    assert sorted(made["resourcesVpcConfig"]["subnetIds"]) == sorted(where["subnet_ids"])
    addons = ["eks-pod-identity-agent", "kube-proxy", "vpc-cni"]
    assert sorted(eks.list_addons(clusterName="vpc")["addons"]) == addons
    assert ":role/dev-vpc-cni-" in associated(eks)["aws-node"]
    assert len(eks.list_nodegroups(clusterName="vpc")["nodegroups"]) == 1


def test_a_cluster_changes_in_place(session, eks, where):
    network = {"public_access_cidrs": ["203.0.113.0/24"], "log_types": ["api"]}
    control_plane = ControlPlaneArgs(**network, encryption_key_arn=KEY)
    entry = AccessEntryArgs(principal_arn=ANN, policy="AmazonEKSViewPolicy")
    changed = {**where, "subnet_ids": where["subnet_ids"][::-1], "control_plane": control_plane}
    open_cluster(session, **where).up()
    stack = open_cluster(session, **changed, access_entries=[entry])
    counts = stack.up()
    assert (counts["create"], counts["update"]) == (2, 1)
    assert counts.keys() == {"create", "update", "same"}
    unchanged(stack)
    made = eks.describe_cluster(name="vpc")["cluster"]
    assert made["resourcesVpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    setups = made["logging"]["clusterLogging"]
    assert [kind for setup in setups if setup["enabled"] for kind in setup["types"]] == ["api"]
    assert made["encryptionConfig"] == [{"resources": ["secrets"], "provider": {"keyArn": KEY}}]
    assert scope_of(eks, ANN) == {"type": "cluster", "namespaces": []}

    # Nothing of an association changes in place, and to EKS the new one is the old one.
    limited = AccessEntryArgs(principal_arn=ANN, policy="AmazonEKSViewPolicy", namespaces=["apps"])
    open_cluster(session, **changed, access_entries=[limited]).up()
    assert scope_of(eks, ANN) == {"type": "namespace", "namespaces": ["apps"]}


def test_a_protected_cluster_is_refused_in_the_preview_and_by_eks(session, eks, where):
    # An encryption key stays for life, and so do its arguments.
    protected = ControlPlaneArgs(deletion_protection=True, encryption_key_arn=KEY)
    stack = open_cluster(session, **where, control_plane=protected)
    stack.up()

    line = refusal(lambda: stack.destroy(preview_only=True))
    assert line.startswith("protected: dev")
    # Another name is another cluster.
    line = refusal(open_cluster(session, "other", **where, control_plane=protected).preview)
    assert line.startswith("unable to replace resource ")
    assert "remove the `protect` flag" in line
    with pytest.raises(eks.exceptions.InvalidRequestException, match="deletion protection"):
        eks.delete_cluster(name="vpc")
    assert eks.list_clusters()["clusters"] == ["vpc"]

    freed = replace(protected, deletion_protection=False)
    stack = open_cluster(session, **where, control_plane=freed)
    assert stack.up()["update"] == 1
    assert stack.destroy().keys() == {"delete"}
    assert left_overs(session) == []


def scope_of(eks, principal):
    found = eks.list_associated_access_policies(clusterName="vpc", principalArn=principal)
    (policy,) = found["associatedAccessPolicies"]
    assert policy["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    return policy["accessScope"]


def associated(eks):
    """Return the role of each service account of the cluster that has an association."""
    found = eks.list_pod_identity_associations(clusterName="vpc")["associations"]
    ids = [each["associationId"] for each in found]
    described = [
        eks.describe_pod_identity_association(clusterName="vpc", associationId=each)["association"]
        for each in ids
    ]
    return {each["serviceAccount"]: each["roleArn"] for each in described}


def test_a_stack_of_the_old_version_gets_new_nodes_and_keeps_its_cluster(session, eks, where):
    def cluster_of_old_version():
        """The children of `EksCluster` before version 0.2 that became others."""
        component = pulumi.ComponentResource("irsa:index:EksCluster", "dev", {})
        child = ResourceOptions(parent=component)
        off = ("deletion_protection", "create_oidc_provider")
        on = ("skip_default_security_groups", "skip_default_node_group", "endpoint_private_access")
        plane = {**dict.fromkeys(off, False), **dict.fromkeys(on, True), "name": "vpc", **where}
        plane |= {"public_access_cidrs": ["0.0.0.0/0"]}
        plane |= {"enabled_cluster_log_types": ["audit", "authenticator"]}
        plane |= {"authentication_mode": pulumi_eks.AuthenticationMode.API}
        cluster = pulumi_eks.Cluster("dev", **plane, opts=child)
        role_args = {"description": "Nodes of EKS cluster vpc", "assume_role_policy": TRUST}
        role = aws.iam.Role("dev-node", **role_args, opts=child)
        policy = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
        # A resource, which the engine sends as its id.
        attached = {"role": role, "policy_arn": policy, "opts": child}
        cni = aws.iam.RolePolicyAttachment("dev-node-AmazonEKS_CNI_Policy", **attached)
        made = cluster.eks_cluster
        nodes = {"instance_types": ["t3.medium"], "node_role_arn": role.arn}
        nodes |= {"scaling_config": {"desired_size": 2, "min_size": 1, "max_size": 3}}
        nodes |= {"subnet_ids": made.apply(lambda eks_cluster: eks_cluster.vpc_config.subnet_ids)}
        nodes |= {"cluster_name": made.apply(lambda eks_cluster: eks_cluster.name)}
        opts = ResourceOptions(parent=component, depends_on=[cluster, cni])
        aws.eks.NodeGroup("dev", **nodes, opts=opts)

    open_cluster(session, **where).destroy()
    stack_of(session, "cluster", cluster_of_old_version).up()
    made = eks.describe_cluster(name="vpc")["cluster"]["arn"]
    before = eks.describe_addon(clusterName="vpc", addonName="vpc-cni")["addon"]
    old = eks.list_nodegroups(clusterName="vpc")["nodegroups"]

    # docs/package.md
    agent = {"clusterName": "vpc", "addonName": "eks-pod-identity-agent"}
    eks.create_addon(**agent)
    stack = open_cluster(session, **where)
    assert "Addon already exists" in refusal(stack.up)
    eks.delete_addon(**agent, preserve=True)
    counts = stack.up()
    assert (counts["replace"], counts["update"]) == (1, 1)  # the node group, and VPC CNI
    unchanged(stack)
    assert eks.describe_cluster(name="vpc")["cluster"]["arn"] == made
    after = eks.describe_addon(clusterName="vpc", addonName="vpc-cni")["addon"]
    assert after["addonArn"] == before["addonArn"]
    assert after["configurationValues"] == before["configurationValues"]
    assert associated(eks).keys() == {"aws-node"}
    (new,) = eks.list_nodegroups(clusterName="vpc")["nodegroups"]
    assert [new] != old

    auto = open_cluster(session, **where, auto_mode=True)
    auto.up()
    unchanged(auto)
    assert eks.describe_cluster(name="vpc")["cluster"]["arn"] == made
    assert eks.list_nodegroups(clusterName="vpc")["nodegroups"] == []
    assert eks.list_addons(clusterName="vpc")["addons"] == []
    auto.destroy()
