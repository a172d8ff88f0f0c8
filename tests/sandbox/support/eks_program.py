"""A program that is one `pulumi_eks.Cluster`, with the inputs of a test."""

import json
from pathlib import Path
from typing import Any

import yaml

from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxState

OUTPUTS = (
    "cluster_security_group_id",
    "default_node_group_asg_name",
    "instance_roles",
    "kubeconfig",
    "kubeconfig_json",
    "node_security_group_id",
    "oidc_issuer",
    "oidc_provider_arn",
    "oidc_provider_url",
)
_PROGRAM = f"""
import json

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks

account = aws.Provider("account-a", region="us-east-1")
inputs = json.loads(pulumi.Config().require("cluster"))
made = eks.Cluster("dev", **inputs, opts=pulumi.ResourceOptions(providers=[account]))
for name in {OUTPUTS}:
    pulumi.export(name, getattr(made, name))
"""


def cluster_stack(state: SandboxState, folder: Path, cluster: dict[str, Any]) -> SandboxStack:
    """The stack of such a program in ``folder``."""
    (folder / "__main__.py").write_text(_PROGRAM)
    (folder / "Pulumi.yaml").write_text("name: cluster\nruntime: python\n")
    settings = {"config": {"cluster:cluster": json.dumps(cluster)}}
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump(settings))
    return SandboxStack(state, folder)
