"""Remedies as `aws` commands: what gives, takes and replaces a policy. Pure.

A policy stands in a command as JSON that a person can read: a shell takes a quoted argument over
several lines, and IAM and S3 do not mind the white space.
"""

import json
from collections.abc import Sequence

from irsa.chain.ask import DenyingStatement
from irsa.decide.reasons import Source
from irsa.identity.policy_json import Json, statements, with_statements, without
from irsa.observe.facts import PermissionsPolicy, Role, Unread

Command = list[str]
Remedy = tuple[str, list[Command]]
"""What to do in words, and as commands."""

ONE_LINE = 80
"""Characters of a document up to which it is clearest on one line."""


def readable(document: Json) -> str:
    """A policy as it stands in a command."""
    short = json.dumps(document)
    return short if len(short) <= ONE_LINE else json.dumps(document, indent=2)


def inline(role: Role, name: str, document: Json) -> Command:
    """Put an inline policy on a role."""
    return ["aws", "iam", "put-role-policy", "--role-name", role.name, "--policy-name", name,
            "--policy-document", readable(document)]  # fmt: skip


def new_version(policy: PermissionsPolicy, document: Json) -> Command:
    """Replace a managed policy's document."""
    return ["aws", "iam", "create-policy-version", "--policy-arn", policy.arn, "--set-as-default",
            "--policy-document", readable(document)]  # fmt: skip


def is_of_aws(policy: PermissionsPolicy) -> bool:
    """Whether AWS manages the policy, so that nobody else can change it."""
    return policy.arn.split(":")[4:5] == ["aws"]


def remove_policy(role: Role, policy: PermissionsPolicy) -> Command:
    """Take a policy off a role."""
    if policy.arn:
        return ["aws", "iam", "detach-role-policy", "--role-name", role.name,
                "--policy-arn", policy.arn]  # fmt: skip
    return ["aws", "iam", "delete-role-policy", "--role-name", role.name,
            "--policy-name", policy.name]  # fmt: skip


def without_statements(role: Role, policy: PermissionsPolicy, positions: Sequence[int]) -> Command:
    """Take statements out of a role's policy, and the policy off the role if nothing is left."""
    document = without(policy.document, positions)
    if document["Statement"] and not is_of_aws(policy):
        return new_version(policy, document) if policy.arn else inline(role, policy.name, document)
    return remove_policy(role, policy)


def take_back(role: Role, denials: Sequence[DenyingStatement]) -> Remedy:
    """Take the statements that deny out of a role's own policies and its boundary."""
    positions: dict[Source, list[int]] = {}
    for denial in denials:
        positions.setdefault(denial.source, []).append(denial.statement)
    commands: list[Command] = []
    for source, listed in positions.items():
        if source.kind == "identity" and not isinstance(role.policies, Unread):
            commands.append(without_statements(role, role.policies[source.position], listed))
        elif source.kind == "boundary" and isinstance(role.boundary, PermissionsPolicy):
            if is_of_aws(role.boundary):
                return _another_boundary(role.boundary), []
            commands.append(new_version(role.boundary, without(role.boundary.document, listed)))
    return "remove or narrow the statement that denies it, if it is not meant", commands


def grant(role: Role, name: str, wanted: Json, *, bounded: bool) -> Remedy:
    """Allow what a role's policies do not; ``bounded`` if only its boundary is in the way."""
    boundary = role.boundary
    if not bounded or not isinstance(boundary, PermissionsPolicy):
        return "give the role a policy that allows it", [inline(role, name, wanted)]
    if is_of_aws(boundary):
        return _another_boundary(boundary), []
    document = with_statements(boundary.document, *statements(wanted))
    return "allow it in the permissions boundary, too", [new_version(boundary, document)]


def _another_boundary(boundary: PermissionsPolicy) -> str:
    return f"give the role another permissions boundary than AWS's own {boundary.name}"


def replace_trust(role: Role, document: Json) -> Command:
    """Replace a role's trust policy."""
    return ["aws", "iam", "update-assume-role-policy", "--role-name", role.name,
            "--policy-document", readable(document)]  # fmt: skip


def create_role(role_arn: str, trust_policy: Json) -> Command:
    """Create a role under a given ARN, with its path."""
    path, _, name = role_arn.partition(":role/")[2].rpartition("/")
    at = ["--path", f"/{path}/"] if path else []
    return ["aws", "iam", "create-role", "--role-name", name, *at,
            "--assume-role-policy-document", readable(trust_policy)]  # fmt: skip


def replace_bucket_policy(bucket: str, document: Json) -> Command:
    """Replace a bucket's policy, or delete it if no statement is left."""
    if not document["Statement"]:
        return ["aws", "s3api", "delete-bucket-policy", "--bucket", bucket]
    return ["aws", "s3api", "put-bucket-policy", "--bucket", bucket,
            "--policy", readable(document)]  # fmt: skip
