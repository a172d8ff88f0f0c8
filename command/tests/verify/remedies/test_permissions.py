"""A remedy of a role's permissions: what the role alone has is changed, and nothing of others."""

from dataclasses import replace

import pytest

from command.tests.verify.chains import DENIED, NOT_MADE, ROLE, UNMADE, links
from command.tests.verify.commands import written
from irsa.observe.facts import PermissionsPolicy, Unread
from irsa.verify.link import Status
from tests.support.world import ACCOUNT_A, BUCKET, ROLE_ARN

ARN = f"arn:aws:iam::{ACCOUNT_A}:policy"
STRANGER = f"{ROLE_ARN}-2"
OF_BOTH = {"ArnEquals": {"aws:PrincipalArn": [ROLE_ARN, STRANGER]}}
BUT_BOTH = {"ArnNotEquals": {"aws:PrincipalArn": [STRANGER, ROLE_ARN]}}
TLS = {"Bool": {"aws:SecureTransport": "false"}}
GONE = Unread("policy of bucket bucket", "NoSuchBucket", "a bucket of that name", "correct it")


def document(effect, action, **more):
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


def refused_by(**changes):
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


def test_a_deny_in_an_inline_policy_is_removed_and_the_rest_stays():
    [command] = refused_by(role=replace(ROLE, policies=(replace(GUARD, arn=""),))).remedy.shell
    assert written(command)["Statement"] == [ALLOW]


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        (OF_BOTH, {**OF_BOTH, "ArnNotEquals": {"aws:PrincipalArn": ROLE_ARN}}),
        ({"ArnNotEquals": {"aws:PrincipalArn": STRANGER}}, BUT_BOTH),
        ({"ArnEquals": {"aws:PrincipalArn": ROLE_ARN}}, None),
        ({"Bool": {"aws:SecureTransport": "true"}}, "met"),
    ],
    ids=["of-both", "of-all-but-one", "of-the-role", "not-of-callers"],
)
def test_a_deny_of_the_bucket_makes_an_exception_for_the_role(condition, left):
    stop = {**document("Deny", "s3:*"), "Principal": "*", "Condition": condition, "Sid": "Of: (us)"}

    remedy = refused_by(bucket_policy={"Statement": [stop]}).remedy

    if left == "met":
        assert remedy.text.startswith("meet the conditions of the bucket policy's statement")
    elif left is None:
        assert remedy.shell == (f"aws s3api delete-bucket-policy --bucket {BUCKET}",)
    else:
        statements = written(remedy.shell[0], "--policy")["Statement"]
        assert statements == [{**stop, "Condition": left}]


def test_a_region_guard_is_judged_by_the_region_of_the_request():
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}
    guard = PermissionsPolicy("guard", {"Statement": [document("Deny", "*", Condition=elsewhere)]})
    guarded = replace(ROLE, policies=(*ROLE.policies, guard))

    assert refused_by(role=guarded).status is Status.FAILED
    assert refused_by(role=guarded, region="eu-central-1").status is Status.PASSED


BY_TLS = {"Statement": {**document("Deny", "s3:*"), "Principal": "*", "Condition": TLS}}


def test_a_role_without_a_policy_has_none_and_is_not_asked_of_no_bucket():
    bare = replace(ROLE, policies=())

    found = links(role=bare, bucket_policy=BY_TLS)["permissions"]
    gone = links(role=bare, bucket_policy=GONE, calls=UNMADE)["permissions"]

    assert (found.status, found.found) == (Status.FAILED, "the role has no policy")
    assert gone.status is not Status.FAILED
    assert (gone.remedy.text, gone.remedy.commands) == ("correct it", ())


def test_a_policy_that_the_evaluator_does_not_know_is_not_refused():
    strange = PermissionsPolicy("new", {"Statement": [{**ALLOW, "Until": "2030"}]})
    link = links(role=replace(ROLE, policies=(strange,)), data=NOT_MADE)["permissions"]

    assert link.status is Status.UNKNOWN
    assert link.found.startswith("cannot be judged: Statement[1]: unknown element 'Until'")
