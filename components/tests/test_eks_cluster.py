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
from tests.support.world import ISSUER, ISSUER_URL, PROVIDER_ARN

CHILD = "irsa:index:EksCluster$"
DEPLOYER = "arn:aws:iam::111122223333:role/deployer"
CLUSTER_ARN = "arn:aws:eks:us-east-1:111122223333:cluster/dev"
ADDON, ROLE = "aws:eks/addon:Addon", "aws:iam/role:Role"
ANN = "arn:aws-cn:iam::111122223333:user/ann"


def cluster(engine: Engine | None = None, **args) -> tuple[Engine, dict]:
    """Deploy a cluster; returns what was registered and the component's outputs."""
    outputs: dict = {}

    def program() -> None:
        made = EksCluster("dev", EksClusterArgs(cluster_name="dev", **args))
        for name in ("cluster_name", "cluster_arn", "issuer_url", "provider_arn", "kubeconfig"):
            getattr(made, name).apply(lambda value, name=name: outputs.__setitem__(name, value))

    return deploy(program, engine), outputs


def test_a_created_cluster_has_a_node_group_and_an_oidc_provider():
    engine, outputs = cluster()

    assert engine.tree() == {
        "pulumi:pulumi:Stack$irsa:index:EksCluster",
        f"{CHILD}eks:index:Cluster",
        f"{CHILD}aws:iam/role:Role",
        f"{CHILD}aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        f"{CHILD}aws:ec2/launchTemplate:LaunchTemplate",
        f"{CHILD}aws:eks/addon:Addon",
        f"{CHILD}aws:eks/nodeGroup:NodeGroup",
        f"{CHILD}aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        f"{CHILD}pulumi:providers:kubernetes",
    }
    assert outputs == {
        "cluster_name": "dev",
        "cluster_arn": CLUSTER_ARN,
        "issuer_url": ISSUER_URL,
        "provider_arn": PROVIDER_ARN,
        "kubeconfig": '{"kind": "Config"}',
    }


DEFAULTS = {
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
}


def test_subnets_come_with_their_vpc():
    """Without it pulumi-eks looks for the default VPC and puts its security groups there."""
    engine, _ = cluster(
        version="1.34", vpc_id="vpc-00000001", subnet_ids=["subnet-00000001", "subnet-00000002"]
    )

    assert engine.one("eks:index:Cluster").inputs == {
        **DEFAULTS,
        "version": "1.34",
        "vpcId": "vpc-00000001",
        "subnetIds": ["subnet-00000001", "subnet-00000002"],
    }


def test_the_control_plane_has_the_given_settings():
    key = "arn:aws:kms:us-east-1:111122223333:key/0a1b"
    engine, _ = cluster(
        control_plane=ControlPlaneArgs(
            endpoint_private_access=False,
            public_access_cidrs=("203.0.113.0/24",),
            log_types=(),
            encryption_key_arn=key,
        )
    )

    assert engine.one("eks:index:Cluster").inputs == {
        **DEFAULTS,
        "endpointPrivateAccess": False,
        "publicAccessCidrs": ["203.0.113.0/24"],
        "enabledClusterLogTypes": [],
        "encryptionConfigKeyArn": key,
    }
    assert engine.logged == []


def test_a_cluster_without_public_endpoint_logs_a_warning():
    engine, _ = cluster(control_plane=ControlPlaneArgs(endpoint_public_access=False))

    inputs = {**DEFAULTS, "endpointPublicAccess": False}
    del inputs["publicAccessCidrs"]
    assert engine.one("eks:index:Cluster").inputs == inputs
    (line,) = engine.logged
    assert line == (
        "warning: cluster 'dev' has no public endpoint: this deployment, and every client, must "
        "run in its VPC or in a network connected to it"
    )


@pytest.mark.parametrize("protection", [False, True])
def test_a_protected_cluster_is_protected_in_pulumi_too(protection):
    """EKS refuses to delete it only once the nodes and everything in the cluster are gone."""
    engine, _ = cluster(control_plane=ControlPlaneArgs(deletion_protection=protection))

    assert engine.one("eks:index:Cluster").inputs["deletionProtection"] is protection
    assert engine.options("eks:index:Cluster", "dev").protect is protection
    # Roles of other stacks trust it, and the engine keeps the cluster alone.
    provider = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    assert engine.options(provider, "dev").protect is protection


