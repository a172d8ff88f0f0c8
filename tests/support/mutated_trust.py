"""Effect of the broken lines of tests/test_mutations.py on the trust policies that we write."""

from types import ModuleType
from typing import Any, NamedTuple

from irsa.identity import policies
from irsa.identity.policies import TrustedRole
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from tests.support.paths import ROOT
from tests.test_mutations import MUTATIONS, POLICIES, Mutation

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
ROLE_A = TrustedRole("arn:aws:iam::111122223333:role/a", "AROAEXAMPLE")

EXACT = [ServiceAccountRef("dev", "s3-app"), ServiceAccountRef("dev", "worker")]
PATTERN = ServiceAccountPattern("ci", "runner-*")
MANY = [ServiceAccountRef("dev", f"app-{number:03}") for number in range(70)]


class Effect(NamedTuple):
    """The pack's findings on a trust policy that a broken line has written."""

    rules: frozenset[str]
    why_none: str = ""


def says(*rules: str) -> Effect:
    return Effect(frozenset(rules))


_SAME = "none of the names has a wildcard: StringLike lets in the same tokens as StringEquals"

EFFECTS = {
    "subject-dropped": says("no-sub"),
    "audience-dropped": says("no-aud"),
    "audience-by-pattern": Effect(frozenset(), _SAME),
    "operators-swapped": says("literal-wildcard"),
    "exact-subjects-as-patterns": Effect(frozenset(), _SAME),
    "patterns-as-exact-subjects": says("literal-wildcard"),
    "conditions-of-both-kinds-in-one-statement": says("anded-conditions"),
    "statements-merged": Effect(frozenset(), _SAME),
    "quota-unchecked": says("trust-quota"),
    "unique-id-dropped": Effect(
        frozenset(),
        "it trusts the same role; only after that role was made anew it trusts no caller, and then "
        "IAM shows its id, which is orphaned-principal",
    ),
    "external-id-dropped": Effect(
        frozenset(),
        "the principal is one named role: an external id separates customers of a third party, "
        "and no policy shows whether a role is a third party's (docs/commands.md, left alone)",
    ),
    "whole-namespace-unchecked": says("whole-namespace"),
    "namespace-pattern-unchecked": says("broad-sub"),
}
"""By mutation. Those of other files, and of the bucket's policy, change no trust policy."""


def documents(module: ModuleType) -> dict[str, Any]:
    """The trust policies that a version of `irsa.identity.policies` writes."""
    quota = module.TRUST_POLICY_QUOTA
    made = {
        "exact": module.irsa_trust_policy([PROVIDER], EXACT),
        "both kinds": module.irsa_trust_policy([PROVIDER], [*EXACT, PATTERN]),
        "by role": module.role_trust_policy([ROLE_A], external_id="tenant-42"),
        "by condition": module.principal_arn_trust_policy([ROLE_A.arn], external_id="tenant-42"),
    }
    try:
        made["many"] = module.irsa_trust_policy([PROVIDER], MANY, quota=quota)
    except ValueError:
        made["many"] = None
    return made


def mutated() -> dict[str, list[Any]]:
    """The documents that each mutation changes."""
    right = documents(policies)
    changed = {
        mutation.name: [
            new for name, new in documents(_broken(mutation)).items() if new != right[name]
        ]
        for mutation in MUTATIONS
        if mutation.file == POLICIES
    }
    # The two checks of a pattern are its builder's: without them these patterns come through.
    for name, pattern in (
        ("whole-namespace-unchecked", ServiceAccountPattern("dev", "*")),
        ("namespace-pattern-unchecked", ServiceAccountPattern("de*", "s3-app")),
    ):
        changed[name] = [policies.irsa_trust_policy([PROVIDER], [pattern])]
    return {name: each for name, each in changed.items() if each}


def _broken(mutation: Mutation) -> ModuleType:
    module = ModuleType(mutation.name)
    code = (ROOT / mutation.file).read_text().replace(mutation.old, mutation.new)
    exec(compile(code, mutation.name, "exec"), module.__dict__)  # noqa: S102 - our own code
    return module
