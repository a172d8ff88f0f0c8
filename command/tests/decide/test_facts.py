"""Facts: condition keys of a call, and what the answer is without one."""

import pytest

from command.tests.decide.scenarios import (
    ACCOUNT_B,
    ISSUER,
    NOW,
    ROLE_A,
    SESSION_A,
    allow,
    answer,
    assume_step,
    decision,
    deny,
    document,
    issuer_trust,
    list_step,
    provider,
    token,
    trust,
    trusts,
    web_identity_step,
)

FOO = trust({"AWS": ROLE_A}, Condition={"Foo": {"a": "b"}})
NAMED = issuer_trust(StringLike={"sts:RoleSessionName": "a*"})
FROM_TEN = issuer_trust(IpAddress={"aws:SourceIp": "10.0.0.0/8"})
OF_PROVIDER = f"client_ids of the OIDC provider https://{ISSUER}"
MOST = "steps[1].max_session_duration"


@pytest.mark.parametrize(
    ("step", "changed", "missing"),
    [
        (web_identity_step(), {"now": None}, "now"),
        (web_identity_step(), {"oidc_providers": None}, "oidc_providers"),
        (web_identity_step(), {"oidc_providers": provider(client_ids=None)}, OF_PROVIDER),
        (web_identity_step(token=None), {}, "steps[1].token"),
        (web_identity_step(trust_policy=None), {}, "steps[1].trust_policy"),
        (web_identity_step(duration_seconds=3601), {}, MOST),
        (
            web_identity_step(role_session_name=None, trust_policy=NAMED),
            {},
            "condition key sts:RoleSessionName",
        ),
        (web_identity_step(trust_policy=FROM_TEN), {}, "condition key aws:SourceIp"),
        (assume_step(principal=None), {}, "steps[1].principal"),
        (assume_step(identity_policies=None), {}, "steps[1].identity_policies"),
        (assume_step(**trusts(trust({"AWS": "AROAEXAMPLE1"}))), {}, f"principal_id of {ROLE_A}"),
        (assume_step(chained=False, duration_seconds=7200), {}, MOST),
        (assume_step(**trusts(FOO)), {}, "condition operator Foo"),
        (list_step(principal=SESSION_A, resource_account=None), {}, "steps[1].resource_account"),
        (list_step(principal=None), {}, "steps[1].principal"),
        ({"action": "iam:CreateRole", "trust_policy": None}, {}, "steps[1].trust_policy"),
    ],
)
def test_a_missing_fact_is_named_and_never_allows(step, changed, missing):
    found = answer(step, **changed)
    [last] = found["steps"]

    assert (found["decision"], found["failing_step"], found["error"]) == ("unknown", 1, None)
    assert last["missing"] == [missing]
    assert [each for each in last["reasons"] if each.startswith("missing fact")] == [
        f"missing fact: {missing}"
    ]


def test_a_missing_fact_of_a_later_step_is_named_by_its_number():
    found = answer(web_identity_step(), assume_step(trust_policy=None))

    assert (found["decision"], found["failing_step"], found["error"]) == ("unknown", 2, None)
    assert found["steps"][-1]["missing"] == ["steps[2].trust_policy"]


def test_a_certain_denial_decides_an_undecided_chain():
    found = answer(web_identity_step(trust_policy=None), assume_step(identity_policies=[]))

    assert [found["decision"], found["failing_step"]] == ["deny", 2]
    assert [step["decision"] for step in found["steps"]] == ["unknown", "deny"]


@pytest.mark.parametrize(
    "changed",
    [
        {"token": token(exp=1)},
        {"token": token(sub=None)},
        {"token": token(signature="tampered")},
        {"duration_seconds": 899},
        {"duration_seconds": 7200, "max_session_duration": 3600},
        {"role_exists": False},
    ],
)
def test_a_missing_fact_that_could_change_nothing_leaves_a_denial(changed):
    step = web_identity_step(trust_policy=None, **changed)

    assert (decision(step), decision(step, oidc_providers=None)) == ("deny", "deny")


def test_a_trust_policy_that_refuses_needs_no_other_fact():
    step = web_identity_step(trust_policy=document(), duration_seconds=7200)

    assert decision(step, oidc_providers=None, now=None) == "deny"


B_SESSION = {"principal": f"arn:aws:sts::{ACCOUNT_B}:assumed-role/s3-app-B/x"}


@pytest.mark.parametrize(
    ("condition", "context", "verdict"),
    [
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "home/x"}, "allow"),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": ["home/x"]}, "unknown"),
        ({"StringLike": {"s3:prefix": "home/*"}}, {"s3:prefix": "away"}, "deny"),
        ({"StringLike": {"s3:prefix": "home/*"}}, {}, "deny"),
        ({"StringLike": {"s3:prefix": "home/*"}}, None, "unknown"),
        (
            {"StringEquals": {"aws:PrincipalTag/Team": "red"}},
            {"AWS:principaltag/team": "red"},
            "allow",
        ),
        ({"StringEquals": {"aws:ResourceAccount": ACCOUNT_B}}, None, "allow"),
        ({"StringLike": {"aws:userid": "*:x"}}, None, "unknown"),
        ({"StringEquals": {"kms:ViaService": "s3"}}, None, "deny"),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, {"s3:max-keys": 10}, "allow"),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": 11}, "deny"),
        ({"DateLessThan": {"aws:CurrentTime": "2026-11-25T00:00:00Z"}}, None, "allow"),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-11-25T00:00:00Z"}}, None, "deny"),
        ({"NumericLessThan": {"aws:EpochTime": NOW}}, None, "deny"),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {}, "unknown"),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {"aws:SourceVpce": None}, "deny"),
    ],
)
def test_condition_keys_come_from_the_step_its_caller_and_the_clock(condition, context, verdict):
    policy = document(allow("s3:*", "*", Condition=condition))

    assert decision(list_step(**B_SESSION, identity_policies=[policy], context=context)) == verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [({}, "unknown"), ({"aws:SecureTransport": None}, "allow"),
     ({"aws:SecureTransport": True}, "allow"), ({"aws:SecureTransport": "false"}, "deny")],
)  # fmt: skip
def test_a_tls_only_bucket_is_undecided_until_the_key_is_given_or_null(given, verdict):
    tls_only = deny("s3:*", "*", Principal="*", Condition={"Bool": {"aws:SecureTransport": False}})
    step = list_step(**B_SESSION, resource_policy=document(tls_only), context=given)

    assert decision(step) == verdict
