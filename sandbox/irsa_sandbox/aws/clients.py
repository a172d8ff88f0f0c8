"""AWS clients for the emulator, which look at nothing of the caller's own AWS configuration."""

import os
import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import boto3.session
import botocore.credentials
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader
from typing_extensions import override

from irsa_core.identity.arns import aws_policy_arn

from .accounts import REGION

FULL_ACCESS = aws_policy_arn("AdministratorAccess")
# Reading a service's model takes longer than all else in making its client, so it is done once.
_MODELS = create_loader()


_PLAIN_HOSTS = {
    "ignore_configured_endpoint_urls": True,
    "sts_regional_endpoints": "regional",
    "use_dualstack_endpoint": False,
    "use_fips_endpoint": False,
}
"""The services' ordinary hosts, whatever variables of the caller's say."""


class AccessKeys(NamedTuple):
    """Keys of an AWS identity."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class AwsClients:
    """The clients of one identity, made when they are first asked for; safe between threads.

    Their connections are closed with the last reference to this object: boto3's clients refer to
    themselves, and would keep them open until a garbage collection comes by.
    """

    def __init__(
        self, credentials: AccessKeys, proxy: str, ca_file: Path, region: str = REGION
    ) -> None:
        """``proxy`` and ``ca_file`` are the emulator's."""
        self.credentials = credentials
        self.region = region
        self._proxy = proxy
        self._ca_file = ca_file
        core = _Core(proxy, ca_file, region)
        # A profile or file of the caller's could be missing, or name another endpoint.
        for name in ("config_file", "credentials_file"):
            core.set_config_variable(name, os.devnull)
        core.keep_profile(None)
        core.set_credentials(*credentials)
        self.session = boto3.session.Session(botocore_session=core)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._open = ExitStack()
        weakref.finalize(self, self._open.close)

    def __call__(self, service: str, region: str = "") -> Any:
        """The boto3 client of a service, in the identity's region or another one."""
        key = service, region or self.region
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self.session.client(
                    service,  # pyright: ignore[reportArgumentType] - the stubs list every name
                    region_name=key[1],
                    config=Config(retries={"total_max_attempts": 3}, max_pool_connections=32),
                )
                self._open.callback(self._clients[key].close)
            return self._clients[key]

    def with_credentials(self, credentials: AccessKeys) -> "AwsClients":
        """Return clients of the same accounts with other credentials."""
        return AwsClients(credentials, self._proxy, self._ca_file, self.region)


def new_administrator(iam: Any, name: str) -> AccessKeys:
    """Create a user who may do anything, unless it exists; return a new key of it."""
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=FULL_ACCESS)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return AccessKeys(key["AccessKeyId"], key["SecretAccessKey"])


def session_in(environment: Mapping[str, str], proxy: str, ca_file: Path) -> boto3.session.Session:
    """A boto3 session with the credentials that the SDK finds in an environment.

    They are searched for here and once, and renewed later from where they came. Where there are
    none, its clients say so.
    """
    core = _Core(proxy, ca_file, REGION)
    with patch.dict(os.environ, environment, clear=True):
        core.keep_profile(core.profile)
        botocore.session.Session.get_credentials(core)
    return boto3.session.Session(botocore_session=core)


class _Core(botocore.session.Session):
    """Sends every client through one proxy, those included that fetch its own credentials."""

    def __init__(self, proxy: str, ca_file: Path, region: str) -> None:
        super().__init__()
        self.register_component("data_loader", _MODELS)
        self.set_config_variable("region", region)
        for name, value in _PLAIN_HOSTS.items():
            self.set_config_variable(name, value)
        self._verify = str(ca_file)
        self._proxies = {"https": proxy, "http": proxy}  # which refuses plain HTTP

    def keep_profile(self, name: str | None) -> None:
        """Have this profile or none, whatever a variable says later."""
        self.session_var_map["profile"] = (None, [], name, None)

    @override
    def get_credentials(self) -> botocore.credentials.Credentials | None:
        return self._credentials  # a search now would come upon the caller's

    @override
    def create_client(self, service_name: str, *args: Any, **options: Any) -> Any:
        given = {name: value for name, value in options.items() if value is not None}
        given.setdefault("verify", self._verify)
        config = given.pop("config", Config()).merge(Config(proxies=self._proxies))
        return super().create_client(service_name, *args, **given, config=config)
