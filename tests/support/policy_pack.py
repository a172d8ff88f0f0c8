"""The pack's policies, asked as the engine asks them: with properties that raise when unknown."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import unknown_checking_proxy

from irsa.identity.policy_json import UNKNOWN_OUTPUT
from irsa_policies.pack import policies

UNKNOWN = UNKNOWN_OUTPUT
ROLE = "aws:iam/role:Role"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
ACCOUNT = "111122223333"

_OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


class Reported(NamedTuple):
    rule: str
    name: str
    """The resource's logical name."""
    message: str


def resource(kind: str, name: str, props: Mapping[str, Any], account: str = ACCOUNT):
    settings = {"allowedAccountIds": f'["{account}"]'} if account else {}
    provider = PolicyProviderResource(
        "pulumi:providers:aws",
        unknown_checking_proxy(settings),
        "urn:pulumi:dev::p::pulumi:providers:aws::own",
        "own",
    )
    urn = f"urn:pulumi:dev::p::{kind}::{name}"
    proxied = unknown_checking_proxy(dict(props))
    return PolicyResource(kind, proxied, urn, name, _OPTIONS, provider, None, [], {})


def reports(
    *resources: PolicyResource, config: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Reported]:
    """Everything that the pack says of these resources, as of one stack."""
    said: list[Reported] = []
    for policy in policies():
        settings = (config or {}).get(policy.name, {})

        def report(message: str, urn: str | None = None, rule: str = policy.name) -> None:
            said.append(Reported(rule, (urn or "").rpartition("::")[2], message))

        if isinstance(policy, ResourceValidationPolicy):
            for each in resources:
                policy.validate(_args(each, settings), report)
        if isinstance(policy, StackValidationPolicy):
            policy.validate(StackValidationArgs(list(resources), settings), report)
    return said


def rules(said: Iterable[Reported]) -> list[tuple[str, str]]:
    return [(each.rule, each.name) for each in said]


def _args(each: PolicyResource, config: Mapping[str, Any]) -> ResourceValidationArgs:
    return ResourceValidationArgs(
        each.resource_type, each.props, each.urn, each.name, each.opts, each.provider, config
    )
