"""The links from role A to role B, in another account. Pure."""

from dataclasses import replace

from components.policies import assume_role_permissions_policy
from irsa.chain_facts import ChainFacts, ChainTarget, Facts
from irsa.data_links import inline, listing, without_statement
from irsa.evaluate import Verdict
from irsa.facts import Answer, ConfigFile, Json, Role, Unread, session_arn_prefix
from irsa.judgement import (
    Judgement,
    may_assume,
    principals,
    statements,
    trusts_role,
    with_statements,
    without,
)
from irsa.links import Link, compact, failed, passed, unknown
from irsa.principals import UNIQUE_ID
from irsa.profile_links import profile, rewrite
from irsa.trust_links import BEYOND

INLINE_NAME = "irsa-assume-role-b"


def chaining_links(facts: Facts) -> list[Link]:
    """The links of role chaining; none when only one role is asked for."""
    chain = facts.chain
    if chain is None:
        return [profile(facts)] if facts.profile else []
    checked = [
        permission(facts, chain),
        trust(facts, chain),
        assume(chain),
        caller(chain),
        *([listing("chain-data", facts.bucket, chain.data), direct(facts, chain)]
          if facts.bucket else []),
    ]  # fmt: skip
    return [profile(facts), *checked] if facts.profile else checked


def permission(facts: Facts, chain: ChainFacts) -> Link:
    """Whether role A's own policies let it assume role B."""
    expected = f"sts:AssumeRole on {chain.target.role_arn}"
    role = facts.role
    if not isinstance(role, Role) or isinstance(role.policies, Unread):
        missing = role if isinstance(role, Unread) else "role A was not read"
        if isinstance(role, Role) and isinstance(role.policies, Unread):
            missing = role.policies
        return _by_answer("chain-permission", expected, missing, chain.assumed)
    judged = may_assume(role, chain.target.role_arn, session_name=chain.target.session_name)
    if judged.verdict is Verdict.ALLOW:
        return passed("chain-permission", expected, judged.reasons[0])
    if judged.verdict is Verdict.UNKNOWN:
        return _by_answer("chain-permission", expected, judged.text, chain.assumed)
    denials = [each for each in judged.denials if each.policy == "identity policy"]
    if denials:
        policy = role.policies[denials[0].position]
        command = without_statement(role, policy, denials[0].statement)
        remedy = "remove the statement that denies it, if it is not meant"
    else:
        document = assume_role_permissions_policy(chain.target.role_arn)
        command, remedy = inline(role, INLINE_NAME, document), "give role A a policy that allows it"
    return failed("chain-permission", expected, judged.text, remedy, command)


def trust(facts: Facts, chain: ChainFacts) -> Link:
    """Whether role B trusts role A as it is now."""
    role_a, role_b, target = facts.role, chain.role, chain.target
    expected = f"role B trusts {facts.role_arn}"
    if role_b is None:
        return failed(
            "chain-trust",
            expected,
            f"there is no role {target.role_arn}",
            "create it in its account: bring account B's stack up after account A's",
        )
    if isinstance(role_b, Unread):
        return _by_answer("chain-trust", expected, role_b, chain.assumed)
    if not isinstance(role_a, Role):
        return _by_answer("chain-trust", expected, "role A was not read", chain.assumed)
    judged = _judge_trust(role_a, role_b, target)
    if judged.verdict is Verdict.ALLOW:
        return passed("chain-trust", expected, judged.reasons[0])
    if judged.verdict is Verdict.UNKNOWN:
        return _by_answer("chain-trust", expected, judged.text, chain.assumed)
    wrong = _wrong_external_id(facts, chain, role_a, role_b)
    if wrong is not None:
        return wrong
    orphans = orphaned_principals(role_b.trust_policy)
    found = judged.text
    if orphans:
        found = f"it names {', '.join(orphans)}, a principal that was deleted: {found}"
    document = _mended(role_a, role_b, target, judged)
    return failed(
        "chain-trust",
        expected,
        found,
        "bring account B's stack up again, or replace the trust policy of role B",
        ["aws", "iam", "update-assume-role-policy", "--role-name", role_b.name,
         "--policy-document", compact(document)],
    )  # fmt: skip


