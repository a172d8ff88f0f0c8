"""EksCluster: created with pulumi-eks, or adopted."""

import json
import re

import pulumi
import pytest

from components.eks_cluster import EksCluster, EksClusterArgs
from components.specs import AccessEntrySpec, ControlPlaneSpec, NodeGroupSpec
from tests.support.engine import ISSUER, ISSUER_URL, PROVIDER_ARN, Engine, deploy, secret

CHILD = "irsa:index:EksCluster$"
DEPLOYER = "arn:aws:iam::111122223333:role/deployer"
ANN = "arn:aws-cn:iam::111122223333:user/ann"


def cluster(engine: Engine | None = None, **args) -> tuple[Engine, dict]:
    """Deploy a cluster; returns what was registered and the component's outputs."""
    outputs: dict = {}

    def program() -> None:
        made = EksCluster("dev", EksClusterArgs(cluster_name="dev", **args))
        for name in ("cluster_name", "issuer_url", "provider_arn", "kubeconfig"):
            getattr(made, name).apply(lambda value, name=name: outputs.__setitem__(name, value))

    return deploy(program, engine), outputs


def test_a_created_cluster_has_a_node_group_and_an_oidc_provider():
    engine, outputs = cluster()

    assert engine.tree() == {
        "pulumi:pulumi:Stack$irsa:index:EksCluster",
        f"{CHILD}eks:index:Cluster",
        f"{CHILD}aws:iam/role:Role",
        f"{CHILD}aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        f"{CHILD}aws:eks/nodeGroup:NodeGroup",
        f"{CHILD}aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        f"{CHILD}pulumi:providers:kubernetes",
    }
    assert outputs == {
        "cluster_name": "dev",
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
}


def test_pulumi_eks_authenticates_by_api_and_creates_neither_nodes_nor_groups_nor_provider():
    engine, _ = cluster()

    assert engine.one("eks:index:Cluster").inputs == DEFAULTS


def test_p1_subnets_come_with_their_vpc_whichever_it_is():
    """P1: without it pulumi-eks looks for the default VPC and puts its security groups there."""
    engine, _ = cluster(version="1.34", vpc_id="vpc-1", subnet_ids=["subnet-1", "subnet-2"])

    assert engine.one("eks:index:Cluster").inputs == {
        **DEFAULTS,
        "version": "1.34",
        "vpcId": "vpc-1",
        "subnetIds": ["subnet-1", "subnet-2"],
    }


