"""Actions on resources that a role needs, and the evaluator's answer to each. Pure.

A wildcard in a policy's action or resource stands for itself in the question: ``s3:Get*`` is
allowed where statements allow all of it, and denied where one denies all of it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from irsa.access import Judgement, allows
from irsa.decide.document import conditions_of
from irsa.decide.patterns import Key, Pattern, Value
from irsa.decide.truth import Verdict
from irsa.identity.arns import account_of, bucket_arn, parse_arn, partition_of
from irsa.identity.policy_json import Json, as_list, statements
from irsa.observe.facts import PermissionsPolicy, Role
from irsa.verify.facts import Facts, Grant, documents_of, session_role
from irsa.verify.session_name import session_name

LIST_ACTION = "s3:ListBucket"
_OF_REQUEST = ("requesttag/", "tagkeys", "resourcetag/", "requestedregion", "calledvia")
"""Beginnings of the global condition keys that the application's request decides.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
_DEFAULT_KEY_POLICY: Json = {
    "Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
}
"""Leaves a key to the role's own policies, as the policy that KMS writes by default.
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""


def bucket_listing(role: Role, bucket: str) -> Grant:
    """Return the one call that verify makes to a bucket."""
    return Grant(LIST_ACTION, bucket_arn(bucket, partition=partition_of(role.arn)))


def named_grants(documents: Iterable[Json]) -> Iterator[Grant]:
    """The actions and resources that statements allow by name or pattern."""
    for statement in (each for document in documents for each in statements(document)):
        if statement.get("Effect") == "Allow":
            for action in as_list(statement.get("Action", [])):
                for resource in as_list(statement.get("Resource", [])):
                    if "$" not in resource:  # a policy variable names no resource
                        yield Grant(action, resource, statement)


def role_grants(role: Role) -> list[Grant]:
    """Actions and resources that a role's policies name."""
    return [*named_grants(each.content for each in role.known_policies)]


def asked_grants(role: Role, facts: Facts) -> list[Grant]:
    """Grants of the question: of a bucket its listing and those that the role's policies name in
    it, of a stack those that the stack's policies name."""
    of_bucket = _in_bucket(role, facts.bucket) if facts.bucket else ()
    grants: dict[tuple[str, str], Grant] = {}
    for each in (*of_bucket, *facts.grants, *named_grants(facts.stack_policies)):
        grants.setdefault(each.key, each)
    return [*grants.values()]


class JudgedGrant(NamedTuple):
    """A grant, and the evaluator's answer to it."""

    grant: Grant
    answer: Judgement

    @property
    def deciding(self) -> set[tuple[object, ...]] | None:
        """The statements that leave the answer open; None for a policy that was not read."""
        if not all(each.startswith("condition key") for each in self.answer.missing):
            return None
        return {(each.source, each.statement) for each in self.answer.reasons}


def judged_grants(role: Role, facts: Facts) -> list[JudgedGrant]:
    """The grants of the question, each judged once."""
    return [JudgedGrant(e, judge_grant(role, facts, e)) for e in asked_grants(role, facts)]


def _in_bucket(role: Role, bucket: str) -> Iterator[Grant]:
    listed = bucket_listing(role, bucket)
    yield listed
    for each in role_grants(role):
        service, _, action = each.action.rpartition(":")
        if service.lower() not in ("s3", ""):
            continue
        within = [each.resource] if each.resource.startswith(f"{listed.resource}/") else []
        if not within and Pattern.parse(each.resource).matches(listed.resource):
            within = [listed.resource]
            within += [f"{listed.resource}/*"] if each.resource.endswith("*") else []
        yield from (each._replace(action=f"s3:{action}", resource=one) for one in within)


