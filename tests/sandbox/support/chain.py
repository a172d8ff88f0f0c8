"""Parts of tests with stacks of two accounts."""

import pulumi_aws as aws
from pulumi.automation import EngineEvent

from irsa.identity.arns import role_arn
from irsa_sandbox.aws.accounts import ACCOUNT_B, REGION
from irsa_sandbox.aws.server import CROSS_ACCOUNT_ROLE
from irsa_sandbox.engine.stack import SandboxStack

WHO = ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]


def account_b() -> aws.Provider:
    """Create a provider for account B."""
    role = role_arn(ACCOUNT_B, CROSS_ACCOUNT_ROLE)
    return aws.Provider(
        "account-b",
        region=REGION,
        assume_roles=[aws.ProviderAssumeRoleArgs(role_arn=role, session_name="chain")],
    )


def changes_of(stack: SandboxStack) -> dict[str, list[str]]:
    """Return the changes of a preview: `type::name`, and the properties."""
    found: dict[str, list[str]] = {}

    def note(event: EngineEvent) -> None:
        step = event.resource_pre_event and event.resource_pre_event.metadata
        if step and step.op not in ("same", "read"):
            kind, name = step.urn.split("::")[2:]
            found[f"{kind.rpartition('$')[2]}::{name}"] = sorted(step.diffs or [step.op])

    stack.preview(on_event=note)
    return found
