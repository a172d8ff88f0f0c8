"""Conditions of a trust policy that identify the caller. Pure.

A condition counts when it holds only for a request that carries the key (no IfExists, no
ForAllValues, no negation, no Null), and when every one of its values, of which one is enough, is
narrow. Wildcards have no valid use in the keys of whole accounts and organizations.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network

from irsa_core.decide.document import Condition, Statement
from irsa_core.identity.arns import is_account_id, parse_arn

Narrow = Callable[[Condition, str], bool]
"""Predicate: one value, written as a pattern, is narrow."""


def narrow(conditions: Iterable[Condition], keys: Mapping[str, Narrow]) -> bool:
    """Return whether a condition on one of the keys, in any case, narrows the caller down."""
    return any(_is_narrow(each, keys) for each in conditions)


def _is_narrow(condition: Condition, keys: Mapping[str, Narrow]) -> bool:
    key = condition.key.lower()
    is_narrow = keys.get(key) or keys.get(key.partition("/")[0] + "/")
    if key in _IN_EVERY_REQUEST:  # an operator for absent keys asks for as much as any other
        condition = condition._replace(operator=condition.base)
    if is_narrow is None or not condition.positive:
        return False
    return all(
        is_narrow(condition, pattern) or (condition.variables and value.lower() in _OWN)
        for value, pattern in zip(condition.values, condition.patterns, strict=True)
    )


_OWN = ("${aws:resourceorgid}", "${aws:resourceaccount}")
"""Variables for the organization and the account of the role itself."""


_IN_EVERY_REQUEST = ("aws:principalaccount", "aws:userid")


def wild(text: str) -> bool:
    """Return whether a pattern matches more than one text."""
    return "*" in text or "?" in text


def split_key(key: str) -> tuple[str, str]:
    """Issuer and claim of a condition key about a token, in lower case; empty for other keys."""
    name, _, claim = key.lower().rpartition(":")
    # A tag's own name may have dots, slashes and colons: aws:PrincipalTag/aws:stack.
    is_issuer = any(each in name for each in "./:") and not name.startswith(_OWN_KEYS)
    return (name, claim) if is_issuer else ("", "")


_OWN_KEYS = ("aws:", "iam:", "sts:")


def says_something(_: Condition, pattern: str) -> bool:
    """Return whether a pattern has anything but wildcards."""
    return bool(pattern.strip("*?"))


def specific(condition: Condition) -> bool:
    """Return whether a condition holds only for keys with some value that is not any text."""
    return condition.positive and all(says_something(condition, p) for p in condition.patterns)


def _exact(_: Condition, pattern: str) -> bool:
    return not wild(pattern)


def _starts(expression: str) -> Narrow:
    compiled = re.compile(expression)
    return lambda _, pattern: compiled.match(pattern) is not None


_UNIQUE_ID = r"A[A-Z]{2}A[A-Z0-9]+(?:$|:)"


def _names_account(condition: Condition, pattern: str) -> bool:
    """An ARN whose account is spelled out.

    ARN operators compare each of the six parts on its own; under the others a ``*`` runs across
    colons, so that nothing before the account may be open.
    """
    arn = parse_arn(pattern)
    if arn is None or not is_account_id(arn.account):
        return False
    return condition.base.startswith("arn") or not wild(arn.partition + arn.service + arn.region)


def _source_arn(condition: Condition, pattern: str) -> bool:
    # The ARN of a bucket has no account, but names of buckets are unique.
    return not wild(pattern) or _names_account(condition, pattern)


def _names_resource(condition: Condition, pattern: str) -> bool:
    return says_something(condition, resource_name(pattern))


def resource_name(pattern: str) -> str:
    """Return the part after ``role/``, ``user/`` and the like; empty if it is not an ARN."""
    arn = parse_arn(pattern)
    if arn is None:
        return ""
    kind, slash, name = arn.resource.partition("/")
    return name if slash and not wild(kind) else arn.resource


def opens_with_wildcard(condition: Condition) -> list[str]:
    """The values for ``aws:PrincipalArn`` that have a wildcard in the path before any name.

    ``role/*admin`` fits ``role/x/y-admin``, too: ``*`` runs across the slashes of a path.
    """
    if condition.key.lower() != "aws:principalarn" or not condition.positive:
        return []
    return [
        value
        for value, pattern in zip(condition.values, condition.patterns, strict=True)
        if (name := resource_name(pattern)).startswith("*") and says_something(condition, name)
    ]


def _network(condition: Condition, pattern: str) -> bool:
    """A network as narrow as S3 asks for before it no longer calls a policy public.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    if condition.base != "ipaddress":
        return False
    try:
        network = ip_network(pattern, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= (8 if network.version == 4 else 32)


SOURCES: Mapping[str, Narrow] = {
    "aws:sourceaccount": _exact,
    "aws:sourcearn": _source_arn,
    "aws:sourceorgid": _exact,
    "aws:sourceorgpaths": _starts(r"o-[a-z0-9]+/"),
}
"""Keys of calls that an AWS service makes: on whose behalf."""

EVERYONE: Mapping[str, Narrow] = {
    **SOURCES,
    "aws:principalorgid": _exact,
    "aws:principalorgpaths": _starts(r"o-[a-z0-9]+/"),
    "aws:principalaccount": _exact,
    "aws:principalarn": _names_account,
    "aws:userid": _starts(_UNIQUE_ID),
}
"""Keys that narrow "everyone" down to an organization, an account or less.

``sts:ExternalId``, session names, tags and source identities are not among them: the caller, or an
administrator of the caller's own account, chooses those."""

NETWORKS: Mapping[str, Narrow] = {
    "aws:sourceip": _network,
    "aws:sourcevpc": _exact,
    "aws:sourcevpce": _exact,
}
"""Keys that say from where, not who."""

OWN_ACCOUNT: Mapping[str, Narrow] = {
    **SOURCES,
    "aws:principalarn": _names_resource,
    "aws:userid": _starts(_UNIQUE_ID),
    "aws:principaltag/": says_something,
    "aws:federatedprovider": _exact,
}
"""Keys that pick principals out of an account which the Principal element names as a whole."""

OTHER_ACCOUNT: Mapping[str, Narrow] = {
    **{key: each for key, each in OWN_ACCOUNT.items() if key != "aws:principaltag/"},
    "sts:externalid": _exact,
    "aws:principalorgid": _exact,
    "aws:principalorgpaths": _starts(r"o-[a-z0-9]+/"),
}
"""Keys that pick principals out of another account, which sets the tags of its principals itself.
The external id and the organization keep strangers out; a pattern lets the ids of others pass.
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"""

CLUSTERS: Mapping[str, Narrow] = {
    "aws:sourcearn": _names_resource,
    "aws:requesttag/eks-cluster-arn": _names_resource,
    "aws:requesttag/eks-cluster-name": says_something,
}
"""Keys of EKS Pod Identity that name the association's cluster.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html"""

NAMESPACES: Mapping[str, Narrow] = {"aws:requesttag/kubernetes-namespace": says_something}
"""The key of EKS Pod Identity without which a service account is not told from others."""

CERTIFICATES: Mapping[str, Narrow] = {
    "aws:sourcearn": _names_resource,
    "aws:principaltag/": says_something,
    "sts:sourceidentity": says_something,
}
"""Keys of IAM Roles Anywhere: the trust anchor, and attributes of the certificate.
https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html"""


def guarded(statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements that allow, each with the conditions of the denials for everyone or for
    its own principals.

    ``Deny`` to ``*`` under StringNotEquals on one key asks for what StringEquals would ask for, of
    every call that it covers. A denial with several conditions holds only where all do: it guards
    nothing for certain. One that spares AWS's own services guards against everybody else.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_data-perimeters.html
    """
    guards = [statement for statement in statements if not (statement.allows or statement.excepts)]
    return [
        statement._replace(
            conditions=statement.conditions
            + tuple(
                demanded
                for guard in guards
                if _is_for_all(guard, statement)
                for demanded in _demanded(guard, statement)
            )
        )
        for statement in statements
        if statement.allows
    ]


def _is_for_all(guard: Statement, statement: Statement) -> bool:
    """Return whether a denial is for all principals of a statement."""
    named = statement.principals.items()
    listed = all({*each} <= {*guard.principals.get(kind, ())} for kind, each in named)
    return "*" in guard.named("AWS") or (listed and bool(named) and not statement.excepts)


def _spares_services(condition: Condition) -> bool:
    return (
        condition.key.lower() == "aws:principalisawsservice"
        and condition.base == "bool"
        and [*condition.values] == ["false"]
    )


def _demanded(guard: Statement, statement: Statement) -> Iterator[Condition]:
    conditions = [each for each in guard.conditions if not _spares_services(each)]
    if len(conditions) != 1 or not set(statement.assume_actions) <= set(guard.assume_actions):
        return
    [condition] = conditions
    lower = condition.operator.lower()
    if "not" in condition.base and not lower.startswith("foranyvalue:"):
        operator = re.sub("(?i)not", "", condition.base, count=1)
        yield condition._replace(operator=operator)
