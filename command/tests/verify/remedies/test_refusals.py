"""Remedies for what STS and S3 refuse, from their own words, and for what could not be read."""

from dataclasses import replace

import pytest

from command.tests.verify.test_chain import (
    DENIED,
    NOT_MADE,
    ROLE,
    chained,
    links,
    refused_by_sts,
    role_b,
)
from command.tests.verify.test_remedy import document_in
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.observe.facts import Answer, PermissionsPolicy, ServiceAccount, Unread
from irsa.verify.facts import RoleBFacts, RoleBTarget
from irsa.verify.link import Status, failing_link

LOCKED = Unread("policy of bucket bucket", "AccessDenied", "s3:GetBucketPolicy")
HIDDEN = Unread("boundary arn:x", "AccessDenied", "iam:GetPolicy and iam:GetPolicyVersion")


def refusal(message, code="AccessDenied"):
    return Answer(allowed=False, code=code, message=message)


CALLER = "User: arn:aws:sts::111122223333:assumed-role/s3-app/x is not authorized to perform: "
LIST = f'{CALLER}s3:ListBucket on resource: "arn:aws:s3:::bucket" '


@pytest.mark.parametrize(
    ("changes", "unread"),
    [
        pytest.param({"bucket_policy": LOCKED}, LOCKED, id="bucket"),
        pytest.param({"role": replace(ROLE, boundary=HIDDEN)}, HIDDEN, id="boundary"),
        pytest.param({"role": replace(ROLE, policies=HIDDEN)}, HIDDEN, id="policies"),
    ],
)
def test_a_policy_that_could_not_be_read_shows(changes, unread):
    message = f"{LIST}with an explicit deny in a resource-based policy"
    refused = links(data=refusal(message), **changes)["permissions"]
    not_asked = links(data=NOT_MADE, **changes)["permissions"]

    for link in (refused, not_asked):
        assert (link.status, link.found) == (Status.UNKNOWN, unread.text)
        assert link.remedy.text == unread.remedy


def test_all_that_could_not_be_read_is_named():
    role = replace(ROLE, boundary=HIDDEN)
    link = links(role=role, bucket_policy=LOCKED, data=NOT_MADE)["permissions"]
    assert link.found == f"{HIDDEN.text}; {LOCKED.text}"
    assert link.remedy.text == f"{HIDDEN.remedy}; {LOCKED.remedy}"


def test_an_unread_policy_does_not_hide_what_denies():
    stop = {"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}
    role = replace(ROLE, policies=(PermissionsPolicy("guard", stop),))
    link = links(role=role, bucket_policy=LOCKED)["permissions"]
    assert link.status is Status.FAILED


def test_an_unread_boundary_shows_on_the_way_to_role_b():
    facts = RoleBFacts(target=RoleBTarget(role_arn=role_b().arn), role=role_b())
    link = links(role=replace(ROLE, boundary=HIDDEN), role_b=facts)["chain-permission"]
    assert (link.status, link.found) == (Status.UNKNOWN, HIDDEN.text)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f"{LIST}with an explicit deny in a resource-based policy", "explicit deny in a resource"),
        (f"{LIST}because no resource-based policy allows the s3:ListBucket action",
         "in the account of the resource"),
        (f"{LIST}because no identity-based policy allows the s3:ListBucket action",
         "no identity-based policy allows s3:ListBucket"),
        (f"{LIST}with an explicit deny in a service control policy: arn:aws:organizations::1:p/x",
         "a service control policy (arn:aws:organizations::1:p/x); ask the administrators"),
        (f"{LIST}because no VPC endpoint policy allows the s3:ListBucket action",
         "correct the VPC endpoint's policy"),
        (f"{LIST}with an explicit deny", "explicit deny; AWS does not name the policy"),
        ("Access Denied", "service or resource control policy of the organization may"),
    ],
)  # fmt: skip
def test_what_s3_says_comes_before_control_policies(message, words):
    for link in (
        links(data=refusal(message))["data"],
        chained(data=refusal(message))["chain-data"],
    ):
        assert link.status is Status.FAILED
        assert words in link.remedy.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(
            refusal(
                "No OpenIDConnect provider found in your account for https://x",
                "InvalidIdentityToken",
            ),
            "register the token's issuer in the account of the role",
            id="no-provider",
        ),
        pytest.param(
            refusal("Incorrect token audience", "InvalidIdentityToken"), "audience", id="audience"
        ),
        pytest.param(refusal("", "IDPCommunicationError"), "could not reach the issuer", id="idp"),
        pytest.param(
            refusal("Could not connect", "EndpointConnectionError"),
            "nothing answered",
            id="network",
        ),
    ],
)
def test_what_sts_says_comes_before_control_policies(answer, words):
    unread = Unread("OIDC providers of account 1", "AccessDenied", "iam:List…")
    link = links(providers=unread, **refused_by_sts(answer))["assume"]
    assert words in link.remedy.text
    assert "control policy" not in link.remedy.text


