"""No fact that is missing or cannot be read ends in a traceback, or in a link that rests on it."""

from dataclasses import replace
from itertools import combinations

import pytest

from command.tests.verify import chains
from irsa.identity.policies import TrustedRole, role_trust_policy
from irsa.verify.facts import Calls, RoleBFacts
from irsa.verify.link import Status
from irsa.verify.walk import Chain
from tests.support.world import ROLE_ARN

REFUSING = chains.role_b(role_trust_policy([TrustedRole(f"{ROLE_ARN}-2", "AROAOTHER")]))
REFUSED_B = {"role_b": RoleBFacts(target=chains.TARGET, role=REFUSING)}
CHAINS = {
    "IRSA": chains.GOOD,
    "IRSA and role B": replace(chains.GOOD, role=replace(chains.ROLE, policies=()), **REFUSED_B),
    "Pod Identity": chains.GOOD_EKS,
    "Pod Identity and role B": replace(
        chains.GOOD_EKS, role=replace(chains.ROLE_EKS, policies=()), **REFUSED_B
    ),
    "Pod Identity and target role": chains.targeted(REFUSING.trust_policy),
}
NONE = ("service_account", "webhook", "pod_identity", "next_pod", "token", "role", "bucket_policy")
UNREADABLE = (*NONE, "pods", "network_policies", "keys", "providers")
CHANGES = [
    *({name: None} for name in NONE),
    *({name: chains.UNREAD} for name in UNREADABLE),
    {"pods": ()},
    {"providers": ()},
    {"pod_identity": chains.identity(None)},
    {"pod_identity": chains.identity(chains.UNREAD, agent=chains.UNREAD, nodes=chains.UNREAD)},
    {"role": replace(chains.ROLE, policies=chains.UNREAD, boundary=None)},
    {"owners": (chains.OWNER,), "pods": ()},
]


@pytest.mark.parametrize("chain", CHAINS)
def test_any_two_facts_that_are_unread_leave_each_link_an_answer(chain):
    for one, other in combinations(CHANGES, 2):
        facts = replace(CHAINS[chain], **{**one, **other})
        assert Chain(facts).links(Calls()), (one, other)


@pytest.mark.parametrize("cluster", [None, chains.UNREAD])
def test_a_role_b_of_pods_whose_cluster_is_unread_is_not_judged(cluster):
    """The session tags, which its trust policy may go by, are not known either."""
    expected = {"expects_association": True, "expected_role": chains.ROLE.arn}
    facts = replace(CHAINS["Pod Identity and role B"], pod_identity=cluster, **expected)

    links = {link.key: link for link in Chain(facts).links(Calls())}

    judged = {key: chains.statuses(links)[key] for key in ("chain-permission", "chain-trust")}
    assert judged == dict.fromkeys(judged, Status.UNKNOWN)
    assert links["chain-trust"].found == "the EKS cluster is not known"
