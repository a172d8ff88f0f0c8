"""Read a trust policy as arguments of `ServiceAccountRole`. Pure.

Strict: a policy with an element that the component cannot express is `Unsupported`, with the
reason; nothing is left out silently. The component trusts service accounts through OIDC providers,
through all of them the same service accounts, with one audience, and the same ones through EKS Pod
Identity.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from irsa.audit.findings import check_association
from irsa.decide.document import Condition, DocumentError, Statement, statements_of
from irsa.decide.json_input import InputError
from irsa.decide.trust_policy import check_storable, compile_trust_policy
from irsa.identity.arns import is_oidc_provider, issuer_of_principal
from irsa.identity.canonical import canonical
from irsa.identity.eks import POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa.identity.pod_identity import (
    ASSUME_AND_TAG,
    CLUSTER_TAG,
    NAMESPACE_TAG,
    SERVICE_ACCOUNT_TAG,
    pod_identity_trust_policy,
)
from irsa.identity.policy_json import Json, statements
from irsa.identity.subjects import (
    Subject,
    service_account_pattern,
    service_account_ref,
    split_subject,
)
from irsa.observe.eks import Association
from irsa.observe.facts import Role

_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Condition"}
_EXACT, _LIKE = "stringequals", "stringlike"
_WEB_IDENTITY = "sts:assumerolewithwebidentity"


class Unsupported(ValueError):
    """The component cannot express the role; the text has the reason."""


class Trusted(NamedTuple):
    """The principals of a trust policy."""

    providers: tuple[str, ...]
    """ARNs of OIDC providers, in the policy's order."""
    subjects: tuple[Subject, ...]
    audience: str
    every_audience: bool = False
    """True if the policy accepts every audience of a provider, and not only ``audience``."""
    clusters: tuple[str, ...] = ()
    """ARNs of clusters whose Pod Identity associations may use the role."""
    disable_session_tags: bool = False
    limited: bool = False
    """True if the policy may accept other associations than those of ``subjects`` in ``clusters``.
    """


def read_trust(
    document: Json,
    default_audience: str = "",
    *,
    associations: Sequence[Association] = (),
    limit: bool = False,
) -> Trusted:
    """Return the principals of a trust policy; ValueError for one that is `Unsupported`.

    A statement without a condition on the audience is, unless there is a default for it. So is one
    for EKS Pod Identity that allows more than the role's ``associations``, unless ``limit`` is set.
    """
    try:
        compile_trust_policy(document)
        check_storable(document)
    except (DocumentError, InputError) as error:
        raise Unsupported(f"IAM does not store such a trust policy: {error}") from error
    for each in statements(document):
        for element in sorted(each.keys() - _ELEMENTS):
            raise Unsupported(f"its trust policy has {element}")
    read = [_statement(each) for each in statements_of(document) if not _is_for_eks(each)]
    trusted = _by_token(read, default_audience) if read else Trusted((), (), STS_AUDIENCE)
    for_eks = [each for each in statements_of(document) if _is_for_eks(each)]
    if not for_eks:
        return trusted
    for statement in for_eks:
        _check_for_eks(statement)
    for each in associations:
        if [*check_association(each, Role(each.role_arn, "", document), "")]:
            raise Unsupported(f"it does not trust its association of {'/'.join(each.account)}")
    raw = statements(document)
    own = [raw[each.number - 1] for each in for_eks]
    trusted = _with_associations(trusted, own, associations)
    if trusted.limited and not limit:
        raise Unsupported(
            "it may trust more by EKS Pod Identity than this cluster's associations; "
            "--only-associations limits it to them"
        )
    return trusted


def _is_for_eks(statement: Statement) -> bool:
    return POD_IDENTITY_SERVICE in statement.named("Service")


def _by_token(read: Sequence["_Read"], default_audience: str) -> Trusted:
    if not default_audience and not all(each.audience for each in read):
        raise Unsupported(
            "it accepts every audience of the provider (no condition on aud); --add-audience "
            "imports it, and adds one for sts.amazonaws.com"
        )
    audiences = {each.audience or default_audience for each in read}
    if len(audiences) > 1:
        raise Unsupported(f"it trusts several audiences ({', '.join(sorted(audiences))})")
    by_provider: dict[str, set[Subject]] = {}
    for each in read:
        by_provider.setdefault(each.provider, set()).update(each.subjects)
    trusted = list(by_provider.values())
    if any(subjects != trusted[0] for subjects in trusted):
        raise Unsupported("it trusts other service accounts in one cluster than in another")
    return Trusted(
        providers=tuple(by_provider),
        subjects=tuple(sorted(trusted[0])),
        audience=audiences.pop(),
        every_audience=not all(each.audience for each in read),
    )


