"""Whether two trust policies let the same callers in, as the evaluator sees it. Pure.

Asked about everybody whom either of them names, and about neighbours of theirs that differ in one
thing. It proves nothing by itself: what it finds is a mistake of `irsa.chain.imports.trust`.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from irsa.access import trusts_service_account
from irsa.chain.imports.trust import Trusted
from irsa.decide.verdict import Verdict
from irsa.identity.arns import issuer_from_provider_arn
from irsa.identity.eks import AUDIENCE_ANNOTATION, STS_AUDIENCE
from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef, Subject
from irsa.observe.facts import Role, ServiceAccount

_OTHER_AUDIENCES = ("stranger.example", STS_AUDIENCE)
_SESSION, _NOW = "irsa-import", 1_700_000_000.0


class Caller(NamedTuple):
    """A token's claims, as far as trust policies look at them."""

    issuer: str
    namespace: str
    name: str
    audience: str

    @property
    def text(self) -> str:
        """The whole in one line."""
        return f"{self.namespace}/{self.name} of {self.issuer} with audience {self.audience}"


def first_difference(arn: str, left: Json, right: Json, trusted: Trusted) -> Caller | None:
    """A caller whom one of two trust policies of a role lets in and the other does not."""
    for caller in callers(trusted):
        if _verdict(arn, left, caller) != _verdict(arn, right, caller):
            return caller
    return None


def callers(trusted: Trusted) -> Iterator[Caller]:
    """Those who are trusted, and their neighbours."""
    issuers = list(map(issuer_from_provider_arn, trusted.providers))
    names = dict.fromkeys(each for subject in trusted.subjects for each in _around(subject))
    for issuer in issuers:
        yield from (Caller(issuer, *name, trusted.audience) for name in names)
        yield from (Caller(issuer, *next(iter(names)), each) for each in _OTHER_AUDIENCES)
    yield Caller("stranger.example/id/0", *next(iter(names)), trusted.audience)


def _around(subject: Subject) -> Iterable[tuple[str, str]]:
    """Names that a subject means, the first of them for certain, and names that are close to it."""
    namespace, name = subject
    text = name.replace("*", "x").replace("?", "x")
    yield from ((namespace, text), (namespace, f"{text}x"), (namespace, f"x{text}"))
    if not isinstance(subject, ServiceAccountRef):
        yield namespace, name.replace("*", "").replace("?", "x")
        yield namespace, name.replace("*", "x-y.z").replace("?", "")
    yield f"{namespace}x", text
    yield "kube-system", text
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
