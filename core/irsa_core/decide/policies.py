"""The policies that meet in one request. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from irsa_core.decide.condition_keys import Request
from irsa_core.decide.patterns import Key
from irsa_core.decide.principals import Caller
from irsa_core.decide.statements import Policy

Side = Literal["resource", "caller"]
"""The side of the resource's policy, and that of the caller's own policies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The policies that decide one request. An empty list: there is none of that kind."""

    resource_field: ClassVar = "resource_policy"
    """Name of the fact that ``resource_policy`` is."""
    path: str = "steps[1]"
    """Beginning of the names of facts that are missing."""
    resource_policy: Policy | None = None
    """The resource's policy; of a role that is to be assumed, its trust policy."""
    resource_policy_given: bool = True
    """False if it is not known whether there is another one."""
    identity: Sequence[Policy] | None = None
    """Managed and inline policies of the caller; None when they are not known."""
    boundary: Policy | None = None
    """The caller's permissions boundary."""
    service_control: Sequence[Policy] | None = None
    """Service control policies of the caller's account, those of each level as one; each level must
    allow. None when they are not given."""
    resource_control: Policy | None = None
    """Resource control policies of the resource's account, as one: they deny, and allow nothing.
    None when they are not given."""
    endpoint: Policy | None = None
    """Policy of the VPC endpoint that the call goes through."""
    no_endpoint: bool = False
    """True if the call is known to go through no VPC endpoint."""
    only: Side | None = None
    """The only side that is asked: the other one is taken to allow; None when both are asked."""

    @property
    def resource_side(self) -> Policy | None:
        """The policy by which the resource's side is asked."""
        return self.resource_policy

    @property
    def resource_side_given(self) -> bool:
        """False if it is not known whether there is another one."""
        return self.resource_policy_given

    def asked(self, caller: Caller | None) -> "Iterable[tuple[Source, Policy]]":
        """The policies that the request meets, the resource's first. Those of GetScopedCredentials,
        organizations and the VPC endpoint limit a caller whatever the resource's grants it."""
        if (policy := self.resource_side) is not None:
            yield Source("resource"), policy
        by_others = caller is not None and (caller.kind == "root" or caller.without_policies)
        if self.only != "resource" and not by_others:
            for position, policy in enumerate(self.identity or ()):
                yield Source("identity", position), policy
        if self.boundary is not None:
            yield Source("boundary"), self.boundary
        if caller is not None and caller.session_policy is not None:
            yield Source("session"), caller.session_policy
        for number, policy in enumerate(caller.scopes if caller else ()):
            yield Source("scope", number), policy
        if caller is None or caller.has_service_control:
            for level, policy in enumerate(self.service_control or ()):
                yield Source("service_control", level), policy
        if self.resource_control is not None and not (caller and caller.service_linked):
            yield Source("resource_control"), self.resource_control
        if self.endpoint is not None:
            yield Source("endpoint"), self.endpoint


class Source(NamedTuple):
    """A position among the policies of a request."""

    kind: Literal[
        "resource", "identity", "boundary", "session", "scope", "service_control",
        "resource_control", "endpoint",
    ]  # fmt: skip
    position: int = 0
    """Its place among the policies of that kind, from 0."""


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
