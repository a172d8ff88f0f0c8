"""A kubeconfig for an EKS cluster. Pure: imports neither Pulumi nor boto3."""

from irsa_core.identity.arns import parse_arn


def kubeconfig(
    arn: str, name: str, server: str, ca: str, *, role_arn: str | None = None
) -> dict[str, object]:
    """Return a kubeconfig that gets its token from the AWS CLI, with the user's own credentials.

    ``ca`` is the certificate authority in base64, as EKS gives it. With ``role_arn`` the token is
    that role's, which the user must be allowed to assume.
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
