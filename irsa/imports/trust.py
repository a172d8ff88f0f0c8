"""Read a trust policy as arguments of `ServiceAccountRole`. Pure.

Strict: a policy with an element that the component cannot express is `Unsupported`, with the
reason; nothing is left out silently. The component trusts service accounts through OIDC providers,
through all of them the same service accounts, with one audience, and the same ones through EKS Pod
Identity.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from irsa.decide.document import Condition, DocumentError, Statement, statements_of
from irsa.decide.json_input import InputError
from irsa.decide.trust_policy import check_storable, compile_trust_policy
from irsa.identity.arns import account_of, is_oidc_provider, issuer_of_principal
from irsa.identity.eks import POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa.identity.pod_identity import (
    ASSUME_AND_TAG,
    CLUSTER_TAG,
    NAMESPACE_TAG,
    SERVICE_ACCOUNT_TAG,
    check_cluster,
)
from irsa.identity.policy_json import Json, statements
from irsa.identity.subjects import (
    Subject,
    service_account_pattern,
    service_account_ref,
    split_subject,
)
from irsa.observe.iam_calls import Association

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
    every_cluster: bool = False
    """True if the policy accepts associations of every cluster, and not only of ``clusters``."""


def read_trust(
    document: Json,
    default_audience: str = "",
    *,
    associations: Sequence[Association] = (),
    add_source: bool = False,
) -> Trusted:
    """Return the principals of a trust policy; ValueError for one that is `Unsupported`.

    A statement without a condition on the audience is, unless there is a default for it. So is one
    for EKS Pod Identity that names no cluster, unless ``add_source`` takes that of the role's
    ``associations``, which also stand for service accounts where no condition names them.
    """
    try:
        compile_trust_policy(document)
        check_storable(document)
    except (DocumentError, InputError) as error:
        raise Unsupported(f"IAM does not store such a trust policy: {error}") from error
    for each in statements(document):
        for element in sorted(each.keys() - _ELEMENTS):
            raise Unsupported(f"its trust policy has {element}")
    listed = statements_of(document)
    for_eks = [POD_IDENTITY_SERVICE in each.named("Service") for each in listed]
    by_eks = [_by_eks(each) for each, is_it in zip(listed, for_eks, strict=True) if is_it]
    read = [_statement(each) for each, is_it in zip(listed, for_eks, strict=True) if not is_it]
    trusted = _by_token(read, default_audience) if read else Trusted((), (), STS_AUDIENCE)
    return _with_associations(trusted, by_eks, associations, add_source) if by_eks else trusted


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
    by_token: Trusted,
    read: Sequence[tuple[frozenset[str], frozenset[Subject]]],
    associations: Sequence[Association],
    add_source: bool,
) -> Trusted:
    [clusters, *others] = {clusters for clusters, _ in read}
    if others:
        raise Unsupported("it trusts other associations in one cluster than in another")
    if not clusters and not add_source:
        raise Unsupported(
            "it trusts the Pod Identity associations of every cluster (no condition on "
            "aws:SourceArn); --add-source adds one for this cluster"
        )
    used = clusters or {each.cluster_arn for each in associations}
    named = all(subjects for _, subjects in read)
    subjects = {each for _, own in read for each in own} if named else set(by_token.subjects)
    subjects = subjects or {each.account for each in associations}
    if not used or not subjects:
        raise Unsupported("it trusts EKS Pod Identity, and no association of this cluster has it")
    if by_token.subjects and subjects != set(by_token.subjects):
        raise Unsupported("it trusts other service accounts by EKS Pod Identity than by IRSA")
    tags_off = any(each.disable_session_tags for each in associations)
    return by_token._replace(
        subjects=tuple(sorted(subjects)),
        clusters=tuple(sorted(used)),
        disable_session_tags=tags_off if not clusters else not named,
        every_cluster=not clusters,
    )


def _by_eks(statement: Statement) -> tuple[frozenset[str], frozenset[Subject]]:
    """Return clusters and subjects of a statement for EKS Pod Identity, as far as it names them."""
    if not statement.allows:
        raise Unsupported("its trust policy has a Deny")
    if {each.lower() for each in statement.actions} != {each.lower() for each in ASSUME_AND_TAG}:
        raise Unsupported(f"its trust policy allows {', '.join(statement.actions)}")
    named = [each for found in statement.principals.values() for each in found]
    if others := [each for each in named if each != POD_IDENTITY_SERVICE]:
        raise Unsupported(f"it trusts {', '.join(others)} as well")
    by_key: dict[str, list[Condition]] = {}
    for each in statement.conditions:
        key = each.key.lower()
        exact = key != _ACCOUNT and any(map(_has_wildcard, each.values))
        if key not in (*_CLUSTERS, _NAMESPACE, _ACCOUNT, _SOURCE_ACCOUNT):
            raise Unsupported(f"its trust policy has a condition on {each.key}")
        if exact or each.operator.lower() not in (_EXACT, _LIKE, "arnequals", "arnlike"):
            raise Unsupported(f"its trust policy has the condition {each.text}")
        by_key.setdefault(key, []).append(each)
    only = {key: _only(key, found) for key, found in by_key.items()}
    values = {key: frozenset(found.values) for key, found in only.items() if found}
    clusters = [values[key] for key in _CLUSTERS if key in values]
    arns = frozenset(map(check_cluster, clusters[0] if clusters else ()))
    accounts = frozenset(map(account_of, arns))
    if arns and (len(set(clusters)) > 1 or values.get(_SOURCE_ACCOUNT, accounts) != accounts):
        raise Unsupported("its conditions on the cluster name different clusters or accounts")
    if (_NAMESPACE in values) != (_ACCOUNT in values):
        raise Unsupported("it names service accounts without their namespace, or the reverse")
    return arns, frozenset(
        _subject(namespace, name, like=_is_like(only[_ACCOUNT]))
        for namespace in values.get(_NAMESPACE, ())
        for name in values.get(_ACCOUNT, ())
    )


_SOURCE_ACCOUNT = "aws:sourceaccount"
_CLUSTERS = ("aws:sourcearn", f"aws:requesttag/{CLUSTER_TAG}")
_NAMESPACE, _ACCOUNT = (f"aws:requesttag/{each}" for each in (NAMESPACE_TAG, SERVICE_ACCOUNT_TAG))


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
        yield _subject(*parts, like=_is_like(condition))


def _subject(namespace: str, name: str, *, like: bool) -> Subject:
    if not _has_wildcard(namespace + name):
        return service_account_ref(namespace, name)
    if like:
        return service_account_pattern(namespace, name, allow_whole_namespace=True)
    raise Unsupported(
        f"{namespace}/{name} is under StringEquals, where it is not a pattern and matches no "
        "service account"
    )


def _is_like(condition: Condition | None) -> bool:
    return condition is not None and condition.operator.lower() == _LIKE


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text
