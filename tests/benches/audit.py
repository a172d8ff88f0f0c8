"""CPU time of ``irsa audit`` on large accounts, as a ratio to an account of plain IRSA roles.

The account is read from what GetAccountAuthorizationDetails answers, and judged, in one process:

- ``named``: a quarter of the roles trusts another one by EKS's session tags (`forged-tags`)
- ``wide``: the same, where a tenth of these statements names the account or everyone
- ``denied``: the same, where the callers are denied to send such tags
- ``targets``: a quarter of the roles is the target role of an association (`target-not-allowed`)
- ``clusters``: the roles trust a service account of two of twenty clusters (`unused-role`,
  `other-cluster`)
- ``growth``: the time with ten times the roles, divided by ten: 1.0 is linear
"""

from collections.abc import Callable, Sequence
from typing import Any

from _measure import cpu_seconds, judge, medians, options, run

from irsa.audit.findings import AuditFacts, ClusterFacts, audit
from irsa.observe.eks import Association
from irsa.observe.facts import RegisteredProvider, Role
from irsa.observe.iam import IamReader
from irsa_core.identity.pod_identity import TargetedBy, target_role_trust_policy
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef

ACCOUNT = "111122223333"
CLUSTER = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/c"
ISSUERS = [f"oidc.eks.us-east-1.amazonaws.com/id/{number:032X}" for number in range(20)]
PROVIDERS = [f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}" for issuer in ISSUERS]
NO_TAGS = {
    "Effect": "Deny",
    "Action": "sts:TagSession",
    "Resource": "*",
    "Condition": {"ForAnyValue:StringLike": {"aws:TagKeys": "kubernetes-*"}},
}
GOALS = {"named": 2.0, "wide": 2.0, "growth": 1.5}
"""Of the rows to the first; the others, which have more in each role, have the growth's alone."""


def main() -> None:
    """Run the bench."""
    args = options(__doc__, roles=20_000, repetitions=3)
    rows = ("without", "named", "wide", "denied", "targets", "clusters")
    sides = {
        f"{row} {size}": _audited(row, size)
        for row in rows
        for size in (args.roles // 10, args.roles)
    }
    seconds = medians(args.repetitions, sides)
    large = {row: seconds[f"{row} {args.roles}"] for row in rows}
    small = {row: seconds[f"{row} {args.roles // 10}"] for row in rows}
    growth = {row: round(large[row] / small[row] / 10, 2) for row in rows}
    ratios = {row: large[row] / large["without"] for row in rows[1:]}
    judge("audit", args, {**ratios, "growth": max(growth.values())}, GOALS, growth=growth)


def _audited(row: str, size: int) -> Callable[[], float]:
    """CPU seconds of one audit."""

    def measure() -> float:
        answer = {"RoleDetailList": [_role(row, number) for number in range(size)]}
        facts = _facts(row, size)
        return cpu_seconds(lambda: audit(AuditFacts(roles=_read(answer), **facts)))

    return measure


def _read(answer: dict[str, Any]) -> Sequence[Role]:
    return IamReader([answer]).result().roles


def _facts(row: str, size: int) -> dict[str, Any]:
    associations: list[Association] = []
    if row == "targets":
        associations = [
            Association(
                arn=f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/c/a-{number}",
                account=ServiceAccountRef("dev", f"app-{number}"),
                role_arn=_arn(number + 1),
                target_role_arn=_arn(number),
            )
            for number in range(0, size - 1, 4)
        ]
    issuers = ISSUERS if row == "clusters" else ISSUERS[:1]
    return {
        "clusters": [
            ClusterFacts(
                name=str(number),
                issuer_url=f"https://{issuer}",
                account=ACCOUNT,
                service_accounts=(),
                associations=associations if number == 0 else (),
            )
            for number, issuer in enumerate(issuers)
        ],
        "accounts": [ACCOUNT],
        "providers": [RegisteredProvider(arn, ("sts.amazonaws.com",)) for arn in PROVIDERS],
        "now": 0.0,
    }


def _arn(number: int) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/app-{number}"


def _role(row: str, number: int) -> dict[str, Any]:
    target = _arn(number - 1)
    allowed = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"]}
    statements = [allowed | {"Resource": "*" if number % 10 == 1 else target}]
    statements += [NO_TAGS] if row == "denied" else []
    document = {"Version": "2012-10-17", "Statement": statements}
    return {
        "Arn": _arn(number),
        "RoleId": f"AROA{number}",
        "AssumeRolePolicyDocument": _trust_policy(row, number),
        "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": document}],
        "AttachedManagedPolicies": [],
    }


def _trust_policy(row: str, number: int) -> Any:
    account = ServiceAccountRef("dev", f"app-{number}")
    if row == "without" or row == "clusters" or number % 4:
        used = 2 if row == "clusters" else 1
        first = number % (len(PROVIDERS) - 1) if row == "clusters" else 0
        return irsa_trust_policy(PROVIDERS[first : first + used], [account])
    trusting = target_role_trust_policy([TargetedBy(_arn(number + 1), CLUSTER, account)])
    if row in ("wide", "denied") and number % 40 == 0:
        everyone = "*" if number % 80 else f"arn:aws:iam::{ACCOUNT}:root"
        for statement in trusting["Statement"]:
            statement["Principal"] = {"AWS": everyone}
    return trusting


if __name__ == "__main__":
    run(main)
