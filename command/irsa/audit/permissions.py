"""Rules for the permissions of roles beside EKS Pod Identity. Pure.

Policies of an organization that deny a call are not read, and neither are those that AWS manages.
"""

from collections.abc import Collection, Sequence

from irsa.access import assumes
from irsa.decide.document import OtherAction, Statement, statements_of
from irsa.decide.patterns import Pattern
from irsa.decide.truth import Verdict
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.pod_identity import SESSION_TAGS
from irsa.identity.policy_json import Json
from irsa.observe.facts import Role
from irsa.rules.conditions import resource_name
from irsa.rules.tokens import Hits

_PASS = "iam:PassRole"  # noqa: S105 - an action
_ASSOCIATE: tuple[OtherAction, ...] = (
    "eks:CreatePodIdentityAssociation",
    "eks:UpdatePodIdentityAssociation",
)
_SERVICE = "iam:passedtoservice"


def check_passing(policies: Sequence[Json]) -> Hits:
    """Check the policies of one role; those of an administrator are left alone."""
    statements = [each for document in policies for each in statements_of(document)]
    allowed = [each for each in statements if each.allows]
    denied = [each for each in statements if not each.allows and _limits_all(each)]
    if any(each.covers(_PASS) for each in denied) or any(
        "*" in each.actions and "*" in each.resources for each in allowed
    ):
        return
    associating = [
        call
        for call in _ASSOCIATE
        if any(each.covers(call) for each in allowed)
        and not any(each.covers(call) for each in denied)
    ]
    if associating:
        passing = [each for each in allowed if each.covers(_PASS) and _is_about_any(each)]
        resources = dict.fromkeys(name for each in passing for name in each.resources)
        if passing:
            calls = " and ".join(associating)
            yield "pass-any-role", f"{_PASS} on {', '.join(resources)}, and {calls}"


def _is_about_any(statement: Statement) -> bool:
    """Return whether a statement is about resources of any name, passed to EKS Pod Identity."""
    for each in statement.conditions:
        if each.key.lower() == _SERVICE and each.base != "null":
            patterns = map(Pattern.parse, each.patterns)
            named = any(pattern.matches(POD_IDENTITY_SERVICE) for pattern in patterns)
            if named == ("not" in each.base):
                return False
    excepted = statement.resource_element == "NotResource"
    return excepted or any(not resource_name(each).strip("*?") for each in statement.resources)


def _limits_all(denial: Statement) -> bool:
    """Return whether a denial leaves at most resources that it names."""
    return _is_about_any(denial) and {each.key.lower() for each in denial.conditions} <= {_SERVICE}


def check_forging(target: Role, callers: Sequence[Role], untagged: Collection[str]) -> Hits:
    """Check a role that trusts other roles by the tags of EKS Pod Identity.

    ``untagged`` are the ARNs of roles with an association that disables session tags.
    """
    for statement in statements_of(target.trust_policy):
        asked = {
            each.key.lower(): each.patterns[0].replace("*", "x").replace("?", "x")
            for each in statement.conditions
            if each.positive
        }
        tags = {key: value for key, value in asked.items() if key in _TAGS}
        if not (statement.allows and statement.covers("sts:AssumeRole") and tags):
            continue
        names = tuple(key.partition("/")[2] for key in tags)
        # The caller also chooses which tags are transitive.
        chosen = {key: value for key, value in asked.items() if key == "sts:transitivetagkeys"}
        context = {"aws:tagkeys": names, **chosen, **tags}
        for caller in callers:
            if caller.arn == target.arn or _only_tagged(caller, untagged):
                continue
            external_id = asked.get("sts:externalid", "")
            judged = assumes(target, caller, external_id=external_id, context=context)
            if judged.verdict is Verdict.ALLOW:
                yield "forged-tags", f"statement {statement.number}: {caller.arn}"


_TAGS = {f"aws:requesttag/{tag}" for tag in SESSION_TAGS}


def _only_tagged(role: Role, untagged: Collection[str]) -> bool:
    """Return whether EKS alone makes sessions of a role, all with tags that cannot be changed."""
    trusting = [each for each in statements_of(role.trust_policy) if each.allows]
    return role.arn not in untagged and all(
        each.principals == {"Service": (POD_IDENTITY_SERVICE,)} for each in trusting
    )
