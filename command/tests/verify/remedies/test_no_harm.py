"""A remedy that edits a document admits the caller that asks; others gain and lose nothing."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from command.tests.verify import chains
from command.tests.verify.chains import DENIED, ROLE, TARGET, chained, eks_links, links, role_b
from command.tests.verify.commands import written
from irsa.access import allows, trusts_role
from irsa.observe.facts import RegisteredProvider, Role
from irsa.verify.link import Status
from irsa_core.decide.association import pod_tags
from irsa_core.identity.arns import cluster_arn
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support import world
from tests.support.no_gain import Sessions, no_gain, no_loss, session_answers
from tests.support.world import ACCOUNT_B, BUCKET_ARN, CLUSTER_ARN, ISSUER, PROVIDER_ARN, ROLE_ARN

OTHER, OTHER_ARN, CLUSTER_2 = f"{ISSUER}0", f"{PROVIDER_ARN}0", f"{CLUSTER_ARN}-2"
NAMES = [("dev", "s3app"), ("dev", "worker-1"), ("dev", "not-there-yet"), ("stage", "s3-app")]
ACCOUNTS = [chains.ACCOUNT, *(ServiceAccountRef(*each) for each in NAMES)]
SUBJECTS = [*(each.subject for each in ACCOUNTS), "system:serviceaccount:dev:*"]
TAGS = {each: pod_tags(cluster_arn(CLUSTER_ARN), each) for each in ACCOUNTS[::2]} | {"": {}}
BESIDE = (f"arn:aws:iam::{world.ACCOUNT_A}:role/{each}" for each in ("s3app", "neighbour"))
ARNS = [ROLE_ARN, *BESIDE]
STRANGER = f"arn:aws:iam::{ACCOUNT_B}:role/stranger"
CALLERS = [ROLE, *(Role(e, f"A{e[-5:]}", {}, policies=chains.ALL) for e in (*ARNS[1:], STRANGER))]
IDS, AUDIENCES = ["", "tenant-42", "tenant-7"], ["sts.amazonaws.com", "vault"]
EXACTLY = ["StringEquals", "StringLike", "StringNotEquals", "StringNotLike"]
WEAK = ["StringEqualsIfExists", *(f"ForAllValues:{e}" for e in EXACTLY[:2])]
OPERATORS = [*EXACTLY[:2] * 2, *EXACTLY, *WEAK, "ForAnyValue:StringEquals"]
TOKENS, SESSIONS = "sts:AssumeRoleWithWebIdentity", ["sts:AssumeRole", "sts:TagSession"]
ROOT, REQUEST = f"arn:aws:iam::{world.ACCOUNT_A}:root", "aws:RequestTag/kubernetes-"
OF_PRINCIPAL = ["ArnEquals", "ArnLike", "ArnNotEquals", "StringLike"]
BY_ARN = (OF_PRINCIPAL, "aws:PrincipalArn", [*ARNS, f"{ROLE_ARN[:-3]}*"])
BY_SUBJECT = [(OPERATORS, f"{each}:sub", SUBJECTS) for each in (*[ISSUER] * 5, OTHER)]
BY_NAME = (["StringEquals"], "sts:RoleSessionName", ["ledger"])
OF_CALL = [BY_NAME, (["IpAddress"], "aws:SourceIp", ["10.0.0.0/8"])]


def some(values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


@st.composite
def conditions(draw, lines, most):
    """A Condition of lines, each of operators, a key and values to choose from."""
    block = {}
    for operators, key, values in draw(st.lists(st.sampled_from(lines), max_size=most)):
        block.setdefault(draw(st.sampled_from(operators)), {})[key] = draw(some(values))
    return block


def statements(principals, actions, lines, most=3, **more):
    """Statements of one kind, most of which allow."""
    return st.fixed_dictionaries(
        {
            "Effect": st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
            "Principal": st.sampled_from(principals),
            "Action": st.sampled_from(actions),
            "Condition": conditions(lines, most),
            **{name: st.just(value) for name, value in more.items()},
        }
    )


def documents(*kinds):
    """Policies of up to four statements of these kinds."""
    listed = st.lists(st.one_of(*kinds), max_size=4)
    return listed.map(lambda each: {"Version": "2012-10-17", "Statement": each})


FEDERATED = [{"Federated": e} for e in (*[PROVIDER_ARN] * 3, [PROVIDER_ARN, OTHER_ARN], OTHER_ARN)]
BY_TOKEN = statements(
    [*FEDERATED, {"AWS": ROOT, "Federated": PROVIDER_ARN}],
    [TOKENS, TOKENS, [TOKENS, "sts:TagSession"], "sts:*", "sts:AssumeRole"],
    [*BY_SUBJECT, *((OPERATORS, f"{e}:aud", AUDIENCES) for e in (ISSUER, OTHER)), *OF_CALL],
    most=4,
)
BY_EKS = statements(
    [{"Service": "pods.eks.amazonaws.com"}],
    [SESSIONS, SESSIONS, "sts:AssumeRole"],
    [
        *[(OPERATORS, f"{REQUEST}service-account", [*{each.name for each in ACCOUNTS}])] * 2,
        *[(OPERATORS, f"{REQUEST}namespace", ["dev", "stage"])] * 2,
        (["ArnEquals", "ArnLike"], "aws:SourceArn", [CLUSTER_ARN, CLUSTER_2]),
        (["StringEquals"], "aws:SourceAccount", [world.ACCOUNT_A, ACCOUNT_B]),
    ],
    most=4,
)
BY_ROLE = statements(
    [
        *({"AWS": e} for e in (ROOT, ACCOUNT_B, STRANGER, *ARNS, ARNS[:2], [ARNS[1], "AROAGONE"])),
        *({"AWS": "AROAGONE", "Federated": PROVIDER_ARN}, {"AWS": "AROAGONE"}, "*"),
    ],
    [SESSIONS[0], SESSIONS],
    [
        *[BY_ARN] * 2,
        (EXACTLY, "sts:ExternalId", IDS[1:]),
        (EXACTLY, f"{REQUEST}service-account", ["s3-app", "worker-1"]),
        *OF_CALL,
    ],
)
OF_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
BY_BUCKET = statements(
    ["*", *({"AWS": each} for each in (ROOT, ACCOUNT_B, *ARNS, ARNS[:2]))],
    ["s3:ListBucket", "s3:*", "s3:GetObject"],
    [*[BY_ARN] * 2, (["Bool"], "aws:SecureTransport", ["false"])],
    Resource=[BUCKET_ARN, f"{BUCKET_ARN}/*"],
)


def of_token(document):
    listed = (PROVIDER_ARN, OTHER_ARN) if "vault" in str(document) else (PROVIDER_ARN,)
    providers = tuple(RegisteredProvider(each, tuple(AUDIENCES[:1])) for each in listed)
    return links(role=replace(ROLE, trust_policy=document), assumed=DENIED, providers=providers)


def of_role_b(document):
    return chained(role=role_b(document), target=replace(TARGET, external_id=""), assumed=DENIED)


QUESTIONS = {
    "trust: token": of_token,
    "trust: association": lambda e: eks_links(role=replace(ROLE, trust_policy=e), assumed=DENIED),
    "role-b-trust: role": of_role_b,
    "role-b-trust: tagged": lambda each: links(facts=chains.targeted(each), assumed=DENIED),
}


def trust_answers(document, arn):
    """The answers of a trust policy to tokens, associations and roles, with all ids and tags."""
    role = Role(arn, "AROATRUSTING", document)
    sources = {"issuers": [ISSUER, OTHER], "clusters": [CLUSTER_ARN, CLUSTER_2]}
    answers = dict[Any, Any](session_answers(role, ACCOUNTS, **sources, callers=[], now=world.NOW))
    asked: Any = {"session_name": "irsa-verify", "duration": 900}
    for caller, external_id, account in product(CALLERS, IDS, TAGS):
        call = Sessions("role", f"{caller.arn} {external_id}", "/".join(account), role.arn)
        of_call = {"external_id": external_id, "tags": TAGS[account]}
        answers[call] = trusts_role(role, caller, **of_call, **asked).verdict
    return answers


def bucket_answers(document):
    """The answers of a bucket's policy to roles of both accounts."""
    asked: Any = {"session_name": "x", "resource_account": ACCOUNT_B, "resource_policy": document}
    calls = [("s3:ListBucket", BUCKET_ARN), ("s3:GetObject", f"{BUCKET_ARN}/a")]
    return {(e.arn, *call): allows(e, *call, **asked).verdict for e in CALLERS for call in calls}


