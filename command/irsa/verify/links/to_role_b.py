"""The links from role A to role B, in another account, and their remedies. Pure.

The link `profile` asks whether the Pod's AWS config file leads there:
https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html

What role B asks of its caller, such as an external id, the caller sends. Role B's trust policy is
changed only where it names the wrong role or none, and the conditions that stand there stay.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from itertools import product
from typing import ClassVar

from irsa.access import Judgement, may_assume, trusts_role
from irsa.observe.aws_config import TOKEN_FILE, Profile, header, profiles, sources, unprefixed
from irsa.observe.facts import ConfigFile, NotMounted, Role, Unread
from irsa.observe.pod_spec import variables
from irsa.verify.containers import containers_of
from irsa.verify.facts import ByAssociation, Facts, RoleB, named_role, roles_between
from irsa.verify.link import LINKS, Called, Calls, Check, Link, Remedy, confirmed
from irsa.verify.links.pod_identity import target_role
from irsa.verify.links.to_bucket import data_links, role_grants
from irsa.verify.links.to_session import FOREIGN, existing, granting, identity, lacking
from irsa.verify.remedies import iam
from irsa.verify.remedies.pod import call_inside
from irsa.verify.remedies.trust import SIMILAR, Fixer, TrustFix, caller_has_to_meet
from irsa_core.decide.document import Condition, conditions_of
from irsa_core.decide.truth import Verdict
from irsa_core.identity import policies
from irsa_core.identity.arns import account_of, parse_role_arn, partition_of, root_arn
from irsa_core.identity.eks import CONTAINER_SOURCE, TOKEN_FILE_VARIABLE
from irsa_core.identity.policy_json import Json, as_list, principals, statements
from irsa_core.identity.quotas import CHAINED_SESSION_MAX

INLINE_NAME = "irsa-assume-role-b"
NO_ROLE_A = "role A was not read"
NO_ROLE_B = "there is no role B"
MORE_ROLES = "between role A and role B are more roles, which verify does not judge"
REFRESH_WINDOW = 900  # seconds before its end at which SDKs renew a session


def role_b_links(
    facts: Facts, calls: Calls, before: Sequence[Link], before_a: Sequence[Link] = ()
) -> list[Link]:
    """The links from role A to role B and its bucket; none when only one role is asked for.

    ``before_a`` are the links up to role A: one call leads to the target role of an association.
    """
    links = [profile(facts)] if facts.profile else []
    if facts.role_b is None:
        return links
    if roles_between(facts):  # role A is not to assume role B itself
        keys = list(LINKS)[list(LINKS).index("role-a-permission") :]
        keys = keys if facts.bucket else keys[: keys.index("role-b-data")]
        return [*links, *before, *(Check(key, LINKS[key]).unknown(MORE_ROLES) for key in keys)]
    but, asked = "STS granted the session", call_inside(facts, "sts", "get-caller-identity")
    links += [confirmed(link, calls.assumed, but, asked) for link in before]
    up_to_here = [*before_a, *before] if facts.target_role else before
    role_arn = facts.role_b.role_arn
    check = Check("role-b-assume", f"AssumeRole of {role_arn}")
    links.append(granting(check, calls.assumed, up_to_here))
    links.append(identity("role-b-caller", role_arn, calls.caller, FOREIGN))
    links += data_links("role-b-", facts, facts.role_b.named_role, calls.data)
    if facts.bucket and not facts.target_role:
        links.append(direct(facts, calls.refused))
    return links


def profile(facts: Facts) -> Link:
    """Check whether the Pod's AWS config file chains as it should."""
    source = f"a source_profile with {facts.role_arn}"
    if isinstance(facts, ByAssociation):
        source = f"credential_source = {CONTAINER_SOURCE}"
    check = Check("profile", f"profile {facts.profile} with role B, from {source}")
    file = facts.config_file
    remedy = "mount a ConfigMap with the file, and point AWS_CONFIG_FILE to it"
    if isinstance(file, NotMounted):
        remedy += "; if the image has the file, ask with --role-b instead of --profile"
        return check.failed(f"the container mounts nothing there: {file.what}", remedy)
    if isinstance(file, Unread):
        return check.unknown(file)
    if file is None:
        return check.failed("the Pod mounts no AWS config file", remedy)
    if file.text is None:
        text = f"{file.kind} {file.config_map} has no key {file.key}"
        return check.failed(text, f"create the {file.kind} with that key")
    if roles_between(facts):
        inside = call_inside(facts, "sts", "get-caller-identity")
        return check.unknown(f"profile {facts.profile}: {MORE_ROLES}", remedy=inside)
    for text, change in _profile_problems(facts, file.text):
        return check.failed(text, _correction(file, change or "correct the profile"))
    return check.passed()


