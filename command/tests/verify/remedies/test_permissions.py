"""A remedy of a role's permissions gives no other principal an action, and the role only one."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command.tests.verify.scenarios import (
    DENIED,
    GOOD,
    ROLE,
    UNMADE,
    changed_account,
    links,
    written,
)
from irsa.access import allows
from irsa.decide.verdict import Verdict
from irsa.identity.policy_json import Json
from irsa.observe.facts import PermissionsPolicy, Role, Unread
from irsa.verify.link import Link, Status
from tests.support.no_gain import no_gain
from tests.support.world import BUCKET_ARN

ARN = "arn:aws:iam::111122223333:policy"
STRANGER = replace(ROLE, arn=f"{ROLE.arn}-2", unique_id="AROASTRANGER")
CALLS = [
    ("s3:ListBucket", BUCKET_ARN),
    ("s3:GetObject", f"{BUCKET_ARN}/a"),
    ("s3:PutObject", f"{BUCKET_ARN}/a"),
]


def document(effect: str, action: str, **more: Any) -> Json:
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


statements = st.builds(
    document,
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["*", "s3:*", "s3:ListBucket", "s3:GetObject"]),
)
NAMED = [
    {},
    {"ArnEquals": {"aws:PrincipalArn": ROLE.arn}},
    {"ArnEquals": {"aws:PrincipalArn": [ROLE.arn, STRANGER.arn]}},
    {"ArnNotEquals": {"aws:PrincipalArn": STRANGER.arn}},
    {"StringEquals": {"aws:PrincipalAccount": ROLE.account}},
    {"Bool": {"aws:SecureTransport": "true"}},
]
PRINCIPALS = ["*", {"AWS": ROLE.arn}, {"AWS": [ROLE.arn, STRANGER.arn]}, {"AWS": ROLE.account}]
bucket_statements = st.builds(
    lambda statement, principal, condition: {
        **statement, "Principal": principal, "Condition": condition
    },
    statements, st.sampled_from(PRINCIPALS), st.sampled_from(NAMED),
)  # fmt: skip


@st.composite
def accounts(draw: st.DrawFn) -> tuple[Role, Role, Json | None]:
    """The role, a neighbour with the same managed policies and boundary, and a bucket's policy."""

    def policy(name: str, arn: str = "") -> PermissionsPolicy:
        listed = draw(st.lists(statements, min_size=1, max_size=3))
        return PermissionsPolicy(name, {"Statement": listed}, arn)

    shared = [policy(name, f"{ARN}/{name}") for name in draw(st.sampled_from([[], ["shared"]]))]
    boundary = draw(st.sampled_from([None, policy("limits", f"{ARN}/limits")]))
    roles = (
        replace(role, policies=(policy("own"), *shared), boundary=boundary)
        for role in (ROLE, STRANGER)
    )
    listed = draw(st.lists(bucket_statements, max_size=3))
    return *roles, {"Statement": listed} if listed else None


def answers(*roles: Role, bucket_policy: Json | None) -> dict[tuple[str, str], Verdict]:
    return {
        (role.arn, action): allows(
            role, action, resource, session_name="x", resource_policy=bucket_policy
        ).verdict
        for role in roles
        for action, resource in CALLS
    }


@given(accounts())
def test_no_other_principal_gains_an_action(account):
    role, stranger, bucket_policy = account
    facts = replace(GOOD, role=role, bucket_policy=bucket_policy, bucket_account=role.account)
    commands = links(facts=facts, calls=UNMADE)["permissions"].remedy.commands

    account = role, bucket_policy
    for command in commands:
        account = changed_account(command.shell, *account)

    before = answers(role, stranger, bucket_policy=bucket_policy)
    own = [(role.arn, action) for action, _ in CALLS]
    if not any("Deny" in str(each) for each in (role, bucket_policy)):
        own = own[:1]  # the call that failed
    after = answers(account[0], stranger, bucket_policy=account[1])
    no_gain(before, after, but=lambda call: call in own)


def refused_by(**changes: Any) -> Link:
    return links(data=DENIED, **changes)["permissions"]


ALLOW, LISTING = document("Allow", "*"), document("Deny", "s3:ListBucket")
GUARD = PermissionsPolicy("guard", {"Statement": [ALLOW, LISTING]}, f"{ARN}/guard")
NARROW = replace(GUARD, document={"Statement": [document("Allow", "sqs:*")]})


@pytest.mark.parametrize(
    ("changes", "owner", "question"),
    [
        ({"policies": (GUARD,)}, "managed policy guard", "whether it should deny this"),
        ({"boundary": GUARD}, "permissions boundary guard", "whether it should deny this"),
        ({"boundary": NARROW}, "permissions boundary guard", "to allow it, or "),
    ],
)
def test_what_others_may_have_is_left_to_its_owner(changes, owner, question):
    remedy = refused_by(role=replace(ROLE, **changes)).remedy

    ask = f"ask the owner of the {owner}, which other principals may have, {question}"
    assert (remedy.commands, remedy.text.startswith(ask)) == ((), True)


def test_a_deny_for_several_roles_makes_an_exception_for_one():
    both = {"ArnEquals": {"aws:PrincipalArn": [ROLE.arn, STRANGER.arn]}}
    stop = {**document("Deny", "s3:*"), "Principal": "*", "Condition": both, "Sid": "Of: (us)"}

    [command] = refused_by(bucket_policy={"Statement": [stop]}).remedy.shell

    [left] = written(command, "--policy")["Statement"]
    assert left["Condition"] == {**both, "ArnNotEquals": {"aws:PrincipalArn": ROLE.arn}}


def test_a_region_guard_is_judged_by_the_region_of_the_request():
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}
    guard = PermissionsPolicy("guard", {"Statement": [document("Deny", "*", Condition=elsewhere)]})
    guarded = replace(ROLE, policies=(*ROLE.policies, guard))

    assert refused_by(role=guarded).status is Status.FAILED
    assert refused_by(role=guarded, region="eu-central-1").status is Status.PASSED


TLS = {"Bool": {"aws:SecureTransport": "false"}}
BY_TLS = {"Statement": {**document("Deny", "s3:*"), "Principal": "*", "Condition": TLS}}
GONE = Unread("policy of bucket bucket", "NoSuchBucket", "a bucket of that name", "correct it")


def test_a_role_without_a_policy_is_said_to_have_none_and_of_no_bucket_nothing_is_asked():
    bare = replace(ROLE, policies=())

    found = links(role=bare, bucket_policy=BY_TLS)["permissions"]
    gone = links(role=bare, bucket_policy=GONE, calls=UNMADE)["permissions"]

    assert (found.status, found.found) == (Status.FAILED, "the role has no policy")
    assert gone.status is not Status.FAILED
    assert (gone.remedy.text, gone.remedy.commands) == ("correct it", ())
