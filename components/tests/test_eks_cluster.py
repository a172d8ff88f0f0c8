"""EksCluster: created with pulumi-eks, or an existing one."""

import json
from functools import partial

import pulumi
import pytest

from irsa_components import AccessEntryArgs, EksClusterArgs, NodeGroupArgs
from irsa_components import ControlPlaneArgs as Plane
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import service_account_ref
from tests.support import engine as engine_of_tests
from tests.support.engine import Engine, create, secret
from tests.support.refusal import refusal
from tests.support.versions import DELETION_PROTECTION, needs_deletion_protection
from tests.support.world import CLUSTER_ARN, CLUSTER_OUTPUTS, ISSUER, ISSUER_URL, PROVIDER_ARN

COMPONENT = "pulumi:pulumi:Stack$irsa:index:EksCluster"
ALWAYS = {"aws:iam/openIdConnectProvider:OpenIdConnectProvider", "pulumi:providers:kubernetes"}
NODES = {
    *("aws:ec2/launchTemplate:LaunchTemplate", "aws:eks/addon:Addon", "aws:iam/role:Role"),
    *("aws:eks/nodeGroup:NodeGroup", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"),
}
DEPLOYER = "arn:aws:iam::111122223333:role/deployer"
KEY = "arn:aws:kms:us-east-1:111122223333:key/0a1b"
AWS_NODE = service_account_ref("kube-system", "aws-node")
VPC, SUBNETS = "vpc-00000001", ["subnet-00000001", "subnet-00000002"]
PRIVATE_LOGS = {"control_plane": Plane(endpoint_private_access=False, log_types=())}
OFFICE = {"control_plane": Plane(public_access_cidrs=("203.0.113.0/24",))}
OVERWRITE = dict.fromkeys(("resolveConflictsOnCreate", "resolveConflictsOnUpdate"), "OVERWRITE")
AUTO_MODE = {
    "autoMode": {"enabled": True, "createNodeRole": True},
    "corednsAddonOptions": {"enabled": False, **OVERWRITE},
}
NO_ENDPOINT = {"control_plane": Plane(endpoint_public_access=False)}
cluster = partial(create, "EksCluster", "dev", cluster_name="dev")


@pytest.mark.cases(("args", "children"), {
    "new": ({}, {"eks:index:Cluster", *ALWAYS, *NODES}),
    # The nodes of Auto Mode and their add-ons are EKS's.
    "Auto Mode": ({"auto_mode": True}, {"eks:index:Cluster", *ALWAYS}),
    "existing": ({"existing": True}, {"aws:eks/cluster:Cluster", *ALWAYS}),
    "existing, new provider": ({"existing": True, "create_provider": True},
        {"aws:eks/cluster:Cluster", *ALWAYS}),
})  # fmt: skip
def test_a_cluster_has_its_children_in_the_preview_too(args, children):
    preview, up = cluster(Engine(preview=True), **args), cluster(**args)
    outputs = up.outputs("EksCluster")

    tree = {COMPONENT, *(f"irsa:index:EksCluster${child}" for child in children)}
    assert up.tree() == preview.tree() == tree
    assert "provider_arn" not in preview.outputs("EksCluster")
    provider_id = up.one("OpenIdConnectProvider").resource_id
    assert provider_id == (PROVIDER_ARN if args == {"existing": True} else "")
    assert up.one("kubernetes").inputs["kubeconfig"] == outputs["kubeconfig"]
    assert outputs | {"kubeconfig": "{}"} == CLUSTER_OUTPUTS


@pytest.mark.cases(("args", "changed"), {
    # Without its VPC, pulumi-eks puts security groups into the default one.
    "VPC": ({"vpc_id": VPC, "subnet_ids": SUBNETS}, {"vpcId": VPC, "subnetIds": SUBNETS}),
    "version": ({"version": "1.34"}, {"version": "1.34"}),
    "role of the deployer": ({"role_arn": DEPLOYER},
        {"providerCredentialOpts": {"roleArn": DEPLOYER}}),
    "no private endpoint, no logs": (PRIVATE_LOGS,
        {"endpointPrivateAccess": False, "enabledClusterLogTypes": []}),
    "addresses of the office": (OFFICE, {"publicAccessCidrs": ["203.0.113.0/24"]}),
    "encryption key": ({"control_plane": Plane(encryption_key_arn=KEY)},
        {"encryptionConfigKeyArn": KEY}),
    "no public endpoint": (NO_ENDPOINT, {"endpointPublicAccess": False, "publicAccessCidrs": None}),
    "Auto Mode": ({"auto_mode": True}, AUTO_MODE),
})  # fmt: skip
def test_the_control_plane_has_the_given_settings(args, changed):
    ours = ("skipDefaultSecurityGroups", "skipDefaultNodeGroup", "useDefaultVpcCni")
    inputs = {**dict.fromkeys(ours, True), "name": "dev", "authenticationMode": "API"}
    inputs |= {"endpointPrivateAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]}
    inputs |= {"enabledClusterLogTypes": ["audit", "authenticator"]}
    inputs |= {"deletionProtection": False} if DELETION_PROTECTION else {}
    inputs |= {"createOidcProvider": False, **changed}

    engine = cluster(**args)
    assert engine.waits_for("kubernetes", "eks:index:Cluster")
    settings = engine.one("eks:index:Cluster").inputs
    assert settings == {key: value for key, value in inputs.items() if value is not None}


def test_a_cluster_without_public_endpoint_logs_a_warning():
    (line,) = cluster(**NO_ENDPOINT).logged
    assert line == (
        "warning: cluster 'dev' has no public endpoint: this deployment, and every client, must "
        "run in its VPC or in a network connected to it"
    )
    assert cluster().logged == []


@pytest.mark.parametrize("protected", [False, pytest.param(True, marks=needs_deletion_protection)])
def test_cluster_and_oidc_provider_are_protected_in_pulumi_too(protected):
    """EKS refuses to delete it only once the nodes and everything in the cluster are gone."""
    plane, audiences = Plane(deletion_protection=protected), ["sts.amazonaws.com", "vault"]
    engine = cluster(control_plane=plane, audiences=audiences)

    inputs = engine.one("OpenIdConnectProvider").inputs
    assert inputs == {"url": ISSUER_URL, "clientIdLists": audiences}, "and no thumbprint"

    assert engine.one("eks:index:Cluster").inputs.get("deletionProtection", False) is protected
    # Roles of other stacks trust the provider, and the engine keeps the cluster alone.
    for typ in ("eks:index:Cluster", "OpenIdConnectProvider"):
        assert engine.options(typ, "dev").protect is protected


@pytest.mark.cases("existing", {"created": False, "existing": True})
def test_access_entries_give_principals_their_policies(existing):
    admin, ann = (f"arn:aws-cn:iam::111122223333:{who}" for who in ("role/aws/admin", "user/ann"))
    grants = [(admin, "AmazonEKSClusterAdminPolicy", ()), (ann, "AmazonEKSViewPolicy", ())]
    grants += [(ann, "AmazonEKSEditPolicy", ("dev",))]
    names = ("principal_arn", "policy", "namespaces")
    entries = [AccessEntryArgs(**dict(zip(names, grant, strict=True))) for grant in grants]
    engine = cluster(partition="aws-cn", access_entries=entries, existing=existing)

    def named(arn: str) -> str:
        return arn.replace("arn:aws-cn:iam::", "dev-").replace(":", "-", 1)

    assert {entry.name: entry.inputs for entry in engine.of("AccessEntry")} == {
        named(arn): {"clusterName": "dev", "principalArn": arn} for arn in (admin, ann)
    }
    in_dev = {"type": "namespace", "namespaces": ["dev"]}
    associations = {child.name: child.inputs for child in engine.of("AccessPolicyAssociation")}
    assert len(associations) == len(grants)
    for arn, policy, namespaces in grants:
        policy_arn = f"arn:aws-cn:eks::aws:cluster-access-policy/{policy}"
        scope = {"accessScope": in_dev if namespaces else {"type": "cluster"}}
        inputs = {"clusterName": "dev", "principalArn": arn, "policyArn": policy_arn, **scope}
        assert associations[f"{named(arn)}-{policy}"] == inputs


def test_the_node_group_is_sized_as_asked_and_uses_the_clusters_subnets():
    nodes = NodeGroupArgs(instance_types=("m7g.large",), desired_size=3, min_size=2, max_size=9)
    engine = cluster(nodes=nodes)

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
    """By Pod Identity, which is not proven in the China regions."""
    engine = cluster(partition=partition)

    role = "arn:aws:iam::111122223333:role/dev-vpc-cni"
    association = {"roleArn": role, "serviceAccount": "aws-node"}
    special = {"eks-pod-identity-agent": {}, "vpc-cni": {"podIdentityAssociations": [association]}}
    trust_policy = pod_identity_trust_policy([CLUSTER_ARN], [AWS_NODE])
    if partition == "aws-cn":
        special = {"vpc-cni": {"serviceAccountRoleArn": role}}
        trust_policy = irsa_trust_policy([PROVIDER_ARN], [AWS_NODE])
    addons = {addon.inputs["addonName"]: addon for addon in engine.of("Addon")}
    assert addons.keys() == special.keys()
    for name, more in special.items():
        inputs = {"clusterName": "dev", "addonName": name, "addonVersion": f"{name}-of-1.34"}
        assert addons[name].inputs == {**inputs, **OVERWRITE, **more}
        assert addons[name].name == f"dev-{name}"
    assert json.loads(engine.one("Role", "dev-vpc-cni").inputs["assumeRolePolicy"]) == trust_policy
    attached = engine.of("RolePolicyAttachment")
    policies = f"arn:{partition}:iam::aws:policy/"
    assert {(policy.inputs["role"], policy.inputs["policyArn"]) for policy in attached} == {
        ("dev-node", f"{policies}AmazonEC2ContainerRegistryPullOnly"),
        ("dev-node", f"{policies}AmazonEKSWorkerNodePolicy"),
        ("dev-vpc-cni", f"{policies}AmazonEKS_CNI_Policy"),
    }


def test_nodes_wait_for_the_vpc_cni_it_for_the_agent_and_objects_leave_first():
    """VPC CNI without the agent fails, and says nothing; nodes without VPC CNI are not ready."""
    engine = cluster()

    assert engine.waits_for("NodeGroup", "Addon")
    cni = engine.options("Addon", "dev-vpc-cni")
    assert [urn for urn in cni.dependencies if urn.endswith("::dev-eks-pod-identity-agent")]
    assert [urn for urn in cni.dependencies if urn.endswith("::dev-vpc-cni-AmazonEKS_CNI_Policy")]
    (alias,) = cni.aliases  # of an older stack, which becomes ours in place
    of_pulumi_eks = "EksCluster$eks:index:Cluster$eks:index:VpcCniAddon::dev-vpc-cni"
    assert alias.spec.parentUrn.endswith(of_pulumi_eks)
    for earlier in ("NodeGroup", "RolePolicyAttachment", "eks:index:Cluster"):
        assert engine.waits_for("kubernetes", earlier)
    assert engine.one("kubernetes").inputs == {  # replaced only with the cluster
        "kubeconfig": secret('{"kind": "Config"}'),
        "clusterIdentifier": ISSUER_URL,
        "enableConfigMapMutable": "true",
        "enableSecretMutable": "true",
    }


@pytest.mark.parametrize("role_arn", [None, DEPLOYER])
def test_an_existing_clusters_kubeconfig_gets_its_token_from_the_aws_cli(role_arn):
    outputs = cluster(existing=True, role_arn=role_arn).outputs("EksCluster")

    words = "eks get-token --cluster-name dev --region us-east-1 --output json"
    words += f" --role-arn {role_arn}" if role_arn else ""
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws"}
    command |= {"args": words.split(), "interactiveMode": "Never"}
    server = {"server": "https://cluster.example", "certificate-authority-data": "Q0E="}
    context = {"cluster": CLUSTER_ARN, "user": CLUSTER_ARN}
    parts = {"cluster": server, "user": {"exec": command}, "context": context}
    config = {f"{kind}s": [{"name": CLUSTER_ARN, kind: part}] for kind, part in parts.items()}
    config |= {"apiVersion": "v1", "kind": "Config", "current-context": CLUSTER_ARN}
    assert json.loads(outputs["kubeconfig"]["value"]) == config


def test_an_existing_cluster_is_read_with_the_provider_that_is_given():
    engine = cluster(existing=True, provider_arn=PROVIDER_ARN)

    assert engine.one("aws:eks/cluster:Cluster").resource_id == "dev"
    assert engine.of("OpenIdConnectProvider") == []
    assert engine.outputs("EksCluster")["provider_arn"] == PROVIDER_ARN
    other = PROVIDER_ARN.replace(ISSUER, f"{ISSUER[:-1]}0")
    assert refusal(cluster, existing=True, provider_arn=other, raised=pulumi.RunError) == (
        f"provider_arn ends in {other[-32:]}, and the issuer of cluster 'dev' is {ISSUER_URL}; "
        "correct it, or leave it out"
    )


def test_pulumi_names_a_cluster_unless_it_exists():
    engine = cluster(Engine(preview=True), cluster_name=None)
    assert "name" not in engine.one("eks:index:Cluster").inputs
    assert "cluster_name" not in engine.outputs("EksCluster"), (
        "its random part is another one after the preview"
    )
    said = refusal(EksClusterArgs, existing=True)
    assert said == "existing=True is a cluster without a name; give cluster_name"


@pytest.mark.parametrize("key", ["identities", "certificateAuthority"])
def test_mocks_that_lack_an_output_of_a_cluster_are_told_which(monkeypatch, key):
    known = engine_of_tests._cluster("dev")
    monkeypatch.setattr(engine_of_tests, "_cluster", lambda _: {**known, key: None})
    said = f"^EksCluster 'dev': the cluster that was read has no {key}; mocks have to return it$"
    with pytest.raises(pulumi.RunError, match=said):
        cluster(existing=True)
