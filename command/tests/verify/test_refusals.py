"""Remedies for what STS and S3 refuse, from their own words, and for what could not be read.

What a role alone has is changed, and nothing of others.
"""

from dataclasses import replace

import pytest

from command.tests.verify.chains import ACCOUNT, DENIED, NO_SESSION, ROLE, UNMADE, chained, links
from command.tests.verify.commands import written
from core.tests.decide.policies import FOR_ALL, allow, deny
from irsa.observe.facts import Answer, PermissionsPolicy, Unread
from irsa.verify.link import Remedy, Status
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import ACCOUNT_A, ACCOUNT_B, BUCKET, PROVIDER_ARN, ROLE_ARN

LOCKED = Unread("policy of bucket bucket", "AccessDenied", "s3:GetBucketPolicy")
HIDDEN = Unread("boundary arn:x", "AccessDenied", "iam:GetPolicy and iam:GetPolicyVersion")
BOUNDED = replace(ROLE, boundary=HIDDEN)
CALLER = "User: arn:aws:sts::111122223333:assumed-role/s3-app/x is not authorized to perform: "
LIST = f'{CALLER}s3:ListBucket on resource: "arn:aws:s3:::bucket" '
BY_RESOURCE = f"{LIST}with an explicit deny in a resource-based policy"
ALLOWS = "policy allows the s3:ListBucket action"
SCP = "a service control policy: arn:aws:organizations::1:p/x"
CONTROL = "service or resource control policy"
ARN = f"arn:aws:iam::{ACCOUNT_A}:policy"
STRANGER = f"{ROLE_ARN}-2"
OF_BOTH = {"ArnEquals": {"aws:PrincipalArn": [ROLE_ARN, STRANGER]}}
BUT_BOTH = {"ArnNotEquals": {"aws:PrincipalArn": [STRANGER, ROLE_ARN]}}
TLS = {"Bool": {"aws:SecureTransport": "false"}}
GONE = Unread("policy of bucket bucket", "NoSuchBucket", "a bucket of that name", "correct it")
ALLOW, LISTING = allow("*", "*"), deny("s3:ListBucket", "*")
GUARD = PermissionsPolicy("guard", {"Statement": [ALLOW, LISTING]}, f"{ARN}/guard")
NARROW = replace(GUARD, document={"Statement": [allow("sqs:*", "*")]})
BY_TLS = {"Statement": deny("s3:*", "*", **FOR_ALL, Condition=TLS)}


def refusal(message, code="AccessDenied"):
    return Answer(allowed=False, code=code, message=message)


@pytest.mark.cases(("changes", "unread"), {
    "bucket": ({"bucket_policy": LOCKED}, [LOCKED]),
    "boundary": ({"role": BOUNDED}, [HIDDEN]),
    "policies": ({"role": replace(ROLE, policies=HIDDEN)}, [HIDDEN]),
    "both": ({"role": BOUNDED, "bucket_policy": LOCKED}, [HIDDEN, LOCKED]),
})  # fmt: skip
@pytest.mark.cases("answer", {"refused call": refusal(BY_RESOURCE), "no call": UNMADE.data})
def test_a_policy_that_could_not_be_read_shows(changes, unread, answer):
    link = links(data=answer, **changes)["permissions"]
    assert link.status is Status.UNKNOWN
    assert link.found == "; ".join(each.text for each in unread)
    assert link.remedy == Remedy("; ".join(each.remedy for each in unread))


@pytest.mark.cases(("message", "words"), {
    "resource policy denies": (BY_RESOURCE, "explicit deny in a resource"),
    "no resource policy allows": (f"{LIST}because no resource-based {ALLOWS}",
        "in the account of the resource"),
    "no identity policy allows": (f"{LIST}because no identity-based {ALLOWS}",
        "no identity-based policy allows s3:List"),
    "control policy denies": (f"{LIST}with an explicit deny in {SCP}",
        "a service control policy (arn:aws:organization"),
    "no endpoint policy allows": (f"{LIST}because no VPC endpoint {ALLOWS}",
        "correct the VPC endpoint's policy"),
    "explicit deny": (f"{LIST}with an explicit deny",
        "explicit deny; AWS does not name the policy"),
    "no reason": ("Access Denied", "service or resource control policy of the organization may"),
})  # fmt: skip
def test_what_s3_says_comes_before_control_policies(message, words):
    answer = refusal(message)
    for link in (links(data=answer)["data"], chained(data=answer)["role-b-data"]):
        assert link.status is Status.FAILED
        assert words in link.remedy.text


NO_PROVIDER = refusal("No OpenIDConnect provider found in your account", "InvalidIdentityToken")


@pytest.mark.cases(("answer", "words"), {
    "no provider": (NO_PROVIDER, "register the token's issuer in the account of the role"),
    "audience": (refusal("Incorrect token audience", "InvalidIdentityToken"), "audience"),
    "issuer unreachable": (refusal("", "IDPCommunicationError"), "could not reach the issuer"),
    "no answer": (refusal("Could not connect", "EndpointConnectionError"), "nothing answered"),
    "denied": (DENIED, CONTROL),
})  # fmt: skip
def test_what_sts_says_comes_before_control_policies(answer, words):
    providers = {} if answer is DENIED else {"providers": LOCKED}
    text = links(assumed=answer, **providers, **NO_SESSION)["assume"].remedy.text
    assert words in text
    assert (CONTROL in text) is (answer is DENIED)


