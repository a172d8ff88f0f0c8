"""IAM resources that several components create alike: roles, and their policies."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any, TypeVar

import pulumi_aws as aws
from pulumi import CustomResource, Input, Output, RunError

from irsa_core.identity import quotas
from irsa_core.identity.arns import check_policy_arns
from irsa_core.identity.policies import Document, document, one_or_list, size, size_of_text

from . import values
from ._component import Component, ComponentArgs
from .values import PolicyDocument, in_apply

T = TypeVar("T")


@values.arguments
class RoleArgs(ComponentArgs):
    """Arguments of every role."""

    noun = "role"

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

    max_session_duration: values.SessionDuration = quotas.DEFAULT_ROLE_SESSION_DURATION
    """Longest session in seconds (3600 to 43200) that the role grants. A session lasts an hour
    unless the application asks for more, and at most an hour in a role chain."""

    def check_policies(self, beside: Sequence[object]) -> None:
        """Raise ValueError for policies that IAM refuses, as far as they are known now, and for one
        of another partition than the ARNs ``beside`` it."""
        owner = self.owner()
        check_policy_arns(owner, self.policy_arns, beside=beside)
        for name in self.policies.keys() & self.policy_arns.keys():
            raise ValueError(f"{owner}: {name!r} is in policies and in policy_arns; rename one")
        documents = {}
        for name, policy in self.policies.items():
            # A document with outputs in it is checked when they are known.
            with suppress(TypeError):
                documents[name] = _text(policy)
        _check_known(owner, documents)


class RoleComponent(Component):
    """A component for a role and its policies."""

    def _create(
        self,
        name: str,
        args: RoleArgs,
        policy_arns: Mapping[str, Input[str]],
        trust: Callable[[Any], Document],
        trusted: Output[Any],
        /,
        *,
        imported: str | None = None,
        **inputs: Any,
    ) -> list[aws.iam.RolePolicyAttachment | aws.iam.RolePolicy]:
        """Create the role with the trust policy of what is ``trusted``, its attachments and its
        inline policies; import those of the role ``imported``. Returns the policies, for which the
        ARN waits."""
        role = self.role = aws.iam.Role(
            iam_name(args.path, args.role_name, name),
            path=args.path,
            assume_role_policy=trusted.apply(
                in_apply(lambda arns: json.dumps(trust(arns)), f"{self._owner}: ")
            ),
            permissions_boundary=args.permissions_boundary,
            max_session_duration=args.max_session_duration,
            opts=self.child_options("role", aws.iam.Role, import_=imported),
            **{"name": args.role_name, **inputs},
        )
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{role.pulumi_resource_name}-{key}",
                role=role.name,
                policy_arn=arn,
                opts=self.child_options(
                    key,
                    aws.iam.RolePolicyAttachment,
                    # A policy that the program creates is not attached yet.
                    import_=f"{imported}/{arn}" if imported and isinstance(arn, str) else None,
                ),
            )
            for key, arn in policy_arns.items()
        ]
        documents = {name: Output.from_input(policy) for name, policy in args.policies.items()}
        checked = Output.from_input(self._check(documents)) if documents else None
        inline = [
            aws.iam.RolePolicy(
                f"{role.pulumi_resource_name}-{key}",
                name=key,
                role=role.name,
                policy=Output.all(policy, checked).apply(lambda both: _text(both[0])),
                opts=self.child_options(
                    key, aws.iam.RolePolicy, import_=imported and f"{imported}:{key}"
                ),
            )
            for key, policy in documents.items()
        ]
        self.role_arn = wait_for(role.arn, *attached, *inline)
        # A name of Pulumi's has a random part, which a preview does not know.
        self.role_name = role.name if args.role_name else role.id
        return [*attached, *inline]

    async def _check(self, documents: Mapping[str, Output[Any]]) -> None:
        texts = {}
        for name, policy in documents.items():
            if await policy.is_secret():
                raise RunError(
                    f"{self._owner}: policies[{name!r}] is secret, and no preview or audit could "
                    "show what it allows; give Output.unsecret(…) of it"
                )
            if await policy.is_known():
                try:
                    texts[name] = _text(await policy.future())
                except TypeError as error:
                    raise RunError(
                        f"{self._owner}: policies[{name!r}]: {error}; give JSON"
                    ) from None
        in_apply(_check_known)(self._owner, texts)


def iam_name(path: str, name: str | None, component: str) -> str:
    """Return the logical name of an IAM role or user: its path and name, if the program gives one.

    Named after itself and not after its workload, it survives a rename of the workload. IAM cannot
    move it to another path, so a role with another path is another role. A name that Pulumi makes
    begins with the component's.
    """
    return f"{path}{name}".removeprefix("/") if name else component


def wait_for(value: Output[T], *resources: CustomResource) -> Output[T]:
    """Return ``value`` once those resources exist.

    A pod that waits for its role's ARN must not start before the role's policies are attached.
    """
    return Output.all(value, *[resource.id for resource in resources]).apply(lambda all_: all_[0])


def managed_policy(
    component: Component,
    key: str,
    logical_name: str,
    name: str | None,
    document: Output[Document],
    *,
    description: str,
) -> aws.iam.Policy:
    """Create a managed policy as a component's child of that key.

    IAM cannot change the description of a policy, so it must not depend on the document.
    """

    def text(complete: Document) -> str:
        if size(complete) > quotas.POLICY_SIZE_MAX:
            raise RunError(
                f"policy {logical_name!r} has {size(complete)} characters; IAM accepts "
                f"{quotas.POLICY_SIZE_MAX}, name fewer resources"
            )
        return json.dumps(complete)

    return aws.iam.Policy(
        logical_name,
        name=name,
        description=description,
        policy=document.apply(text),
        opts=component.child_options(key, aws.iam.Policy),
    )


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


def _check_known(owner: str, policies: Mapping[str, str]) -> None:
    """Raise ValueError for policies (JSON, by name) that IAM does not store in one role."""
    for name, text in policies.items():
        # Imported here: many programs give none, and the evaluator takes a while to load.
        from irsa_core.decide.trust_policy import check_permissions_policy

        try:
            check_permissions_policy(json.loads(text))
        except ValueError as error:
            raise ValueError(
                f"{owner}: policies[{name!r}] is not a policy ({error}); correct it"
            ) from None
    total, most = sum(map(size_of_text, policies.values())), quotas.INLINE_POLICIES_SIZE_MAX
    if total > most:
        raise ValueError(
            f"{owner}: policies have {total} characters; IAM accepts {most} in a role, attach "
            "managed policies by policy_arns"
        )


def _text(document: object) -> str:
    return document if isinstance(document, str) else json.dumps(document)
