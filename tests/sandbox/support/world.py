"""A sandbox in which the tests of `python -m irsa` break things."""

from dataclasses import dataclass

from irsa.__main__ import main
from irsa.identity.arns import provider_arn_for
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.session import Session
from tests.sandbox.support import in_process
from tests.sandbox.support.in_process import Result


@dataclass
class RegisteredCluster:
    """A sandbox with the cluster registered in account A."""

    session: Session

    @property
    def provider_arn(self) -> str:
        return provider_arn_for(self.session.state.issuer_url, ACCOUNT_A)

    def irsa(self, *arguments: str, terminal: bool = False, **environment: str) -> Result:
        """Run `python -m irsa` in this process, with the sandbox's environment."""
        return in_process.run(
            main, list(arguments), self.session.state, environment, terminal=terminal
        )
