"""Gains and losses of access: against brute force, and by examples."""

import os
import re
from itertools import permutations, product
from random import Random

import pytest

from command.tests.callers import brute
from command.tests.callers.brute import ROLES
from core.tests.decide.policies import allow, deny, document, trust
from irsa.callers.difference import Effect, permission_changes, trust_changes
from irsa.callers.facts import RoleFacts
from irsa.callers.sets import Undecided
from irsa_core.decide.document import DocumentType
from irsa_core.decide.principals import caller_from_arn
from irsa_core.decide.simulate import simulate
from irsa_core.decide.statements import compile_policy
from irsa_core.decide.steps import ResourceCall, Scenario
from irsa_core.decide.trust_policy import compile_trust_policy
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, PROVIDER_ARN

CHUNK = 20
SEEDS = int(os.environ.get("IRSA_PAIRS", "300"))
"""Pairs that are compared; docs/evaluator.md has the figures of 10,000."""
SURE = {
    ("deny", "allow"): {Effect.GAINS, Effect.MAY_GAIN},
    ("allow", "deny"): {Effect.LOSES, Effect.MAY_LOSE},
}


def fits(pattern, value):
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return not pattern or re.fullmatch("".join(parts), value, re.IGNORECASE) is not None


def is_named(line, caller):
    """Return whether a line is about a caller, by the patterns of its identity alone."""
    if line.who.startswith("everyone"):
        return True
    pairs = zip(line.patterns, caller.identity, strict=False)
    same = brute.way(line.witness) == caller.way and len(line.patterns) == len(caller.identity)
    return same and all(fits(*each) for each in pairs)


def pairs(first):
    for seed in range(first, first + CHUNK):
        random = Random(seed)  # noqa: S311 - no secret
        old = brute.document(random)
        yield seed, old, brute.changed(random, old)


@pytest.mark.cases("first", {f"seeds from {seed}": seed for seed in range(0, SEEDS, CHUNK)})
def test_no_difference_is_missed_and_each_witness_is_one(first):
    for seed, old, new in pairs(first):
        try:
            changes = trust_changes(old, new, RoleFacts(ACCOUNT_A))
        except Undecided:
            continue  # by name
        policies = compile_trust_policy(old), compile_trust_policy(new)
        for caller in brute.CALLERS:
            effects = SURE.get(brute.verdicts(caller.step, *policies))
            named = [e for e, line in changes if is_named(line, caller)]
            assert not effects or effects & {*named}, (seed, caller)
        for effect, line in changes:
            call = brute.call_of(line.witness)
            pair = brute.verdicts(call, *policies) if call else ()
            assert not call or effect in SURE.get(pair, {effect}), (seed, line)
            assert not call or "unknown" in pair or pair in SURE, (seed, line)


RESOURCES = ["*", "arn:aws:s3:::b", "arn:aws:s3:::b/x", "arn:aws:s3:::c/x:y", "arn:aws:sqs:r:1:q"]
WRITTEN = {
    "Action": ["s3:GetObject", "s3:*", "s3:Get*", "*", "sqs:?", "s3:Put?bject"],
    "Resource": ["*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::?*/x*", "arn:aws:*3:*",
                 "arn:aws:s*:*:*:q", "arn:aws:s3:::${aws:username}/*"],
}  # fmt: skip
CONDITIONS = [
    *({},) * 4, {"Null": {"aws:username": "true"}}, {"Null": {"aws:username": "false"}},
    {"StringEquals": {"s3:prefix": "a"}}, {"StringLikeIfExists": {"s3:prefix": "a*"}},
    {"StringNotEquals": {"s3:prefix": "a"}}, {"Null": {"s3:prefix": "true"}},
]  # fmt: skip
CONTEXTS = [{}, *({"s3:prefix": each} for each in ("a", "ab", "b"))]


