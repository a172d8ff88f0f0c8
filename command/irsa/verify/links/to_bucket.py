"""The links behind the session: what the role's policies allow, and S3's answers. Pure.

A wildcard in a policy's action or resource stands for itself in the question: ``s3:Get*`` is
allowed where statements allow all of it, and denied where one denies all of it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from irsa.access import Judgement, allows
from irsa.observe.facts import Answer, PermissionsPolicy, Role, Unread
from irsa.observe.iam import AccountPrincipals
from irsa.verify.containers import names, session_name
from irsa.verify.facts import Facts, Grant, documents_of, named_role, session_role
from irsa.verify.link import (
    Called,
    Check,
    Link,
    Remedy,
    Resource,
    ShellCommand,
    Status,
    aws,
    confirmed,
    irsa,
)
from irsa.verify.links.pod_identity import enable_tags, with_tags
from irsa.verify.links.to_session import granting
from irsa.verify.remedies import iam
from irsa.verify.remedies.pod import call_inside
from irsa_core.decide.document import conditions_of
from irsa_core.decide.patterns import Key, Pattern, Value
from irsa_core.decide.truth import Verdict
from irsa_core.identity.arns import account_of, bucket_arn, parse_arn, partition_of
from irsa_core.identity.policies import VERSION
from irsa_core.identity.policy_json import Json, as_list, statements, with_statements

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


def _in_bucket(role: Role, bucket: str) -> Iterator[Grant]:
    listed = bucket_listing(role, bucket)
    yield listed
    for call in role_grants(role):
        service, _, action = call.action.rpartition(":")
        if service.lower() not in ("s3", ""):
            continue
        within = [call.resource] if call.resource.startswith(f"{listed.resource}/") else []
        if not within and Pattern.parse(call.resource).matches(listed.resource):
            within = [listed.resource]
            within += [f"{listed.resource}/*"] if call.resource.endswith("*") else []
        yield from (call._replace(action=f"s3:{action}", resource=one) for one in within)


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
    association = None if without_session_policy else facts.associated
    limit = association.policy if association and role.arn == session_role(facts) else ""
    documents = [policy for fact in (role, facts.bucket_policy) for policy in documents_of(fact)]
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

    first, role_statements = judged(role), [call.statement for call in role_grants(role)]
    if first.verdict is not Verdict.UNKNOWN or grant.statement not in role_statements:
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


def _met(statement: Json) -> Json:
    """The statement without its conditions on what the application's request decides."""

    def of_call(key: str) -> bool:
        of_request = key.lower().removeprefix("aws:").startswith(_OF_REQUEST)
        return not of_request and not _is_of_service(key)

    kept = [condition for condition in conditions_of(statement) if of_call(condition.key)]
    return iam.with_conditions(statement, kept)


INLINE_NAME = "irsa-bucket"
NO_POLICY = "the role has no policy"
ASK = "ask with --bucket, or with --action and --resource"


def data_links(prefix: str, facts: Facts, role: Role | Unread | None, answer: Called) -> list[Link]:
    """Check whether a role may do what is asked for, and lists the bucket if one is; ``answer`` is
    S3's to that role."""
    key = f"{prefix}permissions"
    judged: list[JudgedGrant] = []
    if isinstance(role, Role):
        judged = [JudgedGrant(e, judge_grant(role, facts, e)) for e in asked_grants(role, facts)]
    allowed = permissions(key, facts, role, judged)
    if not facts.bucket:
        return [allowed]
    if judged and allowed.status is Status.UNKNOWN:
        inside = call_inside(facts, "s3api", "list-objects-v2", "--bucket", facts.bucket)
        listed = permissions(key, facts, role, judged[:1])
        listed = confirmed(listed, answer, "S3 listed it", inside)
        # Where the very same statements decide, S3's answer to the listing is one to the others.
        by = judged[0].deciding
        others = [call for call in judged[1:] if None in (by, call.deciding) or call.deciding != by]
        holds = others and listed.status is Status.PASSED
        allowed = permissions(key, facts, role, others) if holds else listed
    check = Check(f"{prefix}data", f"ListObjectsV2 of {facts.bucket}")
    if isinstance(answer, Answer) and answer.code == "NoSuchBucket":
        text = "correct its name, also in policies, or create the bucket"
        # A name that a person or a policy gives may be the mistake; a stack's is the program's.
        changes = Resource("bucket", facts.bucket)
        create = [aws("s3", "mb", f"s3://{facts.bucket}", changes=changes)] if facts.stack else []
        return [allowed, check.failed(answer.text, text, *create)]
    return [allowed, granting(check, answer, [allowed], "listed")]


