"""Rules of the pack: the audit's that a stack can answer, and its own. Pure.

A rule's name is its policy's name, and its row says the rest.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from irsa.decide.patterns import Pattern
from irsa.identity.quotas import TRUST_POLICY_QUOTA, TRUST_POLICY_QUOTA_MAX
from irsa.rules.table import RULES, Rule

NEED_MORE: Mapping[str, str] = {
    "role-missing": "whether a role exists that the stack does not have, only IAM knows: "
    "`not-in-stack` says that it was not checked",
    "other-account": "a stack may have roles of several accounts: `not-in-stack` stands for it",
    "deleted-provider": "which providers are registered, only IAM knows",
    "other-cluster": "which clusters are registered, only IAM knows",
    "foreign-key": "a program does not say what keys others give its users",
    "foreign-policy": "a program does not say what others attach to its roles",
    "unused-role": "service accounts may come from Helm or GitOps",
    "no-agent": "whether Pods run on Fargate, only the cluster knows",
    "forged-tags": "the roles that could set the tags may be of other stacks",
}
"""The audit's rules that the pack leaves out, and why."""

_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide"
_IRSA = "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html"

OWN: Mapping[str, Rule] = {
    "key-and-role": Rule(
        "warning",
        "a Pod has static credentials beside its role",
        "every SDK takes the access key first: the role is never used, and the key never expires",
        "take AWS_ACCESS_KEY_ID and its companions out of the container, or the annotation away",
        "https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html",
    ),
    "trust-quota": Rule(
        "warning",
        "the trust policy is longer than IAM accepts",
        f"the quota is {TRUST_POLICY_QUOTA} characters unless AWS has raised it for the account "
        f"({TRUST_POLICY_QUOTA_MAX} at most): the `up` fails with LimitExceeded",
        "trust fewer subjects or clusters, or use a pattern; where the quota was raised, set "
        "`quota` of this rule in the pack's configuration",
        f"{_IAM}/reference_iam-quotas.html",
    ),
    "chaining-role": Rule(
        "note",
        "a role that exists to assume another one may do more than that",
        "an attacker in its Pods has its own permissions, too, not only the other role's",
        "leave it sts:AssumeRole on the other role, and give everything else to that one",
        f"{_IAM}/id_roles.html",
    ),
    "not-in-stack": Rule(
        "note",
        "the annotation or Pod Identity association names a role that is not in this stack",
        "whether it exists, and trusts the service account, was not checked",
        "after the `up`, run verify for the service account; it asks AWS",
        _IRSA,
    ),
    "not-checked": Rule(
        "note",
        "some of it is not known yet, and was not checked",
        "what depends on outputs of resources that do not exist yet is known only to the `up`, "
        "which checks roles and service accounts again before it makes them",
        "look at the `up`; after it, a preview checks everything",
        "https://www.pulumi.com/docs/iac/concepts/inputs-outputs/",
    ),
}
"""Rules that only a stack can answer."""

OF_STACKS = frozenset(
    {"annotation", "disabled-tags", "pass-any-role", "trust-mismatch", "trust-unknown", *OWN}
    - {"trust-quota"}
)  # fmt: skip
"""The rules that need more than one resource."""

BEFORE_THE_POD = frozenset({"annotation", "trust-mismatch"})
"""Those that are asked before a service account is made, too."""

PACK: Mapping[str, Rule] = {
    **{name: rule for name, rule in RULES.items() if name not in NEED_MORE},
    **OWN,
}
"""All rules of the pack."""


_BY = ("role", "urn")
_NAME = {"type": "string", "pattern": "[^*?]"}

EXCEPTIONS = {
    "type": "array",
    "description": "Resources that the rule leaves out: role (a name or an ARN, with wildcards) or "
    "urn (with wildcards), and the reason",
    "items": {
        "type": "object",
        "properties": {**dict.fromkeys(_BY, _NAME), "reason": {"type": "string", "pattern": "\\S"}},
        "required": ["reason"],
        "oneOf": [{"required": [each]} for each in _BY],
        "additionalProperties": False,
    },
}
QUOTA = {
    "type": "integer",
    "description": "Characters that the account's trust policies may have",
    "default": TRUST_POLICY_QUOTA,
    "minimum": TRUST_POLICY_QUOTA,
    "maximum": TRUST_POLICY_QUOTA_MAX,
}


def schema_of(rule: str) -> dict[str, dict[str, Any]]:
    """The properties that a rule takes, as JSON Schema."""
    quota = {"quota": QUOTA} if rule == "trust-quota" else {}
    return {"exceptions": EXCEPTIONS, **quota}


def is_excepted(config: Mapping[str, Any], urn: str, names: Iterable[str]) -> bool:
    """Return whether a rule leaves a resource out; ``names`` are those of its roles."""
    values = {"urn": (urn,), "role": tuple(names)}
    return any(
        Pattern.parse(str(each[by])).matches(value)
        for each in config.get("exceptions", [])
        for by in _BY
        if by in each
        for value in values[by]
    )


def quota_of(config: Mapping[str, Any]) -> int:
    """The quota of trust policies."""
    return int(config.get("quota", TRUST_POLICY_QUOTA))
