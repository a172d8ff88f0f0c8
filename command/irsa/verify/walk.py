"""Walk of one chain: judge it by the links of its mechanism, and try its calls."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

from irsa.observe.aws import Aws
from irsa.observe.facts import Answer, ServiceAccountObject, Unread
from irsa.verify.containers import UNNAMED, session_name
from irsa.verify.facts import ByAssociation, ByToken, Facts, named_role, roles_between
from irsa.verify.gather import Sources, search
from irsa.verify.link import (
    CALLS_OF_ROLE_B,
    Calls,
    Check,
    Link,
    Status,
    confirmed,
    left_to_stack,
    status_of,
)
from irsa.verify.links import in_cluster, injection, pod_identity, to_role_b, to_session
from irsa.verify.links.precedence import precedence
from irsa.verify.links.to_bucket import data_links, refused
from irsa.verify.remedies.pod import restart, verify_inside
from irsa_core.identity.arns import account_of, cluster_arn
from irsa_core.identity.token import Token

C = TypeVar("C", bound=Facts)
Links = Sequence[Sequence[Callable[[C], Link]]]
"""Links up to the call for a session, by the facts alone: in the cluster, and from the token on."""

_PODS = injection.webhook, in_cluster.running_pod, injection.injection
BY_TOKEN: Links[ByToken] = (
    (in_cluster.service_account, in_cluster.annotation, *_PODS),
    (to_session.token, to_session.provider, to_session.audience, to_session.role, to_session.trust),
)
BY_ASSOCIATION: Links[ByAssociation] = (
    (in_cluster.service_account, pod_identity.association, pod_identity.agent, *_PODS),
    (to_session.token, to_session.role, to_session.trust),
)


@dataclass(frozen=True)
class Chain:
    """One chain, whose links before a call are judged once: the call's wait depends on them."""

    facts: Facts

    @cached_property
    def before(self) -> list[list[Link]]:
        """The links in the table of the mechanism, judged."""
        facts = self.facts
        if isinstance(facts, ByToken):
            return [[link(facts) for link in part] for part in BY_TOKEN]
        return [[link(facts) for link in part] for part in BY_ASSOCIATION]

    @property
    def of_call(self) -> list[Link]:
        """Links that the call for a session of the role depends on."""
        in_pods, of_session = self.before
        return [*(link for link in in_pods if link.key == "association"), *of_session]

    @cached_property
    def before_role_b(self) -> list[Link]:
        """Links that need no session of role B."""
        facts, target = self.facts, self.facts.role_b
        if target is None:
            return []
        found = to_role_b.role(facts, target)
        if roles_between(facts):
            return [found]
        return [found, to_role_b.permission(facts, target), to_role_b.trust(facts, target)]

    def links(self, calls: Calls | None = None) -> list[Link]:
        """Every link, in the order in which a request takes them."""
        facts, calls = self.facts, calls or Calls()
        in_pods, of_session = self.before
        of_role_b, inside = calls.of_role_b or CALLS_OF_ROLE_B, calls.inside
        proved = facts.pod and facts.nodes_of_pods == {facts.pod.spec.get("nodeName")}
        but = "the AWS CLI in the Pod has a session"
        links = [confirmed(e, inside, but) if proved and e.key == "agent" else e for e in in_pods]
        links.append(precedence(facts, reached=isinstance(inside, Answer) and inside.allowed))
        answer = (of_role_b if facts.target_role else calls).assumed
        answered = to_session.inside(facts, inside)
        # What the answer inside the Pod shows needs no further question there.
        asked = "" if answered.status is Status.PASSED else verify_inside(facts)
        links += [confirmed(link, answer, facts.granted, asked) for link in of_session]
        if not facts.target_role:  # whose session takes the place of the role's
            check = Check("assume", f"{facts.call} of {facts.role_arn or 'the role'}")
            links.append(to_session.granting(check, calls.assumed, self.of_call))
            whose = to_session.FOREIGN, *restart(facts)
            links.append(to_session.identity("caller", facts.role_arn, calls.caller, *whose))
        links += [] if isinstance(inside, str) else [answered]
        if not facts.through_role_b:
            links += data_links("", facts, named_role(facts), calls.data)
            links.append(refused(facts, calls.refused))
        links += to_role_b.role_b_links(facts, of_role_b, self.before_role_b, of_session)
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

