"""A sandbox in which the tests of `python -m irsa` break things."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from irsa.__main__ import main
from irsa.identity.arns import provider_arn_for
from irsa.identity.eks import STS_AUDIENCE
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from irsa_sandbox.session import Session
from tests.sandbox.support import in_process
from tests.sandbox.support.in_process import Result


@dataclass
class RegisteredCluster:
    """A sandbox with the cluster registered in account A."""

    session: Session

    @property
    def issuer(self) -> str:
        return self.session.state.issuer_url.removeprefix("https://")

    @property
    def provider_arn(self) -> str:
        return self.provider_arn_in(ACCOUNT_A)

    def provider_arn_in(self, account: str) -> str:
        return provider_arn_for(self.issuer, account)

    def irsa(self, *arguments: str, terminal: bool = False, **environment: str) -> Result:
        """Run `python -m irsa` in this process, with the sandbox's environment."""
        return in_process.run(
            main, list(arguments), self.session.state, environment, terminal=terminal
        )

    def register(self, account: str = ACCOUNT_A) -> None:
        """Register the cluster in an account, if it is not."""
        iam = self.session.aws("iam", account)
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_open_id_connect_provider(
                Url=self.session.state.issuer_url, ClientIDList=[STS_AUDIENCE]
            )
        iam.add_client_id_to_open_id_connect_provider(
            OpenIDConnectProviderArn=self.provider_arn_in(account), ClientID=STS_AUDIENCE
        )

    def is_registered(self, account: str) -> bool:
        iam = self.session.aws("iam", account)
        listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return self.provider_arn_in(account) in {provider["Arn"] for provider in listed}

    def unregister(self, account: str = ACCOUNT_A) -> None:
        self.session.aws("iam", account).delete_open_id_connect_provider(
            OpenIDConnectProviderArn=self.provider_arn_in(account)
        )


@contextlib.contextmanager
def world(session: Session) -> Iterator[RegisteredCluster]:
    """A world for the tests of one module; afterwards the accounts are as they were."""
    own = RegisteredCluster(session)
    registered = {account: own.is_registered(account) for account in (ACCOUNT_A, ACCOUNT_B)}
    own.register()
    try:
        yield own
    finally:
        for account, was_registered in registered.items():
            if not was_registered and own.is_registered(account):
                own.unregister(account)
