"""Whether two trust policies let the same callers in, as the evaluator sees it. Pure.

Asked about everybody whom either of them names, and about neighbours of theirs that differ in one
thing. It proves nothing by itself: what it finds is a mistake of `irsa.chain.imports.trust`.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from irsa.chain.ask import trusts_service_account
from irsa.chain.imports.trust import Trusted
from irsa.decide.evaluate import Verdict
from irsa.identity.arns import issuer_from_provider_arn
from irsa.identity.eks import AUDIENCE_ANNOTATION
from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef, Subject
from irsa.observe.facts import Role, ServiceAccount

_STRANGERS = ("stranger.example", "sts.amazonaws.com")
_SESSION, _NOW = "irsa-import", 1_700_000_000.0


class Caller(NamedTuple):
    """A token's claims, as far as trust policies look at them."""

    issuer: str
    namespace: str
    name: str
    audience: str


def first_difference(arn: str, left: Json, right: Json, trusted: Trusted) -> Caller | None:
    """A caller whom one of two trust policies of a role lets in and the other does not."""
    for caller in callers(trusted):
        if _verdict(arn, left, caller) != _verdict(arn, right, caller):
            return caller
    return None


def callers(trusted: Trusted) -> Iterator[Caller]:
    """Those who are trusted, and their neighbours."""
    issuers = [*map(issuer_from_provider_arn, trusted.providers), "stranger.example/id/0"]
    names = dict.fromkeys(each for subject in trusted.subjects for each in _around(subject))
    for issuer in issuers:
        for namespace, name in names:
            for audience in dict.fromkeys((trusted.audience, *_STRANGERS)):
                yield Caller(issuer, namespace, name, audience)


def _around(subject: Subject) -> Iterable[tuple[str, str]]:
    namespace, name = subject
    if isinstance(subject, ServiceAccountRef):
        yield from ((namespace, name), (namespace, f"{name}x"), (namespace, f"x{name}"))
    else:
        for star, mark in (("", "x"), ("x", "x"), ("x-y.z", "x"), ("", "")):
            text = name.replace("*", star).replace("?", mark)
            yield from ((namespace, text), (namespace, f"{text}x"), (namespace, f"x{text}"))
    yield f"{namespace}x", name
    yield "kube-system", name
    yield namespace, "default"


def _verdict(arn: str, trust_policy: Json, caller: Caller) -> Verdict:
    account = ServiceAccount(caller.namespace, caller.name, {AUDIENCE_ANNOTATION: caller.audience})
    return trusts_service_account(
        Role(arn, "", trust_policy),
        account,
        issuer_url=f"https://{caller.issuer}",
        session_name=_SESSION,
        now=_NOW,
    ).verdict
