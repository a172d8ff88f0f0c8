"""Policies of resources, by service: what else decides on a call than the caller's own policies.

Part of `irsa.observe.aws`, whose `Aws` makes the clients and turns refusals into `Unread`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
"""
# pyright: reportMissingTypeStubs=false

import json
from typing import Any, Final, NamedTuple

from irsa_core.identity.arns import Arn
from irsa_core.identity.policy_json import Json, mapping


class PolicyReader(NamedTuple):
    """The call that reads the policies of a service's resources."""

    action: str
    """The call's name, also of its permission."""
    parameter: str
    """Takes the ARN, or for S3 and SQS what their calls name a resource by."""
    element: str = "Policy"
    """Element of the answer, or of its attributes."""


READERS: Final = {
    "s3": PolicyReader("GetBucketPolicy", "Bucket"),
    "sqs": PolicyReader("GetQueueAttributes", "QueueUrl"),
    "sns": PolicyReader("GetTopicAttributes", "TopicArn"),
    "kms": PolicyReader("GetKeyPolicy", "KeyId"),
    "secretsmanager": PolicyReader("GetResourcePolicy", "SecretId", "ResourcePolicy"),
    "dynamodb": PolicyReader("GetResourcePolicy", "ResourceArn"),
    "lambda": PolicyReader("GetPolicy", "FunctionName"),
}
"""By service; the others decide by the caller's policies, or are not read."""
NO_POLICY: Final = ("NoSuchBucketPolicy", "PolicyNotFoundException", "ResourceNotFoundException")
"""Error codes of a resource without a policy."""


def read_resource_policy(client: Any, arn: Arn) -> Json | None:
    """A resource's policy; None when it has none."""
    reader = READERS[arn.service]
    asked: Json = {reader.parameter: str(arn)}
    if arn.service == "s3":
        asked = {reader.parameter: arn.resource.partition("/")[0]}
    elif arn.service == "sqs":
        url = f"{client.meta.endpoint_url}/{arn.account}/{arn.resource}"
        asked = {reader.parameter: url, "AttributeNames": [reader.element]}
    methods = {action: name for name, action in client.meta.method_to_api_mapping.items()}
    answer: Json = getattr(client, methods[reader.action])(**asked)
    policy = (mapping(answer.get("Attributes")) or answer).get(reader.element)
    return json.loads(policy) if policy else None
