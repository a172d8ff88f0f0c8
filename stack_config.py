"""Configuration of a stack, read and checked before any resource is registered."""

import difflib
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Self, TypeVar

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from components.eks_cluster import EksClusterArgs
from irsa.identity.arns import account_of, check_account_id, check_role_arn, partition_of
from irsa.identity.names import check_external_id, check_tags
from irsa.identity.regions import partition_of_region


def _check_region(region: str) -> str:
    partition_of_region(region)  # ValueError for a region that AWS does not have
    return region


def _check_stack_name(name: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+/[\w.-]+", name):
        raise ValueError(f"stack {name!r} is not <organization>/<project>/<stack>; write all three")
    return name


def _check_tags(tags: dict[str, str]) -> dict[str, str]:
    for key in tags.keys() & _stack_tags().keys():
        raise ValueError(f"tag {key!r} names the stack that owns a resource; rename it")
    check_tags({**_stack_tags(), **tags})
    return tags


def _stack_tags() -> dict[str, str]:
    """Return the tags that every resource has."""
    return {"project": pulumi.get_project(), "stack": pulumi.get_stack()}


AccountId = Annotated[str, AfterValidator(check_account_id)]
Region = Annotated[str, AfterValidator(_check_region)]
StackName = Annotated[str, AfterValidator(_check_stack_name)]
RoleArn = Annotated[str, AfterValidator(check_role_arn)]
ExternalId = Annotated[str, AfterValidator(check_external_id)]
Tags = Annotated[dict[str, str], AfterValidator(_check_tags)]

OTHER_NAMESPACES = ("aws", "eks", "kubernetes", "pulumi")
"""Config namespaces that the engine and the providers read."""


class Section(BaseModel):
    """A mapping of the configuration, with camelCase keys. An unknown key is an error."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, str_min_length=1, strict=True
    )


class AccountConfig(Section):
    """The account and region that a stack deploys to."""

    region: Region = Field(alias="aws:region")
    account_id: AccountId
    assume_role_arn: RoleArn | None = None
    tags: Tags = {}

    @model_validator(mode="after")
    def check_account(self) -> Self:
        """Check that the deployment assumes a role of the account that it deploys to."""
        role = self.assume_role_arn
        if role is not None and account_of(role) != self.account_id:
            raise ValueError(
                f"assumeRoleArn {role} is not in account {self.account_id}; give a role of that "
                "account, or correct accountId"
            )
        self.check_partition("assumeRoleArn", role)
        return self

    def check_partition(self, key: str, arn: str | None) -> None:
        """Raise ValueError for an ARN of another partition than the region's."""
        if arn is not None and partition_of(arn) != self.partition:
            raise ValueError(
                f"{key} {arn} is not in partition {self.partition} of region {self.region}; begin "
                f"it with arn:{self.partition}:"
            )

    @property
    def partition(self) -> str:
        """Partition of the region, for ARNs."""
        return partition_of_region(self.region)

    def provider(self, name: str) -> aws.Provider:
        """Create the AWS provider for this account alone, with the stack's tags on everything."""
        role = aws.ProviderAssumeRoleArgs(
            role_arn=self.assume_role_arn, session_name=pulumi.get_project()
        )
        return aws.Provider(
            name,
            region=self.region,
            allowed_account_ids=[self.account_id],
            assume_roles=[role] if self.assume_role_arn else None,
            default_tags=aws.ProviderDefaultTagsArgs(tags={**_stack_tags(), **self.tags}),
        )


class ClusterConfig(Section):
    """A new cluster, or an existing one: the arguments of `EksCluster` that stacks differ in."""

    cluster_name: str
    existing: bool = False
    provider_arn: str | None = None
    create_provider: bool = False
    version: str | None = None
    vpc_id: str | None = None
    subnet_ids: list[str] | None = None

    @model_validator(mode="after")
    def check_args(self) -> Self:
        """Let the component refuse its arguments before anything is registered."""
        EksClusterArgs(**dict(self), partition=partition_of(self.provider_arn or ""))
        return self


class AccountAConfig(AccountConfig):
    """Configuration of project irsa."""

    cluster: ClusterConfig
    account_b_id: AccountId
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def check_cluster(self) -> Self:
        """Check that the cluster's provider is of the region's partition."""
        self.check_partition("cluster.providerArn", self.cluster.provider_arn)
        return self

    @property
    def cluster_args(self) -> EksClusterArgs:
        """Arguments of the cluster, which the deployment's role reaches."""
        return EksClusterArgs(
            **dict(self.cluster), role_arn=self.assume_role_arn, partition=self.partition
        )


class AccountBConfig(AccountConfig):
    """Configuration of project irsa-account-b."""

    account_a_stack: StackName | None = None


Config = TypeVar("Config", bound=AccountConfig)


def load_config(model: type[Config]) -> Config:
    """Read ``aws:region`` and every key of the project into ``model``.

    Raises `pulumi.RunError`, which the CLI prints without a traceback: one line for each mistake.
    """
    project = pulumi.get_project()
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    # `pulumi.Config` cannot list its keys, and the engine ignores keys that no program reads.
    for key, text in {**get_config_env(), **CONFIG.get()}.items():
        namespace, _, name = key.partition(":")
        if namespace == project:
            values[name] = _parsed(text)
        elif key == "aws:region":
            values[key] = text
        elif namespace not in OTHER_NAMESPACES:
            known = [f"{each}:" for each in (project, *OTHER_NAMESPACES)]
            mistakes.append(f"{key}: no program reads this prefix; {_fix(f'{namespace}:', known)}")
    try:
        config = model.model_validate(values)
    except ValidationError as error:
        mistakes += [_mistake(each, project, model) for each in error.errors(include_url=False)]
        raise pulumi.RunError("\n".join(mistakes)) from None
    if mistakes:
        raise pulumi.RunError("\n".join(mistakes))
    return config


def require_output(stack: pulumi.StackReference, name: str) -> pulumi.Output[Any]:
    """Return an output of another stack, or end the program with one line if it has none.

    `StackReference.require_output` ends in a traceback.
    """

    def check(value: Any) -> Any:
        if value is None:
            raise pulumi.RunError(
                f"stack {stack.pulumi_resource_name} exports no {name!r}; run `pulumi up` there "
                "first, or name the right stack"
            )
        return value

    return stack.get_output(name).apply(check)


def _parsed(text: str) -> Any:
    """Parse the JSON in which the engine passes lists and mappings; any other text stays text."""
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except ValueError:
        return text


_NOT = {
    "string_type": "is not text; put it in quotes",
    "dict_type": "is not a mapping; write one",
    "model_type": "is not a mapping; write one",
    "list_type": "is not a list; write one",
    "bool_type": "is neither true nor false; write one of them",
    "string_too_short": "is empty; give it a value, or remove the key",
}


def _mistake(error: ErrorDetails, project: str, model: type[BaseModel]) -> str:
    """Return one line: the key, the value, and the fix."""
    *parents, last = error["loc"] or ("",)
    key = _key((*parents, last), project)
    if error["type"] == "missing":
        fix = f"run `pulumi config set {key} …`" if not parents else "add it"
        return f"{key} is missing; {fix}"
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; {_fix(str(last), _known_keys(model, parents))}"
    if error["type"] == "value_error":
        return f"{key}: {error['ctx']['error']}"  # type: ignore[typeddict-item]
    return f"{key}: {error['input']!r} {_NOT.get(error['type'], error['msg'])}"


def _key(location: Sequence[int | str], project: str) -> str:
    """Spell a location as ``irsa:cluster.subnetIds[1]``."""
    first, *rest = location
    key = str(first) if ":" in str(first) else f"{project}:{first}".removesuffix(":")
    return key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)


def _known_keys(model: Any, path: Sequence[int | str]) -> list[str]:
    """Return the keys of the model at ``path``."""
    for part in path:
        model = next(f.annotation for f in model.model_fields.values() if f.alias == part)
    return [field.alias or name for name, field in model.model_fields.items()]


def _fix(wrong: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1)
    meant = f"did you mean {close[0]!r}?" if close else "remove it"
    return f"{meant} (known: {', '.join(known)})"
