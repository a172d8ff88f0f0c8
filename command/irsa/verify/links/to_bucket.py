"""The links behind the session: the role's policies, and S3's answers. Pure."""

import json
from collections.abc import Sequence
from dataclasses import replace

from irsa.access import Judgement, allows
from irsa.decide.truth import Verdict
from irsa.identity.arns import Arn, partition_of
from irsa.identity.policies import VERSION
from irsa.identity.policy_json import Json, with_statements
from irsa.observe.facts import Answer, PermissionsPolicy, Role, Unread
from irsa.verify.facts import Calls, Facts, NotMade
from irsa.verify.link import Check, Link, Remedy, confirmed
from irsa.verify.remedies import refusals
from irsa.verify.remedies.iam import (
    create_bucket,
    for_all_users,
    grant,
    remove_policy,
    replace_bucket_policy,
    take_back,
)
from irsa.verify.remedies.pod_identity import enable_tags, with_tags
from irsa.verify.remedies.policy_edits import NARROW, with_role_exception
from irsa.verify.session_name import session_name

LIST_ACTION = "s3:ListBucket"
INLINE_NAME = "irsa-bucket"


def bucket_links(facts: Facts, calls: Calls) -> list[Link]:
    """The links that a bucket makes checkable, and the refusal that every role owes."""
    listed = listing_links("", facts, facts.named_role, calls.data) if facts.bucket else []
    return [*listed, refused(facts, calls.refused)]


def listing_links(
    prefix: str, facts: Facts, role: Role | Unread | None, answer: Answer | NotMade
) -> list[Link]:
    """Check whether a role may list the bucket, and does; ``answer`` is S3's to that role."""
    allowed = permissions(f"{prefix}permissions", facts, role)
    listed = listing(f"{prefix}data", facts, answer, [allowed])
    return [confirmed(allowed, answer, "S3 listed it"), listed]


def bucket_arn(role: Role, bucket: str) -> str:
    """The bucket's ARN in the role's partition."""
    return str(Arn(partition_of(role.arn), "s3", "", "", bucket))


def permissions(key: str, facts: Facts, role: Role | Unread | None) -> Link:
    """Check whether policies let a role list the bucket."""
    check = Check(key, f"{LIST_ACTION} on bucket {facts.bucket}")
    if not isinstance(role, Role):
        return check.undecided("there is no role", role)
    judged = judge_listing(role, facts)
    if judged.verdict is Verdict.ALLOW:
        return check.passed(judged.deciding)
    if judged.verdict is Verdict.UNKNOWN:
        policies = (role.policies, role.boundary, facts.bucket_policy)
        return check.undecided(judged.text, *policies)
    found, tagged = facts.association, judge_listing(role, with_tags(facts)).verdict
    if found and tagged is Verdict.ALLOW and not found.policy:
        return check.failed(judged.text, enable_tags(facts, found))
    remedy = allow_listing(role, facts, judged)
    # Where it has none at all, what other policies say of the call only misleads.
    why = judged.text if role.policies or judged.denials else "the role has no policy"
    own = (facts.subject, facts.name, facts.role_arn)
    remedy = for_all_users(role, remedy, *own, lifts=bool(judged.denials))
    return check.failed(why, remedy)


def judge_listing(
    role: Role,
    facts: Facts,
    *,
    own_policies_only: bool = False,
    without_session_policy: bool = False,
) -> Judgement:
    """Judge the role's policies on listing the bucket."""
    target = facts.role_b.target if facts.role_b else None
    of_role_b = target and role.arn == target.role_arn
    name = (target.session_name or None) if target and of_role_b else session_name(facts)
    found = None if without_session_policy else facts.association
    limit = found.policy if found and role.arn == facts.session_role else ""
    return allows(
        role,
        LIST_ACTION,
        bucket_arn(role, facts.bucket),
        session_name=name,
        resource_account="" if own_policies_only else facts.bucket_account,
        resource_policy=None if own_policies_only else facts.bucket_policy,
        context={"s3:max-keys": "1", "aws:requestedregion": facts.region},
        tags=facts.session_tags,
        session_policy=json.loads(limit) if limit else None,
    )


