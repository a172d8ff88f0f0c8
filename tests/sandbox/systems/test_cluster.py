"""The cluster in the real engine: another VPC than the default one, its options, who enters it."""

import json
import ssl

import httpx2
import pytest

from sandbox.aws.accounts import ACCOUNT_A
from sandbox.state import SandboxError
from tests.sandbox.support.networks import network, remove_default_vpc

pytestmark = pytest.mark.sandbox

ROLE_ONLY = {"name": "operator", "namespace": "apps", "serviceAccountPattern": "operator-*"}
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/0a1b2c3d"
ANN = f"arn:aws:iam::{ACCOUNT_A}:user/ann"
# The engine names what it meets first: the provider goes before the cluster.
PROTECTED = (
    r'(dev-eksCluster|OpenIdConnectProvider::dev)" cannot be deleted because it is protected'
)
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture(scope="module")
def ec2(session):
    return session.aws("ec2")


@pytest.fixture(scope="module")
def eks(session):
    return session.aws("eks")


@pytest.fixture
def no_default_vpc(ec2):
    remove_default_vpc(ec2)
    yield
    ec2.create_default_vpc()


def config(*workloads, **cluster):
    return {
        "irsa:cluster": {"name": "dev", **cluster},
        "irsa:workloads": list(workloads) or "none",
        "irsa:roles": [] if workloads else [ROLE_ONLY],
    }


@pytest.mark.usefixtures("no_default_vpc")
def test_p1_a_cluster_lives_in_any_vpc_and_changes_in_place(open_stack, ec2, eks):
    """P1, in an account that has no default VPC."""
    open_stack().destroy()
    vpc, subnets = network(ec2, "a", "b")

    with pytest.raises(SandboxError, match="no matching EC2 VPC found"):
        open_stack(config()).preview()

    stack = open_stack(config(subnetIds=subnets))
    assert stack.preview().keys() == {"create"}
    stack.up()
    assert stack.preview().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    made = eks.describe_cluster(name="dev")["cluster"]
    assert made["resourcesVpcConfig"]["vpcId"] == vpc
    assert sorted(made["resourcesVpcConfig"]["subnetIds"]) == sorted(subnets)
    assert made["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    assert enabled_logs(made) == ["audit", "authenticator"]
    assert made["encryptionConfig"] == []

    changed = {
        "subnetIds": list(reversed(subnets)),
        "vpcId": vpc,
        "controlPlane": {
            "publicAccessCidrs": ["203.0.113.0/24"],
            "logTypes": ["api"],
            "encryptionKeyArn": KEY,
        },
        "accessEntries": [{"principalArn": ANN, "policy": "AmazonEKSViewPolicy"}],
    }
    stack = open_stack(config(**changed))
    preview = stack.preview()
    assert (preview["create"], preview["update"], set(preview)) == (
        2,
        1,
        {"create", "update", "same"},
    )
    stack.up()
    assert stack.preview().keys() == {"same"}
    assert stack.refresh().keys() == {"same"}
    made = eks.describe_cluster(name="dev")["cluster"]
    assert made["resourcesVpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert enabled_logs(made) == ["api"]
    assert made["encryptionConfig"] == [{"resources": ["secrets"], "provider": {"keyArn": KEY}}]
    assert scope_of(eks, ANN) == {"type": "cluster", "namespaces": []}

    # Nothing of an association changes in place, and the new one is the old one to EKS.
    changed["accessEntries"][0]["namespaces"] = ["apps"]
    stack = open_stack(config(**changed))
    stack.up()
    assert scope_of(eks, ANN) == {"type": "namespace", "namespaces": ["apps"]}
    assert stack.preview().keys() == {"same"}

    assert stack.destroy().keys() == {"delete"}
    assert eks.list_clusters()["clusters"] == []


def enabled_logs(cluster):
    setups = cluster["logging"]["clusterLogging"]
    return sorted(kind for setup in setups if setup["enabled"] for kind in setup["types"])


def scope_of(eks, principal):
    found = eks.list_associated_access_policies(clusterName="dev", principalArn=principal)
    (policy,) = found["associatedAccessPolicies"]
    assert policy["policyArn"] == VIEW
    return policy["accessScope"]


def test_p1_subnets_that_eks_would_refuse_end_the_preview(open_stack, ec2):
    open_stack().destroy()
    one, (first, same_zone) = network(ec2, "a", "a")
    other, (strange,) = network(ec2, "b")
    missing = "subnet-0123456789abcdef0"

    for subnets, line in (
        ([first, same_zone], f"subnets {first}, {same_zone} are all in us-east-1a; EKS needs two"),
        ([first, strange], f"subnet {first} is in {one} and {strange} in {other}; "),
        ([first, missing], f"subnet {missing} does not exist in the account and region"),
    ):
        with pytest.raises(SandboxError) as refused:
            open_stack(config(subnetIds=subnets)).preview()
        assert line in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_protected_cluster_is_refused_in_the_preview_and_by_eks(open_stack, eks):
    open_stack().destroy()
    stack = open_stack(config(controlPlane={"deletionProtection": True}))
    stack.up()

    with pytest.raises(SandboxError, match=PROTECTED):
        stack.destroy(preview_only=True)
    with pytest.raises(eks.exceptions.InvalidRequestException, match="deletion protection"):
        eks.delete_cluster(name="dev")
    # Another name is another cluster.
    with pytest.raises(SandboxError, match=PROTECTED):
        open_stack({**config(), "irsa:cluster": {"name": "other"}}).preview()
    assert eks.list_clusters()["clusters"] == ["dev"]

    stack = open_stack(config(controlPlane={"deletionProtection": False}))
    assert stack.up()["update"] == 1
    assert stack.destroy().keys() == {"delete"}


def test_account_a_is_deployed_by_a_role(open_stack, session, eks):
    """The cluster's creator is the role, so the Kubernetes objects come by it as well."""
    open_stack().destroy()
    iam = session.aws("iam")
    caller = session.aws("sts").get_caller_identity()["Arn"]
    statement = {"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="deployer",
        Path="/ci/",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )["Role"]["Arn"]
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.attach_role_policy(RoleName="deployer", PolicyArn=administrator)
    stack = open_stack({"irsa:assumeRoleArn": role})
    try:
        stack.up()
        assert stack.preview().keys() == {"same"}
        assert eks.list_access_entries(clusterName="dev")["accessEntries"] == [role]

        (user,) = json.loads(stack.outputs()["kubeconfig"])["users"]
        command = user["user"]["exec"]["args"]
        assert command[-2:] == ["--role", role]  # as pulumi-eks writes it
        assert answer_to(session, command) == 200
        assert answer_to(session, command[:-2]) == 403
        stack.destroy()
    finally:
        iam.detach_role_policy(RoleName="deployer", PolicyArn=administrator)
        iam.delete_role(RoleName="deployer")


def answer_to(session, command):
    """What the API server answers when the AWS CLI gets the token with these arguments."""
    state = session.state
    done = session.run(["aws", *command], state.aws_environment())
    assert done.code == 0, done.output
    context = ssl.create_default_context(cafile=state.aws_ca_bundle)
    bearer = f"Bearer {json.loads(done.output)['status']['token']}"
    url = f"{state.kubernetes_server}/api/v1/namespaces"
    with httpx2.Client(verify=context, trust_env=False) as http:
        return http.get(url, headers={"Authorization": bearer}).status_code
