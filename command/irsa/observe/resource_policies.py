"""Policies of resources, by service: what else decides on a call than the caller's own policies.

Part of `irsa.observe.aws`, whose `Aws` makes the clients and turns refusals into `Unread`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
"""
# pyright: reportMissingTypeStubs=false

from collections.abc import Callable
from typing import Any, Final

from irsa.identity.arns import Arn
from irsa.identity.policy_json import Json

NO_POLICY: Final = (
    "NoSuchBucketPolicy",
    "PolicyNotFoundException",
    "RepositoryPolicyNotFoundException",
    "ResourceNotFoundException",
)
"""Error codes of a resource without a policy."""
READERS: Final[dict[str, tuple[str, Callable[[Any, Arn], str | None]]]] = {
    "s3": (
        "s3:GetBucketPolicy",
        lambda s3, arn: s3.get_bucket_policy(Bucket=arn.resource.partition("/")[0])["Policy"],
    ),
    "sqs": (
        "sqs:GetQueueUrl and sqs:GetQueueAttributes",
        lambda sqs, arn: _queue(sqs, arn).get("Policy"),
    ),
    "sns": (
        "sns:GetTopicAttributes",
        lambda sns, arn: sns.get_topic_attributes(TopicArn=str(arn))["Attributes"]["Policy"],
    ),
    "kms": (
        "kms:GetKeyPolicy",
        lambda kms, arn: kms.get_key_policy(KeyId=str(arn), PolicyName="default")["Policy"],
    ),
    "secretsmanager": (
        "secretsmanager:GetResourcePolicy",
        lambda each, arn: each.get_resource_policy(SecretId=str(arn)).get("ResourcePolicy"),
    ),
    "dynamodb": (
        "dynamodb:GetResourcePolicy",
        lambda tables, arn: tables.get_resource_policy(ResourceArn=str(arn))["Policy"],
    ),
    "lambda": (
        "lambda:GetPolicy",
        lambda functions, arn: functions.get_policy(FunctionName=str(arn))["Policy"],
    ),
    "ecr": ("ecr:GetRepositoryPolicy", lambda ecr, arn: _repository(ecr, arn)["policyText"]),
}
"""Permission and call by service; other services decide by the caller's policies alone."""


def _queue(sqs: Any, arn: Arn) -> Json:
    url = sqs.get_queue_url(QueueName=arn.resource, QueueOwnerAWSAccountId=arn.account)["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})


def _repository(ecr: Any, arn: Arn) -> Json:
    name = arn.resource.partition("/")[2]
    return ecr.get_repository_policy(registryId=arn.account, repositoryName=name)
