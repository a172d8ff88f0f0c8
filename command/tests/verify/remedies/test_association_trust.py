"""After the remedy of an association's trust, no other caller gains a session or loses one."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.verify.scenarios import (
    ACCOUNT,
    ASSOCIATION,
    ROLE,
    eks_links,
    identity,
    written,
)
from irsa.decide.verdict import Verdict
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.policies import irsa_trust_policy
from irsa.observe.facts import Role
from irsa.verify.link import Status
from tests.support.no_gain import no_gain, no_loss, session_answers, seven_accounts
from tests.support.world import CLUSTER_ARN, ISSUER, NOW, PROVIDER_ARN

ACCOUNTS = seven_accounts(*ACCOUNT)
STRANGER = Role("arn:aws:iam::444455556666:role/stranger", "AROASTRANGER", {})
CLUSTERS = [CLUSTER_ARN, f"{CLUSTER_ARN}-2"]
KEYS = {
    "aws:SourceArn": [*CLUSTERS, f"{CLUSTER_ARN}*"],
    "aws:SourceAccount": ["111122223333", "444455556666"],
    "aws:RequestTag/eks-cluster-arn": CLUSTERS,
    "aws:RequestTag/kubernetes-namespace": ["dev", "other", "*"],
    "aws:RequestTag/kubernetes-service-account": ["s3-app", "nb", "s3-*"],
    "aws:PrincipalTag/team": ["data"],
}
OPERATORS = ["StringEquals", "StringLike", "ArnLike", "StringNotEquals", "StringEqualsIfExists"]


@st.composite
def statements(draw):
    block = {}
    for key in draw(st.lists(st.sampled_from(list(KEYS)), max_size=4, unique=True)):
        values = draw(st.lists(st.sampled_from(KEYS[key]), min_size=1, max_size=2, unique=True))
        block.setdefault(draw(st.sampled_from(OPERATORS)), {})[key] = values
    sts = [["sts:AssumeRole", "sts:TagSession"], "sts:AssumeRole", "sts:*"]
    principals = [{"Service": POD_IDENTITY_SERVICE}, "*", {"AWS": STRANGER.arn}]
    return {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        "Principal": draw(st.sampled_from(principals)),
        "Action": draw(st.sampled_from(sts)),
        "Condition": block,
    }


TOKENS = irsa_trust_policy([PROVIDER_ARN], [ACCOUNTS[1]])["Statement"]


def answers(role):
    asked = {"issuers": [ISSUER], "clusters": CLUSTERS, "callers": [STRANGER], "now": NOW}
    return dict(session_answers(role, ACCOUNTS, **asked))


@settings(deadline=None)
@given(st.lists(statements(), max_size=3), st.booleans(), st.booleans())
def test_only_the_association_gains_and_no_caller_loses(listed, untagged, with_policy):
    policy = '{"Statement": []}' if untagged and with_policy else ""
    association = replace(ASSOCIATION, disable_session_tags=untagged, policy=policy)
    document = {"Version": "2012-10-17", "Statement": [*TOKENS, *listed]}
    role = replace(ROLE, trust_policy=document)
    link = eks_links(role=role, pod_identity=identity(association))["trust"]
    if link.status is not Status.FAILED:
        return

    shell = link.remedy.shell
    trusts = [written(each) for each in shell if "update-assume-role-policy" in each]

    assert not (policy and (trusts or any("--no-disable-session-tags" in e for e in shell)))
    if not trusts:
        return
    before, after = answers(role), answers(replace(role, trust_policy=trusts[-1]))
    calls = [call for call in before if (call.kind, call.source) == ("association", CLUSTER_ARN)]
    own = {call for call in calls if call.account == "dev/s3-app"}
    no_gain(before, after, but=lambda call: call in own)
    no_loss(before, after)
    assert {after[each] for each in own} == {Verdict.ALLOW}