NOWHERE = refused_by_sts(refusal("No OpenIDConnect provider found", "InvalidIdentityToken"))
WRONG = ServiceAccount("dev", "s3-app", {ROLE_ARN_ANNOTATION: ROLE.arn.replace("1111", "2222")})


@pytest.mark.parametrize(
    ("link", "known"),
    [
        ("provider", {"providers": (), "role": None}),
        ("assume", {"providers": LOCKED, "role": LOCKED}),
    ],
)
def test_a_wrong_account_in_the_annotation_is_corrected_if_a_role_shows_it(link, known):
    given = {"service_account": WRONG, **known, **NOWHERE}
    stranger = replace(ROLE, trust_policy={"Statement": []})

    corrected = links(elsewhere=ROLE, **given)[link].remedy
    neither = links(elsewhere=stranger, **given)[link].remedy
    named = links(elsewhere=ROLE, expected_role=WRONG.role_arn, **given)[link].remedy

    assert " annotate " not in str(named.shell)
    assert corrected.shell[0].endswith(f" --overwrite {ROLE_ARN_ANNOTATION}={ROLE.arn}")
    assert neither.shell == ()
    assert "register the" in neither.text
    assert "or correct the" in neither.text


def test_a_control_policy_on_the_way_to_role_b_is_named_when_aws_names_it():
    message = (
        f"{CALLER}sts:AssumeRole on resource: x with an explicit deny in a service control policy"
    )
    link = chained(assumed=refusal(message), caller=NOT_MADE, data=NOT_MADE)["chain-assume"]
    assert link.remedy.text.startswith("AWS says: explicit deny in a service control policy; ask")


def test_a_bucket_of_another_account_is_opened_there():
    # the role's own policy allows it, and the bucket says nothing of the role.
    found = links(bucket_account="444455556666", data=DENIED)["permissions"]

    assert found.remedy.text == "in account 444455556666, allow the role in the bucket's policy"
    [statement] = document_in(found.remedy.shell[0], "--policy")["Statement"]
    assert statement["Principal"] == {"AWS": ROLE.arn}
    assert statement["Action"] == "s3:ListBucket"


def test_an_unread_policy_of_another_accounts_bucket_gets_no_command():
    no_policy = replace(ROLE, policies=())
    found = links(role=no_policy, bucket_policy=LOCKED, data=DENIED)
    failing = failing_link(list(found.values()))
    assert failing is not None
    assert failing.key == "data"
    assert "delete-bucket-policy" not in str(found)
    assert "put-bucket-policy" not in str(found)


def test_a_role_of_another_partition_is_said_in_the_right_words():
    # "the path is part of the ARN".
    chinese = ROLE.arn.replace("arn:aws:", "arn:aws-cn:")
    link = links(expected_role=chinese)["role"]
    assert link.found == (
        f"the role of that name is {ROLE.arn}: it is in partition aws, not aws-cn, and partitions "
        "never mix"
    )


def test_a_condition_that_could_not_be_told_is_the_likely_cause():
    # the trust policy asks for an address that verify does not know.
    [own] = ROLE.trust_policy["Statement"]
    block = {**own["Condition"], "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    trust = {**ROLE.trust_policy, "Statement": [{**own, "Condition": block}]}
    found = links(role=replace(ROLE, trust_policy=trust), assumed=DENIED)

    assert found["trust"].status is Status.UNKNOWN
    assert (
        found["assume"].remedy.text
        == "verify could not decide a link above, which may be the cause: 'trust'"
    )