ProfileProblems = Iterator[tuple[str, str]]
"""Each with its change, which is empty where it is not known. The first one counts."""


def _profile_problems(facts: Facts, text: str) -> ProfileProblems:
    try:
        by_name = profiles(text)
    except ValueError as error:
        yield str(error), ""
        return
    target = by_name.get(facts.profile)
    if target is None:
        yield from _unprefixed(text, facts.profile)
        names = ", ".join(by_name) or "none that can be read"
        yield f"no profile {facts.profile}; there are {names}", ""
        return
    if not target.role_arn:
        role_arn = facts.role_b.role_arn if facts.role_b else ""
        better = _changes(target.name, {"role_arn": role_arn})
        yield f"profile {target.name} has no role_arn", better
    if isinstance(facts, ByAssociation):
        yield from _starts(target, "credential_source", CONTAINER_SOURCE, "the association")
    else:
        yield from _source_problems(facts, text, by_name, target)
    seconds = target.duration_seconds
    if seconds is not None and not REFRESH_WINDOW < seconds <= CHAINED_SESSION_MAX:
        why = "SDKs renew a session that close to its end at every request"
        why = "a chained session lasts at most an hour" if seconds > CHAINED_SESSION_MAX else why
        better = _changes(target.name, {"duration_seconds": str(CHAINED_SESSION_MAX)})
        yield f"duration_seconds = {seconds} of profile {target.name}: {why}", better


def _source_problems(
    facts: Facts, text: str, by_name: Mapping[str, Profile], target: Profile
) -> ProfileProblems:
    """Role B's profile gets its caller's credentials from another one, which is role A's: its role,
    from the token and nothing else."""
    name, others = target.source_profile, (e for e in by_name.values() if e != target)
    own_profile = next((e.name for e in others if e.web_identity_token_file), "")
    yield from _starts(target, "source_profile", name or own_profile, "role A")
    if name == target.name or name not in by_name:
        yield from _unprefixed(text, name)
        what = "which is itself" if name == target.name else "which is no profile of the file"
        better = _changes(target.name, {"source_profile": own_profile})
        yield f"profile {target.name} has source_profile {name}, {what}", better
        return
    source = by_name[name]
    if source.role_arn != facts.role_arn:
        if source.source_profile:
            yield f"source_profile {name} has itself a source_profile; {MORE_ROLES}", ""
        better = _changes(name, {"role_arn": facts.role_arn})
        yield f"source_profile {name} names {source.role_arn or 'no role'}", better
    listed = containers_of(facts, facts.pod) if facts.pod else ()
    paths = (variables(container.item.spec).get(TOKEN_FILE_VARIABLE) for container in listed)
    path = source.web_identity_token_file or next(filter(None, paths), "")
    yield from _starts(source, TOKEN_FILE, path, "the token")


def _unprefixed(text: str, name: str) -> ProfileProblems:
    """The header lacks the word that only the credentials file lacks."""
    if name in unprefixed(text):
        instead = f"the file has [{name}] instead of {header(name)}, which SDKs do not see"
        yield instead, f"write {header(name)} in its place"


def _starts(profile: Profile, setting: str, value: str, start: str) -> ProfileProblems:
    """A profile gets its caller's credentials by one setting, and no other one."""
    settings = sources(profile)
    if settings == [setting] and getattr(profile, setting) == value:
        return
    changes = {**dict.fromkeys(settings), setting: value}
    text = f"has {settings[0] if settings else f'no {setting}'}, and so does not start from {start}"
    if len(settings) > 1:
        why = "SDKs treat differently" if TOKEN_FILE in settings else "SDKs refuse"
        text = f"contains both {' and '.join(settings)}, which {why}"
    better = {name: new for name, new in changes.items() if new != getattr(profile, name)}
    yield f"profile {profile.name} {text}", _changes(profile.name, better)


