"""STS's two calls that give a session of a role, and the session that each returns.

Pure. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from irsa_core.decide.condition_keys import Request
from irsa_core.decide.document import FOREIGN_KEYS
from irsa_core.decide.evaluate import Decision, Inquiry, StepAnswer, refused, undecided
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principals import Caller, session_of
from irsa_core.decide.steps import (
    AssumeRole,
    AssumeRoleWithWebIdentity,
    Scenario,
    SessionCall,
)
from irsa_core.decide.truth import Verdict
from irsa_core.decide.web_identity import check_token
from irsa_core.identity.arns import RoleArn
from irsa_core.identity.errors import (
    AwsError,
    above_chained_maximum,
    above_role_maximum,
    invalid_parameter,
    not_authorized,
    root_may_not_assume,
    source_identity_is_set,
    transitive_tag_is_set,
    web_identity_denied,
)
from irsa_core.identity.quotas import (
    CHAINED_SESSION_MAX,
    EXTERNAL_ID_LENGTH,
    ROLE_SESSION_DURATION,
    SCOPED_DURATION,
    SESSION_DURATION,
    SESSION_NAME_LENGTH,
    SESSION_POLICIES_SIZE_MAX,
    SESSION_POLICY_ARNS_MAX,
    TAG_KEY_MAX,
    TAG_VALUE_MAX,
    TAGS_MAX,
    WEB_IDENTITY_TOKEN_LENGTH,
)

_SESSION_NAME = r"[\w+=,.@-]*"
_EXTERNAL_ID = r"[\w+=,.@:\/-]*"
_TAG_PATTERN = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"
"""Patterns of STS's model, as its messages show them."""
TAG_SESSION, SET_SOURCE_IDENTITY = "sts:TagSession", "sts:SetSourceIdentity"
SET_CONTEXT, _CONTEXTS = "sts:SetContext", "sts:requestcontext"
_TAG = "aws:requesttag/"
_TAG_KEYS, _TRANSITIVE = "aws:tagkeys", "sts:transitivetagkeys"
_TAGS = (_TAG, _TAG_KEYS, _TRANSITIVE)
_SOURCE_IDENTITY = "sts:sourceidentity"
Keys = Mapping[str, Value]
"""All condition keys that a call is known to carry, in lower case."""


def check_parameters(step: AssumeRole | AssumeRoleWithWebIdentity) -> AwsError | None:
    """The parameters of a call for a session, in the order in which STS reads them."""
    if isinstance(step, AssumeRole):
        problem = _text_problem("externalId", step.external_id, _EXTERNAL_ID, EXTERNAL_ID_LENGTH)
    else:
        length = len(step.token) if isinstance(step.token, str) else None
        problem = _problem("webIdentityToken", length, WEB_IDENTITY_TOKEN_LENGTH)
    return _invalid(
        _text_problem("roleSessionName", step.session_name, _SESSION_NAME, SESSION_NAME_LENGTH)
        or problem
        or _duration_problem(step.duration)
        or _passed_problem(step.context or {})
        or _policies_problem(step.session_sizes)
    )


def scope_problem(size: int | None, duration: int | None) -> AwsError | None:
    """Return STS's answer to the parameters of GetScopedCredentials.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    """
    problem = _policies_problem((size or 0,)) or _duration_problem(duration, SCOPED_DURATION)
    if size is None and duration is None:
        problem = "at least one of Policy and DurationSeconds is required"
    return _invalid(problem)


def _invalid(problem: str) -> AwsError | None:
    return invalid_parameter(problem) if problem else None


def _duration_problem(duration: int | None, limits: range = SESSION_DURATION) -> str:
    return _problem("durationSeconds", duration, limits, shown=duration, measure="value")