def test_a_role_that_another_arn_names_is_said_in_the_right_words():
    in_china, in_capitals = ROLE_ARN.replace("aws", "aws-cn", 1), ROLE_ARN.replace("s3-a", "S3-A")
    for arn in (in_china, in_capitals):
        link = links(expected_role=arn)["role"]
        why = "partition, path and case are parts of an ARN"
        assert link.found == f"the role of that name is {ROLE_ARN}: {why}"


def test_a_bucket_of_another_account_is_opened_there():
    found = links(bucket_account=ACCOUNT_B, data=DENIED)["permissions"]
    assert found.remedy.text == "in account 444455556666, allow the role in the bucket's policy"
    [statement] = written(found.remedy.shell[0], "--policy")["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"AWS": ROLE_ARN}, "s3:ListBucket")


def refused_by(**changes):
    return links(data=DENIED, **changes)["permissions"]


@pytest.mark.cases("limit", {"denied": None, "boundary denies": GUARD, "boundary lacks it": NARROW})
def test_what_others_may_have_is_left_to_its_owner(limit):
    changes = {"boundary": limit} if limit else {"policies": (GUARD,)}
    remedy = refused_by(role=replace(ROLE, **changes)).remedy
    owner = f"the owner of the {'permissions boundary' if limit else 'managed policy'} guard"
    question = "to allow it, or " if limit is NARROW else "whether it should deny this"
    ask = f"ask {owner}, which other principals may have, {question}"
    assert (remedy.commands, remedy.text.startswith(ask)) == ((), True)


def test_a_deny_in_an_inline_policy_is_removed_and_the_rest_stays():
    [command] = refused_by(role=replace(ROLE, policies=(replace(GUARD, arn=""),))).remedy.shell
    assert written(command)["Statement"] == [ALLOW]


@pytest.mark.cases(("link", "known"), {
    "policy of the role denies": ("permissions", {"policies": (replace(GUARD, arn=""),)}),
    "policy of the bucket denies": ("permissions",
        {"bucket_policy": {"Statement": [deny("s3:*", "*", **FOR_ALL)]}}),
    "role may do too much": ("refused", {"refused": Answer(allowed=True)}),
})  # fmt: skip
def test_nothing_is_lifted_or_taken_while_others_may_have_the_role(link, known):
    trust = irsa_trust_policy([PROVIDER_ARN], [ACCOUNT, ServiceAccountRef("dev", "nb")])
    own = {"trust_policy": trust, "policies": known.pop("policies", ROLE.policies)}
    remedy = links(role=replace(ROLE, **own), data=DENIED, **known)[link].remedy
    assert remedy.shell == ()
    assert "; system:serviceaccount:dev:nb may have role s3-app as well: ask" in remedy.text


@pytest.mark.cases(("condition", "left"), {
    "two roles denied": (OF_BOTH, {**OF_BOTH, "ArnNotEquals": {"aws:PrincipalArn": ROLE_ARN}}),
    "all but another role denied": ({"ArnNotEquals": {"aws:PrincipalArn": STRANGER}}, BUT_BOTH),
    "this role denied": ({"ArnEquals": {"aws:PrincipalArn": ROLE_ARN}}, None),
    "no condition on callers": ({"Bool": {"aws:SecureTransport": "true"}}, "met"),
})  # fmt: skip
def test_a_deny_of_the_bucket_makes_an_exception_for_the_role(condition, left):
    stop = deny("s3:*", "*", **FOR_ALL, Condition=condition, Sid="Of: (us)")

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
    guard = PermissionsPolicy("guard", {"Statement": [deny("*", "*", Condition=elsewhere)]})
    guarded = replace(ROLE, policies=(*ROLE.policies, guard))
    assert refused_by(role=guarded).status is Status.FAILED
    assert refused_by(role=guarded, region="eu-central-1").status is Status.PASSED


def test_a_role_without_a_policy_has_none_and_is_not_asked_of_no_bucket():
    bare = replace(ROLE, policies=())
    found = links(role=bare, bucket_policy=BY_TLS)["permissions"]
    gone = links(role=bare, bucket_policy=GONE, calls=UNMADE)["permissions"]
    assert (found.status, found.found) == (Status.FAILED, "the role has no policy")
    assert gone.status is not Status.FAILED
    assert (gone.remedy.text, gone.remedy.commands) == ("correct it", ())


def test_a_policy_that_the_evaluator_does_not_know_is_not_refused():
    strange = PermissionsPolicy("new", {"Statement": [{**ALLOW, "Until": "2030"}]})
    link = links(role=replace(ROLE, policies=(strange,)), data=UNMADE.data)["permissions"]
    assert link.status is Status.UNKNOWN
    assert link.found.startswith("cannot be judged: Statement[1]: unknown element 'Until'")