def test_access_entries_give_principals_their_policies():
    admin = "arn:aws-cn:iam::111122223333:role/aws-reserved/admin"
    engine, _ = cluster(
        partition="aws-cn",
        access_entries=[
            AccessEntryArgs(principal_arn=admin, policy="AmazonEKSClusterAdminPolicy"),
            AccessEntryArgs(principal_arn=ANN, policy="AmazonEKSViewPolicy"),
            AccessEntryArgs(principal_arn=ANN, policy="AmazonEKSEditPolicy", namespaces=("dev",)),
        ],
    )

    entries = engine.of("aws:eks/accessEntry:AccessEntry")
    assert {entry.name: entry.inputs for entry in entries} == {
        "dev-111122223333-role/aws-reserved/admin": {"clusterName": "dev", "principalArn": admin},
        "dev-111122223333-user/ann": {"clusterName": "dev", "principalArn": ANN},
    }
    policies = "arn:aws-cn:eks::aws:cluster-access-policy/"
    whole, dev = {"type": "cluster"}, {"type": "namespace", "namespaces": ["dev"]}
    associations = engine.of("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert {association.name: association.inputs for association in associations} == {
        f"dev-111122223333-{whose}-{policy}": {
            "clusterName": "dev",
            "principalArn": principal,
            "policyArn": f"{policies}{policy}",
            "accessScope": scope,
        }
        for whose, principal, policy, scope in (
            ("role/aws-reserved/admin", admin, "AmazonEKSClusterAdminPolicy", whole),
            ("user/ann", ANN, "AmazonEKSViewPolicy", whole),
            ("user/ann", ANN, "AmazonEKSEditPolicy", dev),
        )
    }


def test_the_kubeconfig_of_a_created_cluster_assumes_the_deployers_role():
    engine, _ = cluster(role_arn=DEPLOYER)

    assert engine.one("eks:index:Cluster").inputs == {
        **DEFAULTS,
        "providerCredentialOpts": {"roleArn": DEPLOYER},
    }


def test_the_kubeconfig_of_an_existing_cluster_assumes_the_deployers_role():
    _, outputs = cluster(existing=True, role_arn=DEPLOYER)

    (user,) = json.loads(outputs["kubeconfig"])["users"]
    command = "eks get-token --cluster-name dev --region us-east-1 --output json --role-arn"
    assert user["user"]["exec"]["args"] == [*command.split(), DEPLOYER]


def test_the_oidc_provider_has_the_audiences_and_no_thumbprint():
    engine, _ = cluster(audiences=["sts.amazonaws.com", "vault"])

    assert engine.one("aws:iam/openIdConnectProvider:OpenIdConnectProvider").inputs == {
        "url": ISSUER_URL,
        "clientIdLists": ["sts.amazonaws.com", "vault"],
    }


def test_the_node_group_is_sized_as_asked_and_uses_the_clusters_subnets():
    nodes = NodeGroupArgs(instance_types=("m7g.large",), desired_size=3, min_size=2, max_size=9)
    engine, _ = cluster(nodes=nodes)

    assert engine.one("aws:eks/nodeGroup:NodeGroup").inputs == {
        "clusterName": "dev",
        "nodeRoleArn": "arn:aws:iam::111122223333:role/dev-node",
        "subnetIds": ["subnet-a", "subnet-b"],
        "instanceTypes": ["m7g.large"],
        "launchTemplate": {"id": "dev-node-id", "version": "1"},
        "scalingConfig": {"desiredSize": 3, "minSize": 2, "maxSize": 9},
    }


def test_roles_get_awss_own_policies_of_the_partition():
    engine, _ = cluster(partition="aws-cn")

    attached = engine.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {(each.inputs["role"], each.inputs["policyArn"]) for each in attached} == {
        ("dev-node", "arn:aws-cn:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"),
        ("dev-node", "arn:aws-cn:iam::aws:policy/AmazonEKSWorkerNodePolicy"),
        ("dev-vpc-cni", "arn:aws-cn:iam::aws:policy/AmazonEKS_CNI_Policy"),
    }


def test_pods_reach_no_credentials_of_their_node():
    engine, _ = cluster()

    assert engine.one("aws:ec2/launchTemplate:LaunchTemplate").inputs == {
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    }


