"""Configuration of the two stacks, read and checked before any resource is registered."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from inspect import signature
from typing import Annotated, Any, TypeVar

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import CONFIG, get_config_env

from irsa_components import EksClusterArgs, values
from irsa_core.identity.arns import account_of, check_account_id, partition_of
from irsa_core.identity.names import check_tags
from irsa_core.identity.regions import partition_of_region

T = TypeVar("T")
PREFIXES = ("eks", "kubernetes", "pulumi")
"""Prefixes of keys that the engine and the providers read; of aws, all keys are known."""
AWS_KEYS = {values.camel(name) for name in signature(aws.ProviderArgs).parameters}
StackName = Annotated[str, values.matching(r"[\w.-]+(/[\w.-]+){2}", "organization/project/stack")]
CLUSTER = ("cluster_name", "existing", "provider_arn", "create_provider", "version")
CLUSTER += ("vpc_id", "subnet_ids")
"""Arguments of `EksCluster` that stacks differ in."""


def _check_tags(tags: Mapping[str, str]) -> None:
    for key, value in tags.items():
        if key in ("project", "stack"):
            raise ValueError(f"tag {key!r} names the stack that owns a resource; rename it")
        if not value:
            raise ValueError(f"tag {key!r} is empty; give it a value, or remove it")
    check_tags({"project": "", "stack": "", **tags})


@values.arguments
class AccountConfig:
    """The account and region that a stack deploys to."""

    region: values.Region
    account_id: Annotated[str, check_account_id]
    assume_role_arn: values.RoleArn | None = None
    """Role that the deployment assumes."""
    tags: Annotated[Mapping[str, str], _check_tags] = field(default_factory=dict)

    def __post_init__(self) -> None:
        role = self.assume_role_arn
        if role and (account_of(role), partition_of(role)) != (self.account_id, self.partition):
            raise ValueError(
                f"assumeRoleArn {role} is not in account {self.account_id} of partition "
                f"{self.partition}; give a role of that account, or correct accountId"
            )

    @property
    def partition(self) -> str:
        """Partition of the region, for ARNs."""
        return partition_of_region(self.region)

    @property
    def all_tags(self) -> dict[str, str]:
        """Tags of every resource, with those that name the stack."""
        return {"project": pulumi.get_project(), "stack": pulumi.get_stack(), **self.tags}


@values.arguments
class AccountAConfig(AccountConfig):
    """Configuration of project irsa."""

    cluster: Mapping[str, Any]
    namespace: values.NamespaceName
    account_b_id: Annotated[str, check_account_id]
    external_id: values.ExternalId | None = None

    def __post_init__(self) -> None:
        provider = self.cluster_args.provider_arn
        if provider and account_of(str(provider)) != self.account_id:
            raise ValueError(
                f"irsa:cluster.providerArn {provider} is not in account {self.account_id}; give "
                "the provider of that account, or correct accountId"
            )

    @property
    def cluster_args(self) -> EksClusterArgs:
        """Arguments of the cluster, which the deployment's role reaches."""
        more = {"role_arn": self.assume_role_arn, "partition": self.partition}
        return values.read(EksClusterArgs, self.cluster, "irsa:cluster.{}".format, CLUSTER, **more)


@values.arguments
class AccountBConfig(AccountConfig):
    """Configuration of project irsa-account-b."""

    account_a_stack: StackName | None = None


def load_config(kind: type[T]) -> T:
    """Read ``aws:region`` and every key of the project.

    Raises `pulumi.RunError`, which the CLI prints without a traceback: one line for each mistake.
    """
    project = pulumi.get_project()
    inputs, mistakes = dict[str, Any](), list[str]()
    # `pulumi.Config` cannot list its keys, and the engine ignores keys that no program reads.
    for key, text in {**get_config_env(), **CONFIG.get()}.items():
        prefix, _, name = key.partition(":")
        if key == "aws:region" or (prefix == project and name != "region"):
            inputs[name] = text
            if text[:1] in ("{", "["):  # as the engine passes lists and mappings
                with suppress(ValueError):
                    inputs[name] = json.loads(text)
        elif prefix not in PREFIXES and not (prefix == "aws" and name in AWS_KEYS):
            mistakes.append(f"{key}: no program reads this key; correct its name, or remove it")
    try:
        config = values.read(kind, inputs, lambda k: f"{'aws' if k == 'region' else project}:{k}")
        if not mistakes:
            return config
    except ValueError as error:
        mistakes.append(str(error))
    raise pulumi.RunError("\n".join(mistakes))
