"""The kubeconfig of a cluster in pulumi-eks' form."""

from collections.abc import Mapping
from typing import Any

from irsa.identity.arns import parse_arn

_EXEC_API = "client.authentication.k8s.io/v1beta1"


def kubeconfig(cluster: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, Any]:
    """A kubeconfig that gets its token from the AWS CLI.

    ``cluster`` has ``arn``, ``name``, ``server`` and ``ca`` (in base64); ``credentials`` are
    pulumi-eks' KubeconfigOptions, of which the role is used.
    https://www.pulumi.com/registry/packages/eks/api-docs/cluster/#kubeconfigoptions
    """
    arn = parse_arn(cluster["arn"])
    arguments = ["--region", arn.region if arn else "", "eks", "get-token"]
    arguments += ["--cluster-name", cluster["name"], "--output", "json"]
    if role := credentials.get("roleArn"):
        arguments += ["--role", role]
    return {
        "apiVersion": "v1",
        "clusters": [
            {
                "cluster": {
                    "server": cluster["server"],
                    "certificate-authority-data": cluster["ca"],
                },
                "name": "kubernetes",
            }
        ],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "aws"}, "name": "aws"}],
        "current-context": "aws",
        "kind": "Config",
        "users": [
            {
                "name": "aws",
                "user": {
                    "exec": {
                        "apiVersion": _EXEC_API,
                        "command": "aws",
                        "args": arguments,
                        "env": [
                            {
                                "name": "KUBERNETES_EXEC_INFO",
                                "value": f'{{"apiVersion": "{_EXEC_API}"}}',
                            }
                        ],
                    }
                },
            }
        ],
    }
