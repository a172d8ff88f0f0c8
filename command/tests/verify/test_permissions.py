"""Questions of what a role may do: never left out, and judged by all policies that decide."""

import json
from dataclasses import replace
from itertools import product

import pytest

from command.tests.verify import chains
from command.tests.verify.chains import ACCOUNT, ALL, DENIED, GOOD, GOOD_EKS, GRANTED, ROLE, UNREAD
from core.tests.decide.policies import allow, deny
from irsa.access import allows
from irsa.commands.verify import text
from irsa.observe.facts import PermissionsPolicy
from irsa.observe.iam import AccountPrincipals
from irsa.verify.facts import Grant
from irsa.verify.link import Status
from irsa.verify.walk import Chain
from irsa_core.decide.truth import Verdict
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import ACCOUNT_A, BUCKET, PROVIDER_ARN

B = f"arn:aws:s3:::{BUCKET}"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT_A}:orders"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_A}:key/1"
SEND, ANY_QUEUE = ((Grant("sqs:SendMessage", each),) for each in (QUEUE, "*"))
PASSED, FAILED, UNKNOWN, NOT_ASKED = Status.PASSED, Status.FAILED, Status.UNKNOWN, Status.NOT_ASKED
FREE = replace(GOOD, bucket="")


def policy(*statements, name="own"):
    return (PermissionsPolicy(name, {"Statement": [*statements]}),) if statements else ()


def having(*statements, **changes):
    """The facts of a role with one inline policy, or none."""
    return replace(FREE, role=replace(ROLE, policies=policy(*statements)), **changes)


def asked(facts, calls=GRANTED):
    return chains.links(facts=facts, calls=calls)["permissions"]