OF_ADDONS = {
    "clusterName": "dev",
    "resolveConflictsOnCreate": "OVERWRITE",
    "resolveConflictsOnUpdate": "OVERWRITE",
}
AGENT = {
    **OF_ADDONS,
    "addonName": "eks-pod-identity-agent",
    "addonVersion": "eks-pod-identity-agent-of-1.34",
}
CNI = {**OF_ADDONS, "addonName": "vpc-cni", "addonVersion": "vpc-cni-of-1.34"}
CNI_ROLE = "arn:aws:iam::111122223333:role/dev-vpc-cni"


def test_the_vpc_cni_has_a_role_by_pod_identity_for_aws_node_alone():
    engine, _ = cluster()

    role = {"roleArn": CNI_ROLE, "serviceAccount": "aws-node"}
    assert {each.name: each.inputs for each in engine.of(ADDON)} == {
        "dev-eks-pod-identity-agent": AGENT,
        "dev-vpc-cni": {**CNI, "podIdentityAssociations": [role]},
    }
    aws_node = service_account_ref("kube-system", "aws-node")
    trust = json.loads(engine.named(ROLE, "dev-vpc-cni").inputs["assumeRolePolicy"])
    assert trust == pod_identity_trust_policy([CLUSTER_ARN], [aws_node])


def test_the_vpc_cni_has_a_role_by_irsa_in_china():
    engine, _ = cluster(partition="aws-cn")

    assert engine.one(ADDON).inputs == {**CNI, "serviceAccountRoleArn": CNI_ROLE}
    aws_node = service_account_ref("kube-system", "aws-node")
    trust = json.loads(engine.named(ROLE, "dev-vpc-cni").inputs["assumeRolePolicy"])
    assert trust == irsa_trust_policy([PROVIDER_ARN], [aws_node])


def test_nodes_wait_for_the_vpc_cni_and_it_for_the_agent():
    """VPC CNI without the agent fails, and says nothing; nodes without VPC CNI are not ready."""
    engine, _ = cluster()

    assert engine.waits_for("aws:eks/nodeGroup:NodeGroup", ADDON)
    cni = engine.options(ADDON, "dev-vpc-cni").dependencies
    assert [urn for urn in cni if urn.endswith("::dev-eks-pod-identity-agent")]
    assert [urn for urn in cni if urn.endswith("::dev-vpc-cni-AmazonEKS_CNI_Policy")]


def test_the_vpc_cni_of_an_older_stack_becomes_ours_in_place():
    engine, _ = cluster()

    (alias,) = engine.options(ADDON, "dev-vpc-cni").aliases
    of_pulumi_eks = f"{CHILD}eks:index:Cluster$eks:index:VpcCniAddon::dev-vpc-cni"
    assert alias.spec.parentUrn.endswith(f"::{of_pulumi_eks}")


def test_auto_mode_has_neither_add_ons_nor_nodes_of_ours():
    engine, _ = cluster(auto_mode=True)

    assert engine.tree() == {
        "pulumi:pulumi:Stack$irsa:index:EksCluster",
        f"{CHILD}eks:index:Cluster",
        f"{CHILD}aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        f"{CHILD}pulumi:providers:kubernetes",
    }
    inputs = engine.one("eks:index:Cluster").inputs
    assert inputs["autoMode"] == {"enabled": True, "createNodeRole": True}
    assert inputs["corednsAddonOptions"]["enabled"] is False
    assert engine.waits_for("pulumi:providers:kubernetes", "eks:index:Cluster")


def test_objects_in_the_cluster_are_deleted_before_nodes_and_cluster():
    engine, _ = cluster()

    for earlier in (
        "aws:eks/nodeGroup:NodeGroup",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "eks:index:Cluster",
    ):
        assert engine.waits_for("pulumi:providers:kubernetes", earlier)


def test_the_kubernetes_provider_is_replaced_only_with_the_cluster():
    engine, _ = cluster()

    assert engine.one("pulumi:providers:kubernetes").inputs == {
        "kubeconfig": secret('{"kind": "Config"}'),
        "clusterIdentifier": ISSUER_URL,
        "enableConfigMapMutable": "true",
        "enableSecretMutable": "true",
    }


@pytest.mark.parametrize("existing", [False, True])
def test_the_kubeconfig_is_a_secret(existing):
    engine, outputs = cluster(existing=existing)

    kubeconfig = engine.one("pulumi:providers:kubernetes").inputs["kubeconfig"]
    assert kubeconfig == secret(outputs["kubeconfig"])


