"""The links from role A to role B, in another account. Pure."""

from collections.abc import Mapping, Sequence

from irsa.chain.ask import may_assume
from irsa.chain.facts import ChainFacts, ChainTarget, Facts
from irsa.chain.link import Link, failed, passed, unknown
from irsa.chain.links.profile import profile, rewrite
from irsa.chain.links.to_bucket import listing, not_decided, permissions
from irsa.chain.links.to_session import misnamed
from irsa.chain.remedies import refusals
from irsa.chain.remedies.commands import grant, replace_trust, take_back
from irsa.chain.remedies.role_b import (
    RoleBMender,
    caller_that_fits,
    judge_role_b,
    orphans,
)
from irsa.decide.evaluate import Verdict
from irsa.identity.arns import session_arn_prefix
from irsa.identity.policies import assume_role_permissions_policy
from irsa.identity.policy_json import Json, statements
from irsa.observe.aws_config import with_settings
from irsa.observe.facts import Answer, ConfigFile, Role, Unread

INLINE_NAME = "irsa-assume-role-b"
NO_ROLE_B = "there is no role B"


def chaining_links(facts: Facts) -> list[Link]:
    """The links of role chaining; none when only one role is asked for."""
    chain = facts.chain
    if chain is None:
        return [profile(facts)] if facts.profile else []
    before = links_before_chaining(facts, chain)
    checked = [*before, assume(chain, before), caller(chain), *_bucket_links(facts, chain)]
    return [profile(facts), *checked] if facts.profile else checked


def links_before_chaining(facts: Facts, chain: ChainFacts) -> list[Link]:
    """What can be known before STS is asked for a session of role B."""
    return [role(facts, chain), permission(facts, chain), trust(facts, chain)]


def _bucket_links(facts: Facts, chain: ChainFacts) -> list[Link]:
    if not facts.bucket:
        return []
    allowed = permissions("chain-permissions", facts, chain.role, chain.data)
    listed = listing("chain-data", facts, chain.data, [allowed])
    return [allowed, listed, direct(facts, chain)]


def role(facts: Facts, chain: ChainFacts) -> Link:
    """Whether role B exists under that very ARN, and is the one that is meant."""
    target, found = chain.target, chain.role
    expected = target.expected_arn or target.role_arn
    if target.role_arn != expected:
        named = f"profile {target.profile} names {target.role_arn}"
        return failed("chain-role", expected, named, *_correct(facts, target, expected))
    if isinstance(found, Unread):
        return _by_answer("chain-role", expected, "", chain.assumed, found)
    if found is None:
        where = f"account {expected.split(':')[4]}"
        return failed(
            "chain-role",
            expected,
            "no such role; STS says AccessDenied, as for a trust policy that refuses",
            f"create it in {where}: bring account B's stack up after account A's; "
            + ("or correct role_arn in the profile" if target.profile else "or correct the ARN"),
        )
    if found.arn != expected:
        text = misnamed(found.arn, expected)
        return failed("chain-role", expected, text, *_correct(facts, target, found.arn))
    return passed("chain-role", expected, f"it exists ({found.unique_id})")


def _correct(
    facts: Facts, target: ChainTarget, role_arn: str
) -> tuple[str, *tuple[list[str], ...]]:
    """Name the right role B where the Pod does."""
    commands = _send(facts, target, {"role_arn": role_arn})
    if commands:
        return ("correct role_arn in the profile and restart the Pods", *commands)
    return (f"name {role_arn} instead",)


def permission(facts: Facts, chain: ChainFacts) -> Link:
    """Whether role A's own policies let it assume role B."""
    target, key = chain.target, "chain-permission"
    expected = f"sts:AssumeRole on {target.role_arn}"
    role_a = facts.role
    if chain.role is None:
        return unknown(key, expected, NO_ROLE_B)
    if not isinstance(role_a, Role):
        return _by_answer(key, expected, "role A was not read", chain.assumed, role_a)
    judged = may_assume(role_a, target.role_arn, session_name=target.session_name)
    if judged.verdict is Verdict.ALLOW:
        return passed(key, expected, judged.deciding)
    if judged.verdict is Verdict.UNKNOWN:
        unread = (role_a.policies, role_a.boundary)
        return _by_answer(key, expected, judged.text, chain.assumed, *unread)
    if judged.denials:
        remedy, commands = take_back(role_a, judged.denials)
    else:
        unbounded = may_assume(
            role_a, target.role_arn, session_name=target.session_name, without_boundary=True
        )
        wanted = assume_role_permissions_policy(target.role_arn)
        bounded = unbounded.verdict is Verdict.ALLOW
        remedy, commands = grant(role_a, INLINE_NAME, wanted, bounded=bounded)
    return failed(key, expected, judged.text, remedy, *commands)