def _changes(name: str, changes: Mapping[str, str | None]) -> str:
    """Describe changes to a profile's settings; None removes one. Empty if a value is not known."""
    if "" in changes.values():
        return ""
    removed = [f"remove {key}" for key, value in changes.items() if value is None]
    new = [f"set {key} = {value}" for key, value in changes.items() if value is not None]
    return f"{' and '.join([*removed, *new])} in {header(name)}"


def _correction(file: ConfigFile, change: str) -> str:
    """Describe a change with the object that holds the file, and the step that makes it count."""
    return f"{change} in {file.kind} {file.config_map}, and restart the Pods"


def role(facts: Facts, target: RoleB) -> Link:
    """Check whether role B exists under that very ARN, and is the one that is meant."""
    expected = target.expected_arn or target.role_arn
    check = Check("role-b", expected)
    if target.role_arn != expected:
        named = f"profile {target.profile} names {target.role_arn}"
        return check.failed(named, _correct(facts, target, expected))
    where = "role_arn in the profile" if target.profile else "the ARN"
    if parse_role_arn(expected) is None:
        text = f"{expected!r} is not the ARN of a role"
        return check.failed(text, f"correct {where}")
    text = f"create it in account {account_of(expected)}: bring account B's stack up after account"
    remedy = Remedy(f"{text} A's; or correct {where}")
    if isinstance(target.role, Role):
        remedy = _correct(facts, target, target.role.arn)
    return existing(check, target.role, remedy)


def _correct(facts: Facts, target: RoleB, role_arn: str) -> Remedy:
    return Remedy(
        _profile_remedy(facts, target, {"role_arn": role_arn}) or f"name {role_arn} instead"
    )


def permission(facts: Facts, target: RoleB) -> Link:
    """Check whether role A's own policies let it assume role B."""
    actions = "sts:AssumeRole and sts:TagSession" if target.tags else "sts:AssumeRole"
    check = Check("role-a-permission", f"{actions} on {target.role_arn}")
    role_a = named_role(facts)
    if target.role is None or facts.tags_unread:
        return check.unknown(lacking(facts) if target.role else NO_ROLE_B)
    if not isinstance(role_a, Role):
        return check.unknown(NO_ROLE_A, role_a)
    judged = _may_assume(role_a, target)
    if link := check.judged(judged, role_a.policies, role_a.boundary):
        return link
    named = [call.resource for call in role_grants(role_a) if call.key[0] == "sts:assumerole"]
    near = get_close_matches(target.role_arn, named, 1, SIMILAR)
    if near and not isinstance(target.role, Role):
        text = f"role A's policies name {near[0]}, and not {target.role_arn}"
        fix = f"{_correct(facts, target, near[0]).text}, or correct role A's policies"
        return check.failed(text, f"{fix}; to see which one is wrong, {target.role.remedy}")
    if judged.denials:
        remedy = iam.take_back(role_a, judged.denials)
    else:
        unbounded = _may_assume(replace(role_a, boundary=None), target)
        policy = policies.assume_role_permissions_policy(
            target.role_arn, tag_session=bool(target.tags)
        )
        bounded = unbounded.verdict is Verdict.ALLOW
        remedy = iam.grant(role_a, INLINE_NAME, policy, bounded=bounded)
    remedy = iam.for_all_users(facts, role_a, remedy, lifts=bool(judged.denials))
    return check.failed(judged.text, remedy)


def _may_assume(role_a: Role, target: RoleB) -> Judgement:
    """Decide on role A's own policies: in its account they count if role B trusts the account."""
    role_b = target.role
    alone = may_assume(
        role_a, target.role_arn, session_name=target.session_name or None, tags=target.tags
    )
    if alone.verdict is not Verdict.ALLOW or not isinstance(role_b, Role):
        return alone
    if judge_role_b(role_a, role_b, target).verdict is not Verdict.ALLOW:
        return alone
    judged = judge_role_b(role_a, role_b, target, own_policies=True)
    return alone if judged.verdict is Verdict.ALLOW else judged


