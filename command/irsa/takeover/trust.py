"""Arguments of ServiceAccountRole that keep the callers of a trust policy. Pure."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product

from irsa.callers.sets import canonical
from irsa_core.decide.document import Condition, conditions_of
from irsa_core.identity.arns import issuer_of_principal
from irsa_core.identity.eks import POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa_core.identity.pod_identity import NAMESPACE_TAG as NAMESPACE
from irsa_core.identity.pod_identity import SERVICE_ACCOUNT_TAG as NAME
from irsa_core.identity.pod_identity import service_account_trust_policy
from irsa_core.identity.policies import size
from irsa_core.identity.policy_json import Json, as_list, principals, principals_by_type, statements
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA as QUOTA
from irsa_core.identity.quotas import TRUST_POLICY_QUOTA_MAX
from irsa_core.identity.subjects import ServiceAccountPattern, parse_service_accounts, split_subject
from irsa_core.rules.further_statements import check_further_statements

_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Condition"}
_LISTS = ("stringequals", "stringlike", "arnlike")


def service_account_trust(
    document: Json, associations: Mapping[str, set[str]]
) -> tuple[Json, list[str]]:
    """Return the arguments that keep a trust policy, and a line for each statement they leave out.

    ``associations`` are the service accounts (``NAMESPACE/NAME``) that have the role by EKS Pod
    Identity, by cluster: its trust policy need not name them.
    """
    existing = statements(document)
    best: tuple[Json, list[str]] = {}, ["no arguments express it"]
    least = len(existing) + 1, 0, 0
    for arguments, policy in _candidates(existing, associations):
        written = statements(policy)
        if all(any(_covers(old, new) for old in existing) for new in written):
            rest = [old for old in existing if not any(_covers(new, old) for new in written)]
            left = [(old, problem) for old in rest if (problem := _problem(old))]
            rank = len(left), len(rest), -len(written)
            if rank < least and not any(old.get("Effect") == "Deny" for old, _ in left):
                further = [old for old in rest if not _problem(old)]
                more: Json = {"further_statements": further} if further else {}
                if (whole := size({**policy, "Statement": [*written, *further]})) > QUOTA:
                    more["trust_policy_quota"] = whole
                problems = [f"{json.dumps(old)}: {problem}" for old, problem in left]
                least, best = rank, ({**arguments, **more}, problems)
    return best


def _problem(statement: Json) -> str:
    """Return the reason why a statement cannot be one of ``further_statements``."""
    try:
        check_further_statements("trust policy", [statement])
    except ValueError as error:
        return str(error)
    return ""


def _covers(wide: Json, narrow: Json) -> bool:
    """Return True if a statement allows all that another one allows."""
    callers, listed = principals_by_type(wide), principals_by_type(narrow)
    actions = [{str(action).lower() for action in as_list(e.get("Action"))} for e in (narrow, wide)]
    return wide == narrow or (
        wide.keys() | narrow.keys() <= _ELEMENTS
        and wide.get("Effect") == narrow.get("Effect") == "Allow"
        and bool(listed)
        and all({*as_list(listed[e])} <= {*as_list(callers.get(e, []))} for e in listed)
        and actions[0] <= actions[1]
        and all(any(_is_within(mine, test) for mine in _tests(narrow)) for test in _tests(wide))
    )


def _tests(statement: Json) -> list[Condition]:
    return [*map(canonical, conditions_of(statement))]


def _is_within(narrow: Condition, wide: Condition) -> bool:
    """Return True if a condition is another one, or lists some of its values."""
    if wide.operator in _LISTS and narrow.values:
        wide = canonical(wide._replace(values=tuple({*wide.values} & {*narrow.values})))
    return narrow == wide


def _candidates(
    existing: Sequence[Json], associations: Mapping[str, set[str]]
) -> Iterator[tuple[Json, Json]]:
    """Yield arguments with the trust policy that they make, which may allow too much."""
    tokens: dict[tuple[str, str], set[str]] = defaultdict(set)
    clusters = defaultdict[str, set[str]](set, {key: {*refs} for key, refs in associations.items()})
    for statement in existing:
        values = {test.key: test.values for test in _tests(statement)}
        for provider in principals(statement, "Federated"):
            issuer = issuer_of_principal(str(provider)).lower()
            names = filter(None, map(split_subject, values.get(f"{issuer}:sub", [])))
            audience, *_ = values.get(f"{issuer}:aud") or [STS_AUDIENCE]
            tokens[audience, provider].update(map("/".join, names))
        if POD_IDENTITY_SERVICE in principals(statement, "Service"):
            tags = [values.get(f"aws:requesttag/{tag}", []) for tag in (NAMESPACE, NAME)]
            for cluster in values.get("aws:sourcearn", []):
                clusters[cluster].update(map("/".join, product(*tags)))
    listed = dict.fromkeys(map(frozenset, (*tokens.values(), *clusters.values())))
    audiences = sorted({audience for audience, _ in tokens} | {STS_AUDIENCE})
    for names, audience in product(filter(None, listed), audiences):
        nearest = [cluster for cluster in clusters if clusters[cluster] >= names]
        providers = [key[1] for key in tokens if key[0] == audience and tokens[key] >= names]
        for sources, untagged in product((nearest, [*clusters], []), (False, True)):
            arguments: Json = {"provider_arns": providers, "cluster_arns": sources}
            arguments |= {"audience": audience, "disable_session_tags": untagged and bool(sources)}
            with suppress(ValueError):
                yield _written(sorted(names), arguments)


def _written(names: list[str], given: Json) -> tuple[Json, Json]:
    subjects = [parse_service_accounts(each, allow_whole_namespace=True) for each in names]
    policy = service_account_trust_policy(subjects, **given, quota=TRUST_POLICY_QUOTA_MAX)
    patterns = [each for each in subjects if isinstance(each, ServiceAccountPattern)]
    given |= {"subjects": names, "allow_whole_namespace": any(e.whole_namespace for e in patterns)}
    return {key: each for key, each in given.items() if each and each != STS_AUDIENCE}, policy
