"""The stand-in for `eks.Cluster`, in the real engine."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pulumi_eks as eks
import pytest

from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.providers.eks.server import EksProvider
from irsa_sandbox.session import Session
from tests.sandbox.support.programs import refusal, stack_of

NAME = "alone"
"""Not the example's name, which an earlier module may have left in the sandbox."""
OWN = {
    "authentication_mode": "API",
    "name": NAME,
    "skip_default_node_group": True,
    "skip_default_security_groups": True,
}
Open = Callable[..., SandboxStack]
INPUTS = {"name": "dev", "skipDefaultNodeGroup": True, "skipDefaultSecurityGroups": True}


@pytest.fixture
def opened(session: Session) -> Iterator[Open]:
    """Opens the stack of a cluster; destroyed at the end."""

    def open_stack(**cluster: Any) -> SandboxStack:
        def program() -> None:
            made = eks.Cluster("dev", **{**OWN, **cluster})
            for name in ("kubeconfig", "kubeconfig_json"):
                pulumi.export(name, getattr(made, name))

        return stack_of(session, "cluster", program)

    yield open_stack
    open_stack().destroy()


def made(stack: SandboxStack) -> dict[str, str]:
    """Types of what the stack holds below the cluster, by their names."""
    urns = [each["urn"] for each in stack.export()["resources"]]
    below = [urn.split("::")[2:] for urn in urns if "eks:index:Cluster$" in urn]
    return {name: types.rpartition("$")[2] for types, name in below}


def test_a_cluster_has_pulumi_eks_own_roles_addons_and_kubeconfig(opened: Open, session):
    """In Auto Mode as well: tests/sandbox/systems/test_cluster.py."""
    role = "arn:aws:iam::111122223333:role/deployer"
    options = {"provider_credential_opts": {"role_arn": role}}
    stack = opened(**options)
    assert stack.up() == {"create": 10}
    assert stack.preview() == {"same": 10}
    assert stack.refresh() == {"same": 10}
    assert made(stack) == {
        "dev-eks-k8s": "pulumi:providers:kubernetes",
        "dev-eksCluster": "aws:eks/cluster:Cluster",
        "dev-eksRole": "eks:index:ServiceRole",
        "dev-eksRole-4b490823": "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "dev-eksRole-role": "aws:iam/role:Role",
        "dev-kube-proxy": "aws:eks/addon:Addon",
        "dev-vpc-cni": "aws:eks/addon:Addon",
    }
    config = stack.outputs()["kubeconfig"]
    assert json.loads(stack.outputs()["kubeconfig_json"]) == config
    assert (config["current-context"], config["clusters"][0]["name"]) == ("aws", "kubernetes")
    assert config["users"][0]["user"]["exec"]["args"] == [
        *["--region", "us-east-1", "eks", "get-token"],
        *["--cluster-name", NAME, "--output", "json", "--role", role],
    ]
    opened(**options, use_default_vpc_cni=True).up()
    assert "dev-vpc-cni" not in made(stack)
    assert stack.destroy() == {"delete": 8}
    private = opened(endpoint_public_access=False, public_access_cidrs=["203.0.113.0/24"])
    assert "`publicAccessCidrs` can only be set when" in refusal(private.preview)

    stack = opened(auto_mode={"enabled": True}, coredns_addon_options={"enabled": False})
    stack.up()
    compute = session.aws("eks").describe_cluster(name=NAME)["cluster"]["computeConfig"]
    assert compute["nodePools"] == ["general-purpose", "system"]
    assert ":role/dev-nodeRole-role-" in compute["nodeRoleArn"]
    attached = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    assert [*made(stack).values()].count(attached) == 5 + 2


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"accessEntries": {}}, "the sandbox does not know the input accessEntries"),
        ({"autoMode": {"computeConfig": {}}}, "the sandbox knows of autoMode only enabled"),
        ({"autoMode": {"enabled": True}}, "the sandbox puts no coredns on a cluster"),
        ({"createOidcProvider": True}, "the sandbox creates no OIDC provider here"),
        ({"skipDefaultNodeGroup": False}, "the sandbox has no self-managed nodes"),
        ({"skipDefaultSecurityGroups": False}, "the sandbox makes no security groups"),
        (
            {"authenticationMode": "CONFIG_MAP", "corednsAddonOptions": {"enabled": False}},
            "the sandbox makes no aws-auth",
        ),
    ],
)
def test_what_has_no_support_is_refused_by_name(inputs, reason):
    provider = EksProvider("4.4.0")
    with pytest.raises(pulumi.RunError, match=f"^eks:index:Cluster dev: {reason}"):
        provider.construct("dev", "eks:index:Cluster", {**INPUTS, **inputs})
    with pytest.raises(pulumi.RunError, match="no component eks:index:ManagedNodeGroup; it has"):
        provider.construct("dev", "eks:index:ManagedNodeGroup", {})