def allow_listing(role: Role, facts: Facts, judged: Judgement) -> Remedy:
    """Return what to change so that the role may list the bucket."""
    in_bucket = judged.denying("resource")
    if in_bucket and isinstance(facts.bucket_policy, dict):
        return _except_in_bucket(role, facts, facts.bucket_policy, in_bucket)
    if judged.denials:
        return take_back(role, judged.denials)
    if judge_listing(role, facts, without_session_policy=True).verdict is Verdict.ALLOW:
        return Remedy("allow it in the session policy of the association, which limits the role")
    own = judge_listing(role, facts, own_policies_only=True)
    if own.verdict is Verdict.ALLOW:
        return _allow_in_bucket(role, facts)
    wanted: Json = {"Version": VERSION, "Statement": [_listing(role, facts)]}
    unbounded = judge_listing(replace(role, boundary=None), facts, own_policies_only=True)
    return grant(role, INLINE_NAME, wanted, bounded=unbounded.verdict is Verdict.ALLOW)


def _except_in_bucket(role: Role, facts: Facts, policy: Json, positions: list[int]) -> Remedy:
    """A bucket's policy is there for others, too: it makes an exception for the role."""
    document = with_role_exception(policy, positions, role.arn)
    if document is None:
        return Remedy("meet the conditions of the bucket policy's statement that denies it")
    return Remedy(NARROW, (replace_bucket_policy(facts.bucket, document),))


def _allow_in_bucket(role: Role, facts: Facts) -> Remedy:
    """The bucket is another account's, and only its own policy is still missing."""
    text = f"in account {facts.bucket_account}, allow the role in the bucket's policy"
    if isinstance(facts.bucket_policy, Unread):
        return Remedy(text)
    policy = facts.bucket_policy or {"Version": VERSION, "Statement": []}
    document = with_statements(policy, {"Principal": {"AWS": role.arn}, **_listing(role, facts)})
    return Remedy(text, (replace_bucket_policy(facts.bucket, document),))


def _listing(role: Role, facts: Facts) -> Json:
    """The statement that allows the call that fails, and nothing else."""
    resource = bucket_arn(role, facts.bucket)
    return {"Effect": "Allow", "Action": LIST_ACTION, "Resource": resource}


def listing(key: str, facts: Facts, answer: Answer | NotMade, before: Sequence[Link]) -> Link:
    """Check S3's answer to ListObjectsV2."""
    check = Check(key, f"ListObjectsV2 of {facts.bucket}")
    if isinstance(answer, NotMade):
        return check.unknown(answer)
    if answer.allowed:
        return check.passed("listed")
    if answer.code == "NoSuchBucket":
        command = create_bucket(facts.bucket)
        return check.failed(answer.text, "create the bucket, or correct its name", command)
    return check.failed(answer.text, refusals.remedy_after(answer, before))


def refused(facts: Facts, answer: Answer | NotMade) -> Link:
    """Check whether the role may do what no workload role should."""
    check = Check("refused", "AccessDenied to iam:ListUsers")
    if isinstance(answer, NotMade):
        return check.unknown(answer)
    if not answer.allowed:
        if answer.code in ("AccessDenied", "AccessDeniedException"):
            return check.passed("refused")
        return check.unknown(answer.text)
    remedy = Remedy("take off the policies that allow more than the workload needs")
    role = facts.named_role
    if isinstance(role, Role) and not isinstance(role.policies, Unread):
        wide = (each for each in role.policies if _allows_listing_users(role, each))
        remedy = remedy._replace(commands=tuple(remove_policy(role, each) for each in wide))
        remedy = for_all_users(role, remedy, facts.subject, facts.name, lifts=True)
    return check.failed("the role can list IAM users", remedy)


def _allows_listing_users(role: Role, policy: PermissionsPolicy) -> bool:
    alone = replace(role, policies=(policy,), boundary=None)
    judged = allows(alone, "iam:ListUsers", "*", session_name=None)
    return judged.verdict is Verdict.ALLOW
