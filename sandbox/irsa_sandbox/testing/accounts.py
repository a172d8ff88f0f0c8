"""The two accounts, with an administrator's credentials."""

from pathlib import Path
from typing import Any, NamedTuple

import boto3.session

from ..aws.accounts import REGION
from ..aws.clients import Credentials, session_of
from ..state import SandboxState


class Account:
    """One account. Nothing of the process's own AWS configuration is looked at."""

    def __init__(self, state: SandboxState, account_id: str, credentials: Credentials) -> None:
        self.id = account_id
        """Twelve digits."""

        self.region = REGION
        self.session: boto3.session.Session = session_of(
            credentials, state.aws_proxy, Path(state.aws_ca_bundle)
        )
        """A boto3 session of the administrator, an IAM user."""

        self.credentials = credentials
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The administrator's boto3 client of a service."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service)  # pyright: ignore[reportArgumentType] - the stubs list every name
        return self._clients[service]

    def close(self) -> None:
        """Close the clients' connections."""
        while self._clients:
            self._clients.popitem()[1].close()

    def __repr__(self) -> str:  # without the keys: pytest prints what a failed test had
        return f"<account {self.id}>"


class Accounts(NamedTuple):
    """Both."""

    a: Account
    """The cluster's: its OIDC provider is registered here."""

    b: Account
    """Another one."""
