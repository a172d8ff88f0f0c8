"""Policies of organizations and VPC endpoints: the calls they limit, and what an answer lacks.

Pure. https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
"""

from collections.abc import Iterable

from irsa.decide.patterns import Key
from irsa.decide.policies import Policies
from irsa.decide.request import Request

RESOURCE_CONTROLLED = frozenset({
    "aoss", "appconfig", "appstream", "autoscaling", "autoscaling-plans", "budgets",
    "clouddirectory", "cloudfront", "cloudsearch", "cloudtrail-data", "codeartifact",
    "codebuild", "codecommit", "codepipeline", "cognito-identity", "cognito-idp", "comprehend",
    "comprehendmedical", "compute-optimizer", "cost-optimization-hub", "dax", "dsql",
    "dynamodb", "ecr", "ecr-public", "es", "events", "firehose", "fis", "fms", "gamelift",
    "health", "inspector-scan", "kendra", "kinesisvideo", "kms", "logs", "memorydb",
    "networkmonitor", "notifications", "opensearch", "pca-connector-ad", "personalize", "polly",
    "pricing", "resource-groups", "rolesanywhere", "s3", "secretsmanager", "servicediscovery",
    "signin", "sqs", "sts", "support", "swf", "textract", "timestream-influxdb", "transcribe",
    "transfer", "translate", "wafv2", "workspaces", "xray",
})  # fmt: skip
"""Services whose resources are limited by resource control policies, by AWS's list of 2026-09
(where ``es`` is called opensearch)."""


def has_resource_control(action: str, resource: str) -> bool:
    """Return whether a resource control policy of the resource's account can limit a call."""
    service, _, name = action.lower().partition(":")
    linked = service == "sts" and ":role/aws-service-role/" in resource
    exempt = linked or resource == "*" or (service, name) == ("kms", "retiregrant")
    return service in RESOURCE_CONTROLLED and not exempt


def left_out(request: Request, policies: Policies) -> Iterable[str]:
    """Name the kinds of policies that could deny an allowed call, and were not given."""
    caller = request.caller
    if policies.service_control is None and (caller is None or caller.has_service_control):
        yield "service control policies"
    if (
        policies.resource_control is None
        and has_resource_control(request.action, request.resource)
        and not (caller and caller.service_linked)
    ):
        yield "resource control policies"
    reached = policies.endpoint is not None or policies.no_endpoint
    by_service = caller is not None and caller.kind == "service"
    if not reached and not by_service and request.value("aws:sourcevpce") is not Key.ABSENT:
        yield "the policy of a VPC endpoint"
