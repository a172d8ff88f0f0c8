"""AWS clients for the emulator, which look at nothing of the caller's own AWS configuration."""

import os
import threading
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader

from .accounts import REGION

# Reading a service's model takes longer than all else in making its client, so it is done once.
_MODELS = create_loader()


class Credentials(NamedTuple):
    """Keys of an AWS identity."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class AwsClients:
    """The clients of one identity, made when they are first asked for; safe between threads.

    Their connections are closed when nobody has this object any more: boto3's clients refer to
    themselves, and would keep them open until a garbage collection comes by.
    """

    def __init__(
        self, credentials: Credentials, endpoint: str, ca_file: Path, region: str = REGION
    ) -> None:
        self.credentials = credentials
        self.region = region
        self._endpoint = endpoint
        self._ca_file = ca_file
        core = botocore.session.Session()
        core.register_component("data_loader", _MODELS)
        # A profile or file of the caller's could be missing, or name another endpoint.
        for name, value in {"config_file": os.devnull, "credentials_file": os.devnull}.items():
            core.set_config_variable(name, value)
        core.session_var_map["profile"] = (None, [], None, None)
        self._session = boto3.session.Session(botocore_session=core)
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._clients)

    def __call__(self, service: str) -> Any:
        """The boto3 client of a service."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    service,  # pyright: ignore[reportArgumentType] - the stubs list every name
                    region_name=self.region,
                    endpoint_url=self._endpoint,
                    verify=str(self._ca_file),
                    config=Config(
                        retries={"total_max_attempts": 3},
                        max_pool_connections=32,
                        proxies={},  # none, rather than the environment's
                    ),
                    aws_access_key_id=self.credentials.access_key_id,
                    aws_secret_access_key=self.credentials.secret_access_key,
                    aws_session_token=self.credentials.session_token,
                )
            return self._clients[service]

    def with_credentials(self, credentials: Credentials) -> "AwsClients":
        """The same place, as somebody else."""
        return AwsClients(credentials, self._endpoint, self._ca_file, self.region)


def _close(clients: dict[str, Any]) -> None:
    for client in clients.values():
        client.close()