def permissions(
    key: str, facts: Facts, role: Role | Unread | None, judged: Sequence[JudgedGrant]
) -> Link:
    """Check whether policies allow a role what the question asks; without a question, whether they
    allow it anything."""
    check = Check(key, describe_grants(e.grant for e in judged) or "what the application needs")
    unread = role if isinstance(role, Unread) else isinstance(role, Role) and role.policies
    if isinstance(unread, Unread) and not (facts.bucket or facts.grants or facts.stack_policies):
        return check.not_asked(unread.text, f"{unread.remedy}, or {ASK}")
    if not isinstance(role, Role):
        return check.unknown("there is no role", role)
    if not judged:
        return _anything(check, facts, role)
    judged = [call for call in judged if not is_partial(role, facts, *call)] or judged
    denied = [call for call in judged if call.answer.verdict is Verdict.DENY]
    unknown = [call for call in judged if call.answer.verdict is Verdict.UNKNOWN]
    grant, answer = (denied or unknown or judged)[0]
    policy = facts.resource_policies.get(grant.resource, facts.bucket_policy)
    link = check.judged(answer, role.policies, role.boundary, policy)
    if link is None:
        return _denied(check, facts, role, denied)
    if len(judged) == 1:
        return link
    return replace(
        link, found=f"{describe_grants([grant])}: {link.found}" if unknown else "allowed"
    )


def _denied(check: Check, facts: Facts, role: Role, denied: Sequence[JudgedGrant]) -> Link:
    grant, judged = denied[0]
    # Where it has none at all, what other policies say of the call only misleads.
    why = judged.text if role.policies or judged.denials else NO_POLICY
    if len(denied) > 1 or grant.action != LIST_ACTION:
        why = f"not allowed: {describe_grants(call for call, _ in denied)}; {why}"
    association, named = facts.associated, facts.annotated_role
    if association and named not in ("", association.role_arn):
        text = f"the association wins over the annotation {named}: keep the one that is meant"
        return check.failed(why, f"{text}, remove the other one, and restart the Pods")
    if association and not association.policy:
        tagged = judge_grant(role, with_tags(facts), grant).verdict
        if tagged is Verdict.ALLOW:
            return check.failed(why, enable_tags(facts, association))
    remedy = allow(role, facts, denied)
    return check.failed(why, iam.for_all_users(facts, role, remedy, lifts=bool(judged.denials)))


def _anything(check: Check, facts: Facts, role: Role) -> Link:
    """The link of a chain of which nothing is asked."""
    if not role.policies:
        why = f"{NO_POLICY}; only a resource's policy can grant"
        return check.unknown(why, remedy=f"give the role a policy, or {ASK}")
    named = role_grants(role)
    judged = [judge_grant(role, facts, call, own_policies_only=True) for call in named]
    if judged and all(judgement.denials for judgement in judged) and not excepts(role):
        why = f"all that its policies name is denied: {judged[0].text}"
        remedy = iam.take_back(role, judged[0].denials)
        return check.failed(why, iam.for_all_users(facts, role, remedy, lifts=True))
    text = f"the role's policies name {describe_grants(named) or 'nothing'}"
    return check.not_asked(text, ASK, *_asking(role, facts, named))


def _asking(role: Role, facts: Facts, named: Sequence[Grant]) -> Iterator[ShellCommand]:
    """The command that asks for what a role's policies name, if they name it without patterns."""
    whole = [each for each in named if not {"*", "?"} & {*each.action, *each.resource}]
    limited = [e for e in whole if judge_grant(role, facts, e).verdict is not Verdict.DENY]
    for each in limited[:1]:
        bucket = each.resource.partition(":s3:::")[2]
        asked = ["--action", each.action, "--resource", each.resource]
        asked = ["--bucket", bucket] if bucket and "/" not in bucket else asked
        yield irsa("verify", f"{facts.namespace}/{facts.name}", *asked)


def describe_grants(grants: Iterable[Grant]) -> str:
    """Return actions and resources in one line: ``s3:GetObject on arn:aws:s3:::b/*``."""
    listed = actions_by_resource(grants).items()
    return names(f"{names(actions)} on {resource}" for resource, actions in listed)