def trust(facts: Facts, target: RoleB) -> Link:
    """Check whether role B trusts role A as it is now."""
    role_a, role_b = named_role(facts), target.named_role
    check = Check("role-b-trust", f"role B trusts {facts.role_arn}")
    if role_b is None or facts.tags_unread:
        return check.unknown(lacking(facts) if role_b else NO_ROLE_B)
    if not isinstance(role_b, Role) or not isinstance(role_a, Role):
        return check.unknown(NO_ROLE_A, role_b, role_a)
    judging = partial(judge_role_b, role_a, target=target)
    judged = judging(role_b)
    if link := check.judged(judged):
        return link
    other = None if facts.target_role else another_call(role_a, role_b, target)
    if other is not None:
        return check.failed(*_send_what_is_asked(facts, target, other))
    text = judged.text
    deleted = [e for statement in statements(role_b.trust_policy) for e in iam.orphans(statement)]
    if deleted:
        text = f"it names {', '.join(deleted)}, a principal that was deleted: {text}"
    if isinstance(facts, ByAssociation):
        fixer = target_role(facts, role_a, role_b, judging)
    else:
        policy = _wanted(role_a, role_b, target)
        fixer = RoleBFixer(
            role=role_b, judging=judging, wanted=policy, role_a=role_a, target=target
        )
    fix = fixer.fix()
    if fix.document is None:
        return check.failed(text, fix.text)
    remedy = f"bring account B's stack up again, or in its account: {fix.text}"
    return check.failed(text, remedy, iam.replace_trust(role_b, fix.document))


def _send_what_is_asked(facts: Facts, target: RoleB, other: RoleB) -> tuple[str, Remedy]:
    """Role B asks for something that the caller can send: the caller has to change, not role B."""
    differences: list[str] = []
    changes: dict[str, str] = {}
    for key, name, sent, asked in (
        ("external_id", "external id", target.external_id, other.external_id),
        ("role_session_name", "session name", target.session_name, other.session_name),
    ):
        if sent != asked:
            changes[key] = asked
            instead = repr(sent) if sent else "none"
            differences.append(f"role B asks for {name} {asked!r}, the caller sends {instead}")
    in_profile = _profile_remedy(facts, target, changes)
    by_option = " or --external-id" if "external_id" in changes and not target.profile else ""
    remedy = in_profile or f"send it: {' and '.join(changes)} in the profile{by_option}"
    return "; ".join(differences), Remedy(remedy)


def _profile_remedy(facts: Facts, target: RoleB, changes: Mapping[str, str]) -> str:
    """Describe the changes to the Pod's profile that leads to role B; empty without one."""
    file = facts.config_file
    if not isinstance(file, ConfigFile) or file.text is None or not target.profile:
        return ""
    return _correction(file, _changes(target.profile, changes))


def direct(facts: Facts, answer: Called) -> Link:
    """Check whether the bucket refuses role A, which is to reach it through role B only."""
    check = Check("role-a-refused", f"AccessDenied to {facts.role_arn} on {facts.bucket}")
    remedy = "take role A out of the bucket's policy; only role B should reach it"
    return check.refused(answer) or check.failed("role A lists the bucket itself", remedy)


ASSUME_ROLE = ("sts:assumerole", "sts:*", "*")
_POSITIVE = ("ArnEquals", "ArnLike", "StringEquals", "StringLike")


def judge_role_b(
    role_a: Role, role_b: Role, target: RoleB, *, own_policies: bool = False
) -> Judgement:
    """Return whether role B trusts role A's sessions, as the target's profile makes them."""
    return trusts_role(
        role_b,
        role_a,
        session_name=target.session_name or None,
        external_id=target.external_id,
        duration=target.duration_seconds,
        tags=target.tags,
        own_policies=own_policies,
    )


def another_call(role_a: Role, role_b: Role, target: RoleB) -> RoleB | None:
    """The call that role B's trust policy would allow: with another external id or session name."""
    document = role_b.trust_policy
    external_ids = [target.external_id, *_values(document, "sts:externalid")]
    names = [target.session_name, *_values(document, "sts:rolesessionname")]
    for external_id, name in product(dict.fromkeys(external_ids), dict.fromkeys(names)):
        other = replace(target, external_id=external_id, session_name=name)
        if other != target and judge_role_b(role_a, role_b, other).verdict is Verdict.ALLOW:
            return other
    return None


