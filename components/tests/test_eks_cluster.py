"""EksCluster: created with pulumi-eks, or an existing one."""

import json

import pulumi
import pytest

from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import service_account_ref
from irsa_components import (
    AccessEntryArgs,
    ControlPlaneArgs,
    EksCluster,
    EksClusterArgs,
    NodeGroupArgs,
)
from tests.support.engine import Engine, deploy, secret
from tests.support.refusal import refusal
from tests.support.world import CLUSTER_ARN, ISSUER, ISSUER_URL, PROVIDER_ARN

COMPONENT = "pulumi:pulumi:Stack$irsa:index:EksCluster"
ALWAYS = {"aws:iam/openIdConnectProvider:OpenIdConnectProvider", "pulumi:providers:kubernetes"}
NODES = {
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:eks/addon:Addon",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:iam/role:Role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
}
DEPLOYER = "arn:aws:iam::111122223333:role/deployer"
KEY = "arn:aws:kms:us-east-1:111122223333:key/0a1b"
AWS_NODE = service_account_ref("kube-system", "aws-node")


def cluster(engine: Engine | None = None, **args) -> tuple[Engine, dict]:
    """Deploy a cluster; returns what was registered and the component's outputs."""
    outputs: dict = {}

    def program() -> None:
        made = EksCluster("dev", EksClusterArgs(cluster_name="dev", **args))
        for name in ("cluster_name", "cluster_arn", "issuer_url", "provider_arn", "kubeconfig"):
            getattr(made, name).apply(lambda value, name=name: outputs.__setitem__(name, value))

    return deploy(program, engine), outputs


@pytest.mark.parametrize(
    ("args", "children"),
    [
        ({}, {"eks:index:Cluster", *ALWAYS, *NODES}),
        # The nodes of Auto Mode and their add-ons are EKS's.
        ({"auto_mode": True}, {"eks:index:Cluster", *ALWAYS}),
        ({"existing": True}, {"aws:eks/cluster:Cluster", *ALWAYS}),
        ({"existing": True, "create_provider": True}, {"aws:eks/cluster:Cluster", *ALWAYS}),
    ],
)
def test_a_cluster_has_its_children_in_the_preview_too(args, children):
    preview, unknown = cluster(Engine(preview=True), **args)
    up, outputs = cluster(**args)

    found = {COMPONENT, *(f"irsa:index:EksCluster${each}" for each in children)}
    assert up.tree() == preview.tree() == found
    assert "provider_arn" not in unknown
    given = up.one("OpenIdConnectProvider").resource_id
    assert given == (PROVIDER_ARN if args == {"existing": True} else "")
    assert up.one("kubernetes").inputs["kubeconfig"] == secret(outputs.pop("kubeconfig"))
    assert outputs == {
        "cluster_name": "dev",
        "cluster_arn": CLUSTER_ARN,
        "issuer_url": ISSUER_URL,
        "provider_arn": PROVIDER_ARN,
    }


@pytest.mark.parametrize(
    ("args", "changed"),
    [
        # Without its VPC, pulumi-eks puts security groups into the default one.
        ({"vpc_id": "vpc-00000001", "subnet_ids": ["subnet-00000001", "subnet-00000002"]},
         {"vpcId": "vpc-00000001", "subnetIds": ["subnet-00000001", "subnet-00000002"]}),
        ({"version": "1.34"}, {"version": "1.34"}),
        ({"role_arn": DEPLOYER}, {"providerCredentialOpts": {"roleArn": DEPLOYER}}),
        ({"control_plane": ControlPlaneArgs(endpoint_private_access=False, log_types=())},
         {"endpointPrivateAccess": False, "enabledClusterLogTypes": []}),
        ({"control_plane": ControlPlaneArgs(public_access_cidrs=("203.0.113.0/24",))},
         {"publicAccessCidrs": ["203.0.113.0/24"]}),
        ({"control_plane": ControlPlaneArgs(encryption_key_arn=KEY)},
         {"encryptionConfigKeyArn": KEY}),
        ({"control_plane": ControlPlaneArgs(endpoint_public_access=False)},
         {"endpointPublicAccess": False, "publicAccessCidrs": None}),
    ],
)  # fmt: skip
def test_the_control_plane_has_the_given_settings(args, changed):
    inputs = {
        "name": "dev",
        "skipDefaultSecurityGroups": True,
        "endpointPrivateAccess": True,
        "publicAccessCidrs": ["0.0.0.0/0"],
        "enabledClusterLogTypes": ["audit", "authenticator"],
        "deletionProtection": False,
        "authenticationMode": "API",
        "createOidcProvider": False,
        "skipDefaultNodeGroup": True,
        "useDefaultVpcCni": True,
        **changed,
    }

    assert cluster(**args)[0].one("eks:index:Cluster").inputs == {
        key: value for key, value in inputs.items() if value is not None
    }