def test_p1_the_control_plane_is_as_asked_for():
    key = "arn:aws:kms:us-east-1:111122223333:key/0a1b"
    engine, _ = cluster(
        control_plane=ControlPlaneSpec(
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


def test_p1_a_cluster_without_public_endpoint_says_whence_it_can_be_reached():
    engine, _ = cluster(control_plane=ControlPlaneSpec(endpoint_public_access=False))

    inputs = {**DEFAULTS, "endpointPublicAccess": False}
    del inputs["publicAccessCidrs"]
    assert engine.one("eks:index:Cluster").inputs == inputs
    (line,) = engine.logged
    assert line == (
        "warning: cluster 'dev' has no public endpoint: this deployment, and whoever uses the "
        "cluster, must come from its VPC or a network connected to it"
    )


@pytest.mark.parametrize("protection", [False, True])
def test_a_protected_cluster_is_protected_in_pulumi_too(protection):
    """EKS refuses to delete it only once the nodes and everything in the cluster are gone."""
    engine, _ = cluster(control_plane=ControlPlaneSpec(deletion_protection=protection))

    assert engine.one("eks:index:Cluster").inputs["deletionProtection"] is protection
    assert engine.options("eks:index:Cluster", "dev").protect is protection
    # Roles of other stacks trust it, and the engine keeps the cluster alone.
    provider = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    assert engine.options(provider, "dev").protect is protection


def test_p1_access_entries_let_principals_in_each_with_its_policies():
    admin = "arn:aws-cn:iam::111122223333:role/aws-reserved/admin"
    engine, _ = cluster(
        partition="aws-cn",
        access_entries=[
            AccessEntrySpec(principal_arn=admin, policy="AmazonEKSClusterAdminPolicy"),
            AccessEntrySpec(principal_arn=ANN, policy="AmazonEKSViewPolicy"),
            AccessEntrySpec(principal_arn=ANN, policy="AmazonEKSEditPolicy", namespaces=("dev",)),
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


def test_nobody_is_let_in_beside_the_creator_unless_asked_for():
    engine, _ = cluster()

    assert engine.of("aws:eks/accessEntry:AccessEntry") == []


def test_who_assumed_a_role_to_create_the_cluster_assumes_it_to_enter():
    engine, _ = cluster(role_arn=DEPLOYER)

    assert engine.one("eks:index:Cluster").inputs == {
        **DEFAULTS,
        "providerCredentialOpts": {"roleArn": DEPLOYER},
    }


def test_who_assumed_a_role_enters_an_adopted_cluster_as_that_role():
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
    nodes = NodeGroupSpec(instance_types=("m7g.large",), desired_size=3, min_size=2, max_size=9)
    engine, _ = cluster(nodes=nodes)

    assert engine.one("aws:eks/nodeGroup:NodeGroup").inputs == {
        "clusterName": "dev",
        "nodeRoleArn": "arn:aws:iam::111122223333:role/dev-node",
        "subnetIds": ["subnet-a", "subnet-b"],
        "instanceTypes": ["m7g.large"],
        "scalingConfig": {"desiredSize": 3, "minSize": 2, "maxSize": 9},
    }


def test_nodes_get_awss_own_policies_of_the_partition():
    engine, _ = cluster(partition="aws-cn")

    attached = engine.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert sorted(resource.inputs["policyArn"] for resource in attached) == [
        "arn:aws-cn:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "arn:aws-cn:iam::aws:policy/AmazonEKSWorkerNodePolicy",
        "arn:aws-cn:iam::aws:policy/AmazonEKS_CNI_Policy",
    ]


def test_what_uses_the_cluster_goes_before_nodes_and_cluster():
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


def test_an_adopted_cluster_is_read_and_gets_its_provider():
    engine, outputs = cluster(existing=True)

    assert engine.tree() == {
        "pulumi:pulumi:Stack$irsa:index:EksCluster",
        f"{CHILD}aws:eks/cluster:Cluster",
        f"{CHILD}aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        f"{CHILD}pulumi:providers:kubernetes",
    }
    assert engine.one("aws:eks/cluster:Cluster").resource_id == "dev"
    assert outputs["issuer_url"] == ISSUER_URL
    assert outputs["provider_arn"] == PROVIDER_ARN


def test_an_adopted_clusters_kubeconfig_gets_its_token_from_the_aws_cli():
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

    with pytest.raises(pulumi.RunError, match="is not the one of cluster 'dev'") as caught:
        cluster(existing=True, provider_arn=other)
    assert str(caught.value) == (
        f"OIDC provider {other} is not the one of cluster 'dev', whose issuer is {ISSUER_URL}; "
        "correct the ARN, or leave it out to create the provider"
    )


@pytest.mark.parametrize("existing", [False, True])
def test_a_preview_shows_every_resource(existing):
    preview, outputs = cluster(Engine(preview=True), existing=existing)
    up, _ = cluster(existing=existing)

    assert preview.tree() == up.tree()
    assert "provider_arn" not in outputs


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            {"existing": True, "version": "1.34"},
            "cluster 'dev' is adopted, so version is not ours to set",
        ),
        (
            {"existing": True, "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]},
            "cluster 'dev' is adopted, so subnet_ids is not ours to set",
        ),
        (
            {"existing": True, "control_plane": ControlPlaneSpec(log_types=())},
            "cluster 'dev' is adopted, so control_plane is not ours to set",
        ),
        (
            {
                "existing": True,
                "access_entries": [
                    AccessEntrySpec(principal_arn=ANN, policy="AmazonEKSViewPolicy")
                ],
            },
            "cluster 'dev' is adopted, so access_entries is not ours to set",
        ),
        (
            {"subnet_ids": ["subnet-1", "subnet-2"]},
            "cluster 'dev' has one of subnet_ids and vpc_id; give both, or neither",
        ),
        (
            {"vpc_id": "vpc-1"},
            "cluster 'dev' has one of subnet_ids and vpc_id; give both, or neither",
        ),
        (
            {"provider_arn": PROVIDER_ARN},
            "cluster 'dev' is created, so its OIDC provider cannot exist yet",
        ),
    ],
)
def test_contradictory_arguments_are_refused(args, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EksClusterArgs(cluster_name="dev", **args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"instance_types": ()}, "the node group has no instance type"),
        ({"min_size": 4}, "node group sizes min 4, desired 2, max 3 must ascend"),
        ({"desired_size": 4}, "node group sizes min 1, desired 4, max 3 must ascend"),
        ({"min_size": 0, "desired_size": 0, "max_size": 0}, "max must be at least 1"),
        ({"min_size": -1}, "node group sizes min -1"),
    ],
)
def test_impossible_node_groups_are_refused(args, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NodeGroupSpec(**args)
