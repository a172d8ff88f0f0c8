"""What the entries of the configuration are called. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from irsa.chain.imports.trust import Trusted
from irsa.identity.quotas import DNS_LABEL_MAX
from irsa.identity.subjects import ServiceAccountRef, check_workload_name

_NOT_IN_A_LABEL = re.compile(r"[^a-z0-9]+")


def entry_names(roles: Sequence[tuple[str, Trusted]]) -> list[str]:
    """A name for each of these roles, unique among them: the service account's where that tells
    them apart, or else with its namespace, or else the role's own."""
    choices = [list(_choices(name, trusted)) for name, trusted in roles]
    wanted = [Counter(each[depth] for each in choices) for depth in range(3)]
    names: list[str] = []
    for each in choices:
        free = (c for depth, c in enumerate(each) if wanted[depth][c] == 1 and c not in names)
        names.append(next(free, None) or _numbered(each[-1], names))
    return names


def policy_keys(attached: Iterable[tuple[str, str]], reserved: Iterable[str]) -> dict[str, str]:
    """The ARNs of policies, each under a key of its own; ``attached`` has them with wanted keys."""
    taken: dict[str, str] = {}
    for wanted, arn in attached:
        key = wanted
        number = 2
        while key in taken or key in reserved:
            key, number = f"{wanted}-{number}", number + 1
        taken[key] = arn
    return taken


def _choices(role_name: str, trusted: Trusted) -> Iterable[str]:
    role = _label(role_name)
    exact = [each for each in trusted.subjects if isinstance(each, ServiceAccountRef)]
    if len(exact) == 1:
        yield _label(exact[0].name)
        yield _label(f"{exact[0].namespace}-{exact[0].name}")
    else:
        yield from (role, role)
    yield role


def _label(text: str) -> str:
    """The text as a workload may be called."""
    label = _NOT_IN_A_LABEL.sub("-", text.lower()).strip("-")[:DNS_LABEL_MAX].strip("-")
    return check_workload_name(label or "role")


def _numbered(name: str, taken: Sequence[str]) -> str:
    number = 2
    while True:
        ending = f"-{number}"
        candidate = name[: DNS_LABEL_MAX - len(ending)].rstrip("-") + ending
        if candidate not in taken:
            return candidate
        number += 1