def test_auto_mode_has_the_nodes_role_of_eks_and_no_coredns_of_ours():
    inputs = cluster(auto_mode=True)[0].one("eks:index:Cluster").inputs

    assert inputs["autoMode"] == {"enabled": True, "createNodeRole": True}
    assert inputs["corednsAddonOptions"]["enabled"] is False


def test_a_cluster_without_public_endpoint_logs_a_warning():
    engine, _ = cluster(control_plane=ControlPlaneArgs(endpoint_public_access=False))

    (line,) = engine.logged
    assert line == (
        "warning: cluster 'dev' has no public endpoint: this deployment, and every client, must "
        "run in its VPC or in a network connected to it"
    )
    assert cluster()[0].logged == []


@pytest.mark.parametrize("protection", [False, True])
def test_a_protected_cluster_is_protected_in_pulumi_too(protection):
    """EKS refuses to delete it only once the nodes and everything in the cluster are gone."""
    engine, _ = cluster(control_plane=ControlPlaneArgs(deletion_protection=protection))

    assert engine.one("eks:index:Cluster").inputs["deletionProtection"] is protection
    # Roles of other stacks trust the provider, and the engine keeps the cluster alone.
    for typ in ("eks:index:Cluster", "OpenIdConnectProvider"):
        assert engine.options(typ, "dev").protect is protection


def test_access_entries_give_principals_their_policies():
    principals = {
        name: f"arn:aws-cn:iam::111122223333:{name}"
        for name in ("role/aws-reserved/admin", "user/ann")
    }
    given = [
        ("role/aws-reserved/admin", "AmazonEKSClusterAdminPolicy", ()),
        ("user/ann", "AmazonEKSViewPolicy", ()),
        ("user/ann", "AmazonEKSEditPolicy", ("dev",)),
    ]
    entries = [
        AccessEntryArgs(principal_arn=principals[who], policy=policy, namespaces=namespaces)
        for who, policy, namespaces in given
    ]
    engine, _ = cluster(partition="aws-cn", access_entries=entries)

    assert {entry.name: entry.inputs for entry in engine.of("AccessEntry")} == {
        f"dev-111122223333-{who}": {"clusterName": "dev", "principalArn": arn}
        for who, arn in principals.items()
    }
    in_dev = {"type": "namespace", "namespaces": ["dev"]}
    assert {each.name: each.inputs for each in engine.of("AccessPolicyAssociation")} == {
        f"dev-111122223333-{who}-{policy}": {
            "clusterName": "dev",
            "principalArn": principals[who],
            "policyArn": f"arn:aws-cn:eks::aws:cluster-access-policy/{policy}",
            "accessScope": in_dev if namespaces else {"type": "cluster"},
        }
        for who, policy, namespaces in given
    }


def test_the_oidc_provider_has_the_audiences_and_no_thumbprint():
    engine, _ = cluster(audiences=["sts.amazonaws.com", "vault"])

    assert engine.one("OpenIdConnectProvider").inputs == {
        "url": ISSUER_URL,
        "clientIdLists": ["sts.amazonaws.com", "vault"],
    }


def test_the_node_group_is_sized_as_asked_and_uses_the_clusters_subnets():
    nodes = NodeGroupArgs(instance_types=("m7g.large",), desired_size=3, min_size=2, max_size=9)
    engine, _ = cluster(nodes=nodes)

    assert engine.one("NodeGroup").inputs == {
        "clusterName": "dev",
        "nodeRoleArn": "arn:aws:iam::111122223333:role/dev-node",
        "subnetIds": ["subnet-a", "subnet-b"],
        "instanceTypes": ["m7g.large"],
        "launchTemplate": {"id": "dev-node-id", "version": "1"},
        "scalingConfig": {"desiredSize": 3, "minSize": 2, "maxSize": 9},
    }
    # Pods reach no credentials of their node.
    assert engine.one("LaunchTemplate").inputs == {
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    }


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
def test_the_vpc_cni_has_a_role_for_aws_node_alone(partition):
    """By Pod Identity, which the China regions do not have."""
    engine, _ = cluster(partition=partition)
    in_china = partition == "aws-cn"

    role = "arn:aws:iam::111122223333:role/dev-vpc-cni"
    association = {"roleArn": role, "serviceAccount": "aws-node"}
    special = {
        "eks-pod-identity-agent": {},
        "vpc-cni": {"podIdentityAssociations": [association]},
    }
    if in_china:
        special = {"vpc-cni": {"serviceAccountRoleArn": role}}
    assert {each.name: each.inputs for each in engine.of("Addon")} == {
        f"dev-{name}": {
            "clusterName": "dev",
            "addonName": name,
            "addonVersion": f"{name}-of-1.34",
            "resolveConflictsOnCreate": "OVERWRITE",
            "resolveConflictsOnUpdate": "OVERWRITE",
            **more,
        }
        for name, more in special.items()
    }
    trust = json.loads(engine.named("Role", "dev-vpc-cni").inputs["assumeRolePolicy"])
    assert trust == (
        irsa_trust_policy([PROVIDER_ARN], [AWS_NODE])
        if in_china
        else pod_identity_trust_policy([CLUSTER_ARN], [AWS_NODE])
    )
    attached = engine.of("RolePolicyAttachment")
    policies = f"arn:{partition}:iam::aws:policy/"
    assert {(each.inputs["role"], each.inputs["policyArn"]) for each in attached} == {
        ("dev-node", f"{policies}AmazonEC2ContainerRegistryPullOnly"),
        ("dev-node", f"{policies}AmazonEKSWorkerNodePolicy"),
        ("dev-vpc-cni", f"{policies}AmazonEKS_CNI_Policy"),
    }