def _passed_problem(keys: Keys) -> str:
    """The session tags and the source identity that a call or its token passes, as far as their
    values are known. The packed size of tags and session policies, which STS limits, too, is not
    documented."""
    tags = [
        (key.removeprefix(_TAG), value)
        for key, value in keys.items()
        if key.startswith(_TAG) and isinstance(value, str)
    ]
    if problem := _problem("tags", len(tags), range(TAGS_MAX + 1)):
        return problem
    for number, tag in enumerate(tags, start=1):
        for name, text, most in zip(
            ("key", "value"), tag, (TAG_KEY_MAX, TAG_VALUE_MAX), strict=True
        ):
            at = f"tags.{number}.member.{name}"
            if problem := _text_problem(at, text, _TAG_PATTERN, range(most + 1)):
                return problem
    source = keys.get(_SOURCE_IDENTITY)
    source_identity = source if isinstance(source, str) else None
    return _text_problem("sourceIdentity", source_identity, _SESSION_NAME, SESSION_NAME_LENGTH)


def _policies_problem(sizes: tuple[int, ...]) -> str:
    listed = len(sizes) - 1  # one is no ARN
    return _problem("policyArns", listed, range(-1, SESSION_POLICY_ARNS_MAX + 1)) or _problem(
        "policy", sum(sizes), range(SESSION_POLICIES_SIZE_MAX + 1)
    )


def _text_problem(name: str, value: str | None, pattern: str, length: range) -> str:
    if value is None:
        return ""
    problem = _problem(name, len(value), length, shown=value[:200])
    if problem or _fits(value, pattern):
        return problem
    return _constraint(name, value, f"Member must satisfy regular expression pattern: {pattern}")


def _fits(value: str, pattern: str) -> bool:
    if pattern == _TAG_PATTERN:  # of Java: Python's expressions have no categories
        return all(unicodedata.category(c)[0] in "LZN" or c in "_.:/=+-@" for c in value)
    return re.fullmatch(pattern, value, re.ASCII) is not None


def _problem(
    name: str, number: int | None, limits: range, *, shown: object = None, measure: str = "length"
) -> str:
    """Return STS's words for a length or value outside of its limits; empty if it is within."""
    if number is None or number in limits:
        return ""
    bound, limit = ("less", limits.stop - 1) if number >= limits.stop else ("greater", limits.start)
    text = f"Member must have {measure} {bound} than or equal to {limit}"
    return _constraint(name, shown, text)


def _constraint(name: str, shown: object, constraint: str) -> str:
    value = "" if shown is None else f" '{shown}'"
    return (
        f"1 validation error detected: Value{value} at '{name}' "
        f"failed to satisfy constraint: {constraint}"
    )


def call_for_session(
    scenario: Scenario,
    step: AssumeRole | AssumeRoleWithWebIdentity,
    role: RoleArn,
    caller: Caller | None,
) -> tuple[StepAnswer, Callable[[], Caller]]:
    """The answer to a call for a session, and what makes the session when it is granted."""
    session = partial(session_of, step.resource, step.session_name)
    keys: Keys = {}
    missing: Sequence[str] = ()
    if isinstance(step, AssumeRole):
        step, caller = _with_kept(step, caller)
        keys = {**inherited(caller), **step.keys}
        if step.external_id is not None:
            keys["sts:externalid"] = step.external_id
    elif step.token is not None:
        try:
            caller, keys, missing = check_token(
                scenario, step.token, role, valid=step.only == "resource"
            )
        except AwsError as error:
            return refused(error, "STS refuses the token"), session
    elif step.role_exists:
        return undecided(f"{step.path}.token"), session
    keys = _keys(step, role, keys)
    answer = _answer(scenario, step, role, caller, keys, missing)
    return answer, partial(_session, step, keys, caller)


def _with_kept(step: AssumeRole, caller: Caller | None) -> tuple[AssumeRole, Caller | None]:
    """Return both with what the context says of the session that calls."""
    if caller is None or caller.kind != "session" or not step.context:
        return step, caller
    if (kept := step.context.get("aws:sourceidentity")) is not None:
        caller = replace(caller, source_identity=kept)
    unknown = _besideinherited(step.context, caller)
    return replace(step, context={**step.context, **unknown}), caller


