"""The cluster of a platform stack, as the stacks of the teams find it there."""

from typing import Any, NamedTuple

import pulumi
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions

from irsa.identity.kubeconfig import as_role

from ..kubernetes_provider import kubernetes_provider
from .account_a import AccountASettings
from .stack_outputs import StackOutputs

_PLACES = {"account": "account_id", "region": "region"}


class PlatformCluster(NamedTuple):
    """What a stack needs of a cluster: the same as an `EksCluster` has, read instead of made."""

    cluster_name: str
    """Name in EKS."""

    issuer_url: str
    """The ``iss`` claim of the cluster's tokens, with ``https://``."""

    provider_arn: str
    """ARN of the IAM OIDC provider, for trust policies."""

    audiences: tuple[str, ...]
    """What the provider accepts as ``aud``."""

    kubeconfig: Output[str]
    """A kubeconfig as JSON, with the tokens of whoever deploys this stack; secret."""

    kubernetes_provider: k8s.Provider
    """Reaches the cluster."""


async def read_platform(settings: AccountASettings, stack: str) -> PlatformCluster:
    """Read the cluster from the outputs of the stack of that full name.

    Ends the program with one line, before anything is registered, if an output is missing, because
    the stack was not brought up with this version of the program, or if it is not for this stack.
    """
    if stack == f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}":
        raise _refusal(stack, "is this stack itself; name the one that has the cluster")
    outputs = await StackOutputs.read(stack)
    ours = {"account": settings.account_id, "region": settings.region}
    for place, output in _PLACES.items():
        theirs = outputs.require(str, output)
        if theirs != ours[place]:
            raise _refusal(
                stack,
                f"is of {place} {theirs}, and this one of {place} {ours[place]}; a cluster, its "
                "OIDC provider and the roles that trust it are in one place",
            )
    audiences = _audiences(outputs.require(list, "audiences"), settings, stack)
    name = outputs.require(str, "cluster_name")
    issuer_url = outputs.require(str, "issuer_url")
    provider_arn = outputs.require(str, "provider_arn")
    try:
        config = as_role(outputs.require_secret("kubeconfig"), settings.assume_role_arn)
    except ValueError:  # which holds the text, and that is secret
        raise _refusal(
            stack, "exports a 'kubeconfig' that is not JSON; run `pulumi up` there"
        ) from None
    kubeconfig = Output.secret(config)
    return PlatformCluster(
        name,
        issuer_url,
        provider_arn,
        audiences,
        kubeconfig,
        kubernetes_provider(
            name, kubeconfig, issuer_url, ResourceOptions(aliases=[_urn_of_an_adopted_s(name)])
        ),
    )


def _audiences(accepted: list[Any], settings: AccountASettings, stack: str) -> tuple[str, ...]:
    for audience in settings.audiences:
        if audience not in accepted:
            raise _refusal(
                stack, f"has an OIDC provider that does not accept the audience {audience!r}; add "
                "it to irsa:cluster.audiences there, and bring that stack up first"
            )  # fmt: skip
    return tuple(accepted)


def _refusal(stack: str, what: str) -> pulumi.RunError:
    return pulumi.RunError(f"irsa:cluster.stack: stack {stack} {what}")


def _urn_of_an_adopted_s(cluster: str) -> str:
    """A stack that adopted the cluster before goes on with what it has in it."""
    kind = "irsa:index:EksCluster$pulumi:providers:kubernetes"
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{kind}::{cluster}"
