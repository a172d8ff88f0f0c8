"""A resource's properties as plain JSON; values that a preview does not know are marked.

The SDK's mappings raise when such a value is read, and the SDK then says that the whole
policy could not run. Here every value is looked at, and the rest stays readable.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pulumi_policy import PolicyProviderResource, PolicyResource, ResourceValidationArgs
from pulumi_policy.proxy import UnknownValueError

from irsa.identity.arns import account_of, is_account_id
from irsa.identity.outputs import UNKNOWN_OUTPUT
from irsa.identity.policy_json import Json
from irsa.observe.shapes import mapping


def plain(value: object) -> Any:
    """The value with ordinary dicts and lists, and `UNKNOWN_OUTPUT` for unknown values."""
    if isinstance(value, Mapping):
        return {str(key): _looked_up(value, key) for key in cast("Mapping[object, object]", value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_looked_up(value, index) for index in range(len(value))]
    return value


def _looked_up(container: Any, key: object) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN_OUTPUT


def resource_json(args: ResourceValidationArgs) -> Json:
    """A resource before it is made, as `irsa.observe.pulumi_resources` reads one."""
    fields = plain(args.props)
    return {
        "type": args.resource_type,
        "urn": args.urn,
        "outputs": fields,
        "account": _account(fields, args.provider),
    }


def stack_json(resources: Sequence[PolicyResource]) -> Iterator[Json]:
    """The resources of a stack, in the same form."""
    for each in resources:
        fields = plain(each.props)
        yield {
            "type": each.resource_type,
            "urn": each.urn,
            "parent": each.parent.urn if each.parent else None,
            "outputs": fields,
            "account": _account(fields, each.provider),
            "depends": {
                name: [one.urn for one in on] for name, on in each.property_dependencies.items()
            },
        }


def _account(fields: Json, provider: PolicyProviderResource | None) -> str:
    """The account that a resource is in: its ARN says so, or the only one that its AWS provider
    may work in; empty when neither does."""
    arn = fields.get("arn")
    if isinstance(arn, str) and is_account_id(account_of(arn)):
        return account_of(arn)
    settings = mapping(plain(provider.props)) if provider else {}
    allowed = settings.get("allowedAccountIds")
    try:
        listed: object = json.loads(allowed) if isinstance(allowed, str) else allowed
    except ValueError:
        return ""
    accounts = cast("list[object]", listed) if isinstance(listed, list) else []
    return str(accounts[0]) if len(accounts) == 1 and is_account_id(str(accounts[0])) else ""
