"""No fact that is missing or cannot be read ends in a traceback, or in a link that rests on it."""

from dataclasses import replace
from itertools import combinations, product

import pytest

from command.tests.verify.chains import (
    ACCOUNT,
    ASSOCIATION,
    EKS,
    GOOD,
    GOOD_EKS,
    OWNER,
    ROLE,
    TARGET,
    UNREAD,
    identity,
    role_b,
    targeted,
)
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import TrustedRole, role_trust_policy
from irsa.observe.facts import PermissionsPolicy
from irsa.verify.facts import Calls, RoleBFacts
from irsa.verify.gather import role_b_target
from irsa.verify.link import Status
from irsa.verify.walk import Chain
from tests.support.world import ROLE_ARN

REFUSING = role_b(role_trust_policy([TrustedRole(f"{ROLE_ARN}-2", "AROAOTHER")]))
REFUSED_B = {"role_b": RoleBFacts(target=TARGET, role=REFUSING)}
JUDGED = ("trust", "permissions", "chain-permission", "chain-trust", "chain-permissions")
POWERLESS = replace(ROLE, policies=())
CHAINS = {
    "IRSA": GOOD,
    "IRSA and role B": replace(GOOD, role=POWERLESS, **REFUSED_B),
    "Pod Identity": GOOD_EKS,
    "Pod Identity and role B": replace(
        GOOD_EKS, role=replace(POWERLESS, trust_policy=GOOD_EKS.role.trust_policy), **REFUSED_B
    ),
    "Pod Identity and target role": targeted(REFUSING.trust_policy),
}
NONE = ("service_account", "webhook", "pod_identity", "next_pod", "token", "role", "bucket_policy")
CHANGES = [
    *({name: None} for name in NONE),
    *({name: UNREAD} for name in (*NONE, "pods", "network_policies", "keys", "providers")),
    {"pods": ()},
    {"providers": ()},
    {"pod_identity": identity(None)},
    {"pod_identity": identity(UNREAD, agent=UNREAD, nodes=UNREAD)},
    {"role": replace(ROLE, policies=UNREAD, boundary=None)},
    {"owners": (OWNER,), "pods": ()},
]
BY_TAG = {"Null": {"aws:PrincipalTag/kubernetes-namespace": "false"}}
BY_REQUEST = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": ACCOUNT.namespace}}
ANY = {"Action": "*", "Resource": "*"}
POLICIES = {
    "everything": [{"Effect": "Allow", **ANY}],
    "tagged": [{"Effect": "Allow", **ANY, "Condition": BY_TAG}],
    "not tagged": [{"Effect": "Allow", **ANY}, {"Effect": "Deny", **ANY, "Condition": BY_TAG}],
    "no tags": [{"Effect": "Allow", "Action": ["s3:*", "sts:AssumeRole"], "Resource": "*"}],
}
TRUSTING = {"Effect": "Allow", "Principal": {"AWS": ROLE_ARN}}
WITH_TAGS = ["sts:AssumeRole", "sts:TagSession"]
TRUST_B = {
    "any": {**TRUSTING, "Action": WITH_TAGS},
    "tagged": {**TRUSTING, "Action": WITH_TAGS, "Condition": BY_REQUEST},
    "no tags": {**TRUSTING, "Action": "sts:AssumeRole"},
}
OTHER_CLUSTER = replace(EKS, arn=f"{EKS.arn}-2")
UNKNOWN_CALLS = {
    "association unread": (identity(UNREAD), [EKS]),
    "cluster unread": (UNREAD, [EKS, OTHER_CLUSTER]),
    "cluster not known": (None, [EKS, OTHER_CLUSTER]),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_any_two_facts_that_are_unread_leave_each_link_an_answer(chain):
    for one, other in combinations(CHANGES, 2):
        facts = replace(CHAINS[chain], **{**one, **other})
        assert Chain(facts).links(Calls()), (one, other)


@pytest.mark.parametrize("unread", UNKNOWN_CALLS)
@pytest.mark.parametrize("disabled", [False, True], ids=["trust-with-tags", "trust-without"])
def test_an_unread_call_of_eks_is_judged_as_every_call_that_it_may_be(unread, disabled):
    """The session's tags are not known, nor whether there are any."""
    identities, clusters = UNKNOWN_CALLS[unread]
    trust_a = pod_identity_trust_policy([EKS.arn], [ACCOUNT], disable_session_tags=disabled)
    calls = [
        identity(replace(ASSOCIATION, disable_session_tags=off), cluster=cluster)
        for cluster, off in product(clusters, (False, True))
    ]
    chain = replace(GOOD_EKS, expects_association=True, expected_role=ROLE_ARN, bucket="s3-app")
    for (name, statements), (name_b, trust_b) in product(POLICIES.items(), TRUST_B.items()):
        policies = (PermissionsPolicy("own", {"Statement": statements}),)
        role_a = replace(ROLE, trust_policy=trust_a, policies=policies)
        known_b = role_b({"Statement": [trust_b]}, policies=policies)

        def judged(pod_identity, role_a=role_a, known_b=known_b):
            facts = replace(chain, pod_identity=pod_identity, role=role_a)
            facts = replace(facts, role_b_arn=known_b.arn)
            target = role_b_target(facts)
            facts = replace(facts, role_b=RoleBFacts(target=target, role=known_b))
            to_bucket = replace(facts, role_b=None, role_b_arn="")
            listed = [*Chain(facts).links(Calls()), *Chain(to_bucket).links(Calls())]
            return {link.key: link.status for link in listed if link.key in JUDGED}

        possible = [judged(each) for each in calls]
        for key, status in judged(identities).items():
            answers = {each[key] for each in possible}
            assert status is Status.UNKNOWN or {status} == answers, (key, name, name_b)