READ = allow(["s3:GetObject", "s3:ListBucket"], [B, f"{B}/*"])
OF_STACK = {"stack_policies": ({"Statement": READ},)}
BY_TAG = {"Condition": {"StringEquals": {"s3:ExistingObjectTag/team": "a"}}}
TAGGED = allow("s3:GetObject", f"{B}/*", **BY_TAG)
FROM = {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
STOP = {"Statement": [deny("s3:GetObject", f"{B}/*", Principal="*")]}
TO_B = replace(GOOD, role_b=replace(chains.TARGET, role=chains.role_b()))
CHAINS = {"IRSA": GOOD, "Pod Identity": GOOD_EKS, "role B": TO_B, "target role": chains.targeted()}
QUESTIONS = {
    "no policy": ((), {}, UNKNOWN),
    "no policy, a bucket": ((), {"bucket": BUCKET}, FAILED),
    "everything": (ALL, {}, NOT_ASKED),
    "everything, a bucket": (ALL, {"bucket": BUCKET}, PASSED),
    "everything, any queue": (ALL, {"grants": ANY_QUEUE}, PASSED),
    "unread": (UNREAD, {}, NOT_ASKED),
    "unread, any queue": (UNREAD, {"grants": ANY_QUEUE}, UNKNOWN),
    "everything denied": (policy(allow("*", "*"), deny("*", "*")), {}, FAILED),
    "another action": (policy(READ), {"grants": SEND}, FAILED),
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", QUESTIONS)
def test_permissions_are_never_left_out(chain, name):
    policies, question, status = QUESTIONS[name]
    facts = replace(CHAINS[chain], **{"bucket": "", **question})
    if facts.role_b:
        end = replace(facts.role_b.role, policies=policies)
        facts = replace(facts, role_b=replace(facts.role_b, role=end))
    else:
        facts = replace(facts, role=replace(facts.role, policies=policies))
    found = [e for e in Chain(facts).links(chains.UNMADE) if e.key.endswith("permissions")]
    assert [each.status for each in found] == [status]


def test_without_a_question_the_link_prints_the_command_that_asks():
    ask = "python -m irsa verify dev/s3-app"
    assert asked(having(READ)).remedy.shell == (f"{ask} --bucket {BUCKET}",)
    of_queue = asked(having(allow("sqs:SendMessage", QUEUE))).remedy.shell
    assert of_queue == (f"{ask} --action sqs:SendMessage --resource {QUEUE}",)
    assert asked(having(allow("s3:*", "*"))).remedy.shell == ()  # which has no bucket to ask about


@pytest.mark.cases(("facts", "status"), {
    "bucket": (having(READ, bucket=BUCKET), PASSED),
    "bucket denies": (having(READ, bucket=BUCKET, bucket_policy=STOP), FAILED),
    "denied, bucket's policy unread": (having(READ, deny("s3:*", "*"), bucket=BUCKET,
        bucket_policy=UNREAD), FAILED),
    "s3:* allowed, bucket denies": (having(allow("s3:*", "*"), bucket=BUCKET, bucket_policy=STOP),
        PASSED),
    "reading allowed, bucket denies": (having(allow("s3:Get*", "*"), allow("s3:List*", "*"),
        bucket=BUCKET, bucket_policy=STOP), PASSED),
    "writing by tag": (having(READ, allow("s3:PutObject", f"{B}/*", **BY_TAG), bucket=BUCKET),
        PASSED),
    "writing from a network": (having(READ, allow("s3:PutObject", f"{B}/*", **FROM), bucket=BUCKET),
        UNKNOWN),
    "reading denied by tag": (having(READ, deny("s3:GetObject", f"{B}/*", **BY_TAG), bucket=BUCKET),
        UNKNOWN),
    "key": (having(allow("kms:Decrypt", KEY), grants=(Grant("kms:Decrypt", KEY),)), PASSED),
    "queue's policy unread": (having(allow("sqs:*", "*"), grants=SEND,
        resource_policies={QUEUE: UNREAD}), UNKNOWN),
    "stack's bucket not allowed": (having(allow("sqs:Send*", QUEUE), **OF_STACK), FAILED),
    "stack's bucket": (having(READ, **OF_STACK), PASSED),
    "stack's bucket by tag": (having(allow("s3:Get*", B, **BY_TAG), **OF_STACK), FAILED),
    # A condition on the request is no doubt in the stack's own statement.
    "stack's own condition": (having(TAGGED, stack_policies=({"Statement": TAGGED},)), PASSED),
    "stack's own condition, denied": (having(TAGGED, deny("s3:*", "*"),
        stack_policies=({"Statement": TAGGED},)), FAILED),
})  # fmt: skip
def test_what_the_role_s_or_the_stack_s_policies_name_is_judged(facts, status):
    assert asked(facts).status is status


STATEMENTS = [allow("s3:GetObject", f"{B}/*"), allow("s3:*", "*"), TAGGED]
STATEMENTS += [deny("s3:GetObject", f"{B}/*"), deny("s3:*", f"{B}/private/*")]
STATEMENTS += [deny("s3:*", "*", **FROM)]
BUCKET_POLICIES = [None, STOP, UNREAD, {"Statement": [allow("s3:*", f"{B}/*", Principal="*")]}]


def test_what_passes_is_never_denied_for_certain():
    """A question of the user, over all pairs of statements and bucket policies."""
    grant = Grant("s3:GetObject", f"{B}/reports/x")
    for one, other, policy in product(STATEMENTS, STATEMENTS, BUCKET_POLICIES):
        facts = having(one, other, bucket=BUCKET, bucket_policy=policy, grants=(grant,))
        facts = replace(facts, bucket_account=ACCOUNT_A)
        sure = allows(
            facts.role, *grant[:2], session_name="x", resource_policy=policy,
            context={"s3:existingobjecttag/team": "b", "aws:sourceip": "192.0.2.1"},
        ).verdict  # fmt: skip
        if asked(facts).status is PASSED:
            assert sure is Verdict.ALLOW, (one, other, policy)


def test_a_call_of_s3_answers_for_its_own_action_alone():
    facts = having(READ, allow("s3:PutObject", f"{B}/*", **FROM), bucket=BUCKET)
    assert asked(replace(facts, bucket_policy=UNREAD)).status is UNKNOWN
    listing = having(allow("s3:ListBucket", B), bucket=BUCKET, bucket_policy=UNREAD)
    assert asked(listing).status is PASSED  # by the list that S3 gave


[LIMIT] = policy(allow("s3:*", [B, f"{B}/2026/*"]))
ALL_BUT = {"Effect": "Deny", "Action": "*", "NotResource": f"{B}/2026/*"}


@pytest.mark.cases("question", {"role's policies": {}, "stack's policies": OF_STACK})
@pytest.mark.cases("more", {"boundary": {"boundary": LIMIT}, "Deny": {"policies": [READ, ALL_BUT]}})
def test_a_limit_that_allows_a_part_of_what_the_policies_name_fails_nothing(question, more):
    facts = having(*more.get("policies", [READ]), **question)
    facts = replace(facts, role=replace(facts.role, boundary=more.get("boundary")))
    if more.get("boundary") or not question:
        assert asked(facts).status is (PASSED if question else NOT_ASKED)


def test_a_new_policy_replaces_none_and_is_for_the_resource_alone():
    own = policy(allow("sqs:*", QUEUE), name="irsa-bucket")
    facts = replace(having(bucket=BUCKET), role=replace(ROLE, policies=own))
    assert "--policy-name irsa-bucket-2 " in asked(facts).remedy.shell[0]
    every = asked(having(READ, grants=(Grant("secretsmanager:GetSecretValue", "*"),)))
    assert (every.status, every.remedy.shell) == (FAILED, ())


PUT = "put-role-policy"


def fitting(name, *statements, account=ACCOUNT_A):
    return PermissionsPolicy(name, {"Statement": [*statements]}, f"arn:aws:iam::{account}:policy/x")


@pytest.mark.cases(("policies", "command"), {
    "fits": ([fitting("read", READ)], "attach-role-policy"),
    "allows more": ([fitting("wide", READ, allow("sqs:*", "*"))], "put-role-policy"),
    "allows all but a queue":
        ([fitting("spares", READ, {"Effect": "Allow", "Action": "*", "NotResource": QUEUE})], PUT),
    "allows all but IAM":
        ([fitting("but", READ, {"Effect": "Allow", "NotAction": "iam:*", "Resource": B})], PUT),
    "variable in the resource":
        ([fitting("own", READ, allow("sqs:*", "arn:aws:sqs:*:*:${aws:username}"))], PUT),
    "allows less": ([fitting("other", allow("s3:GetObject", f"{B}/*"))], "put-role-policy"),
    "of AWS": ([fitting("aws", READ, account="aws")], "put-role-policy"),
    "none": ([], "put-role-policy"),
})  # fmt: skip
def test_an_unattached_policy_that_fits_comes_before_a_new_one(policies, command):
    known = AccountPrincipals((), {}, managed=tuple(policies))
    found = asked(having(bucket=BUCKET, iam=known), replace(GRANTED, data=DENIED))
    assert found.remedy.shell[0].startswith(f"aws iam {command} --role-name s3-app")


def test_one_policy_allows_all_that_is_missing():
    more = (Grant("s3:GetObject", f"{B}/*"), Grant("s3:PutObject", f"{B}/*"), *SEND)
    [command] = asked(having(bucket=BUCKET, grants=more)).remedy.shell
    for each in ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "sqs:SendMessage", QUEUE):
        assert each in command


def test_the_report_begins_with_what_fails_and_ends_with_what_was_judged():
    facts = having(READ, bucket=BUCKET)
    report = Chain(facts).links(GRANTED)
    good = text(facts, report, "context c").splitlines()
    assert good[0] == "dev/s3-app: context c"
    assert len(good) == len(report) + 2
    assert good[-1].startswith("passed: s3:ListBucket, s3:GetObject; not asked: other actions")
    end = "passed; not asked: permissions, the call inside the Pod (--exec)"
    assert text(FREE, Chain(FREE).links(GRANTED)).endswith(end)
    broken = replace(facts, webhook=None, pods=())
    lines = text(broken, Chain(broken).links(GRANTED), "", {FAILED: "31"}).splitlines()
    assert lines[1].startswith("\x1b[31m  ✗ webhook")
    assert [line for line in lines[5:-1] if not line.startswith(("  ✓ ", "  ? ", "  · "))] == []


def test_the_statement_that_denies_all_is_what_its_remedy_removes():
    queue, bucket = deny("sqs:*", "*"), deny("s3:*", "*")
    denied = asked(having(allow("s3:*", B), allow("sqs:*", QUEUE), queue, bucket))
    assert "identity policy 1, statement 4: denies it" in denied.found
    [command] = denied.remedy.commands
    left = json.loads(command.words[-1])["Statement"]
    assert left == [allow("s3:*", B), allow("sqs:*", QUEUE), queue]
    trusting = irsa_trust_policy([PROVIDER_ARN], [ACCOUNT, ServiceAccountRef("dev", "other")])
    role = replace(ROLE, trust_policy=trusting, policies=policy(allow("s3:*", B), bucket))
    shared = asked(replace(FREE, role=role)).remedy
    assert (shared.commands, shared.text.endswith("ask their owners first")) == ((), True)