def _judge_trust(role_a: Role, role_b: Role, target: ChainTarget) -> Judgement:
    return trusts_role(
        role_b,
        role_a,
        session_name=target.session_name,
        external_id=target.external_id,
    )


def orphaned_principals(document: Json) -> list[str]:
    """The unique ids among a trust policy's principals: IAM shows one when its role is gone."""
    return [
        entry
        for statement in statements(document)
        for entry in principals(statement, "AWS")
        if UNIQUE_ID.fullmatch(entry)
    ]


def _mended(role_a: Role, role_b: Role, target: ChainTarget, judged: Judgement) -> Json:
    """Role B's trust policy without orphans and what denies role A, and with what trusts it."""
    dropped = [each.statement for each in judged.denials]
    for position, statement in enumerate(statements(role_b.trust_policy)):
        if orphaned_principals({"Statement": [statement]}):
            dropped.append(position)
    document = without(role_b.trust_policy, dropped)
    again = replace(role_b, trust_policy=document)
    if document["Statement"] and _judge_trust(role_a, again, target).verdict is Verdict.ALLOW:
        return document
    wanted: Json = {
        "Effect": "Allow",
        "Principal": {"AWS": role_a.arn},
        "Action": "sts:AssumeRole",
    }
    if target.external_id:
        wanted["Condition"] = {"StringEquals": {"sts:ExternalId": target.external_id}}
    return with_statements(document, wanted)


def _wrong_external_id(facts: Facts, chain: ChainFacts, role_a: Role, role_b: Role) -> Link | None:
    """The external id that role B asks for is another one; the caller has to change, not role B."""
    for wanted in _external_ids(role_b.trust_policy):
        target = replace(chain.target, external_id=wanted)
        if _judge_trust(role_a, role_b, target).verdict is Verdict.ALLOW:
            found = f"role B asks for external id {wanted!r}, the caller sends "
            found += repr(chain.target.external_id) if chain.target.external_id else "none"
            commands = _send(facts, chain.target, wanted)
            return failed(
                "chain-trust",
                f"role B trusts {facts.role_arn}",
                found,
                "send that external id: external_id in the profile, or --external-id",
                *commands,
            )
    return None


def _external_ids(document: Json) -> list[str]:
    found: list[str] = []
    for statement in statements(document):
        conditions: Json = statement.get("Condition", {})
        for keys in conditions.values():
            for key, value in keys.items():
                if key.lower() == "sts:externalid":
                    found += [value] if isinstance(value, str) else value
    return found


def _send(facts: Facts, target: ChainTarget, external_id: str) -> list[list[str]]:
    """Write the external id into the Pod's AWS config file."""
    file = facts.config_file
    if not isinstance(file, ConfigFile) or file.text is None or not target.profile:
        return []
    header, line = f"[profile {target.profile}]", f"external_id = {external_id}"
    if target.external_id:
        text = file.text.replace(f"external_id = {target.external_id}", line)
    else:
        text = file.text.replace(header, f"{header}\n{line}")
    return [*rewrite(facts, file, text)[1:]]


def assume(chain: ChainFacts) -> Link:
    """Whether STS grants role A a session of role B."""
    expected = f"AssumeRole of {chain.target.role_arn}"
    answer = chain.assumed
    if answer is None:
        return unknown("chain-assume", expected, "there is no session of role A")
    if answer.allowed:
        waited = f" after {answer.seconds} s: the change had to propagate" if answer.seconds else ""
        return passed("chain-assume", expected, f"granted{waited}")
    return failed(
        "chain-assume", expected, answer.text, f"if both policies above allow it: {BEYOND}"
    )


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


def _by_answer(key: str, expected: str, missing: Unread | str, answer: Answer | None) -> Link:
    """A link that was not read, but that must hold because STS granted the session."""
    if answer is not None and answer.allowed:
        text = missing.text if isinstance(missing, Unread) else missing
        return passed(key, expected, f"{text}; but STS granted the session")
    return unknown(key, expected, missing)
