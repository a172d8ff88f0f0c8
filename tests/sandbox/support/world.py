"""A sandbox in which the tests of `python -m irsa` break things."""

import contextlib
from dataclasses import dataclass

from irsa.__main__ import main
from irsa.identity.arns import provider_arn_for
from irsa.identity.eks import STS_AUDIENCE
from irsa_sandbox.aws.accounts import ACCOUNT_A
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

    def unregister(self, account: str = ACCOUNT_A) -> None:
        self.session.aws("iam", account).delete_open_id_connect_provider(
            OpenIDConnectProviderArn=self.provider_arn_in(account)
        )
