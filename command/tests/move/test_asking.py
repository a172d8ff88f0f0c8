"""Questions to AWS: to IAM's simulator, else to the evaluator, else to nothing."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from command.tests.move.moves import BY_TOKEN, IRSA, pod, trusting, with_irsa
from irsa.move.asking import ask, unproven
from irsa.move.plan import notes
from irsa.move.refusals import refusals
from irsa.observe.facts import Answer, PermissionsPolicy, Unread
from tests.support.world import CLUSTER_ARN, ROLE_ARN

DENIED = Unread("permission", "AccessDenied", "iam:SimulatePrincipalPolicy")
SESSION = "arn:aws:sts::111122223333:assumed-role/deploy/ci"
NOT_ASKED = [
    f"not asked: {each} (AccessDenied)"
    for each in (
        f"iam:UpdateAssumeRolePolicy on {ROLE_ARN}",
        f"eks:CreatePodIdentityAssociation on {CLUSTER_ARN}",
        f"iam:PassRole on {ROLE_ARN}",
        f"eks-auth:AssumeRoleForPodIdentity on {CLUSTER_ARN}",
    )
]


def deployer(*policies):
    documents = tuple(PermissionsPolicy("p", {"Statement": [each]}) for each in policies)
    arn = "arn:aws:iam::111122223333:role/ci/deploy"
    return replace(trusting(BY_TOKEN), arn=arn, policies=documents)


def asked(caller, role, simulated=DENIED):
    callers = []

    def simulate(arn, *_):
        callers.append(arn)
        return simulated

    aws = SimpleNamespace(
        caller=lambda: Answer(True, caller), role=lambda _: role, simulate=simulate
    )
    cluster = SimpleNamespace(may=lambda *_: True, next_pod=lambda *_: pod(IRSA).spec)
    return ask(with_irsa(), SimpleNamespace(cluster=cluster, aws=aws)), callers


ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
NO_PASS = {"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"}
AT_TIMES = {**ALL, "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.1"}}}


UNREAD = replace(deployer(), policies=Unread("policies", "no", "iam:GetRolePolicy"))


@pytest.mark.parametrize(
    ("role", "denied", "unasked"),
    [
        (deployer(ALL), (), []),
        (
            deployer(ALL, NO_PASS),
            (f"{ROLE_ARN}: the caller may not call iam:PassRole; grant it",),
            [],
        ),
        (deployer(AT_TIMES), (), NOT_ASKED),
        (UNREAD, (), NOT_ASKED),
        (Unread("role", "no", "iam:GetRole"), (), NOT_ASKED),
    ],
    ids=["allowed", "denied", "condition", "policies-unread", "role-unread"],
)
def test_where_iam_does_not_simulate_the_evaluator_is_asked(role, denied, unasked):
    found, _ = asked(SESSION, role)

    assert (found.denied, notes(found)[1:]) == (denied, unasked)


def test_the_simulator_is_asked_about_the_role_of_a_session_by_its_whole_arn():
    found, callers = asked(SESSION, deployer(), simulated=True)

    assert (found.denied, found.unasked) == ((), ())
    assert {*callers} == {"arn:aws:iam::111122223333:role/ci/deploy"}


def test_nodes_whose_role_is_not_known_are_said_and_not_refused():
    """Only a call inside a Pod shows that their agent may ask EKS: the move ends with 3."""
    unread = Unread("the node's role", "no label", "a managed node group")
    known = with_irsa().facts.pod_identity
    found = with_irsa(pod_identity=replace(known, agent=unread))

    assert [each.partition("(")[0] for each in unproven(found)] == ["the agent of the Pods' nodes "]
    assert [*refusals(found)] == []
    assert unproven(with_irsa()) == []
