"""A remedy of a role's permissions gives no other principal an action, and the role only one."""

import shlex
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command.tests.verify.test_chain import DENIED, GOOD, ROLE, links
from command.tests.verify.test_remedy import document_in
from irsa.access import allows
from irsa.decide.verdict import Verdict
from irsa.identity.policy_json import Json
from irsa.observe.facts import PermissionsPolicy, Role, Unread
from irsa.verify.link import Link, Status
from irsa.verify.links.to_bucket import permissions
from tests.support.no_gain import no_gain

BUCKET = "arn:aws:s3:::bucket"
ARN = "arn:aws:iam::111122223333:policy"
STRANGER = replace(ROLE, arn=f"{ROLE.arn}-2", unique_id="AROASTRANGER")
CALLS = [
    ("s3:ListBucket", BUCKET),
    ("s3:GetObject", f"{BUCKET}/a"),
    ("s3:PutObject", f"{BUCKET}/a"),
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
PRINCIPALS = [
    "*",
    {"AWS": ROLE.arn},
    {"AWS": [ROLE.arn, STRANGER.arn]},
    {"AWS": ROLE.account},
]


def for_principal(statement: Json, principal: Json | str, condition: Json) -> Json:
    block = {"Condition": condition} if condition else {}
    return {**statement, "Principal": principal, **block}


bucket_statements = st.builds(
    for_principal, statements, st.sampled_from(PRINCIPALS), st.sampled_from(NAMED)
)


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


def after(words: list[str], role: Role, stranger: Role, bucket_policy: Json | None) -> Any:
    """The account after one command, as AWS would change it; fails for a command that it lacks."""
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert not isinstance(role.policies, Exception)
    if words[1:3] == ["s3api", "delete-bucket-policy"]:
        return role, stranger, None
    if words[1:3] == ["s3api", "put-bucket-policy"]:
        return role, stranger, document_in(shlex.join(words), "--policy")
    assert words[1] == "iam"
    assert options["--role-name"] == role.name
    policies = {each.arn or each.name: each for each in role.policies}
    match words[2]:
        case "put-role-policy":
            name = options["--policy-name"]
            written = document_in(shlex.join(words), "--policy-document")
            policies[name] = PermissionsPolicy(name, written)
        case "delete-role-policy":
            del policies[options["--policy-name"]]
        case "detach-role-policy":
            del policies[options["--policy-arn"]]
        case other:
            pytest.fail(f"{other} changes what other principals may have")
    return replace(role, policies=tuple(policies.values())), stranger, bucket_policy


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
    commands = permissions("permissions", facts, role).remedy.commands

    for command in commands:
        account = after(list(command.words), *account)

    before = answers(role, stranger, bucket_policy=bucket_policy)
    own = [(role.arn, action) for action, _ in CALLS]
    if not any("Deny" in str(each) for each in (role, bucket_policy)):
        own = own[:1]  # the call that failed
    no_gain(before, answers(*account[:2], bucket_policy=account[2]), but=lambda each: each in own)


def refused_by(**changes: Any) -> Link:
    return links(data=DENIED, **changes)["permissions"]


LISTING = {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "*"}
ALLOW = document("Allow", "*")
GUARD = PermissionsPolicy("guard", {"Statement": [ALLOW, LISTING]}, f"{ARN}/guard")


@pytest.mark.parametrize(
    ("changes", "owner"),
    [
        ({"policies": (GUARD,)}, "managed policy guard"),
        ({"boundary": GUARD}, "permissions boundary guard"),
    ],
)
def test_what_others_may_have_is_left_to_its_owner(changes, owner):
    remedy = refused_by(role=replace(ROLE, **changes)).remedy

    assert remedy.commands == ()
    assert remedy.text == (
        f"ask the owner of the {owner}, which other principals may have, whether it should deny "
        "this"
    )


def test_a_boundary_is_not_widened():
    narrow = replace(GUARD, document={"Statement": [document("Allow", "sqs:*")]})
    remedy = refused_by(role=replace(ROLE, boundary=narrow)).remedy

    assert remedy.commands == ()
    assert remedy.text.startswith("ask the owner of the permissions boundary guard, which other ")


def test_a_deny_for_several_roles_makes_an_exception_for_one():
    both = {"ArnEquals": {"aws:PrincipalArn": [ROLE.arn, STRANGER.arn]}}
    stop = {**document("Deny", "s3:*"), "Principal": "*", "Condition": both, "Sid": "Of: (us)"}

    [command] = refused_by(bucket_policy={"Statement": [stop]}).remedy.shell

    [left] = document_in(command, "--policy")["Statement"]
    assert left["Condition"] == {**both, "ArnNotEquals": {"aws:PrincipalArn": ROLE.arn}}


def test_a_region_guard_is_judged_by_the_region_of_the_request():
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}
    guard = PermissionsPolicy("guard", {"Statement": [document("Deny", "*", Condition=elsewhere)]})
    guarded = replace(ROLE, policies=(*ROLE.policies, guard))

    assert refused_by(role=guarded).status is Status.FAILED
    assert refused_by(role=guarded, region="eu-central-1").status is Status.PASSED


def test_a_role_without_a_policy_is_said_to_have_none():
    tls = {"Statement": {**document("Deny", "s3:*"), "Principal": "*", "Condition": TLS}}
    facts = replace(GOOD, role=replace(ROLE, policies=()), bucket="bucket", bucket_policy=tls)

    found = permissions("permissions", facts, facts.role)

    assert (found.status, found.found) == (Status.FAILED, "the role has no policy")


def test_of_a_bucket_that_does_not_exist_no_permission_is_asked_for():
    gone = Unread("policy of bucket bucket", "NoSuchBucket", "a bucket of that name", "correct it")
    facts = replace(GOOD, role=replace(ROLE, policies=()), bucket="bucket", bucket_policy=gone)

    found = permissions("permissions", facts, facts.role)

    assert found.status is not Status.FAILED
    assert found.remedy.text == "correct it"
    assert not found.remedy.commands


TLS = {"Bool": {"aws:SecureTransport": "false"}}
