"""After the remedy of an association's trust, no other caller gains a session or loses one."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.verify.test_chain import ISSUER, NOW, PROVIDER_ARN, ROLE
from command.tests.verify.test_pod_identity import ACCOUNT, ASSOCIATION, CLUSTER, known, links
from command.tests.verify.test_remedy import document_in
from irsa.decide.verdict import Verdict
from irsa.identity.eks import POD_IDENTITY_SERVICE
from irsa.identity.policies import irsa_trust_policy
from irsa.observe.facts import Role
from irsa.verify.link import Status
from tests.support.no_gain import no_gain, no_loss, session_answers, seven_accounts

ACCOUNTS = seven_accounts(*ACCOUNT)
STRANGER = Role("arn:aws:iam::444455556666:role/stranger", "AROASTRANGER", {})
KEYS = {
    "aws:SourceArn": [CLUSTER, f"{CLUSTER}-2", f"{CLUSTER}*"],
    "aws:SourceAccount": ["111122223333", "444455556666"],
    "aws:RequestTag/eks-cluster-arn": [CLUSTER, f"{CLUSTER}-2"],
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
    action = draw(
        st.sampled_from([["sts:AssumeRole", "sts:TagSession"], "sts:AssumeRole", "sts:*"])
    )
    principal = draw(
        st.sampled_from([{"Service": POD_IDENTITY_SERVICE}, "*", {"AWS": STRANGER.arn}])
    )
    effect = draw(st.sampled_from(["Allow", "Allow", "Deny"]))
    return {"Effect": effect, "Principal": principal, "Action": action, "Condition": block}


TOKENS = irsa_trust_policy([PROVIDER_ARN], [ACCOUNTS[1]])["Statement"]


def answers(role):
    clusters = [CLUSTER, f"{CLUSTER}-2"]
    asked = {"issuers": [ISSUER], "clusters": clusters, "callers": [STRANGER], "now": NOW}
    return dict(session_answers(role, ACCOUNTS, **asked))


@settings(deadline=None)
@given(st.lists(statements(), max_size=3), st.booleans(), st.booleans())
def test_only_the_association_gains_and_no_caller_loses(listed, untagged, with_policy):
    policy = '{"Statement": []}' if untagged and with_policy else ""
    association = replace(ASSOCIATION, disable_session_tags=untagged, policy=policy)
    document = {"Version": "2012-10-17", "Statement": [*TOKENS, *listed]}
    role = replace(ROLE, trust_policy=document)
    link = links(role=role, pod_identity=known(association))["trust"]
    if link.status is not Status.FAILED:
        return

    after = role
    for command in link.remedy.shell:
        if "update-assume-role-policy" in command:
            after = replace(role, trust_policy=document_in(command, "--policy-document"))

    own = {e for e in answers(role) if e.kind == "association" and e.source == CLUSTER}
    own = {e for e in own if e.account == "dev/s3-app"}
    no_gain(answers(role), answers(after), but=lambda call: call in own)
    no_loss(answers(role), answers(after))
    if any("--no-disable-session-tags" in e for e in link.remedy.shell) or after is not role:
        assert not policy
    if after is not role:
        assert {answers(after)[each] for each in own} == {Verdict.ALLOW}