def _with_associations(
    by_token: Trusted, statements: Sequence[Json], associations: Sequence[Association]
) -> Trusted:
    accounts = {each.account for each in associations}
    if not accounts:
        raise Unsupported("it trusts EKS Pod Identity, and no association of this cluster has it")
    if by_token.subjects and set(by_token.subjects) != accounts:
        raise Unsupported("it trusts other service accounts by IRSA than its associations have")
    trusted = by_token._replace(
        subjects=tuple(sorted(accounts)),
        clusters=tuple(sorted({each.cluster_arn for each in associations})),
        disable_session_tags=any(each.disable_session_tags for each in associations),
    )
    own = pod_identity_trust_policy(
        trusted.clusters, trusted.subjects, disable_session_tags=trusted.disable_session_tags
    )
    written = {**own, "Statement": list(statements)}
    return trusted._replace(limited=canonical(written) != canonical(own))


def _check_for_eks(statement: Statement) -> None:
    """Raise `Unsupported` for a condition that the component does not write."""
    if not statement.allows:
        raise Unsupported("its trust policy has a Deny")
    if {each.lower() for each in statement.actions} != {each.lower() for each in ASSUME_AND_TAG}:
        raise Unsupported(f"its trust policy allows {', '.join(statement.actions)}")
    named = [each for found in statement.principals.values() for each in found]
    if others := [each for each in named if each != POD_IDENTITY_SERVICE]:
        raise Unsupported(f"it trusts {', '.join(others)} as well")
    for each in statement.conditions:
        if each.key.lower() not in _KEYS or not each.positive:
            raise Unsupported(f"its trust policy has the condition {each.text}")


_TAGS = (CLUSTER_TAG, NAMESPACE_TAG, SERVICE_ACCOUNT_TAG)
_KEYS = ("aws:sourcearn", "aws:sourceaccount", *(f"aws:requesttag/{each}" for each in _TAGS))


class _Read(NamedTuple):
    provider: str
    audience: str
    """Empty for every audience of the provider."""
    subjects: tuple[Subject, ...]


def _statement(statement: Statement) -> _Read:
    if not statement.allows:
        raise Unsupported("its trust policy has a Deny")
    if {action.lower() for action in statement.actions} != {_WEB_IDENTITY}:
        raise Unsupported(f"its trust policy allows {', '.join(statement.actions)}")
    named = statement.principals.items()
    others = [each for kind, found in named if kind != "Federated" for each in found]
    if others:
        raise Unsupported(f"it trusts {', '.join(others)} as well")
    providers = statement.named("Federated")
    if len(set(providers)) != 1:
        raise Unsupported("a statement of its trust policy names several OIDC providers")
    provider = providers[0]
    if not is_oidc_provider(provider):
        raise Unsupported(f"it trusts {provider}, which is not an OIDC provider")
    by_key = {"aud": list[Condition](), "sub": list[Condition]()}
    prefix = f"{issuer_of_principal(provider)}:".lower()
    for each in statement.conditions:
        key = each.key.lower().removeprefix(prefix)
        if key not in by_key or not each.key.lower().startswith(prefix):
            raise Unsupported(f"its trust policy has a condition on {each.key}")
        if each.operator.lower() not in (_EXACT, _LIKE):
            raise Unsupported(f"its trust policy has the condition {each.text}")
        by_key[key].append(each)
    subject, audience = _only("sub", by_key["sub"]), _only("aud", by_key["aud"])
    if subject is None:
        raise Unsupported("it trusts every service account of the cluster (no condition on sub)")
    return _Read(provider, _audience(audience) if audience else "", tuple(_subjects(subject)))


def _only(key: str, conditions: Sequence[Condition]) -> Condition | None:
    if len(conditions) > 1:
        raise Unsupported(f"its trust policy has two conditions on {key}, which both have to match")
    if any("${" in value for each in conditions for value in each.values):
        raise Unsupported(f"its condition on {key} has a policy variable")
    return next(iter(conditions), None)


def _audience(condition: Condition) -> str:
    values = set(condition.values)
    if len(values) != 1:
        raise Unsupported(f"it trusts several audiences ({', '.join(sorted(values))})")
    [audience] = values
    if not audience or (_is_like(condition) and _has_wildcard(audience)):
        raise Unsupported(f"it trusts audiences by the pattern {audience!r}")
    return audience


def _subjects(condition: Condition) -> Iterator[Subject]:
    for text in condition.values:
        parts = split_subject(text)
        if parts is None:
            raise Unsupported(f"sub {text!r} does not name service accounts of one namespace")
        if not _has_wildcard(text):
            yield service_account_ref(*parts)
        elif _is_like(condition):
            yield service_account_pattern(*parts, allow_whole_namespace=True)
        else:
            raise Unsupported(
                f"sub {text!r} is under StringEquals, where it is not a pattern and matches no "
                "service account"
            )


def _is_like(condition: Condition) -> bool:
    return condition.operator.lower() == _LIKE


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text