def allow(role: Role, facts: Facts, denied: Sequence[JudgedGrant]) -> Remedy:
    """Return what to change so that the role may do what it may not; the first one's cause comes
    first, and the same change is for all that have it."""
    asked, judged = denied[0]
    in_resource = judged.denying("resource")
    bucket_policy = facts.bucket_policy if is_of_bucket(role, facts, asked) else None
    if in_resource and isinstance(bucket_policy, dict):
        document = iam.with_exception(bucket_policy, in_resource, iam.except_role(role.arn))
        if document is None:
            return Remedy("meet the conditions of the bucket policy's statement that denies it")
        return Remedy(iam.NARROW, (iam.replace_bucket_policy(facts.bucket, document),))
    if in_resource:
        return Remedy(f"ask the owner of {asked.resource} to except the role in its policy")
    if judged.denials:
        return iam.take_back(role, judged.denials)
    free = judge_grant(role, facts, asked, without_session_policy=True)
    if free.verdict is Verdict.ALLOW:
        return Remedy("allow it in the association's session policy, and restart the Pods")
    role_alone = judge_grant(role, facts, asked, own_policies_only=True)
    if role_alone.verdict is Verdict.ALLOW:
        if is_of_bucket(role, facts, asked):
            return _allow_in_bucket(role, facts, asked)
        return Remedy(f"ask the owner of {asked.resource} to allow the role in its policy")
    unbounded = judge_grant(replace(role, boundary=None), facts, asked, own_policies_only=True)
    bounded = unbounded.verdict is Verdict.ALLOW
    missing = [call for call, answer in denied if not answer.denials]
    if not bounded and (fitting := _fitting(role, facts, missing)):
        return fitting
    if any(call.resource == "*" for call in missing):
        return Remedy("give the role a policy for the resource itself; ask with its ARN")
    policy: Json = {"Version": VERSION, "Statement": [*_statements(missing)]}
    return iam.grant(role, INLINE_NAME, policy, bounded=bounded)


def _fitting(role: Role, facts: Facts, missing: Sequence[Grant]) -> Remedy | None:
    """Attach a managed policy of the account that allows this, and nothing elsewhere."""
    managed = facts.iam.managed if isinstance(facts.iam, AccountPrincipals) else ()
    within = {call.resource.partition("/")[0] for call in missing}
    fitting: list[tuple[list[Grant], PermissionsPolicy]] = []
    for policy in (policy for policy in managed if account_of(policy.arn) == role.account):
        named = [*named_grants([policy.content])]
        alone = replace(role, policies=(policy,), boundary=None)
        # What is allowed by exception, or by a variable, is not among what the policy names.
        narrow = not excepts(alone) and "$" not in str(policy.content)
        narrow = narrow and all(call.resource.partition("/")[0] in within for call in named)
        judged = [judge_grant(alone, facts, call, own_policies_only=True) for call in missing]
        if narrow and all(judgement.verdict is Verdict.ALLOW for judgement in judged):
            fitting.append((named, policy))
    if not fitting:
        return None
    named, policy = min(fitting, key=lambda pair: len(pair[0]))
    text = f"attach the account's policy {policy.name}, which allows {describe_grants(named)}"
    return Remedy(text, (iam.put_policy(role, policy),))


def _statements(wanted: Iterable[Grant]) -> Iterator[Json]:
    """The statements that allow what fails, and nothing else."""
    for resource, actions in actions_by_resource(wanted).items():
        action = actions[0] if len(actions) == 1 else actions
        yield {"Effect": "Allow", "Action": action, "Resource": resource}


def _allow_in_bucket(role: Role, facts: Facts, asked: Grant) -> Remedy:
    """The bucket is another account's, and only its own policy is still missing."""
    text = f"in account {facts.bucket_account}, allow the role in the bucket's policy"
    if isinstance(facts.bucket_policy, Unread):
        return Remedy(text)
    policy = facts.bucket_policy or {"Version": VERSION, "Statement": []}
    [statement] = _statements([asked])
    document = with_statements(policy, {"Principal": {"AWS": role.arn}, **statement})
    return Remedy(text, (iam.replace_bucket_policy(facts.bucket, document),))


def refused(facts: Facts, answer: Called) -> Link:
    """Check whether the role may do what no workload role should."""
    check = Check("refused", "AccessDenied to iam:ListUsers")
    if link := check.refused(answer, "refused"):
        return link
    text, role = "take off the policies that allow more than the workload needs", named_role(facts)
    if not isinstance(role, Role):
        return check.failed("the role can list IAM users", text)
    commands: list[ShellCommand] = []
    for policy in role.known_policies:
        alone = replace(role, policies=(policy,), boundary=None)
        if allows(alone, "iam:ListUsers", "*", session_name=None).verdict is Verdict.ALLOW:
            commands.append(iam.remove_policy(role, policy))
    remedy = iam.for_all_users(facts, role, Remedy(text, tuple(commands)), lifts=True)
    return check.failed("the role can list IAM users", remedy)