def trust(facts: Facts, chain: ChainFacts) -> Link:
    """Whether role B trusts role A as it is now."""
    role_a, role_b, target, key = facts.role, chain.role, chain.target, "chain-trust"
    expected = f"role B trusts {facts.role_arn}"
    if role_b is None:
        return unknown(key, expected, NO_ROLE_B)
    if not isinstance(role_b, Role) or not isinstance(role_a, Role):
        return _by_answer(key, expected, "role A was not read", chain.assumed, role_b, role_a)
    judged = judge_role_b(role_a, role_b, target)
    if judged.verdict is Verdict.ALLOW:
        return passed(key, expected, judged.deciding)
    if judged.verdict is Verdict.UNKNOWN:
        return _by_answer(key, expected, judged.text, chain.assumed)
    other = caller_that_fits(role_a, role_b, target)
    if other is not None:
        found, remedy, commands = _send_what_is_asked(facts, target, other)
        return failed(key, expected, found, remedy, *commands)
    found = judged.text
    deleted = orphaned_principals(role_b.trust_policy)
    if deleted:
        found = f"it names {', '.join(deleted)}, a principal that was deleted: {found}"
    mender = RoleBMender(role_a=role_a, role_b=role_b, target=target, gone=chain.gone)
    mended = mender.mend(judged)
    if mended.document is None:
        return failed(key, expected, found, mended.text)
    remedy = f"bring account B's stack up again, or in its account: {mended.text}"
    return failed(key, expected, found, remedy, replace_trust(role_b, mended.document))


def orphaned_principals(document: Json) -> list[str]:
    """The unique ids among a trust policy's principals: IAM shows one when its role is gone."""
    return [each for statement in statements(document) for each in orphans(statement)]


def _send_what_is_asked(
    facts: Facts, target: ChainTarget, other: ChainTarget
) -> tuple[str, str, list[list[str]]]:
    """Role B asks for something that the caller can send: the caller has to change, not role B."""
    found: list[str] = []
    settings: dict[str, str] = {}
    for key, name, sent, asked in (
        ("external_id", "external id", target.external_id, other.external_id),
        ("role_session_name", "session name", target.session_name, other.session_name),
    ):
        if sent != asked:
            settings[key] = asked
            instead = repr(sent) if sent else "none"
            found.append(f"role B asks for {name} {asked!r}, the caller sends {instead}")
    names = " and ".join(settings)
    remedy = f"send it: {names} in the profile"
    if "external_id" in settings and not target.profile:
        remedy += ", or --external-id"
    return "; ".join(found), remedy, _send(facts, target, settings)


def _send(facts: Facts, target: ChainTarget, settings: Mapping[str, str]) -> list[list[str]]:
    """Write settings into the profile of the Pod's AWS config file; none if there is no such."""
    file = facts.config_file
    if not isinstance(file, ConfigFile) or file.text is None or not target.profile:
        return []
    text = with_settings(file.text, target.profile, settings)
    return [*rewrite(facts, file, text)[1:]]


def assume(chain: ChainFacts, before: Sequence[Link]) -> Link:
    """Whether STS grants role A a session of role B."""
    expected = f"AssumeRole of {chain.target.role_arn}"
    answer = chain.assumed
    if answer is None:
        return unknown("chain-assume", expected, "there is no session of role A")
    if answer.allowed:
        waited = f" after {answer.seconds} s: the change had to propagate" if answer.seconds else ""
        return passed("chain-assume", expected, f"granted{waited}")
    return failed("chain-assume", expected, answer.text, refusals.by_links(answer, before))


def caller(chain: ChainFacts) -> Link:
    """Whether the session is role B's."""
    expected = f"{session_arn_prefix(chain.target.role_arn)}…"
    answer = chain.caller
    if answer is None:
        return unknown("chain-caller", expected, "there is no session of role B")
    if answer.allowed and answer.arn.startswith(session_arn_prefix(chain.target.role_arn)):
        return passed("chain-caller", expected, answer.arn)
    found = answer.arn if answer.allowed else answer.text
    return failed("chain-caller", expected, found, "find out whose credentials these are")


def direct(facts: Facts, chain: ChainFacts) -> Link:
    """Whether the bucket refuses role A, which is to reach it through role B only."""
    expected = f"AccessDenied to {facts.role_arn} on {facts.bucket}"
    answer = chain.direct
    if answer is None:
        return unknown("chain-refused", expected, "there is no session of role A")
    if answer.allowed:
        remedy = "take role A out of the bucket's policy; the chain is to be the only way"
        return failed("chain-refused", expected, "role A lists the bucket itself", remedy)
    if answer.code != "AccessDenied":
        return unknown("chain-refused", expected, answer.text)
    return passed("chain-refused", expected, answer.text)


def _by_answer(
    key: str, expected: str, missing: str, answer: Answer | None, *facts: object
) -> Link:
    """A link that was not decided, but that must hold because STS granted the session."""
    return not_decided(key, expected, missing, answer, "but STS granted the session", facts)
