"""Customer managed IAM policies."""

import json

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from components.naming import check_policy_name
from components.policies import Document


def managed_policy(
    name: str,
    document: Document | Output[Document],
    *,
    description: str,
    opts: ResourceOptions | None = None,
) -> aws.iam.Policy:
    """A policy of that physical and logical name, for roles and users to be attached to.

    IAM cannot change the description of a policy, so it must not depend on the document.
    """
    return aws.iam.Policy(
        check_policy_name(name),
        name=name,
        description=description,
        policy=Output.from_input(document).apply(json.dumps),
        opts=opts,
    )