Call = Callable[[], Answer | Unread]


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
    """Make the calls of a chain: for a session of the role, and with it."""
    facts, role_b, aws = chain.facts, chain.facts.role_b, sources.aws
    call = _first_call(facts, aws)
    if isinstance(call, str):
        return Calls(assumed=call, of_role_b=replace(CALLS_OF_ROLE_B, assumed=call))
    if facts.target_role:
        before = [*chain.of_call, *chain.before_role_b]
        granted = _as_session(CALLS_OF_ROLE_B, call, facts, before, aws)
        return Calls(of_role_b=_listed(*granted, facts.bucket))
    calls, session = _as_session(Calls(), call, facts, chain.of_call, aws)
    if session is None:
        return calls
    if not facts.through_role_b:
        return replace(_listed(calls, session, facts.bucket), refused=session.list_users())
    if role_b is None or roles_between(facts):
        return calls
    if not role_b.session_name:
        return replace(calls, of_role_b=replace(CALLS_OF_ROLE_B, assumed=UNNAMED))
    unmade = CALLS_OF_ROLE_B
    if facts.bucket:
        unmade = replace(unmade, refused=session.list_bucket(facts.bucket))
    sent = role_b.session_name, role_b.external_id or None, role_b.duration_seconds
    call = partial(session.assume_role, role_b.role_arn, *sent)
    granted = _as_session(unmade, call, facts, chain.before_role_b, session)
    return replace(calls, of_role_b=_listed(*granted, facts.bucket))


def _as_session(
    unmade: Calls, call: Call, facts: Facts, before: Sequence[Link], aws: Aws
) -> tuple[Calls, Aws | None]:
    """Make the call for a session, and ask the session that it grants whose it is.

    The call is made again for propagation only if no link ``before`` it failed.
    """
    answer = retried(call, wait=facts.wait if status_of(before) is Status.PASSED else 0)
    calls = replace(unmade, assumed=answer)
    if isinstance(answer, Unread) or answer.credentials is None:
        return calls, None
    session = aws.as_session(answer.credentials)
    return replace(calls, caller=session.caller()), session


def _listed(calls: Calls, session: Aws | None, bucket: str) -> Calls:
    return replace(calls, data=session.list_bucket(bucket)) if session and bucket else calls


def _first_call(facts: Facts, aws: Aws) -> Call | str:
    """The call of STS, or that of EKS as the node's agent makes it, but with the caller's own
    credentials."""
    token = facts.token
    if not isinstance(token, Token) or not facts.role_arn:
        return to_session.lacking(facts)
    if isinstance(facts, ByAssociation):
        if not facts.cluster_arn or facts.association is None:
            return to_session.lacking(facts)
        return partial(aws.assume_for_pod, cluster_arn(facts.cluster_arn).name, token)
    name = session_name(facts)
    if name is None:
        return UNNAMED
    return partial(aws.assume_with_web_identity, facts.role_arn, token, name)


def retried(call: Call, *, wait: float) -> Answer | Unread:
    """Make a call again while its refusal can be a change that has not propagated yet."""
    start = time.monotonic()
    while True:
        answer = call()
        if isinstance(answer, Unread):
            return answer
        waited = time.monotonic() - start
        if answer.allowed or answer.code not in PROPAGATES or waited + RETRY_SECONDS > wait:
            seconds = round(waited) if waited > RETRY_SECONDS else 0
            return replace(answer, seconds=seconds)
        time.sleep(RETRY_SECONDS)
