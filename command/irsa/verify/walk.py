"""Walk of one chain: judge it, and try its calls."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from irsa.observe.aws import Aws
from irsa.observe.facts import Answer, Credentials, ServiceAccountObject, Unread
from irsa.verify.containers import UNNAMED, session_name
from irsa.verify.facts import ByAssociation, Facts, RoleB, named_role, roles_between
from irsa.verify.gather import Sources, search
from irsa.verify.link import CALLS_OF_ROLE_B, Calls, Link, NotMade, Status, left_to_stack, status_of
from irsa.verify.links.in_cluster import in_cluster_links
from irsa.verify.links.pod_identity import association
from irsa.verify.links.to_bucket import data_links, refused
from irsa.verify.links.to_role_b import links_before_role_b, role_b_links
from irsa.verify.links.to_session import lacking, links_before_sts, session_links
from irsa_core.identity.arns import account_of, cluster_arn
from irsa_core.identity.token import Token


@dataclass(frozen=True)
class Chain:
    """One chain, whose links before a call are judged once: the call's wait depends on them."""

    facts: Facts

    @cached_property
    def before_sts(self) -> list[Link]:
        """Links that need no session of the role."""
        return links_before_sts(self.facts)

    @cached_property
    def before_role_b(self) -> list[Link]:
        """Links that need no session of role B."""
        return links_before_role_b(self.facts)

    def links(self, calls: Calls | None = None) -> list[Link]:
        """Every link, in the order in which a request takes them."""
        facts, calls = self.facts, calls or Calls()
        links = [*in_cluster_links(facts, calls.inside)]
        links += session_links(facts, calls, self.before_sts)
        if not facts.through_role_b:
            links += data_links("", facts, named_role(facts), calls.data)
            links.append(refused(facts, calls.refused))
        of_role_b = calls.of_role_b or CALLS_OF_ROLE_B
        links += role_b_links(facts, of_role_b, self.before_role_b, self.before_sts)
        return [left_to_stack(link, facts.stack) for link in links]


RETRY_SECONDS = 3.0
"""Between two tries of a call that IAM may not have heard of yet."""

PROPAGATES = frozenset(
    {"AccessDenied", "AccessDeniedException", "InvalidIdentityToken", "IDPCommunicationError"}
)

SEARCHED = frozenset(
    {"association", "provider", "role", "trust", "permissions", "role-b-permissions"}
)
"""Links whose remedy depends on what else the account has."""

Call = Callable[[], tuple[Answer | Unread, Credentials | None]]


def walk(facts: Facts, sources: Sources) -> list[Link]:
    """Every link of a chain, each tried as far as the one before it leads."""
    chain = Chain(searched(facts, sources))
    facts = chain.facts
    calls = _calls(chain, sources)
    refused = isinstance(calls.assumed, Answer) and not calls.assumed.allowed
    if refused and isinstance(facts.role, Unread) and not facts.found_role:
        # A role of another account that cannot be read: the account may be wrong.
        role_facts = search(facts, sources)
        if role_facts.found_role:
            return walk(role_facts, sources)
    if facts.inside and facts.pod is not None:
        container = next(iter(facts.containers), "")
        inside = sources.cluster.caller_inside(facts.namespace, facts.pod, container)
        calls = replace(calls, inside=inside)
    return [in_account(link, facts, sources) for link in chain.links(calls)]


def in_account(link: Link, facts: Facts, sources: Sources) -> Link:
    """The link whose commands name the profile of the account that they change, if it has one."""
    of_role_b = facts.role_b and link.key.startswith(("role-b", "role-a-refused"))
    arn = facts.role_b.role_arn if facts.role_b and of_role_b else facts.role_arn
    profile = sources.reader(account_of(arn)).profile
    return link.with_words(["aws"], "--profile", profile) if profile else link