@pytest.mark.parametrize("create", [False, True])
def test_an_existing_clusters_provider_is_found_by_issuer_or_created(create):
    engine, outputs = cluster(existing=True, create_provider=create)

    assert engine.tree() == {
        "pulumi:pulumi:Stack$irsa:index:EksCluster",
        f"{CHILD}aws:eks/cluster:Cluster",
        f"{CHILD}aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        f"{CHILD}pulumi:providers:kubernetes",
    }
    assert engine.one("aws:eks/cluster:Cluster").resource_id == "dev"
    provider = engine.one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert provider.resource_id == ("" if create else PROVIDER_ARN)
    assert outputs["cluster_arn"] == CLUSTER_ARN
    assert outputs["issuer_url"] == ISSUER_URL
    assert outputs["provider_arn"] == PROVIDER_ARN


def test_an_existing_clusters_kubeconfig_gets_its_token_from_the_aws_cli():
    _, outputs = cluster(existing=True)

    arn = "arn:aws:eks:us-east-1:111122223333:cluster/dev"
    command = "eks get-token --cluster-name dev --region us-east-1 --output json"
    assert json.loads(outputs["kubeconfig"]) == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": arn,
                "cluster": {
                    "server": "https://cluster.example",
                    "certificate-authority-data": "Q0E=",
                },
            }
        ],
        "users": [
            {
                "name": arn,
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "aws",
                        "args": command.split(),
                        "interactiveMode": "Never",
                    }
                },
            }
        ],
        "contexts": [{"name": arn, "context": {"cluster": arn, "user": arn}}],
        "current-context": arn,
    }


def test_an_existing_provider_is_used_and_none_created():
    engine, outputs = cluster(existing=True, provider_arn=PROVIDER_ARN)

    assert engine.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == []
    assert outputs["provider_arn"] == PROVIDER_ARN


def test_the_provider_of_another_cluster_is_refused():
    other = PROVIDER_ARN.replace(ISSUER, f"{ISSUER[:-1]}0")

    assert refusal(cluster, existing=True, provider_arn=other, raised=pulumi.RunError) == (
        f"OIDC provider {other} is not the one of cluster 'dev', whose issuer is {ISSUER_URL}; "
        "correct provider_arn, or leave it out"
    )


@pytest.mark.parametrize("existing", [False, True])
def test_a_preview_shows_every_resource(existing):
    preview, outputs = cluster(Engine(preview=True), existing=existing)
    up, _ = cluster(existing=existing)

    assert preview.tree() == up.tree()
    assert "provider_arn" not in outputs


VIEW = AccessEntryArgs(principal_arn=ANN, policy="AmazonEKSViewPolicy")
BY_DEPLOYER = AccessEntryArgs(principal_arn=DEPLOYER, policy="AmazonEKSViewPolicy")
VPC = "vpc-00000001"
SUBNETS = ["subnet-00000001", "subnet-00000002"]
KEY = "alias/eks"


def in_vpc(*subnets: str, vpc: str = VPC) -> dict:
    return {"vpc_id": vpc, "subnet_ids": [*subnets]}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"version": "1.34"}, "version cannot be set on an existing cluster"),
        (in_vpc(*SUBNETS), "subnet_ids cannot be set on an existing cluster"),
        (
            {"control_plane": ControlPlaneArgs(log_types=())},
            "control_plane cannot be set on an existing cluster",
        ),
        ({"access_entries": [VIEW]}, "access_entries cannot be set on an existing cluster"),
        ({"nodes": NodeGroupArgs(max_size=9)}, "nodes cannot be set on an existing cluster"),
        ({"auto_mode": True}, "auto_mode cannot be set on an existing cluster"),
        ({"provider_arn": "x"}, "'x' is not an OIDC provider ARN"),
        (
            {"provider_arn": PROVIDER_ARN, "create_provider": True},
            "create_provider is for an existing cluster without an OIDC provider; remove it",
        ),
        ({"audiences": ["mine"]}, "audiences cannot be set on an existing OIDC provider"),
    ],
)
def test_what_does_not_fit_an_existing_cluster_is_refused(args, message):
    assert message in refusal(EksClusterArgs, cluster_name="dev", existing=True, **args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"subnet_ids": SUBNETS}, "has one of subnet_ids and vpc_id; give both, or neither"),
        ({"vpc_id": VPC}, "has one of subnet_ids and vpc_id; give both, or neither"),
        (in_vpc(*SUBNETS, vpc="main"), "'main' is not the id of a VPC, such as 'vpc-0a1b2c3d'"),
        (
            in_vpc(SUBNETS[0]),
            "subnet_ids has 1 subnets; EKS needs 2 in different availability zones",
        ),
        (in_vpc(SUBNETS[0], SUBNETS[0]), "subnet_ids has subnet-00000001 twice; remove one"),
        (in_vpc(*SUBNETS, VPC), "'vpc-00000001' is not the id of a subnet"),
        ({"provider_arn": PROVIDER_ARN}, "is created, so its OIDC provider cannot exist yet"),
        (
            {"auto_mode": True, "nodes": NodeGroupArgs(max_size=9)},
            "nodes has no effect with auto_mode=True, where EKS creates the nodes; remove one",
        ),
        (
            {"role_arn": DEPLOYER, "access_entries": [BY_DEPLOYER]},
            f"{DEPLOYER} creates the cluster, so EKS makes it an administrator",
        ),
    ],
)
def test_contradictory_arguments_are_refused(args, message):
    assert message in refusal(EksClusterArgs, cluster_name="dev", **args)


