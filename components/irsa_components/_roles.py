"""Arguments that every role has, and its policies: inline ones and attachments."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions, RunError

from irsa.identity.arns import check_policy_arns
from irsa.identity.policies import Document, document, one_or_list
from irsa.identity.pulumi_types import ATTACHMENT, INLINE_POLICY, ROLE
from irsa.identity.quotas import DEFAULT_ROLE_SESSION_DURATION

from . import values
from ._iam import Aliases, attach_policies
from .taking_over import TakingOverArgs
from .values import PolicyDocument, in_apply


@values.arguments
class RoleArgs(TakingOverArgs):
    """Arguments of every role."""

    role_name: values.RoleName | None = None
    """Physical name of the role, if its ARN must be known before it exists (see `shared_name`); by
    default Pulumi makes one."""

    policies: Mapping[values.PolicyName, PolicyDocument] = field(default_factory=dict)
    """Inline policies by name, each a document, its JSON, or an output: `allow`, or a bucket's
    ``read`` and ``read_write``."""

    policy_arns: Mapping[str, Input[values.PolicyArn]] = field(default_factory=dict)
    """Managed policies to attach, keyed by the name that goes into the child's URN."""

    path: values.IamPath = "/"
    """IAM path of the role."""

    permissions_boundary: Input[values.PolicyArn] | None = None
    """ARN of the managed policy that the role's permissions cannot exceed."""

    max_session_duration: values.SessionDuration = DEFAULT_ROLE_SESSION_DURATION
    """Longest session in seconds (3600 to 43200); an hour unless the application asks for more, and
    an hour always in a role chain."""

    def owner(self, component: str = "") -> str:
        """Return the role's name for messages."""
        name = self.role_name or component
        return f"role {name!r}" if name else "the role"

    def check_policies(self, beside: Sequence[object]) -> None:
        """Raise ValueError for policies that IAM refuses, as far as they are known now, and for one
        of another partition than the ARNs ``beside`` it."""
        owner = self.owner()
        check_policy_arns(owner, self.policy_arns, beside=beside)
        for name in self.policies.keys() & self.policy_arns.keys():
            raise ValueError(f"{owner}: {name!r} is in policies and in policy_arns; rename one")
        known = {}
        for name, each in self.policies.items():
            # A document with outputs in it is checked when they are known.
            with suppress(TypeError):
                known[name] = _text(each)
        _check_known(owner, known)

    def children(self) -> list[tuple[str, str]]:
        """Return the keys and type tokens of the component's children."""
        return [
            ("role", ROLE),
            *((key, ATTACHMENT) for key in self.policy_arns),
            *((key, INLINE_POLICY) for key in self.policies),
        ]


def allow(
    actions: str | Sequence[str], resources: Input[str] | Sequence[Input[str]]
) -> Output[Document]:
    """Return a policy document that allows actions on resources, for ``policies`` of a role."""
    listed = [actions] if isinstance(actions, str) else actions
    arns: Any = resources if isinstance(resources, list | tuple) else [resources]
    grant = {"Effect": "Allow", "Action": one_or_list(listed)}
    return Output.all(*arns).apply(
        lambda known: document({**grant, "Resource": one_or_list(known)})
    )


def add_policies(
    role: aws.iam.Role,
    logical_name: str,
    args: RoleArgs,
    policy_arns: Mapping[str, Input[str]],
    *,
    owner: str,
    parent: Resource,
    aliases: Aliases,
    imported_from: str | None = None,
) -> list[aws.iam.RolePolicyAttachment | aws.iam.RolePolicy]:
    """Attach a role's managed policies, and create its inline policies; import those of the role
    ``imported_from``."""
    attached = attach_policies(
        role, logical_name, policy_arns, parent=parent, aliases=aliases, imported_from=imported_from
    )
    if not args.policies:
        return [*attached]
    documents = {name: Output.from_input(each) for name, each in args.policies.items()}

    async def check() -> None:
        known = {}
        for name, each in documents.items():
            if await each.is_secret():
                raise RunError(
                    f"{owner}: policies[{name!r}] is secret, and no preview or audit could show "
                    "what it allows; give Output.unsecret(…) of it"
                )
            if await each.is_known():
                try:
                    known[name] = _text(await each.future())
                except TypeError as error:
                    raise RunError(f"{owner}: policies[{name!r}]: {error}; give JSON") from None
        in_apply(_check_known)(owner, known)

    checked = Output.from_input(check())
    return [
        *attached,
        *(
            aws.iam.RolePolicy(
                f"{logical_name}-{name}",
                name=name,
                role=role.name,
                policy=Output.all(each, checked).apply(lambda both: _text(both[0])),
                opts=ResourceOptions(
                    parent=parent,
                    aliases=aliases.get(name),
                    import_=f"{imported_from}:{name}" if imported_from else None,
                ),
            )
            for name, each in documents.items()
        ),
    ]


def _check_known(owner: str, policies: Mapping[str, str]) -> None:
    if policies:
        # Imported here: many programs give none, and the evaluator takes a while to load.
        from irsa.rules.inline_policies import check_inline_policies

        check_inline_policies(owner, policies)


def _text(document: object) -> str:
    return document if isinstance(document, str) else json.dumps(document)