def searched(facts: Facts, sources: Sources) -> Facts:
    """The facts with those that only a failing link makes worth a search of the whole account."""
    chain = Chain(facts)
    failed = {each.key for each in chain.links() if each.status is Status.FAILED}
    names_none = not facts.role_arn and isinstance(facts.service_account, ServiceAccountObject)
    if not failed & SEARCHED and not names_none:
        return facts
    return search(facts, sources)


def _calls(chain: Chain, sources: Sources) -> Calls:
    facts, aws = chain.facts, sources.aws
    call = _first_call(facts, aws)
    if isinstance(call, NotMade):
        return Calls(assumed=call, of_role_b=replace(CALLS_OF_ROLE_B, assumed=call))
    before = [*chain.before_sts, *(chain.before_role_b if facts.target_role else ())]
    before += [association(facts)] if isinstance(facts, ByAssociation) else []
    answer, credentials = retried(call, wait=_wait(facts, before))
    session = aws.as_session(credentials) if credentials else None
    if facts.target_role:
        calls = replace(CALLS_OF_ROLE_B, assumed=answer)
        return Calls(of_role_b=_of_session(calls, session, facts.bucket) if session else calls)
    if session is None:
        return Calls(assumed=answer)
    calls = Calls(assumed=answer, caller=session.caller())
    if facts.role_b is not None and not roles_between(facts):
        wait = _wait(facts, chain.before_role_b)
        return replace(calls, of_role_b=_role_b_calls(facts.role_b, session, facts.bucket, wait))
    if facts.through_role_b:
        return calls
    listed = {"data": session.list_bucket(facts.bucket)} if facts.bucket else {}
    return replace(calls, refused=session.list_users(), **listed)


def _first_call(facts: Facts, aws: Aws) -> Call | NotMade:
    """The call of STS, or that of EKS as the node's agent makes it, but with the caller's own
    credentials."""
    token = facts.token
    if not isinstance(token, Token) or not facts.role_arn:
        return NotMade(lacking(facts))
    if isinstance(facts, ByAssociation):
        if not facts.cluster_arn or facts.association is None:
            return NotMade(lacking(facts))
        return partial(aws.assume_for_pod, cluster_arn(facts.cluster_arn).name, token)
    name = session_name(facts)
    if name is None:
        return UNNAMED
    return partial(aws.assume_with_web_identity, facts.role_arn, token, name)


def _role_b_calls(role_b: RoleB, session: Aws, bucket: str, wait: float) -> Calls:
    if not role_b.session_name:
        return replace(CALLS_OF_ROLE_B, assumed=UNNAMED)
    external_id = role_b.external_id or None
    call = partial(session.assume_role, role_b.role_arn, role_b.session_name, external_id)
    answer, credentials = retried(partial(call, role_b.duration_seconds), wait=wait)
    calls = replace(CALLS_OF_ROLE_B, assumed=answer)
    if bucket:
        calls = replace(calls, refused=session.list_bucket(bucket))
    if credentials is None:
        return calls
    return _of_session(calls, session.as_session(credentials), bucket)


def _of_session(calls: Calls, session: Aws, bucket: str) -> Calls:
    calls = replace(calls, caller=session.caller())
    return replace(calls, data=session.list_bucket(bucket)) if bucket else calls


def _wait(facts: Facts, before: Sequence[Link]) -> float:
    """Return the seconds to wait for propagation: none if a link already failed."""
    return facts.wait if status_of(before) is Status.PASSED else 0


def retried(call: Call, *, wait: float) -> tuple[Answer | Unread, Credentials | None]:
    """Make a call again while its refusal can be a change that has not propagated yet."""
    start = time.monotonic()
    while True:
        answer, credentials = call()
        if isinstance(answer, Unread):
            return answer, credentials
        waited = time.monotonic() - start
        if answer.allowed or answer.code not in PROPAGATES or waited + RETRY_SECONDS > wait:
            seconds = round(waited) if waited > RETRY_SECONDS else 0
            return replace(answer, seconds=seconds), credentials
        time.sleep(RETRY_SECONDS)