def test_nodes_wait_for_the_vpc_cni_and_it_for_the_agent():
    """VPC CNI without the agent fails, and says nothing; nodes without VPC CNI are not ready."""
    engine, _ = cluster()

    assert engine.waits_for("NodeGroup", "Addon")
    cni = engine.options("Addon", "dev-vpc-cni").dependencies
    assert [urn for urn in cni if urn.endswith("::dev-eks-pod-identity-agent")]
    assert [urn for urn in cni if urn.endswith("::dev-vpc-cni-AmazonEKS_CNI_Policy")]


def test_the_vpc_cni_of_an_older_stack_becomes_ours_in_place():
    engine, _ = cluster()

    (alias,) = engine.options("Addon", "dev-vpc-cni").aliases
    of_pulumi_eks = "EksCluster$eks:index:Cluster$eks:index:VpcCniAddon::dev-vpc-cni"
    assert alias.spec.parentUrn.endswith(of_pulumi_eks)


@pytest.mark.parametrize(
    ("auto_mode", "earlier"),
    [
        *((False, typ) for typ in ("NodeGroup", "RolePolicyAttachment", "eks:index:Cluster")),
        (True, "eks:index:Cluster"),
    ],
)
def test_objects_in_the_cluster_are_deleted_before_nodes_and_cluster(auto_mode, earlier):
    assert cluster(auto_mode=auto_mode)[0].waits_for("kubernetes", earlier)


def test_the_kubernetes_provider_is_replaced_only_with_the_cluster():
    engine, _ = cluster()

    assert engine.one("kubernetes").inputs == {
        "kubeconfig": secret('{"kind": "Config"}'),
        "clusterIdentifier": ISSUER_URL,
        "enableConfigMapMutable": "true",
        "enableSecretMutable": "true",
    }


@pytest.mark.parametrize("role_arn", [None, DEPLOYER])
def test_an_existing_clusters_kubeconfig_gets_its_token_from_the_aws_cli(role_arn):
    _, outputs = cluster(existing=True, role_arn=role_arn)

    command = "eks get-token --cluster-name dev --region us-east-1 --output json"
    assert json.loads(outputs["kubeconfig"]) == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CLUSTER_ARN,
                "cluster": {
                    "server": "https://cluster.example",
                    "certificate-authority-data": "Q0E=",
                },
            }
        ],
        "users": [
            {
                "name": CLUSTER_ARN,
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "aws",
                        "args": [*command.split(), *(("--role-arn", role_arn) if role_arn else ())],
                        "interactiveMode": "Never",
                    }
                },
            }
        ],
        "contexts": [
            {"name": CLUSTER_ARN, "context": {"cluster": CLUSTER_ARN, "user": CLUSTER_ARN}}
        ],
        "current-context": CLUSTER_ARN,
    }


def test_an_existing_cluster_is_read_with_the_provider_that_is_given():
    engine, outputs = cluster(existing=True, provider_arn=PROVIDER_ARN)

    assert engine.one("aws:eks/cluster:Cluster").resource_id == "dev"
    assert engine.of("OpenIdConnectProvider") == []
    assert outputs["provider_arn"] == PROVIDER_ARN
    other = PROVIDER_ARN.replace(ISSUER, f"{ISSUER[:-1]}0")
    assert refusal(cluster, existing=True, provider_arn=other, raised=pulumi.RunError) == (
        f"OIDC provider {other} is not the one of cluster 'dev', whose issuer is {ISSUER_URL}; "
        "correct provider_arn, or leave it out"
    )
