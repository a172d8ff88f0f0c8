"""IAM resources that several components create alike: managed policies and attachments."""

import json
from typing import TypeVar

import pulumi_aws as aws
from pulumi import CustomResource, Output, RunError

from irsa.identity.names import check_policy_name
from irsa.identity.policies import Document, size
from irsa.identity.quotas import POLICY_SIZE_MAX

from ._component import Component

T = TypeVar("T")


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
        if size(complete) > POLICY_SIZE_MAX:
            raise RunError(
                f"policy {logical_name!r} has {size(complete)} characters; IAM accepts "
                f"{POLICY_SIZE_MAX}, name fewer resources"
            )
        return json.dumps(complete)

    return aws.iam.Policy(
        logical_name,
        name=name and check_policy_name(name),
        description=description,
        policy=document.apply(text),
        opts=component.child_options(key, aws.iam.Policy),
    )
