"""Policy of the External Secrets Operator. Pure."""

from collections.abc import Sequence

from irsa.identity.arns import check_key_arn
from irsa.identity.controllers.statements import allow, check_arns, permissions_policy
from irsa.identity.policies import Document


def external_secrets_policy(
    *,
    secret_arns: Sequence[str] = (),
    parameter_arns: Sequence[str] = (),
    key_arns: Sequence[str] = (),
) -> Document:
    """Permissions of external-secrets to read secrets and parameters, and to use their KMS keys.

    An ARN may be a pattern: ``…:secret:dev-*``. ``dataFrom.find`` on Secrets Manager is not
    allowed, as it lists every secret of the account.
    https://external-secrets.io/latest/provider/aws-secrets-manager/
    """
    if not secret_arns and not parameter_arns:
        raise ValueError("the policy names no secret and no parameter; give at least one ARN")
    statements: list[Document] = []
    services: list[str] = []
    if secret_arns:
        # Of the page's actions, those that an ExternalSecret with remote keys calls.
        actions = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        statements.append(allow(actions, check_arns(secret_arns, "secretsmanager", "secret:")))
        services.append("secretsmanager.*")
    if parameter_arns:
        # https://external-secrets.io/latest/provider/aws-parameter-store/ has ssm:GetParameter*.
        actions = ["ssm:GetParameter", "ssm:GetParametersByPath", "ssm:ListTagsForResource"]
        statements.append(allow(actions, check_arns(parameter_arns, "ssm", "parameter/")))
        services.append("ssm.*")
    if key_arns:
        # The key serves these services only: ciphertext of others stays closed to the controller.
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
        keys = [check_key_arn(arn) for arn in key_arns]
        statements.append(allow("kms:Decrypt", keys, ("StringLike", "kms:ViaService", services)))
    return permissions_policy(*statements)