def judge_grant(
    role: Role,
    facts: Facts,
    grant: Grant,
    *,
    own_policies_only: bool = False,
    without_session_policy: bool = False,
) -> Judgement:
    """Decide whether the role's session may do it.

    Conditions of the statement that names it are taken to hold as far as the application's request
    decides them: other statements must not forbid it.
    """
    role_b = facts.role_b
    of_role_b = role_b and role.arn == role_b.role_arn
    name = (role_b.session_name or None) if role_b and of_role_b else session_name(facts)
    found = None if without_session_policy else facts.associated
    limit = found.policy if found and role.arn == session_role(facts) else ""
    documents = [each for fact in (role, facts.bucket_policy) for each in documents_of(fact)]
    arn = parse_arn(grant.resource)
    owner = account_of(grant.resource) if arn and arn.account.isdigit() else ""
    resource_policy = facts.resource_policies.get(grant.resource)
    if is_of_bucket(role, facts, grant):
        owner, resource_policy = facts.bucket_account, facts.bucket_policy
    if own_policies_only or (arn and arn.service == "kms" and resource_policy is None):
        resource_policy = _DEFAULT_KEY_POLICY if arn and arn.service == "kms" else None

    def judged(role: Role) -> Judgement:
        return allows(
            role,
            grant.action,
            grant.resource,
            session_name=name,
            resource_account="" if own_policies_only else owner,
            resource_policy=resource_policy,
            context=_context(facts, grant, documents),
            tags=facts.session_tags,
            session_policy=json.loads(limit) if limit else None,
        )

    first = judged(role)
    if first.verdict is not Verdict.UNKNOWN or grant.statement not in _statements(role):
        return first
    met = {"Statement": _met(grant.statement or {})}
    policies = (*role.known_policies, PermissionsPolicy("its conditions hold", met))
    other = judged(replace(role, policies=policies))
    return other if other.verdict is Verdict.ALLOW else first


def is_of_bucket(role: Role, facts: Facts, grant: Grant) -> bool:
    """Return whether it is about the bucket in question."""
    bucket = grant.resource.partition("/")[0]
    return bool(facts.bucket) and bucket == bucket_listing(role, facts.bucket).resource


def actions_by_resource(grants: Iterable[Grant]) -> dict[str, list[str]]:
    """The actions of grants by their resource."""
    found: dict[str, list[str]] = {}
    for each in grants:
        found.setdefault(each.resource, []).append(each.action)
    return found


def is_partial(role: Role, facts: Facts, grant: Grant, judged: Judgement) -> bool:
    """Return whether boundary or session policy may allow a part of what a pattern names."""
    pattern = grant.statement and {"*", "?"} & {*grant.action, *grant.resource}
    if not pattern or judged.verdict is not Verdict.DENY or judged.denials:
        return False
    free = replace(role, boundary=None)
    alone = judge_grant(free, facts, grant, own_policies_only=True, without_session_policy=True)
    return alone.verdict is Verdict.ALLOW


def excepts(role: Role) -> bool:
    """Return whether a policy denies all but some actions or resources."""
    listed = [each for document in documents_of(role) for each in statements(document)]
    return any({"NotAction", "NotResource"} & {*each} for each in listed)


def _context(facts: Facts, grant: Grant, documents: Sequence[Json]) -> dict[str, Value]:
    """The keys of the call; those of services are known for verify's own listing alone."""
    known: dict[str, Value] = {"aws:requestedregion": facts.region}
    if grant.action == LIST_ACTION and grant.statement is None:
        return {"s3:max-keys": "1", **known}
    keys = (e.key.lower() for d in documents for s in statements(d) for e in conditions_of(s))
    return {**dict.fromkeys(filter(_is_of_service, keys), Key.UNKNOWN), **known}


def _is_of_service(key: str) -> bool:
    """Return whether a key is a service's own, and neither global nor of an OIDC provider."""
    prefix = key.partition(":")[0].lower()
    return prefix not in ("aws", "sts") and "." not in prefix


def _statements(role: Role) -> list[Json]:
    return [each for policy in role.known_policies for each in statements(policy.content)]


def _met(statement: Json) -> Json:
    """The statement without its conditions on what the application's request decides."""
    block: Json = {}
    for operator, keys in statement.get("Condition", {}).items():
        block[operator] = {key: value for key, value in keys.items() if not _of_request(key)}
    return {**statement, "Condition": {key: value for key, value in block.items() if value}}


def _of_request(key: str) -> bool:
    return _is_of_service(key) or key.lower().removeprefix("aws:").startswith(_OF_REQUEST)
