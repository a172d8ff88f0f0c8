"""The `aws` provider: its configuration, and the resource types of IAM, S3, EKS and EC2.

https://www.pulumi.com/registry/packages/aws/api-docs/provider/
"""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...aws.accounts import REGION
from ...aws.clients import AccessKeys, AwsClients
from ..resource import Package, Properties, Refused, refuse_unknown
from ..values import UNKNOWN
from . import ec2, eks, iam, s3
from .lookups import LOOKUPS
from .table import AwsSession

_JSON = ("allowedAccountIds", "assumeRoles", "defaultTags")
_KNOWN = sorted((*_JSON, "accessKey", "region", "secretKey", "token"))
# Checks of the real provider that have no meaning here.
_IGNORED = ("skipCredentialsValidation", "skipRegionValidation")
_ASSUME_ROLE = ("externalId", "roleArn", "sessionName")


def package(proxy: str, ca_file: Path, administrator: AccessKeys) -> Package[AwsSession]:
    """The provider for the emulator behind ``proxy``.

    A provider instance without credentials of its own works as ``administrator``, as the real one
    takes them from its environment.
    """

    def connect(config: Properties) -> AwsSession:
        settings = {name: value for name, value in config.items() if name not in _IGNORED}
        refuse_unknown("an aws provider's configuration", settings, _KNOWN)
        if UNKNOWN in settings.values():
            return AwsSession(_not_known, "", "", {})
        # The SDKs send everything but text as JSON.
        texts = {name for name in _JSON if isinstance(settings.get(name), str)}
        settings |= {name: json.loads(settings[name]) for name in texts}
        credentials = administrator
        if "accessKey" in settings:
            credentials = AccessKeys(
                settings["accessKey"], settings.get("secretKey", ""), settings.get("token")
            )
        region = settings.get("region", REGION)
        clients = AwsClients(credentials, proxy, ca_file, region)
        for role in settings.get("assumeRoles", ()):
            clients = _assume(clients, role)
        account = clients("sts").get_caller_identity()["Account"]
        allowed: Sequence[str] | None = settings.get("allowedAccountIds")
        if allowed and account not in allowed:
            names = ", ".join(allowed)
            raise Refused(f"AWS account ID not allowed: {account} (allowed are {names})")
        tags = settings.get("defaultTags", {}).get("tags") or {}
        return AwsSession(clients, region, account, tags)

    return Package(
        name="aws",
        version=version("pulumi-aws"),
        connect=connect,
        types={
            kind.token: kind()
            for module in (ec2, eks, iam, s3)
            for kind in vars(module).values()
            if hasattr(kind, "token")
        },
        functions=LOOKUPS,
        explain=_explain,
    )


def _not_known(*_: str) -> None:
    raise Refused("the configuration of this aws provider is not known in a preview")


def _assume(clients: AwsClients, role: Properties) -> AwsClients:
    refuse_unknown("assumeRoles of an aws provider", role, _ASSUME_ROLE)
    request = {"RoleArn": role["roleArn"], "RoleSessionName": role.get("sessionName") or "pulumi"}
    request |= {"ExternalId": role["externalId"]} if role.get("externalId") else {}
    try:
        keys = clients("sts").assume_role(**request)["Credentials"]
    except ClientError as error:
        raise Refused(f"cannot assume role {role['roleArn']}: {_explain(error)}") from error
    return clients.with_credentials(
        AccessKeys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    )


def _explain(error: Exception) -> str | None:
    if isinstance(error, ClientError):
        answer: Any = error.response["Error"]
        return f"{error.operation_name}: {answer.get('Code')}: {answer.get('Message')}"
    if isinstance(error, BotoCoreError):
        return f"the sandbox's AWS: {error}"
    return None