@pytest.mark.parametrize(
    ("kind", "args", "message"),
    [
        (NodeGroupArgs, {"instance_types": ()}, "instance_types is empty"),
        (
            NodeGroupArgs,
            {"instance_types": ["t3medium"]},
            "instance_types[0]: 't3medium' is not one, such as",
        ),
        (NodeGroupArgs, {"min_size": 4}, "min_size 4, desired_size 2 and max_size 3 must ascend"),
        (
            NodeGroupArgs,
            {"min_size": 0, "desired_size": 0, "max_size": 0},
            "max_size must be at least 1",
        ),
        (NodeGroupArgs, {"min_size": -1}, "min_size -1"),
        (
            ControlPlaneArgs,
            {"endpoint_public_access": False, "endpoint_private_access": False},
            "endpoint_public_access and endpoint_private_access are both False",
        ),
        (ControlPlaneArgs, {"public_access_cidrs": []}, "public_access_cidrs is empty"),
        (
            ControlPlaneArgs,
            {"endpoint_public_access": False, "public_access_cidrs": ["203.0.113.0/24"]},
            "public_access_cidrs has no effect with endpoint_public_access=False",
        ),
        (
            ControlPlaneArgs,
            {"public_access_cidrs": ["203.0.113.7/24"]},
            "'203.0.113.7/24' is not an IPv4 CIDR block; write '203.0.113.0/24'",
        ),
        (
            ControlPlaneArgs,
            {"public_access_cidrs": ["203.0.113.5"]},
            "'203.0.113.5' is not an IPv4 CIDR block; write '203.0.113.5/32'",
        ),
        (
            ControlPlaneArgs,
            {"public_access_cidrs": ["office"]},
            "'office' is not an IPv4 CIDR block, such as '203.0.113.0/24'",
        ),
        (EksClusterArgs, {"cluster_name": "my dev"}, "cluster_name: 'my dev' is not 1 to 100"),
        (EksClusterArgs, {"cluster_name": "d" * 101}, "is not 1 to 100 letters"),
        (
            EksClusterArgs,
            {"cluster_name": "dev", "version": "latest"},
            "version: 'latest' is not a Kubernetes version, such as '1.34'",
        ),
        (
            ControlPlaneArgs,
            {"public_access_cidrs": ["10.1.0.0/16"]},
            "public_access_cidrs[0]: 10.1.0.0/16 is a private range; use a public CIDR block",
        ),
        (ControlPlaneArgs, {"log_types": ["Audit"]}, "log_types[0]: 'Audit' is not one of api"),
        (ControlPlaneArgs, {"encryption_key_arn": KEY}, "'alias/eks' is not the ARN of a KMS key"),
        (
            AccessEntryArgs,
            {"principal_arn": ANN, "policy": "cluster-admin"},
            "policy: 'cluster-admin' is not one of AmazonEKSClusterAdminPolicy",
        ),
        (
            AccessEntryArgs,
            {"principal_arn": "ann", "policy": "AmazonEKSViewPolicy"},
            "'ann' is not the ARN of a role or user",
        ),
        (
            AccessEntryArgs,
            {"principal_arn": ANN, "policy": "AmazonEKSViewPolicy", "namespaces": ["Dev"]},
            "namespace 'Dev' is not a DNS-1123 label",
        ),
    ],
)
def test_a_wrong_argument_is_refused_by_name_and_value(kind, args, message):
    assert message in refusal(kind, **args)