def permissions(random):
    """A permission policy of up to three statements."""
    listed = []
    for _ in range(random.randint(1, 3)):
        words = {word: random.choice(["", "", "", "Not"]) + word for word in WRITTEN}
        own = {words[e]: random.sample(WRITTEN[e], random.randint(1, 2)) for e in WRITTEN}
        condition = {"Condition": random.choice(CONDITIONS)}
        listed.append({"Effect": random.choice(["Allow", "Allow", "Deny"]), **own, **condition})
    return {"Version": "2012-10-17", "Statement": listed}


def answers(document, action, resource):
    """The evaluator's answers under each context."""
    policy = compile_policy(document, "policy", DocumentType.IDENTITY)
    caller = caller_from_arn(ROLES[0])
    steps = (
        ResourceCall(action=action, resource=resource, caller=caller, identity=[policy],
                     resource_account=ACCOUNT_A, context=context)
        for context in CONTEXTS[: None if action.startswith("s3:") else 1]
    )  # fmt: skip
    return [simulate(Scenario(None, None, None, [step])).verdict.value for step in steps]


def test_no_permission_is_missed_and_each_call_is_one():
    for seed in range(SEEDS):
        random = Random(seed)  # noqa: S311 - no secret
        old, new = permissions(random), permissions(random)
        if random.random() < 0.5:
            new = {**old, "Statement": [*old["Statement"], *new["Statement"][:1]]}
        changes = permission_changes([old], [new], ROLES[0])
        effects = {effect for effect, _ in changes}
        for call in product(["s3:getobject", "s3:putobject", "sqs:a"], RESOURCES):
            for pair in zip(answers(old, *call), answers(new, *call), strict=True):
                assert not SURE.get(pair) or SURE[pair] & effects, (seed, call, pair)
        for effect, line in changes:
            call = line.witness["action"], line.witness["resource"]
            pairs = [*zip(answers(old, *call), answers(new, *call), strict=True)]
            assert any(effect in SURE.get(e, ()) or "unknown" in e for e in pairs), (seed, line)


def tokens(sub, **more):
    condition = {"StringLike": {f"{ISSUER}:sub": sub}, **more}
    return document(trust({"Federated": PROVIDER_ARN}, Action=brute.WEB, Condition=condition))


OFFICE, PART = ({"IpAddress": {"aws:SourceIp": f"10.0.0.0/{n}"}} for n in (8, 16))


def saml(user):
    of_user = {"Action": "sts:AssumeRoleWithSAML", "Condition": {"StringLike": {"saml:sub": user}}}
    return document(trust({"Federated": f"arn:aws:iam::{ACCOUNT_A}:saml-provider/idp"}, **of_user))


NETWORK, WITHOUT = {"aws:SourceVpce": "vpce-1"}, {"aws:SourceVpce": "false"}
AWAY = {"aws:SourceIp": "10.0.0.0/8"}
APP = "system:serviceaccount:dev:app"