def _keys(step: SessionCall, role: RoleArn, more: Keys) -> Keys:
    keys: dict[str, Value] = {"aws:resourceaccount": role.account, **more}
    if step.session_name is not None:
        keys["sts:rolesessionname"] = step.session_name
    return {**keys, **step.context} if step.context else keys


def _request(
    scenario: Scenario, step: SessionCall, caller: Caller | None, keys: Keys, action: str = ""
) -> Request:
    asked = action or step.action
    return Request(asked, step.resource, caller, keys, context=step.context, now=scenario.now)


def inherited(caller: Caller | None) -> dict[str, Value]:
    """Return the condition keys of the transitive tags that a session passes on.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html asks the second
    role's trust policy for them as ``aws:RequestTag``; of the two keys that name tags it is silent.
    """
    if caller is None or not caller.transitive_tags:
        return {}
    tags = {f"{_TAG}{name}": caller.session_tags[name] for name in caller.transitive_tags}
    return {**tags, _TAG_KEYS: Key.UNKNOWN, _TRANSITIVE: Key.UNKNOWN}


def _besideinherited(context: Keys, caller: Caller) -> dict[str, Value]:
    """Return the keys that name tags, where only some of the inherited ones are in them."""
    names = {name: context.get(name) for name in (_TAG_KEYS, _TRANSITIVE)}
    listed = {name: [each] if isinstance(each, str) else each for name, each in names.items()}
    return {
        name: Key.UNKNOWN
        for name, each in listed.items()
        if isinstance(each, list | tuple) and not caller.transitive_tags <= {*map(str.lower, each)}
    }


def _session(step: SessionCall, keys: Keys, caller: Caller | None) -> Caller:
    tags, transitive = _session_tags(keys, caller)
    return session_of(
        step.resource,
        step.session_name,
        federation=caller.federation if caller and caller.kind == "web-identity" else None,
        source_identity=_source_identity(keys, caller),
        session_tags=tags,
        transitive_tags=transitive,
        session_policy=step.session,
    )


def _source_identity(keys: Keys, caller: Caller | None) -> Value:
    """Return the session's source identity: it is set once, and then passed on unchanged."""
    own = keys.get(_SOURCE_IDENTITY, Key.ABSENT)
    if own is not Key.ABSENT:
        return own
    if caller is None:
        return Key.UNKNOWN
    return caller.source_identity if caller.kind == "session" else Key.ABSENT


def _session_tags(keys: Keys, caller: Caller | None) -> tuple[dict[str, Value], frozenset[str]]:
    """Return the tags of the session that a call makes, and the names of the transitive ones.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
    """
    tags = {
        key.removeprefix(_TAG): value
        for key, value in keys.items()
        if key.startswith(_TAG) and value is not Key.ABSENT
    }
    named = keys.get(_TRANSITIVE, ())
    names = (named,) if isinstance(named, str) else named if isinstance(named, tuple) else ()
    passed = caller.transitive_tags if caller else frozenset[str]()
    return tags, frozenset(map(str.lower, names)) & tags.keys() | passed


def _changed(context: Keys | None, caller: Caller | None) -> AwsError | None:
    """Return STS's answer to a call that changes what its session passes on."""
    if caller is None or not context:
        return None
    own, kept = context.get(_SOURCE_IDENTITY), caller.source_identity
    if isinstance(own, str) and isinstance(kept, str) and own != kept:
        return source_identity_is_set()
    tags = (f"{_TAG}{name}" for name in caller.transitive_tags)
    return transitive_tag_is_set() if any(isinstance(context.get(t), str) for t in tags) else None


