"""Customer managed IAM policies."""

import json

import pulumi_aws as aws
from pulumi import Output, ProviderResource, Resource, ResourceOptions

from irsa.identity.names import check_policy_name
from irsa.identity.policies import Document

from .existing import refuse_existing_in_aws


def managed_policy(
    name: str,
    document: Document | Output[Document],
    *,
    description: str,
    parent: Resource | None = None,
    provider: ProviderResource | None = None,
) -> aws.iam.Policy:
    """A policy of that physical and logical name, for roles and users to be attached to.

    Its provider is ``provider``, or that of its ``parent``.

    IAM cannot change the description of a policy, so it must not depend on the document.
    """
    if parent is not None and provider is None:
        provider = parent.get_provider("aws:iam/policy:Policy")
    return aws.iam.Policy(
        check_policy_name(name),
        name=name,
        description=description,
        policy=Output.from_input(document).apply(json.dumps),
        opts=ResourceOptions(
            parent=parent,
            provider=provider,
            hooks=refuse_existing_in_aws(f"policy {name}", provider),
        ),
    )
