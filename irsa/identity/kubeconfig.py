"""A kubeconfig for an EKS cluster. Pure: imports neither Pulumi nor boto3."""

import json
from typing import Any, cast

from irsa.identity.arns import parse_arn

_ROLE_OPTIONS = ("--role-arn", "--role")
"""How the AWS CLI is told to assume a role first; the second is its short form, as pulumi-eks
writes it."""


def kubeconfig(
    arn: str, name: str, server: str, ca: str, *, role_arn: str | None = None
) -> dict[str, object]:
    """A kubeconfig that gets its token from the AWS CLI, with the credentials of whoever uses it.

    ``ca`` is the certificate authority in base64, as EKS gives it. With ``role_arn`` the token is
    that role's, which whoever uses it must be allowed to assume.
    https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
    """
    cluster = parse_arn(arn)
    region = cluster.region if cluster else ""
    command = ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"]
    if role_arn is not None:
        command += ["--role-arn", role_arn]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": arn, "cluster": {"server": server, "certificate-authority-data": ca}}
        ],
        "users": [
            {
                "name": arn,
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "aws",
                        "args": command,
                        "interactiveMode": "Never",
                    }
                },
            }
        ],
        "contexts": [{"name": arn, "context": {"cluster": arn, "user": arn}}],
        "current-context": arn,
    }


def as_role(config: str, role_arn: str | None) -> str:
    """The same cluster for somebody else: a kubeconfig, as JSON, whose tokens are those of
    ``role_arn``, or of the credentials of whoever uses it.

    A role that was in it is taken out: it belongs to whoever wrote it. ValueError for text that is
    not a mapping in JSON.
    """
    found = json.loads(config)
    if not isinstance(found, dict):
        raise ValueError("a kubeconfig is a mapping")
    content = cast("dict[str, Any]", found)
    for entry in content.get("users") or ():
        command: dict[str, Any] | None = entry.get("user", {}).get("exec")
        if command is not None:
            own = ["--role-arn", role_arn] if role_arn is not None else []
            command["args"] = [*_without_role(command.get("args") or []), *own]
    return json.dumps(content)


def _without_role(arguments: list[str]) -> list[str]:
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        option, _, value = word.partition("=")
        if option not in _ROLE_OPTIONS:
            kept.append(word)
        elif not value:
            next(words, None)  # the value
    return kept
