"""A role for an AWS service, as pulumi-eks makes them."""

import hashlib
import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi import Output, ResourceOptions


class ServiceRole(pulumi.ComponentResource):
    """A role that a service assumes, with AWS's own policies on it."""

    role: aws.iam.Role
    """The role, whether its policies are attached yet or not."""

    attachments: list[pulumi.Resource]
    """Dependencies of resources that need the role's permissions."""

    def __init__(
        self,
        name: str,
        *,
        service: str,
        description: str | None = None,
        policies: Sequence[str],
        actions: Sequence[str],
        partition: Output[str],
        opts: ResourceOptions,
    ) -> None:
        super().__init__("eks:index:ServiceRole", name, {}, opts)
        child = ResourceOptions(parent=self)
        self.role = aws.iam.Role(
            f"{name}-role",
            description=description,
            assume_role_policy=_trust_policy(service, actions),
            opts=child,
        )
        self.attachments = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{_hash(policy)}",
                policy_arn=Output.concat("arn:", partition, ":iam::aws:policy/", policy),
                role=self.role.name,
                opts=child,
            )
            for policy in policies
        ]
        self.register_outputs({"resolvedRole": self.role, "directRole": self.role})


def _trust_policy(service: str, actions: Sequence[str]) -> str:
    statement = {
        "Action": list(actions),
        "Effect": "Allow",
        "Principal": {"Service": [service]},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def _hash(policy: str) -> str:
    """Suffix of an attachment's name, equal in every partition."""
    arn = f"arn:aws:iam::aws:policy/{policy}"
    return hashlib.sha1(arn.encode(), usedforsecurity=False).hexdigest()[:8]
