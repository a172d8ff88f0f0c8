"""No fact that is missing or cannot be read ends in a traceback, or in a link that rests on it."""

from dataclasses import replace
from itertools import combinations

import pytest

from command.tests.verify.chains import (
    GOOD,
    GOOD_EKS,
    OWNER,
    ROLE,
    ROLE_EKS,
    TARGET,
    UNREAD,
    identity,
    role_b,
    statuses,
    targeted,
)
from irsa.identity.policies import TrustedRole, role_trust_policy
from irsa.verify.facts import Calls, RoleBFacts
from irsa.verify.link import Status
from irsa.verify.walk import Chain
from tests.support.world import ROLE_ARN

REFUSING = role_b(role_trust_policy([TrustedRole(f"{ROLE_ARN}-2", "AROAOTHER")]))
REFUSED_B = {"role_b": RoleBFacts(target=TARGET, role=REFUSING)}
CHAINS = {
    "IRSA": GOOD,
    "IRSA and role B": replace(GOOD, role=replace(ROLE, policies=()), **REFUSED_B),
    "Pod Identity": GOOD_EKS,
    "Pod Identity and role B": replace(GOOD_EKS, role=replace(ROLE_EKS, policies=()), **REFUSED_B),
    "Pod Identity and target role": targeted(REFUSING.trust_policy),
}
NONE = ("service_account", "webhook", "pod_identity", "next_pod", "token", "role", "bucket_policy")
UNREADABLE = (*NONE, "pods", "network_policies", "keys", "providers")
CHANGES = [
    *({name: None} for name in NONE),
    *({name: UNREAD} for name in UNREADABLE),
    {"pods": ()},
    {"providers": ()},
    {"pod_identity": identity(None)},
    {"pod_identity": identity(UNREAD, agent=UNREAD, nodes=UNREAD)},
    {"role": replace(ROLE, policies=UNREAD, boundary=None)},
    {"owners": (OWNER,), "pods": ()},
]


@pytest.mark.parametrize("chain", CHAINS)
def test_any_two_facts_that_are_unread_leave_each_link_an_answer(chain):
    for one, other in combinations(CHANGES, 2):
        facts = replace(CHAINS[chain], **{**one, **other})
        assert Chain(facts).links(Calls()), (one, other)


@pytest.mark.parametrize("cluster", [None, UNREAD])
def test_a_role_b_of_pods_whose_cluster_is_unread_is_not_judged(cluster):
    """The session tags, which its trust policy may go by, are not known either."""
    expected = {"expects_association": True, "expected_role": ROLE.arn}
    facts = replace(CHAINS["Pod Identity and role B"], pod_identity=cluster, **expected)

    links = {link.key: link for link in Chain(facts).links(Calls())}

    judged = {key: statuses(links)[key] for key in ("chain-permission", "chain-trust")}
    assert judged == dict.fromkeys(judged, Status.UNKNOWN)
    assert links["chain-trust"].found == "the EKS cluster is not known"