LEFT, QUOTA = ("meet the ", "change the Deny of the ", "send it: "), "raise the quota first"


def harmless(document, ask, answers, may_gain, option="--policy-document"):
    """Run remedies until none is left: only the caller that asks gains, and no caller loses."""
    seen = []
    while (link := ask(document)).status is Status.FAILED and link.remedy.commands:
        assert document not in seen, f"a circle: {link.remedy}"
        seen.append(document)
        edits = [written(line, option) for line in link.remedy.shell if f" {option} " in line]
        document = next(iter(edits), {"Statement": []})  # a bucket's policy that was deleted
        assert "AROAGONE" not in str(document), "IAM stores no principal that was deleted"
        before, after = answers(seen[-1]), answers(document)
        no_gain(before, after, but=may_gain)
        no_loss(before, after)
    left = link.remedy.text.startswith(LEFT) or QUOTA in str(link)
    assert link.status is not Status.FAILED or left


@pytest.mark.parametrize("question", QUESTIONS)
@settings(deadline=None)
@given(document=documents(BY_TOKEN, BY_EKS, BY_ROLE))
@example(document={"Statement": [OF_ACCOUNT, {**OF_ACCOUNT, "Effect": "Deny"}]})
def test_a_trust_policy_admits_the_caller_that_asks_and_all_others(question, document):
    key, _, kind = question.partition(": ")
    arn = role_b().arn if key == "role-b-trust" else ROLE_ARN
    source = {"token": ISSUER, "association": CLUSTER_ARN}.get(kind, ROLE_ARN)

    def own(call):
        mine = call.account == "dev/s3-app" or kind == "role"  # role A, whatever tags it has
        return mine and call.source.split()[0] == source and call.kind != "untagged"

    def ask(policy):
        return QUESTIONS[question](policy)[key]

    harmless(document, ask, lambda policy: trust_answers(policy, arn), own)


@settings(deadline=None)
@given(document=documents(BY_BUCKET))
def test_a_bucket_s_policy_admits_the_role_that_asks_and_all_others(document):
    def ask(policy):
        known = {"bucket_policy": policy, "bucket_account": ACCOUNT_B}
        return links(data=DENIED, **known)["permissions"]

    harmless(document, ask, bucket_answers, lambda call: call[0] == ROLE_ARN, "--policy")