def _values(document: Json, key: str) -> Iterator[str]:
    """The values that a trust policy asks for; of a pattern, one that fits."""
    for statement in statements(document):
        for condition in conditions_of(statement):
            if condition.key.lower() == key:
                for value in condition.values:
                    yield re.sub(r"\*+", "irsa", value).replace("?", "x")


def _wanted(role_a: Role, role_b: Role, target: RoleB) -> Json:
    """The trust policy for role A, with the external id that role B asks others for."""
    allowing = [each for each in statements(role_b.trust_policy) if each.get("Effect") == "Allow"]
    others = _values({"Statement": allowing}, "sts:externalid")
    asked = target.external_id or next(others, "")
    by_id = [("StringEquals", "sts:ExternalId", asked)] if asked else []
    trusted = policies.trust_statement({"AWS": role_a.arn}, "sts:AssumeRole", *by_id)
    return policies.document(trusted)


@dataclass(frozen=True, kw_only=True)
class RoleBFixer(Fixer):
    """Role B, and the role that should be able to assume it as the target names it."""

    added: ClassVar = "add a statement for role A; the others stay"
    role_a: Role
    target: RoleB

    def exception(self, denying: Sequence[Json]) -> Condition | None:  # noqa: ARG002
        """All but role A."""
        return iam.except_role(self.role_a.arn)

    def allow(self, document: Json) -> TrustFix:
        """Add role A to a fitting statement, or else a statement."""
        allowing = [block for block in statements(document) if block.get("Effect") == "Allow"]
        if self.allows_but_for_conditions(*allowing):
            return caller_has_to_meet(statements(document))
        assuming = [pair for pair in enumerate(statements(document)) if _is_assume_role(pair[1])]
        # Those of a deleted role come first.
        for position, statement in sorted(assuming, key=lambda pair: not iam.orphans(pair[1])):
            changed = iam.with_statement(document, position, self._with_role_a(statement))
            if _about_account(statement, self.role_a.account) and self.trusts(changed):
                gone = ", ".join(iam.orphans(statement))
                text = f"put role A in place of {gone}" if gone else "trust role A as well"
                return TrustFix(text, changed)
        # Conditions that a new statement would not have.
        asked = [
            block
            for _, block in assuming
            if any(e.key.lower() != "sts:externalid" for e in iam.call_conditions(block))
        ]
        return caller_has_to_meet(asked) if asked else super().allow(document)

    def trusts(self, document: Json) -> bool:
        """Return whether role B trusts role A, if role A sends what role B asks for."""
        role = replace(self.role, trust_policy=document)
        return super().trusts(document) or bool(another_call(self.role_a, role, self.target))

    def _with_role_a(self, statement: Json) -> Json:
        (arn, account), kept = (self.role_a.arn, self.role_a.account), principals(statement, "AWS")
        root = root_arn(account, partition=partition_of(arn))
        if not {"*", arn, self.role_a.unique_id, account, root} & {*kept}:
            kept = [*kept, arn]
        changed: list[Condition] = []
        for condition in conditions_of(statement):
            is_arn = condition.key.lower() == iam.PRINCIPAL_ARN.lower()
            if is_arn and condition.operator in _POSITIVE:
                others = [caller for caller in condition.values if caller != arn]
                condition = condition._replace(values=(*others, arn))
            changed.append(condition)
        # Other types of principal, such as services, stay.
        principal = {**statement["Principal"], "AWS": kept[0] if len(kept) == 1 else kept}
        return {**iam.with_conditions(statement, changed), "Principal": principal}


def _is_assume_role(statement: Json) -> bool:
    actions = [each.lower() for each in as_list(statement.get("Action", []))]
    return (
        statement.get("Effect") == "Allow"
        and bool(principals(statement, "AWS"))
        and any(each in ASSUME_ROLE for each in actions)
    )


def _about_account(statement: Json, account: str) -> bool:
    listed = principals(statement, "AWS")
    return bool(iam.orphans(statement)) or any(account in (p, account_of(p)) for p in listed)
