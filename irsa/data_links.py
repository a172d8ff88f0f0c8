"""The links behind the session: what the role's policies allow, and how S3 answers. Pure."""

from components.policies import bucket_permissions_policy
from irsa.chain_facts import Facts
from irsa.evaluate import Verdict
from irsa.facts import Answer, Json, PermissionsPolicy, Role, Unread
from irsa.judgement import (
    Denial,
    Judgement,
    allows,
    statements,
    with_statements,
    without,
)
from irsa.links import Link, compact, failed, passed, unknown
from irsa.trust_links import BEYOND, SESSION_NAME

LIST_ACTION = "s3:ListBucket"
INLINE_NAME = "irsa-bucket"

Command = list[str]


def data_links(facts: Facts) -> list[Link]:
    """The links that a bucket makes checkable, and the refusal that every role owes."""
    with_bucket = [permissions(facts), data(facts)] if facts.bucket else []
    return [*with_bucket, refused(facts)]


def bucket_arn(role: Role, bucket: str) -> str:
    """The bucket's ARN in the role's partition."""
    return f"arn:{role.arn.split(':')[1]}:s3:::{bucket}"


def permissions(facts: Facts) -> Link:
    """Whether policies let the role list the bucket."""
    expected = f"{LIST_ACTION} on bucket {facts.bucket}"
    role = facts.role
    if not isinstance(role, Role):
        missing = role if isinstance(role, Unread) else "there is no role"
        return _by_answer(expected, missing, facts.data)
    if isinstance(role.policies, Unread):
        return _by_answer(expected, role.policies, facts.data)
    judged = judge_listing(role, facts)
    if judged.verdict is Verdict.ALLOW:
        return passed("permissions", expected, judged.deciding)
    if judged.verdict is Verdict.UNKNOWN:
        return _by_answer(expected, judged.text, facts.data)
    remedy, commands = mend_listing(role, facts, judged)
    return failed("permissions", expected, judged.text, remedy, *commands)


def _by_answer(expected: str, missing: Unread | str, answer: Answer | None) -> Link:
    if answer is not None and answer.allowed:
        text = missing.text if isinstance(missing, Unread) else missing
        return passed("permissions", expected, f"{text}; but S3 listed it")
    return unknown("permissions", expected, missing)


def judge_listing(role: Role, facts: Facts, *, without_boundary: bool = False) -> Judgement:
    """What the policies say about listing the bucket."""
    return allows(
        role,
        LIST_ACTION,
        bucket_arn(role, facts.bucket),
        session_name=SESSION_NAME,
        resource_policy=facts.bucket_policy,
        without_boundary=without_boundary,
        context={"s3:max-keys": "1"},
    )


def mend_listing(role: Role, facts: Facts, judged: Judgement) -> tuple[str, list[Command]]:
    """What to change so that the role may list the bucket."""
    if judged.denials:
        commands = [_without_denial(role, facts, denial) for denial in judged.denials[:1]]
        return "remove or narrow the statement that denies it, if it is not meant", commands
    wanted = bucket_permissions_policy(bucket_arn(role, facts.bucket))
    boundary = role.boundary
    if isinstance(boundary, PermissionsPolicy):
        unbounded = judge_listing(role, facts, without_boundary=True)
        if unbounded.verdict is Verdict.ALLOW:
            document = with_statements(boundary.document, *statements(wanted))
            return "allow it in the permissions boundary, too", [new_version(boundary, document)]
    return "give the role a policy that allows it", [inline(role, INLINE_NAME, wanted)]


def _without_denial(role: Role, facts: Facts, denial: Denial) -> Command:
    kind, position = denial.source
    if kind == "resource" and isinstance(facts.bucket_policy, dict):
        document = without(facts.bucket_policy, [denial.statement])
        if not document["Statement"]:
            return ["aws", "s3api", "delete-bucket-policy", "--bucket", facts.bucket]
        return ["aws", "s3api", "put-bucket-policy", "--bucket", facts.bucket,
                "--policy", compact(document)]  # fmt: skip
    if kind == "boundary" and isinstance(role.boundary, PermissionsPolicy):
        document = without(role.boundary.document, [denial.statement])
        return new_version(role.boundary, document)
    policies = () if isinstance(role.policies, Unread) else role.policies
    return without_statement(role, policies[position], denial.statement)


def without_statement(role: Role, policy: PermissionsPolicy, position: int) -> Command:
    """Take one statement out of a role's policy, and the policy off the role if nothing is left."""
    document = without(policy.document, [position])
    if document["Statement"]:
        return new_version(policy, document) if policy.arn else inline(role, policy.name, document)
    return remove_policy(role, policy)


def remove_policy(role: Role, policy: PermissionsPolicy) -> Command:
    """Take a policy off a role."""
    if policy.arn:
        return ["aws", "iam", "detach-role-policy", "--role-name", role.name,
                "--policy-arn", policy.arn]  # fmt: skip
    return ["aws", "iam", "delete-role-policy", "--role-name", role.name,
            "--policy-name", policy.name]  # fmt: skip


def new_version(policy: PermissionsPolicy, document: Json) -> Command:
    """Replace a managed policy's document."""
    return ["aws", "iam", "create-policy-version", "--policy-arn", policy.arn, "--set-as-default",
            "--policy-document", compact(document)]  # fmt: skip


def inline(role: Role, name: str, document: Json) -> Command:
    """Put an inline policy on a role."""
    return ["aws", "iam", "put-role-policy", "--role-name", role.name, "--policy-name", name,
            "--policy-document", compact(document)]  # fmt: skip


def data(facts: Facts) -> Link:
    """Whether S3 lists the bucket."""
    return listing("data", facts.bucket, facts.data)


def listing(key: str, bucket: str, answer: Answer | None) -> Link:
    """How S3 answered to ListObjectsV2."""
    expected = f"ListObjectsV2 of {bucket}"
    if answer is None:
        return unknown(key, expected, "there is no session")
    if answer.allowed:
        return passed(key, expected, "listed")
    if answer.code == "NoSuchBucket":
        command = ["aws", "s3", "mb", f"s3://{bucket}"]
        return failed(key, expected, answer.text, "create the bucket, or correct its name", command)
    return failed(key, expected, answer.text, f"if the policies above allow it: {BEYOND}")


def refused(facts: Facts) -> Link:
    """Whether the role may do what no workload role should."""
    expected = "AccessDenied to iam:ListUsers"
    answer, role = facts.refused, facts.role
    if answer is None:
        return unknown("refused", expected, "there is no session")
    if not answer.allowed:
        if answer.code in ("AccessDenied", "AccessDeniedException"):
            return passed("refused", expected, "refused")
        return unknown("refused", expected, answer.text)
    remedy = "take the policies off that allow more than the workload needs"
    return failed("refused", expected, "the role lists IAM users", remedy, *_too_much(role))


def _too_much(role: Role | Unread | None) -> list[Command]:
    if not isinstance(role, Role) or isinstance(role.policies, Unread):
        return []
    return [
        remove_policy(role, policy)
        for policy in role.policies
        if _allows_listing_users(role, policy)
    ]


def _allows_listing_users(role: Role, policy: PermissionsPolicy) -> bool:
    alone = Role(role.arn, role.unique_id, {}, policies=(policy,))
    judged = allows(alone, "iam:ListUsers", "*", session_name=SESSION_NAME)
    return judged.verdict is Verdict.ALLOW