@pytest.mark.cases(("old", "new", "expected"), {
    "same subject": (tokens(APP), tokens(APP), []),
    "pattern of this subject alone": (tokens(APP), tokens([APP, "*:serviceaccount:dev:app"]), []),
    "pattern of namespace and name": (tokens(APP), tokens([APP, "*:dev:app"]), []),
    "pattern of a namespace's end": (tokens(APP), tokens([APP, "*v:app"]), ["gains"]),
    "exact subject within a pattern": (tokens([APP, "*:app"]), tokens(["*:app"]), []),
    "?* becomes *": (tokens("system:serviceaccount:dev:?*"), tokens("system:serviceaccount:dev:*"),
        []),
    "new policy": (None, tokens(APP), ["gains"]),
    "deleted policy": (tokens(APP), None, ["loses"]),
    "limited to a network": (tokens(APP), tokens(APP, **OFFICE), ["may lose"]),
    "limit to a network removed": (tokens(APP, **OFFICE), tokens(APP), ["may gain"]),
    "same network": (tokens(APP, **OFFICE), tokens(APP, **OFFICE), []),
    "another subject": (tokens(APP, **OFFICE), tokens(f"{APP}-b", **OFFICE), ["gains", "loses"]),
    "part of the network": (tokens(APP, **OFFICE), tokens(APP, **PART), ["undecided"]),
    "IfExists, key of every call": (tokens(APP, NotIpAddress=AWAY),
        tokens(APP, NotIpAddressIfExists=AWAY), []),
    "no subject of a token": (tokens("x"), tokens("y"), []),
    "same SAML name": (saml("me"), saml("me"), []),
    "SAML name becomes a pattern": (saml("me"), saml("m*"), ["may gain", "may lose"]),
    "SAML name deleted": (saml("me"), None, ["may lose"]),
    "IfExists, key that may be absent": (tokens(APP, StringEquals=NETWORK),
        tokens(APP, StringEqualsIfExists=NETWORK), ["gains"]),
    "Null that another condition implies": (tokens(APP, StringEquals=NETWORK, Null=WITHOUT),
        tokens(APP, StringEquals=NETWORK), []),
})  # fmt: skip
def test_a_change_of_who_may_come_is_named(old, new, expected):
    assert [effect.value for effect, _ in trust_changes(old, new)] == expected


@pytest.mark.cases("denied", {
    "role": {"AWS": ROLES[-1]}, "user": {"AWS": f"arn:aws:iam::{ACCOUNT_B}:user/u"},
    "session": {"AWS": f"arn:aws:sts::{ACCOUNT_B}:assumed-role/a/s"},
    "account": {"AWS": ACCOUNT_B}, "service": {"Service": "lambda.amazonaws.com"},
})  # fmt: skip
def test_a_denial_is_lost_by_those_that_it_alone_names(denied):
    everyone = trust("*")
    but = document(everyone, trust(denied, Effect="Deny"))
    assert [effect for effect, _ in trust_changes(document(everyone), but)] == [Effect.LOSES]
    assert [effect for effect, _ in trust_changes(but, document(everyone))] == [Effect.GAINS]


def test_several_values_of_a_key_are_told_apart_from_each_of_them():
    sets = "ForAllValues:StringEquals", "ForAnyValue:StringEquals"
    conditions = ({each: {"aws:TagKeys": "a"}} for each in sets)
    old, new = (document(allow("s3:PutObject", "*", Condition=each)) for each in conditions)
    assert [e for e, _ in permission_changes([old], [new])] == [Effect.GAINS, Effect.LOSES]


def test_a_variable_stands_for_any_text_of_its_own():
    own = "arn:aws:s3:::b/${aws:PrincipalTag/kubernetes-namespace}"
    resources = f"{own}/*", f"{own}*", [f"{own}*", f"{own}/*"]
    old, new, both = (document(allow("s3:GetObject", each)) for each in resources)
    [(effect, line)] = permission_changes([old], [new])
    assert (effect, "/b/*" in line.who) == (Effect.GAINS, False), line.who
    assert permission_changes([new], [both]) == []


def test_patterns_beyond_the_bound_are_undecided_and_not_equal():
    hostile = ["*".join(f"*{a}{b}{c}*") for a, b, c in permutations("abcdef", 3)]
    with pytest.raises(Undecided, match="their patterns together"):
        trust_changes(tokens(hostile[:9]), tokens(hostile[9:18]))


@pytest.mark.cases(("denied", "allowed"), {
    "star at the end of a part": ("arn:aws:*s:us-:1:q", "arn:aws:*s:us-*:1:q"),
    "case": ("arn:aws:sqs:us:1:q", "arn:aws:sqs:us:1:Q"),
})  # fmt: skip
def test_a_resource_that_a_denial_spares_is_gained(denied, allowed):
    stop = deny("sqs:a", denied)
    changes = permission_changes([document(stop)], [document(stop, allow("sqs:a", allowed))])
    assert [effect for effect, _ in changes] == [Effect.GAINS]