def _answer(
    scenario: Scenario,
    step: AssumeRole | AssumeRoleWithWebIdentity,
    role: RoleArn,
    caller: Caller | None,
    keys: Keys,
    missing: Sequence[str],
) -> StepAnswer:
    """The answer to a call whose parameters and token STS takes."""
    signed = isinstance(step, AssumeRole)

    def refusal(action: str = step.action) -> AwsError:
        if not signed:
            return web_identity_denied()
        return not_authorized(caller.arn if caller else "<principal>", action, step.resource)

    if caller is not None and caller.kind == "root":
        return refused(root_may_not_assume(), "STS refuses the caller")
    if not signed and (error := _invalid(_passed_problem(keys))):
        return refused(error, "STS refuses what the token passes")
    if not step.role_exists:
        return refused(refusal(), "the role does not exist")
    if caller is not None and caller.kind != "service" and caller.partition != role.partition:
        return refused(refusal(), "the caller and the role are in different partitions")
    inquiry = Inquiry(
        _request(scenario, step, caller, keys),
        step,
        same_account=None if caller is None else signed and caller.account == role.account,
        resource_must_allow=True,
    )
    decision = inquiry.decide()
    if decision.verdict is Verdict.DENY:
        return refused(refusal(), decision=decision)
    if changed := _changed(step.context, caller):
        return refused(changed, "what a session passes on cannot be changed")
    denied, facts = _more_actions(scenario, step, keys, inquiry)
    if denied:
        action, decision = denied
        return refused(refusal(action), decision=decision)
    facts = [*missing, *facts]
    if step.service_control and not signed:
        # They are for users and roles of the organization, and a web identity is neither.
        facts.append("whether service control policies apply to an unsigned call")
    chained = step.chained
    if chained is None and caller is not None:
        chained = caller.kind == "session"
    return _limited(step, StepAnswer(decision.verdict, decision=decision), facts, chained=chained)


def _more_actions(
    scenario: Scenario, step: SessionCall, keys: Keys, inquiry: Inquiry
) -> tuple[tuple[str, Decision] | None, list[str]]:
    """Session tags and a source identity, given or passed on, need actions of their own.

    Return the first that is denied, and the unknown facts of the others.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
    """
    caller = inquiry.request.caller
    present_keys = [key for key in keys if keys[key] is not Key.ABSENT]
    passed = caller.source_identity if caller and caller.kind == "session" else Key.ABSENT
    needed = [TAG_SESSION] if any(key.startswith(_TAGS) for key in present_keys) else []
    if _SOURCE_IDENTITY in present_keys or isinstance(passed, str):
        needed.append(SET_SOURCE_IDENTITY)
    needed += [SET_CONTEXT] if any(key.startswith(_CONTEXTS) for key in present_keys) else []
    facts: list[str] = []
    for action in needed:
        foreign = dict.fromkeys(FOREIGN_KEYS[action], Key.ABSENT)
        context = None if step.context is None else {**step.context, **foreign}
        asked = replace(step, context=context)
        request = _request(scenario, asked, caller, {**keys, **foreign}, action)
        decision = inquiry._replace(request=request).decide()
        if decision.verdict is Verdict.DENY:
            return (action, decision), []
        if decision.verdict is Verdict.UNKNOWN:
            facts.append(f"whether {action} is allowed")
    return None, facts


def _limited(
    step: SessionCall, answer: StepAnswer, facts: list[str], *, chained: bool | None
) -> StepAnswer:
    """Apply the limits of the session's length to a call that is not refused so far."""
    error = above_chained_maximum() if chained and step.duration > CHAINED_SESSION_MAX else None
    if error is None and step.max_duration is not None and step.duration > step.max_duration:
        error = above_role_maximum()
    if error is not None:
        return refused(error, "STS refuses the duration")
    if step.duration > ROLE_SESSION_DURATION.start:
        if step.max_duration is None:
            facts = [*facts, f"{step.path}.max_session_duration"]
        if chained is None:
            facts = [*facts, f"{step.path}.chained"]
    return undecided(*facts, decision=answer.decision) if facts else answer
