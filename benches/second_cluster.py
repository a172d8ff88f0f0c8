"""Seconds in which many roles get a second cluster, beside an `up` without a change."""

import argparse
from collections.abc import Sequence

from _measure import own_sandbox, report, run, seconds

from irsa.identity.arns import provider_arn_for
from irsa_components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from irsa_sandbox.aws.accounts import ACCOUNT_A, REGION
from irsa_sandbox.engine.stack import SandboxStack
from irsa_sandbox.state import SandboxState

CLUSTERS = [provider_arn_for(f"oidc.example.com/id/{number}", ACCOUNT_A) for number in (1, 2)]


def main() -> None:
    """Bring the roles up with one cluster, again, and with two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roles", type=int, default=100)
    options = parser.parse_args()
    with own_sandbox() as state:
        _stack(state, options.roles, CLUSTERS[:1]).up()
        unchanged = seconds(_stack(state, options.roles, CLUSTERS[:1]).up)
        counts: dict[str, int] = {}
        both = _stack(state, options.roles, CLUSTERS)
        changed = seconds(lambda: counts.update(both.up()))
        both.destroy()
    report(
        {
            "bench": "second_cluster",
            "roles": options.roles,
            "operations": counts,
            "seconds": {"second cluster": changed, "no change": unchanged},
            "ratio": changed / unchanged,
        }
    )


def _stack(state: SandboxState, roles: int, provider_arns: Sequence[str]) -> SandboxStack:
    def program() -> None:
        for number in range(roles):
            name = f"app-{number:03}"
            args = ServiceAccountRoleArgs(
                role_name=name, provider_arns=provider_arns, subjects=[f"apps/{name}"]
            )
            ServiceAccountRole(name, args)

    return SandboxStack(state, program=program, project_name="roles", config={"aws:region": REGION})


if __name__ == "__main__":
    run(main)
