"""The evaluator asked for one side of a call: the other side is taken to allow it."""

from dataclasses import replace

import pytest

from core.tests.decide.policies import allow, deny, document, trust
from irsa.access import calling, judge, may_assume, trusts_role
from irsa.observe.facts import PermissionsPolicy, Role, Unread
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.decide.truth import Verdict
from tests.support.world import ACCOUNT_A, ACCOUNT_B

OTHER_ACCOUNT, OWN_ACCOUNT = (f"arn:aws:iam::{each}:role/b" for each in (ACCOUNT_B, ACCOUNT_A))
ALLOW, NO, ROOT = Verdict.ALLOW, Verdict.DENY, f"arn:aws:iam::{ACCOUNT_A}:root"
ASSUME, DENY = allow("sts:AssumeRole", "*"), deny("sts:AssumeRole", "*")
NOT_ALLOWED = "no statement of these policies allows it: identity policy 1"
ENOUGH = "within one account, it is enough that the other role trusts it"


def role_a(*statements):
    policies = (PermissionsPolicy("own", {"Statement": [*statements]}),)
    return Role(f"arn:aws:iam::{ACCOUNT_A}:role/a", "AROAA", {}, policies=policies)


@pytest.mark.parametrize("target", [OTHER_ACCOUNT, OWN_ACCOUNT])
@pytest.mark.cases("statements", {"allowed": [ASSUME], "denied": [ASSUME, DENY]})
def test_the_callers_policies_alone_decide_with_their_own_reasons(target, statements):
    judged = may_assume(role_a(*statements), target, session_name="app")
    assert judged.verdict is (NO if DENY in statements else ALLOW)
    assert {each.source.kind for each in judged.reasons if each.source} == {"identity"}


def test_a_caller_without_permission_needs_one_in_another_account():
    other, own = (may_assume(role_a(), e, session_name="app") for e in (OTHER_ACCOUNT, OWN_ACCOUNT))
    assert (other.verdict, other.deciding) == (NO, NOT_ALLOWED)
    assert (own.verdict, own.deciding) == (ALLOW, ENOUGH)


@pytest.mark.parametrize("arn", [OTHER_ACCOUNT, OWN_ACCOUNT])
@pytest.mark.parametrize(("principal", "verdict"), [(ROOT, ALLOW), (OWN_ACCOUNT, NO)])
def test_the_trust_policy_alone_decides_whatever_the_caller_may(arn, principal, verdict):
    role = Role(arn, "AROAB", document(trust({"AWS": principal})))
    judged = trusts_role(role, role_a(DENY), session_name="app", external_id="", duration=3600)
    assert judged.verdict is verdict
    assert {each.source.kind for each in judged.reasons if each.source} == {"resource"}


@pytest.mark.cases("statement", {"boundary allows": ASSUME, "boundary denies": DENY})
def test_the_callers_own_policies_are_judged_within_its_boundary(statement):
    limit = PermissionsPolicy("limit", document(statement))
    target = Role(OTHER_ACCOUNT, "AROAB", document(trust({"AWS": ACCOUNT_A})))
    asked = {"session_name": "app", "external_id": "", "duration": 3600, "own_policies": True}
    judged = trusts_role(target, replace(role_a(ASSUME), boundary=limit), **asked)
    assert judged.verdict is (NO if statement is DENY else ALLOW)


def test_a_policy_that_was_not_listed_cannot_forge_a_tag():
    unlisted = PermissionsPolicy("aws", Unread("policy", "not listed", "iam:GetPolicyVersion"))
    caller = replace(role_a(ASSUME), policies=(*role_a(ASSUME).policies, unlisted))
    trusting = compile_trust_policy(document(trust({"AWS": ACCOUNT_A})))
    call = replace(calling(caller), resource=OTHER_ACCOUNT, trust=trusting, context={})

    assert judge(lambda: call).verdict is ALLOW
    assert may_assume(caller, OTHER_ACCOUNT, session_name="app").verdict is Verdict.UNKNOWN
