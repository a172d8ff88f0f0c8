"""A program that is one `pulumi_eks.Cluster`, with the inputs of a test."""

from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks

from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxState

OUTPUTS = (
    *("cluster_security_group_id", "node_security_group_id", "default_node_group_asg_name"),
    *("instance_roles", "kubeconfig", "kubeconfig_json"),
    *("oidc_issuer", "oidc_provider_arn", "oidc_provider_url"),
)


def cluster_stack(state: SandboxState, _folder: Path, cluster: dict[str, Any]) -> SandboxStack:
    """The stack of such a program."""

    def program() -> None:
        account = aws.Provider("account-a", region="us-east-1")
        made = eks.Cluster("dev", **cluster, opts=pulumi.ResourceOptions(providers=[account]))
        for name in OUTPUTS:
            pulumi.export(name, getattr(made, name))

    return SandboxStack(state, program=program, project_name="cluster")
